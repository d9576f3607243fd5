"""Topics: the phrases that a call turns on.

Candidates are runs of words between stop words and punctuation (RAKE, Rose et al. 2010), verbs of everyday talk
counting as stop words. A phrase weighs by how often it is said, by whom (both sides weigh more), and by having two or
three words.
"""

import dataclasses
import itertools
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from deploy.engine.analysis.messages import Message
from deploy.engine.analysis.normal import stem

STOP_WORDS = frozenset(
    """
    a about above absolutely account across already actually after again against ago all almost alone alright
    also although always am an and angry another any anybody anyone anything anyway april are area around arrive
    as ask asked at august automatic away awful back bad be because been before being best better between big
    both bring but buy by bye call called calling calls came can cannot certainly check clear come comes coming
    confirm connect correct cost costs could course date day days dear december decide deliver did didn
    different discuss do doctor dr does doing don done dot down due during each early easy eight either eleven
    else email end enough even evening ever every everybody everyone everything exactly excellent expect
    expected extremely fair far fast february few fifteen fifth fifty fill find fine first five fix fixed follow
    for forty found four free friday from front full fully further gave get gets getting give given go goes
    going gone good goodbye got great had half happen happy hard has hate have having he hear heard hello help
    helpful her here hers hi high him his hold hour hours how hundred i if illinois important in include
    included inside into is it its itself january july june just keep keeps kind know last later least left less
    let like likely list listed little ll long look looking looks lot love made mail main make makes making many
    march mark marked matter may maybe me mean might mind mine minute minutes miss mister moment monday money
    month months more morning most mr mrs ms much must my myself name near need needed needs never new next nice
    night nine no nobody none noon nor not note notes nothing november now number o october of off offer offered
    often oh ok okay old on once one only open or other our ours out outside over own part pay paid people per
    perfect perhaps picture pictures place please point possible pretty previous problem put quick quickly
    quality quite rather re ready real really reason remember remove request right said same saturday save saw
    say second see seem seems seen send sense sent september seven several shall she ship should show side sign
    since sir six small so some somebody someone something sometimes soon sorry sounds speak speaking stand
    start still stop stopped such suggest sunday suppose sure take taken talk talking tell ten terrible test
    than thank thanks that the their them then there these they thing things think third thirty this those
    though training thousand three through thursday till time times to today together told tomorrow tonight too
    took total trouble true try tuesday turn turned twelve twenty twice two under understand until up upon
    urgent us use used using usually ve very wait waiting want wanted wants was way we wednesday week weeks
    welcome well went were what whatever when where whether which while who whole whom whose why will with
    within without wonderful won work working works worried would wrong year years yes yesterday yet you young
    your yours yourself zero pm a.m p.m dollars dollar cents percent st nd rd th mistake service ridiculous
    unacceptable disappointed dealing appears running replace press blinking weaker charged add added bounced
    carry cases leaving happened reach
    """.split()  # noqa: SIM905 - a list of 400 strings reads worse
)
_LONGEST = 3
_MOST = 12
_HEAD_ONLY = frozenset(
    {"service", "account", "call", "list", "test", "picture", "number", "company", "problem", "area"}
)
_PIECE = re.compile(r"[A-Za-z][A-Za-z'\u2019-]*|[^\sA-Za-z]+")


@dataclasses.dataclass(frozen=True, slots=True)
class Topic:
    """A phrase with its weight, 0 to 1; *parent* is a topic that it is a kind of."""

    text: str
    score: float
    messages: tuple[Message, ...]
    parent: str | None


@dataclasses.dataclass(slots=True)
class _Candidate:
    text: str
    messages: list[Message]


def topics(messages: Sequence[Message], *, names: Sequence[str] = ()) -> list[Topic]:
    """The call's topics, heaviest first; people's *names* are none."""
    not_topics = {word.lower() for name in names for word in name.split()}
    candidates: dict[str, _Candidate] = {}
    for message in messages:
        for phrase in _phrases(message.text, not_topics):
            for part in _tails(phrase):
                key = " ".join(stem(word.lower()) for word in part)
                candidate = candidates.setdefault(key, _Candidate(" ".join(part), []))
                candidate.text = min(candidate.text, " ".join(part), key=lambda text: (len(text), text))
                if message not in candidate.messages:
                    candidate.messages.append(message)
    ranked = sorted(
        candidates.items(), key=lambda item: (-_weight(item[0], item[1]), item[1].messages[0].start, item[0])
    )
    kept = _without_repeats(ranked)
    heaviest = max((_weight(key, candidate) for key, candidate in kept), default=1.0)
    texts = {key: candidate.text for key, candidate in kept}
    return [
        Topic(
            text=candidate.text,
            score=round(0.5 + 0.49 * _weight(key, candidate) / heaviest, 3),
            messages=tuple(candidate.messages),
            parent=next((text for other, text in texts.items() if other != key and key.endswith(f" {other}")), None),
        )
        for key, candidate in kept
    ]


def _phrases(text: str, not_topics: set[str]) -> Iterator[list[str]]:
    run: list[str] = []
    for piece in _PIECE.findall(text):
        word = piece.lower().replace("\u2019", "'")
        if not piece[0].isalpha() or word.partition("'")[0] in not_topics or _is_stop(word, run):
            if run:
                yield run
            run = []
        else:
            run.append(piece if piece.isupper() else word)
    if run:
        yield run


def _is_stop(word: str, run: list[str]) -> bool:
    if run and word in _HEAD_ONLY:
        return False  # "insurance company", though not "company" alone
    return word in STOP_WORDS or word in _HEAD_ONLY or "'" in word or len(word) <= 1 or word.endswith(("ly", "ed"))


def _tails(phrase: list[str]) -> Iterator[list[str]]:
    """The phrase and, where it is long, its last words: the head of an English noun phrase stands at its end."""
    for length in range(1, min(_LONGEST, len(phrase)) + 1):
        if phrase[-length] not in _HEAD_ONLY:
            yield phrase[-length:]


def _weight(key: str, candidate: _Candidate) -> float:
    words = key.count(" ") + 1
    speakers = len({message.speaker for message in candidate.messages})
    return math.log(1 + len(candidate.messages)) * (1 + 0.25 * (speakers - 1)) * (1.0, 1.6, 1.5)[words - 1]


def _without_repeats(ranked: Sequence[tuple[str, _Candidate]]) -> list[tuple[str, _Candidate]]:
    """Leave out what is said only within another phrase, single words said once, and all after the heaviest twelve."""
    within: dict[str, set[int]] = defaultdict(set)  # how often phrases are said that hold this one
    for key, candidate in ranked:
        for part in _parts(key):
            within[part].add(len(candidate.messages))
    kept = (
        (key, candidate)
        for key, candidate in ranked
        if (" " in key or len(candidate.messages) > 1) and len(candidate.messages) not in within[key]
    )
    return list(itertools.islice(kept, _MOST))


def _parts(key: str) -> Iterator[str]:
    """The shorter runs of words in a phrase."""
    words = key.split(" ")
    for length in range(1, len(words)):
        for begin in range(len(words) - length + 1):
            yield " ".join(words[begin : begin + length])
