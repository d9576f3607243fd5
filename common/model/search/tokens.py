"""What is indexed of a call: short texts, each of which says one thing that is true of it.

A query is answered by looking for calls that have some tokens and not others (`plan`). Tokens never say too little: a
call that a query means has every token that the plan asks for.

Terms   s:cancel                    some word has this stem
        s:customer:cancel           ... in a turn of such a speaker
        p:can  p:canc  p:cance      some word begins with these letters: three to ten of them
        w:late fee                  these words follow each other, as they are
        w:*                         which ones do is left out: there are too many of them
Facets  agent:maria reyes           a value of a facet; likewise topic:billing, has:summary ...
        tracker:refund|             was found
        tracker:refund|agent        ... said by such a speaker
        tracker:refund|agent<15     ... before this second
        length>=600  length<900     a figure is at least, or less than, each step of a ladder: a range is one token
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from common.model.recording import Role
from common.model.search.document import IndexEntry, mood
from common.model.search.query import Facet, Figure
from common.model.search.stems import fold, folded_words, stem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from common.model.search.document import CallDocument

#: An entity may have 20,000 index entries (https://cloud.google.com/datastore/docs/concepts/limits), a few of which are
#: its dates and figures. A term has one, a facet eight: lists are sorted by what goes with it.
MOST_ENTRIES = 19_900
ENTRIES_OF_A_FACET = 8
MOST_FACETS = 1_000
#: An indexed text may have 1,500 bytes; what is longer is told apart by its document.
MOST_CHARACTERS = 120
#: Of a call that has it, no token says which words follow each other.
PAIRS_LEFT_OUT = "w:*"
#: True of every call: what a list without a filter asks for.
EVERY_CALL = "all"
#: The beginnings of a word that have a token. Words that share ten letters are forms of one word, nearly always.
PREFIX_LENGTHS = range(3, 11)
_SHARES = tuple(step / 20 for step in range(1, 20))
#: The steps at which a figure is indexed; between two of them the document itself is asked.
LADDERS: Mapping[Figure, Sequence[float]] = {
    Figure.LENGTH: (15, 30, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1200, 1800, 2700, 3600, 5400, 7200, 10800),
    Figure.SILENCE: _SHARES,
    Figure.TALK: _SHARES,
    Figure.POLARITY: tuple(step / 10 for step in range(-9, 10)),
    Figure.HOUR: tuple(range(1, 24)),
}
#: Seconds by which a tracker may have been found first.
SECONDS = (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600)


def entry_of(document: CallDocument, *, most_terms: int | None = None) -> IndexEntry:
    """The document as it is stored; with so many terms, or as many as its facets leave room for.

    Whatever an engine answers, it can be stored: of a call with more tokens than an entity may index, pairs of words
    are left out first, all of them; then beginnings of words, the long ones first, then who said what; and topics
    before other facets.
    """
    facets = sorted(facets_of(document), key=lambda token: (token.startswith("topic:"), token))[:MOST_FACETS]
    most_terms = most_terms or MOST_ENTRIES - ENTRIES_OF_A_FACET * len(facets)
    found, pairs = terms_of(document), pairs_of(document)
    found |= pairs if len(found) + len(pairs) <= most_terms else {PAIRS_LEFT_OUT}
    if len(found) > most_terms:
        found = frozenset(sorted(found, key=_expendable)[:most_terms])
    return IndexEntry(
        recording_id=document.recording_id,
        company=document.company,
        started_at=document.started_at,
        created_at=document.created_at,
        duration_s=document.duration_s,
        polarity=document.polarity,
        terms=tuple(sorted(found)),
        facets=tuple(sorted(facets)),
        document=document.packed(),
    )


def terms_of(document: CallDocument) -> frozenset[str]:
    """The tokens of the words that were said and written: about five per different word."""
    said: dict[Role, set[str]] = {}
    for turn in document.turns:
        said.setdefault(turn.role, set()).update(folded_words(turn.text))
    words = set(folded_words(document.about)).union(*said.values())
    beginnings = {word[:length] for word in words for length in PREFIX_LENGTHS if length <= len(word)}
    return frozenset({
        *map(term, words),
        *(f"p:{beginning}" for beginning in beginnings),
        *(term(word, by=role) for role, theirs in said.items() for word in theirs),
    })  # fmt: skip


def pairs_of(document: CallDocument) -> frozenset[str]:
    """The tokens of words that follow each other in a turn, or in a line of what is written about the call."""
    rows = (folded_words(text) for text in (*document.about.splitlines(), *(turn.text for turn in document.turns)))
    return frozenset(token for words in rows for token in pairs(words))


def pairs(words: Sequence[str]) -> Iterable[str]:
    """The token of each word with the one behind it."""
    return (pair(*both) for both in itertools.pairwise(words))


def pair(first: str, then: str) -> str:
    """The token of two folded words of which one follows the other."""
    return f"w:{first[:MOST_CHARACTERS]} {then[:MOST_CHARACTERS]}"


def term(word: str, *, by: Role | None = None) -> str:
    """The token of a folded word, or of one that such a speaker says."""
    root = stem(word)[:MOST_CHARACTERS]
    return f"s:{by}:{root}" if by else f"s:{root}"


def prefix_term(folded: str) -> str:
    """The longest indexed beginning of a folded prefix of at least three letters."""
    return f"p:{folded[: PREFIX_LENGTHS[-1]]}"


def facets_of(document: CallDocument) -> frozenset[str]:
    """The tokens of everything else."""
    found = {EVERY_CALL}
    found |= {facet(kind, value) for kind, value in values_of(document)}
    for figure, value in figures_of(document).items():
        if figure in LADDERS and value is not None:
            found |= {at_least(figure, step) if value >= step else less(figure, step) for step in LADDERS[figure]}
    for hit in document.hits:
        for by in {None, hit.role}:
            found.add(tracker(hit.tracker, by=by))
            found |= {tracker(hit.tracker, by=by, before=step) for step in SECONDS if hit.start < step}
    return frozenset(found)


def values_of(document: CallDocument) -> Iterable[tuple[Facet, str]]:
    """Each facet's values, as they are to be compared."""
    yield Facet.COMPANY, document.company
    for kind, role, names in (
        (Facet.AGENT, Role.AGENT, document.agents),
        (Facet.CUSTOMER, Role.CUSTOMER, document.customers),
    ):
        for name in names:
            yield kind, name
            yield from ((kind, word) for word in folded_words(name))
        yield from ((kind, speaker.email) for speaker in document.speakers if speaker.role is role and speaker.email)
    yield from ((Facet.TOPIC, topic) for topic in document.topics)
    yield from ((Facet.HAS, kind) for kind in document.has)
    yield Facet.IS, document.state
    yield Facet.PRIORITY, document.priority
    yield Facet.LANGUAGE, document.language_code
    for facet_, value in (
        (Facet.SENTIMENT, mood(document.polarity)),
        (Facet.DIRECTION, document.direction),
        (Facet.FAILURE_CLASS, document.failure_class),
        (Facet.EXTERNAL_ID, document.external_id),
    ):
        if value is not None:
            yield facet_, value


