"""Facets: the values by which an answer can be narrowed, and the query that each of them makes.

A value takes the place of what the query says of the same facet already, as a choice in a list does. Where the query
says nothing of it, the value is added.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

from common.model.aggregates import OTHERS
from common.model.search.fields import VALUES
from common.model.search.query import (
    MAX_CONDITIONS,
    And,
    Compare,
    Comparison,
    Equals,
    Figure,
    Node,
    Not,
    Tracker,
    conditions,
    conjunction,
)
from common.model.search.query import Facet as Property
from common.model.search.tokens import fold_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from common.model.aggregates import DayStatistics

#: Values of one facet, and counts of all facets together: each count is a query.
MOST_VALUES = 8
MOST_COUNTS = 40


class Facet(enum.StrEnum):
    """A facet, in the order in which they are shown."""

    COMPANY = "company"
    AGENT = "agent"
    SENTIMENT = "sentiment"
    TRACKER = "tracker"
    TOPIC = "topic"
    LENGTH = "length"
    STATUS = "status"
    DIRECTION = "direction"
    HAS = "has"
    MISSING = "missing"


@dataclasses.dataclass(frozen=True)
class Value:
    """One value, as it is called in answers, and the condition that it is."""

    name: str
    condition: Node


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """A value that is offered, the query that it makes, and how many calls that finds.

    `count` COUNTED means more; None that it was not counted, or that only opening calls could tell.
    """

    value: Value
    query: Node
    is_chosen: bool
    count: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Offer:
    """A facet with the values that are offered, what the query says of it, and how many more values are known."""

    facet: Facet
    choices: tuple[Choice, ...]
    chosen: Node | None
    left_out: int


#: Bands of the length, in seconds; each end is a step of the index, so that they can be counted.
BANDS: Mapping[str, tuple[float | None, float | None]] = {
    "under 1 min": (None, 60.0),
    "1 to 3 min": (60.0, 180.0),
    "3 to 10 min": (180.0, 600.0),
    "10 to 30 min": (600.0, 1800.0),
    "30 min and more": (1800.0, None),
}
#: Facets whose values are names that were said; those of all others are known beforehand.
NAMED = frozenset({Facet.COMPANY, Facet.AGENT, Facet.TRACKER, Facet.TOPIC})
_PROPERTIES: Mapping[Facet, Property] = {
    Facet.COMPANY: Property.COMPANY,
    Facet.AGENT: Property.AGENT,
    Facet.SENTIMENT: Property.SENTIMENT,
    Facet.TOPIC: Property.TOPIC,
    Facet.STATUS: Property.IS,
    Facet.DIRECTION: Property.DIRECTION,
    Facet.HAS: Property.HAS,
}
#: Every analysed call has a transcript: to ask for it tells what the status tells.
_KINDS = tuple(kind for kind in VALUES[Property.HAS] if kind != "transcript")


def value_of(facet: Facet, name: str) -> Value:
    """The value of a facet that is called so."""
    if facet is Facet.TRACKER:
        return Value(name, Tracker(name))
    if facet is Facet.MISSING:
        return Value(name, Not(Equals(Property.HAS, name)))
    if facet is Facet.LENGTH:
        since, until = BANDS[name]
        ends = [
            *([Compare(Figure.LENGTH, Comparison.AT_LEAST, since)] if since is not None else []),
            *([Compare(Figure.LENGTH, Comparison.LESS, until)] if until is not None else []),
        ]
        return Value(name, conjunction(ends))
    return Value(name, Equals(_PROPERTIES[facet], name))


def fixed_values(facet: Facet) -> tuple[Value, ...]:
    """The values of a facet that are known beforehand."""
    names: Mapping[Facet, Iterable[str]] = {
        Facet.SENTIMENT: VALUES[Property.SENTIMENT],
        Facet.LENGTH: BANDS,
        Facet.STATUS: VALUES[Property.IS],
        Facet.DIRECTION: VALUES[Property.DIRECTION],
        Facet.HAS: _KINDS,
        Facet.MISSING: _KINDS,
    }
    return tuple(value_of(facet, name) for name in names.get(facet, ()))


def parts_of(node: Node) -> tuple[Node, ...]:
    """What must all be so."""
    return node.parts if isinstance(node, And) else (node,)


def without(node: Node, facet: Facet) -> Node:
    """The query without what it says of a facet."""
    return conjunction(part for part in parts_of(node) if not _is_of(part, facet))


def narrowed(node: Node, facet: Facet, condition: Node) -> Node | None:
    """The query with this value of the facet; None where it would have too many conditions."""
    found = conjunction([without(node, facet), condition])
    return found if len(conditions(found)) <= MAX_CONDITIONS else None


def chosen(node: Node, facet: Facet) -> Node | None:
    """What the query says of a facet."""
    found = [part for part in parts_of(node) if _is_of(part, facet)]
    return conjunction(found) if found else None


def says(node: Node, facet: Facet, value: Value) -> bool:
    """Whether the query says just this of the facet."""
    said = chosen(node, facet)
    return said is not None and _folded(said) == _folded(value.condition)


def offers(asked: Node, wanted: Iterable[Facet], names: Mapping[Facet, Sequence[str]]) -> list[Offer]:
    """The facets in their order, each with its values; `names` are those that were said, the most frequent first.

    Where there are too many to be counted, names give way.
    """
    known = {
        facet: tuple(value_of(facet, name) for name in names.get(facet, ())) if facet in NAMED else fixed_values(facet)
        for facet in Facet
        if facet in set(wanted)
    }
    offered = _shares({facet: len(values) for facet, values in known.items()})
    return [
        Offer(
            facet=facet,
            choices=tuple(_choices(asked, facet, values[: offered[facet]])),
            chosen=chosen(asked, facet),
            left_out=len(values) - offered[facet],
        )
        for facet, values in known.items()
    ]


def _choices(asked: Node, facet: Facet, values: Iterable[Value]) -> Iterable[Choice]:
    for value in values:
        query = narrowed(asked, facet, value.condition)
        if query is not None:
            yield Choice(value=value, query=query, is_chosen=says(asked, facet, value))


def said_names(days: Iterable[DayStatistics], company: str | None) -> Mapping[Facet, Sequence[str]]:
    """The names that occur in those days, of one company or of all, the most frequent first."""
    counts: dict[Facet, dict[str, int]] = {facet: {} for facet in NAMED}
    for day in days:
        is_own = company is None or day.company == company
        found = {
            Facet.COMPANY: {day.company: day.total.calls},
            Facet.AGENT: {name: sums.calls for name, sums in day.agents.items() if is_own},
            Facet.TRACKER: {name: sums.calls for name, sums in day.trackers.items() if is_own},
            Facet.TOPIC: {name: sums.calls for name, sums in day.topics.items() if is_own},
        }
        for facet, calls in found.items():
            for name, count in calls.items():
                counts[facet][name] = counts[facet].get(name, 0) + count
    return {
        facet: sorted((name for name in found if name != OTHERS), key=lambda name: (-found[name], name))
        for facet, found in counts.items()
    }


def _is_of(part: Node, facet: Facet) -> bool:
    match part:
        case Not(Equals(Property.HAS, _)):
            return facet is Facet.MISSING
        case Equals(Property.STATUS, _):
            return facet is Facet.STATUS
        case Equals(kind, _):
            return _PROPERTIES.get(facet) is kind
        case Tracker(_, None, None, None):
            return facet is Facet.TRACKER
        case Compare(Figure.LENGTH, _, _):
            return facet is Facet.LENGTH
    return False


def _shares(known: Mapping[Facet, int]) -> Mapping[Facet, int]:
    """How many values each facet may have: names give way, so that all counts together are few enough.

    What is missing costs no count of its own: it is all calls without those that have it.
    """
    fixed = 1 + sum(count for facet, count in known.items() if facet not in NAMED | {Facet.MISSING})
    most = MOST_VALUES
    while fixed + sum(min(count, most) for facet, count in known.items() if facet in NAMED) > MOST_COUNTS:
        most -= 1
    return {facet: min(count, most) if facet in NAMED else count for facet, count in known.items()}


def _folded(node: Node) -> object:
    """A condition as it is compared: names without regard to case."""
    match node:
        case Not(part):
            return ("not", _folded(part))
        case And(parts):
            return frozenset(_folded(part) for part in parts)
        case Equals(kind, value):
            return (kind, fold_all(value))
        case Tracker(name):
            return fold_all(name)
    return node
