"""Words are compared by their stem, whoever else compares words at the same time."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from common.model.search.stems import folded_words, stem

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def _hurried() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_forms_of_a_word_have_one_stem_without_case_and_accents() -> None:
    """And a name is found by its plain letters."""
    assert {stem(word) for word in ("cancelled", "cancelling", "cancels")} == {"cancel"}
    assert folded_words("Didn't we, M\u00fcller?") == ["didn't", "we", "muller"]


@pytest.mark.usefixtures("_hurried")
def test_stems_are_right_in_many_threads_at_once() -> None:
    """A stemmer has a state of its own: two words at once would be one that nobody said."""
    words = [
        f"{'abcdefgh'[number % 8] * (number % 5 + 1)}ational{'izing' * (number % 3)}{number}ly" for number in range(600)
    ]
    stem.cache_clear()
    alone = [stem(word) for word in words]
    stem.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        together = [list(found) for found in zip(*pool.map(lambda _: [stem(w) for w in words], range(8)), strict=True)]

    assert [set(found) for found in together] == [{one} for one in alone]