def figures_of(document: CallDocument) -> Mapping[Figure, float | None]:
    """Each figure; None where it is not known."""
    return {
        Figure.LENGTH: document.duration_s,
        Figure.SILENCE: document.silence,
        Figure.TALK: document.talk,
        Figure.POLARITY: document.polarity,
        Figure.STARTED_AT: document.started_at.timestamp(),
        Figure.HOUR: document.hour,
    }


def facet(kind: Facet, value: str) -> str:
    """The token of a facet's value."""
    return f"{kind}:{fold_all(value)[:MOST_CHARACTERS]}"


def tracker(name: str, *, by: Role | None = None, before: float | None = None) -> str:
    """The token of a tracker that was found, by whom and before which second."""
    place = f"<{before:g}" if before is not None else ""
    return f"tracker:{fold_all(name)[:MOST_CHARACTERS]}|{by or ''}{place}"


def at_least(figure: Figure, step: float) -> str:
    """The token of a figure that is `step` or more."""
    return f"{figure}>={step:g}"


def less(figure: Figure, step: float) -> str:
    """The token of a figure that is known, and less than `step`."""
    return f"{figure}<{step:g}"


def fold_all(text: str) -> str:
    """A whole value, without case, accents and spare spaces."""
    return fold(" ".join(text.split()))


def _expendable(token: str) -> tuple[int, int, str]:
    """In the order of this, terms are kept."""
    if token.startswith("p:"):
        return 2, len(token), token
    return token.count(":") - 1, 0, token
