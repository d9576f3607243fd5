"""Which calls a query means: the exact answer for one document, against which every plan is checked."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from common.model.search.query import (
    And,
    Compare,
    Comparison,
    Equals,
    Facet,
    Node,
    Not,
    Or,
    Phrase,
    Tracker,
    Word,
)
from common.model.search.stems import fold, folded_words, stem
from common.model.search.tokens import figures_of, fold_all, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from common.model.lifecycle import JobStatus
    from common.model.recording import Role
    from common.model.search.document import CallDocument

_COMPARED: Mapping[Comparison, Callable[[float, float], bool]] = {
    Comparison.LESS: operator.lt,
    Comparison.AT_MOST: operator.le,
    Comparison.MORE: operator.gt,
    Comparison.AT_LEAST: operator.ge,
}


def matches(node: Node, document: CallDocument, *, status: JobStatus | None = None) -> bool:  # noqa: PLR0911  # one per kind
    """Whether the call is among those that the query means; `status` is its request's, for queries that ask for it."""
    match node:
        case And(parts):
            return all(matches(part, document, status=status) for part in parts)
        case Or(parts):
            return any(matches(part, document, status=status) for part in parts)
        case Not(part):
            return not matches(part, document, status=status)
        case Word(text, prefix, by):
            return _has_word(document, fold(text), prefix=prefix, by=by)
        case Phrase(words, by):
            wanted = [folded for word in words for folded in folded_words(word)]
            return any(_holds(folded_words(text), wanted) for text in _texts(document, by))
        case Tracker():
            return _has_hit(document, node)
        case Equals(Facet.STATUS, value):
            return fold_all(value) == (status or document.state)
        case Equals(facet, value):
            wanted_value = fold_all(value)
            return any(kind is facet and fold_all(known) == wanted_value for kind, known in values_of(document))
        case Compare(figure, comparison, value):
            known_figure = figures_of(document)[figure]
            return known_figure is not None and _COMPARED[comparison](known_figure, value)


def _texts(document: CallDocument, by: Role | None) -> Iterable[str]:
    """What may be searched: turns, and without a speaker what is written about the call too."""
    if by is None:
        yield from document.about.splitlines()
    yield from (turn.text for turn in document.turns if by is None or turn.role is by)


def _has_word(document: CallDocument, wanted: str, *, prefix: bool, by: Role | None) -> bool:
    said = (word for text in _texts(document, by) for word in folded_words(text))
    if prefix:
        return any(word.startswith(wanted) for word in said)
    return any(stem(word) == stem(wanted) for word in said)


def _holds(words: Sequence[str], wanted: Sequence[str]) -> bool:
    length = len(wanted)
    return any(words[at : at + length] == wanted for at in range(len(words) - length + 1))


def _has_hit(document: CallDocument, wanted: Tracker) -> bool:
    name = fold_all(wanted.name)
    return any(
        fold_all(hit.tracker) == name
        and (wanted.by is None or hit.role is wanted.by)
        and (wanted.after is None or hit.start >= wanted.after)
        and (wanted.before is None or hit.start < wanted.before)
        for hit in document.hits
    )
