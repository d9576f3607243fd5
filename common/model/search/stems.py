"""What is compared of a word: without accents, and by its stem.

The stem is the English one (Porter's second algorithm), whatever the language of the call: forms of other languages are
found as they are written.
"""

from __future__ import annotations

import functools
import threading
import unicodedata
from typing import Any

from common.model.search.words import words_of

_one_at_a_time = threading.Lock()  # a stemmer keeps the word that it works on in itself, and calls come in threads


def folded_words(text: str) -> list[str]:
    """The words of a text in order, as they are compared: "Didn't we, Müller?" is didn't, we, muller."""
    words = words_of(text)
    return list(words) if text.isascii() else [fold(word) for word in words]  # words have no case


def fold(word: str) -> str:
    """Without case and accents."""
    if word.isascii():
        return word.lower()
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", word).casefold())
    return "".join(sign for sign in parts if not unicodedata.combining(sign))


@functools.lru_cache(maxsize=50_000)
def stem(folded: str) -> str:
    """What all forms of a word have in common: cancelled, cancelling and cancels are cancel."""
    with _one_at_a_time:
        found: str = _stemmer().stemWord(folded)
    return found


@functools.cache
def _stemmer() -> Any:  # noqa: ANN401  # the library has no types
    import snowballstemmer  # noqa: PLC0415  # 30 languages, which nobody needs who neither searches nor indexes

    return snowballstemmer.stemmer("english")
