"""How what was heard is scored against the truth: words by edit distance, speakers by time.

Words are folded to one form first: case, punctuation, contractions and numbers; every digit counts as a word, so "$95",
"ninety five dollars" and "95 dollars" are the same three words however they are written.
"""

import dataclasses
import itertools
import re
from collections.abc import Iterator, Sequence

import numpy as np

_UNDER_TWENTY = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_SMALL = {word: number for number, word in enumerate(_UNDER_TWENTY.split())}
_TENS = {
    word: 10 * number
    for number, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)
}
_ORDINALS = {
    "first": "one", "second": "two", "third": "three", "fourth": "four", "fifth": "five", "sixth": "six",
    "seventh": "seven", "eighth": "eight", "ninth": "nine", "tenth": "ten", "eleventh": "eleven",
    "twelfth": "twelve", "thirteenth": "thirteen", "fourteenth": "fourteen", "fifteenth": "fifteen",
    "sixteenth": "sixteen", "seventeenth": "seventeen", "eighteenth": "eighteen", "nineteenth": "nineteen",
    "twentieth": "twenty", "thirtieth": "thirty",
}  # fmt: skip
_CONTRACTIONS = [
    (r"\bcan't\b|\bcannot\b", "can not"), (r"\bwon't\b", "will not"), (r"n't\b", " not"), (r"'ll\b", " will"),
    (r"'re\b", " are"), (r"'ve\b", " have"), (r"'m\b", " am"),
    (r"\b(it|that|there|what|who|he|she|how|where|here)'s\b", r"\1 is"),
    (r"\blet's\b", "let us"), (r"\bmr\b\.?", "mister"), (r"\bdr\b\.?", "doctor"), (r"\balright\b", "all right"),
]  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Score:
    """Word errors (substitutions, insertions, deletions) against the number of words truly said."""

    errors: int
    words: int

    @property
    def rate(self) -> float:
        """Word error rate, 0 for no error; may exceed 1."""
        return self.errors / self.words if self.words else float(self.errors > 0)


def word_errors(truth: str, heard: str) -> Score:
    """Score *heard* against *truth*."""
    wanted, got = normalised(truth), normalised(heard)
    return Score(errors=_distance(wanted, got), words=len(wanted))


#: Seconds before and after each true change of speaker that do not count, as in NIST's evaluations.
COLLAR_S = 0.25
_TICKS_PER_S = 100
Turns = Sequence[tuple[float, float]]


def diarization_error(truth: Sequence[Turns], found: Sequence[Turns], duration: float) -> float:
    """The share of true talking time that is missed, made up or given to another: 0 for none, may exceed 1.

    Speakers are matched so that least is wrong. Where two talk at once, both count.
    """
    ticks = round(duration * _TICKS_PER_S) + 1
    counts = np.ones(ticks, dtype=bool)
    for edge in (edge for turns in truth for turn in turns for edge in turn):
        first, last = (round((edge + side * COLLAR_S) * _TICKS_PER_S) for side in (-1, 1))
        counts[max(0, first) : last] = False
    wanted, got = (np.stack([_mask(turns, ticks) for turns in side])[:, counts] for side in (truth, found or [[]]))
    together = (wanted[:, None] & got[None]).sum(axis=2)
    short, long = sorted(together.shape)
    rows = together if together.shape[0] == short else together.T
    right = max(rows[range(short), choice].sum() for choice in map(list, itertools.permutations(range(long), short)))
    talking = wanted.sum(axis=0)
    return float((np.maximum(talking, got.sum(axis=0)).sum() - right) / talking.sum())


def _mask(turns: Turns, ticks: int) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    mask = np.zeros(ticks, dtype=bool)
    for start, end in turns:
        mask[round(start * _TICKS_PER_S) : round(end * _TICKS_PER_S)] = True
    return mask


def normalised(text: str) -> list[str]:
    """The words of *text* in their folded form."""
    text = text.lower().replace("\u2019", "'")
    for pattern, replacement in _CONTRACTIONS:
        text = re.sub(pattern, replacement, text)
    text = re.sub(r"[$]\s?([\d,]+(?:\.\d+)?)", r"\1 dollars", text)
    text = re.sub(r"(?<=\d),(?=\d{3}\b)|\.00\b|(?<=\d)(?:st|nd|rd|th)\b", "", text)
    words = re.findall(r"\d|[a-z]+(?:'[a-z]+)?", re.sub(r"\d+", lambda found: f" {found[0]} ", text).replace("-", " "))
    return list(_digits(words))


def _digits(words: Sequence[str]) -> Iterator[str]:
    """Number words as digits: "twelve hundred" and "1200" are both 1 2 0 0, "nine thirty" and "9:30" both 9 3 0."""
    total: int | None = None
    last_small = False
    for raw in words:
        word = _ORDINALS.get(raw, raw)
        if word == "hundred" and total is not None:
            total, last_small = total * 100, False
        elif word == "thousand" and total is not None:
            total, last_small = total * 1000, False
        elif word in _TENS or word in _SMALL:
            value = _TENS.get(word, _SMALL.get(word, 0))
            fits = (
                total is not None
                and not last_small
                and (total % 100 == 0 or (total % 10 == 0 and value < 10))
                and total >= 20
            )
            if total is not None and not fits:
                yield from str(total)
            total = (total or 0) + value if fits else value
            last_small = word in _SMALL
        else:
            if total is not None:
                yield from str(total)
                total = None
            yield word
    if total is not None:
        yield from str(total)


def _distance(wanted: Sequence[str], got: Sequence[str]) -> int:
    previous = list(range(len(got) + 1))
    for row, want in enumerate(wanted, 1):
        current = [row]
        for column, word in enumerate(got, 1):
            substitution = previous[column - 1] + (want != word)
            current.append(min(substitution, previous[column] + 1, current[column - 1] + 1))
        previous = current
    return previous[-1]
