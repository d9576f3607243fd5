"""How a query is answered: which tokens a call must have, and which it must not have, to be worth opening.

A plan is a handful of branches; each is one walk over the calls that have all of its tokens, the latest first. What a
plan finds is a superset of the answer, as close as the tokens allow; `matching` decides on each document.
"""

from __future__ import annotations

import bisect
import dataclasses
import itertools
from typing import TYPE_CHECKING, NamedTuple

from common.errors import Problem, Rejected
from common.model.search.document import CallState
from common.model.search.query import (
    And,
    Compare,
    Comparison,
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
)
from common.model.search.stems import fold, folded_words
from common.model.search.tokens import (
    EVERY_CALL,
    LADDERS,
    MOST_CHARACTERS,
    PAIRS_LEFT_OUT,
    PREFIX_LENGTHS,
    SECONDS,
    at_least,
    facet,
    less,
    pairs,
    prefix_term,
    term,
    tracker,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from common.model.recording import Role

#: A query of Datastore may have 30 alternatives (https://cloud.google.com/datastore/docs/concepts/queries).
MAX_BRANCHES = 24
_PAIR = 2
_IN_FLIGHT = frozenset({"pending", "submitting", "scheduled", "in_progress"})


@dataclasses.dataclass(frozen=True, order=True)
class Token:
    """A token, and whether it is a term or a facet."""

    text: str
    is_term: bool = False


_LEFT_OUT = Token(PAIRS_LEFT_OUT, is_term=True)


@dataclasses.dataclass(frozen=True)
class TimeRange:
    """since <= started_at < until, in milliseconds since 1970; None is open."""

    since: int | None = None
    until: int | None = None

    def and_then(self, other: TimeRange) -> TimeRange:
        """What lies in both."""
        since = max((t for t in (self.since, other.since) if t is not None), default=None)
        until = min((t for t in (self.until, other.until) if t is not None), default=None)
        return TimeRange(since, until)


@dataclasses.dataclass(frozen=True)
class Branch:
    """Calls in a time that have all of `required`, and of no set of `excluded` all tokens."""

    required: frozenset[Token] = frozenset()
    excluded: frozenset[frozenset[Token]] = frozenset()
    time: TimeRange = TimeRange()

    def and_then(self, other: Branch) -> Branch:
        """Calls of both."""
        return Branch(self.required | other.required, self.excluded | other.excluded, self.time.and_then(other.time))

    @property
    def walked(self) -> frozenset[Token]:
        """What the walk asks for: at least one token, so that every order has an index."""
        return self.required or frozenset({Token(EVERY_CALL)})


class Summand(NamedTuple):
    """The calls of some branches, added to a number or taken from it; one query counts them."""

    sign: int
    branches: tuple[Branch, ...]


@dataclasses.dataclass(frozen=True)
class Plan:
    """Branches to be merged; `exact` where what they find is the answer, and can be counted without a look at it."""

    branches: tuple[Branch, ...]
    exact: bool
    asks_status: bool = False
    undecided: tuple[Node, ...] = ()  #: conditions of which the document decides, since no token tells

    @property
    def is_one_query(self) -> bool:
        """Whether one query finds all that is worth opening."""
        return not any(branch.excluded for branch in self.branches)

    @property
    def summands(self) -> tuple[Summand, ...] | None:
        """Counts that make up the number of calls; None where only opening calls could tell it."""
        if not self.branches:
            return ()
        if not self.exact:
            return None
        if self.is_one_query:
            return (Summand(1, self.branches),)
        (branch, *others) = self.branches
        if others or len(branch.excluded) > 1:
            return None
        (group,) = branch.excluded
        having = dataclasses.replace(branch, excluded=frozenset())
        return (Summand(1, (having,)), Summand(-1, (Branch(branch.required | group, time=branch.time),)))


def plan_of(node: Node) -> Plan:
    """The plan of a query.

    Raises:
        Rejected: where the query has too many alternatives.
    """
    wide = _wide(node)
    try:
        exact = set(wide) == set(_narrow(node))
    except Rejected:  # too intricate to tell
        exact = False
    return Plan(
        branches=tuple(dict.fromkeys(branch for branch in wide if not _is_empty(branch))),
        exact=exact,
        asks_status=any(
            isinstance(part, Equals) and part.facet is Facet.STATUS and fold(part.value) in _IN_FLIGHT
            for part in conditions(node)
        ),
        undecided=tuple(dict.fromkeys(part for part in conditions(node) if not _is_decided(part))),
    )


Branches = tuple[Branch, ...]
_ALL: Branches = (Branch(),)
_NONE: Branches = ()


def _wide(node: Node) -> Branches:
    """Branches that together find every call that the node means."""
    match node:
        case And(parts):
            return _product([_wide(part) for part in parts])
        case Or(parts):
            return _limited(itertools.chain.from_iterable(_wide(part) for part in parts))
        case Not(part):
            return _without(_narrow(part))
        case _:
            return _bounds(node)[0]


def _narrow(node: Node) -> Branches:
    """Branches that find none but calls that the node means."""
    match node:
        case And(parts):
            return _product([_narrow(part) for part in parts])
        case Or(parts):
            return _limited(itertools.chain.from_iterable(_narrow(part) for part in parts))
        case Not(part):
            return _without(_wide(part))
        case _:
            return _bounds(node)[1]


def _product(factors: Sequence[Branches]) -> Branches:
    found: Branches = _ALL
    for factor in factors:
        both = (one.and_then(other) for one in found for other in factor)
        found = _limited(branch for branch in both if not _is_empty(branch))
    return found


def _without(branches: Branches) -> Branches:
    """Calls that none of the branches finds."""
    return _product([_not_in(branch) for branch in branches])


def _not_in(branch: Branch) -> Branches:
    """Calls that the branch does not find: they lack some token, lie at another time, or have what it excludes."""
    found = []
    if branch.required and not branch.excluded and branch.time == TimeRange():
        return (Branch(excluded=frozenset({branch.required})),)
    found += [Branch(excluded=frozenset({frozenset({token})})) for token in sorted(branch.required)]
    found += [Branch(required=group) for group in sorted(branch.excluded, key=sorted)]
    if branch.time.since is not None:
        found.append(Branch(time=TimeRange(until=branch.time.since)))
    if branch.time.until is not None:
        found.append(Branch(time=TimeRange(since=branch.time.until)))
    return _limited(found)


def _limited(branches: Iterable[Branch]) -> Branches:
    found = tuple(dict.fromkeys(itertools.islice(branches, 10 * MAX_BRANCHES)))
    if len(found) > MAX_BRANCHES:
        raise Rejected([Problem("filter", "has too many alternatives at once; ask for them one after the other")])
    return found


def _is_empty(branch: Branch) -> bool:
    since, until = branch.time.since, branch.time.until
    if since is not None and until is not None and since >= until:
        return True
    if _LEFT_OUT in branch.required and any(token.text.startswith("w:") for token in branch.required - {_LEFT_OUT}):
        return True
    return any(group <= branch.required for group in branch.excluded)


# Conditions


def _bounds(node: Node) -> tuple[Branches, Branches]:  # noqa: PLR0911  # one per kind
    """What finds at least, and what finds at most, the calls that a condition means."""
    match node:
        case Word(text, prefix, by):
            return _word(text, prefix=prefix, by=by)
        case Phrase(words, by):
            return _phrase([word for text in words for word in folded_words(text)], by=by)
        case Tracker():
            return _tracker(node)
        case Equals(Facet.STATUS, value):
            return _status(value)
        case Equals(kind, value):
            exactly = _having(Token(facet(kind, value)))
            return exactly, exactly
        case Compare(Figure.STARTED_AT, comparison, value):
            return _time(comparison, value)
        case Compare(figure, comparison, value):
            return _ladder(figure, comparison, value)
    raise AssertionError(node)


def _is_decided(condition: Node) -> bool:
    wide, narrow = _bounds(condition)
    return wide == narrow


def _having(*tokens: Token) -> Branches:
    return (Branch(required=frozenset(tokens)),)


def _phrase(words: Sequence[str], *, by: Role | None) -> tuple[Branches, Branches]:
    """Calls in which each two of the words follow each other, and those of which no token says what follows what."""
    follow = [Token(text, is_term=True) for text in pairs(words)]
    occur = [Token(term(word, by=by), is_term=True) for word in words]
    if not follow:
        return _having(*occur), _NONE
    exactly = (
        _having(*follow) if len(words) == _PAIR and by is None and max(map(len, words)) <= MOST_CHARACTERS else _NONE
    )
    return (*_having(*follow, *(occur if by else ())), *_having(*occur, _LEFT_OUT)), exactly


def _word(text: str, *, prefix: bool, by: Role | None) -> tuple[Branches, Branches]:
    folded = fold(text)
    if not prefix:
        exactly = _having(Token(term(folded, by=by), is_term=True))
        return exactly, exactly
    found = _having(Token(prefix_term(folded), is_term=True))
    return found, found if by is None and len(folded) <= PREFIX_LENGTHS[-1] else _NONE


def _tracker(wanted: Tracker) -> tuple[Branches, Branches]:
    """The ladder of seconds tells of the first hit alone: with `after`, only the document knows."""
    before = wanted.before
    above = next((step for step in SECONDS if before is not None and step >= before), None)
    wide = _having(Token(tracker(wanted.name, by=wanted.by, before=above)))
    if wanted.after is not None:
        return wide, _NONE
    if before is None or above == before:
        return wide, wide
    below = max((step for step in SECONDS if step < before), default=None)
    return wide, _having(Token(tracker(wanted.name, by=wanted.by, before=below))) if below else _NONE


def _status(value: str) -> tuple[Branches, Branches]:
    """While a call is being processed its exact status stands in its request alone."""
    folded = fold(value)
    if folded in _IN_FLIGHT:
        return _having(Token(facet(Facet.IS, CallState.PROCESSING))), _NONE
    exactly = _having(Token(facet(Facet.IS, folded)))
    return exactly, exactly


def _time(comparison: Comparison, value: float) -> tuple[Branches, Branches]:
    """Calls are walked in the order of whole milliseconds: on such a one, `<` and `>=` are exact."""
    micros = round(value * 1_000_000)
    floor, ceiling = micros // 1000, -(-micros // 1000)
    match comparison:
        case Comparison.LESS:
            wide, narrow = TimeRange(until=ceiling), TimeRange(until=floor)
        case Comparison.AT_MOST:
            wide, narrow = TimeRange(until=floor + 1), TimeRange(until=floor)
        case Comparison.MORE:
            wide, narrow = TimeRange(since=floor), TimeRange(since=floor + 1)
        case Comparison.AT_LEAST:
            wide, narrow = TimeRange(since=floor), TimeRange(since=ceiling)
    return (Branch(time=wide),), (Branch(time=narrow),)


def _ladder(figure: Figure, comparison: Comparison, value: float) -> tuple[Branches, Branches]:
    """The steps around the value: the token of the one beyond it is too wide, that of the one before it too narrow."""
    steps = LADDERS[figure]
    wider = comparison in {Comparison.AT_MOST, Comparison.MORE}  # those that a step itself cannot express
    known = (at_least(figure, steps[0]), less(figure, steps[0]))
    if comparison in {Comparison.MORE, Comparison.AT_LEAST}:
        below = bisect.bisect_right(steps, value) - 1
        above = bisect.bisect_right(steps, value) if wider else bisect.bisect_left(steps, value)
        wide = [at_least(figure, steps[below])] if below >= 0 else list(known)
        narrow = [at_least(figure, steps[above])] if above < len(steps) else []
    else:
        above = bisect.bisect_right(steps, value) if wider else bisect.bisect_left(steps, value)
        below = bisect.bisect_right(steps, value) - 1
        wide = [less(figure, steps[above])] if above < len(steps) else list(known)
        narrow = [less(figure, steps[below])] if below >= 0 else []
    return tuple(b for text in wide for b in _having(Token(text))), tuple(
        b for text in narrow for b in _having(Token(text))
    )
