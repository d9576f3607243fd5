"""Words as they are compared: lower case, contractions written out, money signs and number words made one."""

import dataclasses
import functools
import re
from collections.abc import Iterator, Sequence

_WORD = re.compile(r"[$£€]?\d[\d,]*(?:\.\d+)?%?(?:st|nd|rd|th)?|[^\W_]+(?:['\u2019.-][^\W_]+)*['\u2019]?", re.UNICODE)
_MONEY = {"$": "dollar", "£": "pound", "€": "euro"}
_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
}
_CONTRACTED = {"n't": "not", "'ll": "will", "'re": "are", "'ve": "have", "'m": "am", "'d": "would"}
_IS_WORDS = {"it's", "that's", "there's", "here's", "what's", "who's", "he's", "she's", "how's", "where's"}
_WHOLE = {
    "can't": ("can", "not"), "cannot": ("can", "not"), "won't": ("will", "not"), "shan't": ("shall", "not"),
    "let's": ("let", "us"), "gonna": ("going", "to"), "wanna": ("want", "to"), "mr": ("mister",), "dr": ("doctor",),
}  # fmt: skip
_MIN_STEM = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Token:
    """A word in its compared form and where it stands in the text."""

    word: str
    start: int
    end: int


def tokens(text: str) -> list[Token]:
    """The words of *text*; what is contracted becomes several words in the same place."""
    return [
        Token(word, found.start(), found.end())
        for found in _WORD.finditer(text)
        for word in _written_out(found[0].lower().replace("\u2019", "'").rstrip("'"))
    ]


def _written_out(word: str) -> Iterator[str]:
    if word in _WHOLE:
        yield from _WHOLE[word]
    elif word in _IS_WORDS:
        yield from (word[:-2], "is")
    elif word[0] in _MONEY and len(word) > 1:
        yield from (word[1:].replace(",", "").removesuffix(".00"), _MONEY[word[0]])
    elif word.endswith("%"):
        yield from (word[:-1], "percent")
    else:
        for ending, meaning in _CONTRACTED.items():
            if word.endswith(ending) and len(word) > len(ending):
                yield from (word.removesuffix(ending), meaning)
                return
        yield _NUMBERS.get(word, word)


@functools.lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """*word* without the endings of plural, past and progress: cancels, cancelled and cancelling are one."""
    for ending in ("ing", "ied", "ies", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= _MIN_STEM and not word.endswith("ss"):
            return _bare(word.removesuffix(ending), ending)
    return word.removesuffix("e") if len(word) > _MIN_STEM else word


def _bare(base: str, ending: str) -> str:
    if ending in {"ied", "ies"}:
        return f"{base}y"
    if ending in {"ing", "ed"} and base[-1] == base[-2] and base[-1] not in "aeiousz":
        return base[:-1]
    return base.removesuffix("e") if len(base) > _MIN_STEM else base


@dataclasses.dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase to look for in all its inflections; a word that itself ends in -ing (a cleaning) stands for itself."""

    text: str
    words: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Phrase":
        """The phrase that *text* spells."""
        return cls(text=text, words=tuple(token.word for token in tokens(text)))

    def places(self, found: Sequence[Token]) -> Iterator[tuple[int, int]]:
        """Where in the text the phrase stands, as (start, end)."""
        length = len(self.words)
        for begin in range(len(found) - length + 1 if length else 0):
            if _same(self.words[0], found[begin].word):
                window = found[begin : begin + length]
                if all(_same(wanted, token.word) for wanted, token in zip(self.words, window, strict=True)):
                    yield window[0].start, window[-1].end


def _same(wanted: str, word: str) -> bool:
    if wanted == word:
        return True
    if wanted.endswith("ing"):
        return word == f"{wanted}s"
    return stem(wanted) == stem(word)
