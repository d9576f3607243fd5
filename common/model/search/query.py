"""What may be asked about calls, as data. `grammar` reads and writes it, `matching` says which calls it means.

A query is a tree of `And`, `Or` and `Not` over conditions. Trees are kept flat (`conjunction`, `disjunction`), so that
two spellings of one question are equal.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

from common.model.recording import Role

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


class Facet(enum.StrEnum):
    """A property of a call that is one of some words; compared without regard to case."""

    COMPANY = "company"
    AGENT = "agent"  #: a whole name, one word of it, or an e-mail address
    CUSTOMER = "customer"  #: likewise
    TOPIC = "topic"
    SENTIMENT = "sentiment"  #: the customer's: negative, neutral, positive
    DIRECTION = "direction"
    PRIORITY = "priority"
    LANGUAGE = "language"
    IS = "is"  #: processing, completed, failed
    STATUS = "status"
    FAILURE_CLASS = "failure_class"
    HAS = (
        "has"  #: a kind of result that is there: transcript, topic, tracker, question, action-item, follow-up, summary
    )
    EXTERNAL_ID = "external_id"


class Figure(enum.StrEnum):
    """A property of a call that is a number."""

    LENGTH = "length"  #: seconds
    SILENCE = "silence"  #: share of the call in which nobody speaks, 0 to 1
    TALK = "talk"  #: share of the call in which the agent speaks, 0 to 1
    POLARITY = "sentiment"  #: the customer's mean, -1 to 1
    STARTED_AT = "started_at"  #: seconds since 1970, UTC
    HOUR = "hour"  #: of the day, where the call took place: 0 to 23


@dataclasses.dataclass(frozen=True)
class Word:
    """A word of a turn, or of the call's name, people or summary, has this stem; with `prefix`, begins like this."""

    text: str
    prefix: bool = False
    by: Role | None = None  #: said by such a speaker; then turns alone count


@dataclasses.dataclass(frozen=True)
class Phrase:
    """Some turn has these words one after the other, exactly as they are but for case and punctuation."""

    words: tuple[str, ...]
    by: Role | None = None


@dataclasses.dataclass(frozen=True)
class Tracker:
    """A tracker was found at a time t (seconds from the beginning of the call) with after <= t < before."""

    name: str
    by: Role | None = None
    after: float | None = None
    before: float | None = None


@dataclasses.dataclass(frozen=True)
class Equals:
    """The facet has this value, among others where it has several."""

    facet: Facet
    value: str


class Comparison(enum.StrEnum):
    """How a figure stands to a value."""

    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="


@dataclasses.dataclass(frozen=True)
class Compare:
    """The figure is known, and stands so to the value."""

    figure: Figure
    comparison: Comparison
    value: float


@dataclasses.dataclass(frozen=True)
class Not:
    """The call is not among those that `part` means; it is among those that are known."""

    part: Node


@dataclasses.dataclass(frozen=True)
class And:
    """All of them; none at all means every call."""

    parts: tuple[Node, ...] = ()


@dataclasses.dataclass(frozen=True)
class Or:
    """At least one of two or more."""

    parts: tuple[Node, ...]


Condition = Word | Phrase | Tracker | Equals | Compare
Node = Condition | Not | And | Or

EVERYTHING = And()
#: More conditions than this are refused: a page must not cost what an archive costs.
MAX_CONDITIONS = 20


def conjunction(parts: Iterable[Node]) -> Node:
    """`And` of the parts, flat and without repetitions; a single part is itself."""
    flat = _flat(And, parts)
    return flat[0] if len(flat) == 1 else And(flat)


def disjunction(parts: Iterable[Node]) -> Node:
    """`Or` of at least one part, flat and without repetitions; a single part is itself."""
    flat = _flat(Or, parts)
    return flat[0] if len(flat) == 1 else Or(flat)


def negation(part: Node) -> Node:
    """`Not`; twice is not at all."""
    return part.part if isinstance(part, Not) else Not(part)


def conditions(node: Node) -> list[Condition]:
    """All conditions of the tree, from left to right."""
    if isinstance(node, (And, Or)):
        return [condition for part in node.parts for condition in conditions(part)]
    return conditions(node.part) if isinstance(node, Not) else [node]


def at(moment: datetime) -> float:
    """A time as STARTED_AT counts it."""
    return moment.timestamp()


def _flat(kind: type[And | Or], parts: Iterable[Node]) -> tuple[Node, ...]:
    found: dict[Node, None] = {}
    for part in parts:
        for inner in part.parts if isinstance(part, kind) else (part,):
            found.setdefault(inner)
    return tuple(found)
