"""Queries as text: as people write them, as machines write them, and term by term.

What `grammar.parse` gives is the same again after being written and parsed, in either spelling.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING

from common.model.search import amounts
from common.model.search.fields import FACETS, FIGURES, KINDS, PRESENCE, SAID, SCOPE, TRACKER, TRACKER_HIT, VALUES
from common.model.search.query import (
    And,
    Compare,
    Comparison,
    Condition,
    Equals,
    Facet,
    Figure,
    Node,
    Not,
    Or,
    Phrase,
    Tracker,
    Word,
    conditions,
    conjunction,
)

if TYPE_CHECKING:
    from common.model.recording import Role

#: No role in particular, where a function names one.
ANY = "any"
_BARE = re.compile(r"(?!(?:AND|OR|NOT)$)[\w.@+/-]+")


@dataclasses.dataclass(frozen=True)
class Term:
    """One of the conditions that a call has to meet, for a chip that can be taken away."""

    part: Node
    text: str  #: as people write it
    rest: Node  #: the query without it


def as_people_write(node: Node, *, timezone: tzinfo = UTC) -> str:
    """The query in the spelling of the search box; parse it with the same `timezone`, in which its dates are days."""
    return _People(timezone).write(node, scope=None, enclosed=False)


def as_machines_write(node: Node) -> str:
    """The query as AIP-160 has it: `AND`, `OR` and `NOT` in words, one unit per figure, times in UTC."""
    return _for_machines(node, enclosed=False)


def terms_of(node: Node, *, timezone: tzinfo = UTC) -> list[Term]:
    """What has to hold at once, from left to right; nothing for a query that means every call."""
    return [Term(part, as_people_write(part, timezone=timezone), without(node, part)) for part in _conjuncts(node)]


def without(node: Node, part: Node) -> Node:
    """The query with one of its terms taken away."""
    return conjunction(other for other in _conjuncts(node) if other != part)


def _conjuncts(node: Node) -> tuple[Node, ...]:
    return node.parts if isinstance(node, And) else (node,)


@dataclasses.dataclass(frozen=True)
class _People:
    """Writes sugar. What is said by one role stands together, in parentheses of its own beside anything else."""

    timezone: tzinfo

    def write(self, node: Node, *, scope: Role | None, enclosed: bool) -> str:
        """*scope* is the role that `by:` has named already; several parts are put in parentheses if *enclosed*."""
        role = _only_role(node)
        if role not in {None, scope}:
            parts = node.parts if isinstance(node, And) else (node,)
            texts = [self.write(part, scope=role, enclosed=True) for part in parts]
            texts.insert([_only_role(part) for part in parts].index(role), f"{SCOPE}:{role}")
            return _enclosed(" ".join(texts), enclosed)
        match node:
            case And(parts):
                return _enclosed(" ".join(self._runs(parts, scope)), enclosed and parts != ())
            case Or(parts):
                return _enclosed(" OR ".join(self.write(p, scope=scope, enclosed=True) for p in parts), enclosed)
            case Not(Equals(Facet.HAS, kind)):
                return f"{PRESENCE[1]}:{kind}"
            case Not(part):
                return f"-{self.write(part, scope=scope, enclosed=True)}"
            case _:
                return self._condition(node)

    def _runs(self, parts: tuple[Node, ...], scope: Role | None) -> list[str]:
        runs: list[str] = []
        for role, run in itertools.groupby(parts, key=_only_role):
            alike = tuple(run)
            separate = alike if role in {None, scope} else (conjunction(alike),)
            runs += [self.write(part, scope=scope, enclosed=True) for part in separate]
        return runs

    def _condition(self, condition: Condition) -> str:
        match condition:
            case Word() | Phrase():
                return _said(condition)
            case Tracker(name, _, after, before):
                least = "" if after is None else f"{Comparison.AT_LEAST}{amounts.duration(after)}"
                most = "" if before is None else f"{Comparison.LESS}{amounts.duration(before)}"
                return f"{TRACKER.people}:{_bare(name)}{least}{most}"
            case Equals(Facet.HAS, kind):
                return f"{PRESENCE[0]}:{kind}"
            case Equals(facet, value):
                return f"{FACETS[facet].people}:{_bare(value)}"
            case Compare(figure, comparison, value):
                text = amounts.for_people(figure, value, self.timezone)
                return f"{_DATE_WORDS.get((figure, comparison)) or FIGURES[figure].people + comparison}{text}"


_DATE_WORDS = {
    (Figure.STARTED_AT, Comparison.AT_LEAST): "after:",
    (Figure.STARTED_AT, Comparison.LESS): "before:",
}


def _for_machines(node: Node, *, enclosed: bool) -> str:
    match node:
        case And(parts):
            return _enclosed(" AND ".join(_for_machines(p, enclosed=True) for p in parts), enclosed and parts != ())
        case Or(parts):
            return _enclosed(" OR ".join(_for_machines(p, enclosed=True) for p in parts), enclosed)
        case Not(part):
            return f"NOT {_for_machines(part, enclosed=True)}"
        case _:
            return _condition_for_machines(node)


def _condition_for_machines(condition: Condition) -> str:  # noqa: PLR0911  # one per kind
    match condition:
        case Word() | Phrase():
            return _said(condition) if condition.by is None else f'{SAID}({_said(condition)}, "{condition.by}")'
        case Tracker(name, None, None, None):
            return f"{TRACKER.machines}:{_quoted(name)}"
        case Tracker(name, by, after, before):
            window = [] if after is None and before is None else [after or 0.0]
            window += [] if before is None else [before]
            times = [amounts.for_machines(Figure.LENGTH, moment) for moment in window]
            return f"{TRACKER_HIT}({', '.join([_quoted(name), _quoted(by or ANY), *times])})"
        case Equals(Facet.HAS, kind):
            return f"{KINDS[kind]}:*"
        case Equals(facet, value) if facet in VALUES:
            return f"{FACETS[facet].machines} = {value.upper() if value.islower() else _quoted(value)}"
        case Equals(facet, value):
            return f"{FACETS[facet].machines}:{_quoted(value)}"
        case Compare(figure, comparison, value):
            return f"{FIGURES[figure].machines} {comparison} {amounts.for_machines(figure, value)}"


def _said(condition: Word | Phrase) -> str:
    if isinstance(condition, Phrase):
        return f'"{" ".join(condition.words)}"'
    return f"{condition.text}{'*' if condition.prefix else ''}"


def _only_role(node: Node) -> Role | None:
    """The role that says all that is said in it, if it is one."""
    roles = {part.by for part in conditions(node) if isinstance(part, (Word, Phrase, Tracker))}
    return roles.pop() if len(roles) == 1 else None


def _enclosed(text: str, enclosed: bool) -> str:  # noqa: FBT001  # reads as what it does
    return f"({text})" if enclosed else text


def _bare(text: str) -> str:
    return text if _BARE.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
