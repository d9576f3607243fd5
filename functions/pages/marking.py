"""Which words of a text were looked for: typed into the page's own box, or by the search that led to the call. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from common.model.search.query import And, Or, Phrase, Word
from common.model.search.stems import fold, folded_words, stem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from common.model.recording import Role
    from common.model.search.query import Node

#: Given who speaks (None: nobody knows) and what is said: from where to where something was looked for, in characters,
#: in order.
Marker = Callable[["Role | None", str], Sequence[tuple[int, int]]]
_WORD = re.compile(r"[^\W_]+(?:['\u2019\u02bc][^\W_]+)*")


def nothing(_: Role | None, __: str) -> Sequence[tuple[int, int]]:
    """A reader who looks for nothing."""
    return ()


def typed(text: str) -> Marker:
    """Wherever this is written, whatever its case."""
    if not text.strip():
        return nothing
    wanted = re.compile(re.escape(" ".join(text.split())).replace(r"\ ", r"\s+"), re.IGNORECASE)
    return lambda _, said: [found.span() for found in wanted.finditer(said)]


def asked(node: Node) -> Marker:
    """The words and phrases of a search, in the forms in which it finds them."""
    conditions = list(_of_words(node))

    def spans(role: Role | None, said: str) -> Sequence[tuple[int, int]]:
        words = [(found.span(), " ".join(folded_words(found[0]))) for found in _WORD.finditer(said)]
        found = (
            span
            for condition in conditions
            if condition.by in {None, role}
            for span in (_phrase(condition, words) if isinstance(condition, Phrase) else _word(condition, words))
        )
        return _apart(sorted(found))

    return spans if conditions else nothing


def pieces(said: str, spans: Sequence[tuple[int, int]]) -> tuple[tuple[str, bool], ...]:
    """The text cut at the marks: each part, and whether it is one."""
    cut: list[tuple[str, bool]] = []
    at = 0
    for start, end in spans:
        if start > at:
            cut.append((said[at:start], False))
        cut.append((said[start:end], True))
        at = end
    return (*cut, (said[at:], False)) if at < len(said) else tuple(cut)


def _of_words(node: Node) -> Iterable[Word | Phrase]:
    """What is asked of words, without what must not be there."""
    if isinstance(node, (And, Or)):
        for part in node.parts:
            yield from _of_words(part)
    elif isinstance(node, (Word, Phrase)):
        yield node


Words = Sequence[tuple[tuple[int, int], str]]


def _word(wanted: Word, words: Words) -> Iterable[tuple[int, int]]:
    folded = fold(wanted.text)
    for span, word in words:
        if word.startswith(folded) if wanted.prefix else stem(word) == stem(folded):
            yield span


def _phrase(wanted: Phrase, words: Words) -> Iterable[tuple[int, int]]:
    row = [folded for text in wanted.words for folded in folded_words(text)]
    said = [word for _, word in words]
    for at in range(len(said) - len(row) + 1) if row else ():
        if said[at : at + len(row)] == row:
            yield words[at][0][0], words[at + len(row) - 1][0][1]


def _apart(spans: Sequence[tuple[int, int]]) -> Sequence[tuple[int, int]]:
    """Those that touch, together."""
    apart: list[tuple[int, int]] = []
    for start, end in spans:
        if apart and start < apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return apart
