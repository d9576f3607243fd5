"""The caller's vocabulary, put in place of words that the recogniser was unsure of and that sound like it.

Given to the recogniser as hints, a vocabulary made it worse. So it listens without, and afterwards a word is replaced
by one of the vocabulary if it was recognised with little confidence, sounds almost the same, is written somewhat alike
and was not heard with confidence elsewhere in the recording. Of a term of several words the others must be there too.
Two words that together are written like one of the vocabulary are that one, however they were heard ("North Side").
English spelling alone; numbers, and words of under four letters, are left alone.
"""

import dataclasses
import functools
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from deploy.engine.analysis.heard import Track, Word

#: Tried on the sample calls: less alike or more confident brings wrong replacements, more loses right ones.
UNSURE = 0.7
SURE = 0.9
SOUNDS_ALIKE = 0.85
WRITTEN_ALIKE = 0.4
_MIN_LETTERS = 4
_MIN_JOINED_LETTERS = 6

#: Spelling to sounds, one letter each, in order: A is any vowel, C the sounds of "ch" and "sh", J of "j", T of "th".
_SOUNDS = [
    (re.compile(pattern), sound)
    for pattern, sound in [
        (r"[^a-z]", ""), (r"^[kgp]n", "n"), (r"^wr", "r"), (r"^wh", "w"), (r"ph", "f"),
        (r"tch|ch|sh|ti(?=o)|si(?=o)|tu(?=r)", "C"), (r"dg|j|g(?=[eiy])", "J"), (r"th", "T"), (r"c(?=[eiy])|z", "s"),
        (r"ck|c|q", "k"), (r"x", "ks"), (r"gh", ""), (r"(?<!^)e$", ""), (r"(?<!^)h", ""), (r"(?<!^)w(?![aeiouy])", ""),
        (r"(?<!^)y|[aeiouy]+", "A"), (r"(.)\1+", r"\1"),
    ]
]  # fmt: skip
_VOWEL = "A"
#: Sounds that a telephone makes one.
_NEAR = {
    frozenset(pair)
    for group in ("pb", "td", "kg", "fv", "sCJ", "mn", "fhTs", "lr", "vbm", "tC", "dJ")
    for pair in itertools.combinations(group, 2)
}
_NEAR_COST = 0.5
_VOWEL_GAP = 0.4
_VOWEL_WEIGHT = 0.6
_AFFIXES = re.compile(r"^(\W*)(.*?)((?:['\u2019]s)?\W*)$", re.DOTALL)


class _Cost(Protocol):
    def __call__(self, one: str, other: str) -> float:
        """What it costs to take *one* for *other*; an empty string is nothing at all."""


def with_vocabulary(tracks: Iterable[Track], vocabulary: Sequence[str]) -> tuple[Track, ...]:
    """The same tracks, their doubtful words corrected by *vocabulary*; times and confidence stay."""
    heard = tuple(tracks)
    terms = [tuple(core for part in term.split() if (core := _core(part))) for term in vocabulary]
    sure = {_core(word.text).lower() for track in heard for word in track.words if word.score >= SURE}
    parts = {part.lower(): part for term in terms for part in term}
    return tuple(
        dataclasses.replace(track, words=tuple(_corrected(_joined(track.words, parts), terms, sure | parts.keys())))
        for track in heard
    )


def _joined(words: Sequence[Word], parts: Mapping[str, str]) -> list[Word]:
    """Two words of which the vocabulary makes one, as one; it is as sure as the less sure of them."""
    found: list[Word] = []
    for word in words:
        before, core, after = _parts(word.text)
        whole = parts.get((_core(found[-1].text) + core).lower(), "") if found and core and not before else ""
        if len(whole) >= _MIN_JOINED_LETTERS and found[-1].text[-1].isalpha():
            last = found.pop()
            text = f"{_parts(last.text)[0]}{whole}{after}"
            found.append(Word(text, last.start, word.end, min(last.score, word.score)))
        else:
            found.append(word)
    return found


def _corrected(words: Sequence[Word], terms: Sequence[tuple[str, ...]], settled: set[str]) -> Iterator[Word]:
    for index, word in enumerate(words):
        found = max(_fitting(words, index, terms, settled), key=lambda fit: fit[0], default=None)
        if found is None:
            yield word
        else:
            before, _, after = _parts(word.text)
            yield dataclasses.replace(word, text=f"{before}{found[1]}{after}")


def _fitting(
    words: Sequence[Word], index: int, terms: Sequence[tuple[str, ...]], settled: set[str]
) -> Iterator[tuple[tuple[float, int], str]]:
    """The words that may be meant at *index*, with how alike they sound and of how long a term they are."""
    if not _doubtful(words[index], settled):
        return
    for term in terms:
        for place, part in enumerate(term):
            begin = index - place
            stretch = words[max(begin, 0) : begin + len(term)]
            if begin < 0 or len(stretch) < len(term):
                continue
            alike = likeness(_core(words[index].text), part)
            if alike and all(_agrees(word, own, settled) for word, own in zip(stretch, term, strict=True)):
                yield (alike, len(term)), part


def _doubtful(word: Word, settled: set[str]) -> bool:
    core = _core(word.text)
    return word.score <= UNSURE and core.isalpha() and core.lower() not in settled


def _agrees(word: Word, own: str, settled: set[str]) -> bool:
    core = _core(word.text)
    return core.lower() == own.lower() or (_doubtful(word, settled) and likeness(core, own) > 0)


@functools.lru_cache(maxsize=65536)
def likeness(heard: str, meant: str) -> float:
    """How alike two words sound, 0 to 1; 0 where they are not alike enough to be taken for each other."""
    if len(meant) < _MIN_LETTERS:
        return 0.0
    one, other = _sounds(heard), _sounds(meant)
    if not one or not other or _sound_cost(one[0], other[0]) > _NEAR_COST:
        return 0.0
    sounds = 1 - _distance(one, other, _sound_cost) / max(_weight(one), _weight(other))
    letters = 1 - _distance(heard.lower(), meant.lower(), _letter_cost) / max(len(heard), len(meant))
    return sounds if sounds >= SOUNDS_ALIKE and letters >= WRITTEN_ALIKE else 0.0


def _sounds(word: str) -> str:
    text = word.lower()
    for pattern, sound in _SOUNDS:
        text = pattern.sub(sound, text)
    return text


def _sound_cost(one: str, other: str) -> float:
    if one == other:
        return 0.0
    if not one or not other:
        return _VOWEL_GAP if _VOWEL in (one, other) else 1.0
    return _NEAR_COST if frozenset((one, other)) in _NEAR else 1.0


def _letter_cost(one: str, other: str) -> float:
    return float(one != other)


def _weight(sounds: str) -> float:
    return sum(_VOWEL_WEIGHT if sound == _VOWEL else 1.0 for sound in sounds)


def _distance(one: str, other: str, cost: _Cost) -> float:
    previous = list(itertools.accumulate((cost("", letter) for letter in other), initial=0.0))
    for letter in one:
        current = [previous[0] + cost(letter, "")]
        for column, wanted in enumerate(other):
            taken = previous[column] + cost(letter, wanted)
            current.append(min(taken, previous[column + 1] + cost(letter, ""), current[-1] + cost("", wanted)))
        previous = current
    return previous[-1]


def _core(text: str) -> str:
    return _parts(text)[1]


def _parts(text: str) -> tuple[str, str, str]:
    """Punctuation before, the word, and what follows it: "Farber's," is Farber and 's with a comma."""
    found = _AFFIXES.match(text)
    return (found[1], found[2], found[3]) if found else ("", text, "")
