"""What a query means: its filter as alternatives of plain conditions, its order, and which rows an entity yields.

A row is one combination of the values that a query sorts by, projects or aggregates: what a composite index over them
would hold. `Selection.rows_of` is the definition; `scan` finds the same rows through SQL.

Arrays, as https://cloud.google.com/datastore/docs/concepts/queries documents them: each equality filter may be met by
another element, all inequality filters on a property must be met by one; results sort by the element that comes first;
an entity appears once, or once for each combination of projected values.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from deploy.local.datastore import limits
from deploy.local.datastore.errors import invalid
from deploy.local.datastore.indexes import IndexNeed, Sort
from deploy.local.datastore.storage import Partition
from deploy.local.datastore.values import (
    KEY_PROPERTY,
    descendants,
    encode_path,
    encode_value,
    inverted,
    inverted_path,
    just_after,
)
from deploy.local.datastore.wire import CompositeFilter, Filter, PropertyFilter, PropertyOrder, Query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from deploy.local.datastore.values import Entries
    from deploy.local.datastore.wire import Key, Value

MAX_DISJUNCTIONS = 30
MAX_IN = 30
MAX_NOT_IN = 10
MAX_INEQUALITY_PROPERTIES = 10
_METADATA_KINDS = {"__kind__", "__namespace__", "__property__"}

Row = tuple[bytes, ...]
"""One result: a value for each of the selection's columns, the entity's path among them."""

Interval = tuple[bytes, bytes]
"""Encoded values from the first up to, but not including, the second."""

Intervals = tuple[Interval, ...]
"""Disjoint, in ascending order."""

EVERYTHING: Interval = (b"", b"\xff")


@dataclass(frozen=True)
class Conjunction:
    """One alternative: every condition must hold."""

    equalities: tuple[tuple[str, bytes], ...] = ()
    ranges: tuple[tuple[str, Intervals], ...] = ()  #: on properties without an equality
    paths: Intervals = (EVERYTHING,)  #: where the entity's key may lie, its ancestor included

    @cached_property
    def constants(self) -> dict[str, bytes]:
        """The value that rows have for a property with an equality filter."""
        return dict(reversed(self.equalities))

    @cached_property
    def range_of(self) -> dict[str, Intervals]:
        """`ranges` by property."""
        return dict(self.ranges)

    def column_values(self, name: str, entries: Entries) -> list[bytes]:
        """The values of a property that rows may have, in ascending order."""
        values = entries.get(name, [])
        if name in self.constants:
            return [self.constants[name]]
        if name in self.range_of:
            return [value for value in values if lies_in(value, self.range_of[name])]
        return values

    def admits(self, path: bytes, entries: Entries) -> bool:
        """Whether the entity meets the conditions on its key and the equalities; ranges are for `column_values`."""
        return lies_in(path, self.paths) and all(value in entries.get(name, ()) for name, value in self.equalities)


@dataclass(frozen=True)
class Selection:
    """A query without its offset, limit and cursors."""

    partition: Partition
    kind: str | None
    conjunctions: tuple[Conjunction, ...]  #: none: nothing can match
    columns: tuple[Sort, ...]  #: the whole sort order, the key once among them; rows hold these
    projection: tuple[str, ...] = ()
    distinct_on: tuple[str, ...] = ()
    keys_only: bool = False
    counts_rows: bool = False  #: an aggregation: every row counts
    needs: tuple[IndexNeed, ...] = ()

    @cached_property
    def key_at(self) -> int:
        """Where in a row the entity's path stands."""
        return next(at for at, column in enumerate(self.columns) if column.name == KEY_PROPERTY)

    @cached_property
    def column_at(self) -> dict[str, int]:
        """Where in a row each property stands."""
        return {column.name: at for at, column in enumerate(self.columns)}

    @property
    def full_entities(self) -> bool:
        """Whether results are whole entities, rather than projections or keys."""
        return not self.keys_only and not self.projection

    @cached_property
    def identity(self) -> Callable[[Row], object]:
        """What tells one result from another: of rows with the same identity only the first is a result."""
        if self.counts_rows:
            return lambda row: row
        named = sorted({self.key_at, *(self.column_at[name] for name in (*self.projection, *self.distinct_on))})
        return lambda row: tuple(row[at] for at in named)

    @cached_property
    def sort_key(self) -> Callable[[Row], Row]:
        """Turns a row into a tuple that compares in the query's order."""
        key_at = self.key_at
        flips = [
            (inverted_path if at == key_at else inverted) if column.descending else None
            for at, column in enumerate(self.columns)
        ]
        if not any(flips):
            return lambda row: row
        return lambda row: tuple(flip(value) if flip else value for flip, value in zip(flips, row, strict=True))

    def rows_of(self, path: bytes, entries: Entries) -> list[Row]:
        """The rows that an entity of the right kind yields, in order."""
        rows = {row for conjunction in self.conjunctions for row in self._rows(conjunction, path, entries)}
        first: dict[object, Row] = {}
        for row in sorted(rows, key=self.sort_key):
            first.setdefault(self.identity(row), row)
        return list(first.values())

    def _rows(self, conjunction: Conjunction, path: bytes, entries: Entries) -> Iterable[Row]:
        if not conjunction.admits(path, entries):
            return ()
        return itertools.product(
            *(
                [path] if column.name == KEY_PROPERTY else conjunction.column_values(column.name, entries)
                for column in self.columns
            )
        )


def select(query: Query, partition: Partition, aggregated: tuple[str, ...] | None = None) -> Selection:
    """Validate *query* and put it in normal form; *aggregated* are the properties an aggregation reads.

    Raises:
        RefusedError: production answers INVALID_ARGUMENT.
    """
    if len(query.kind) > 1:
        raise invalid("multiple kinds not supported")
    if query.HasField("find_nearest"):
        raise invalid("find_nearest is not supported by the local Datastore.")
    kind = query.kind[0].name if query.kind else None
    _check_filter_rules(query.filter)
    alternatives = _alternatives(query.filter, partition) if query.HasField("filter") else [[]]
    orders = _orders(query)
    projection = tuple(projected.property.name for projected in query.projection)
    distinct_on = tuple(reference.name for reference in query.distinct_on)
    if kind is None:
        _check_kindless(alternatives, orders, {*projection, *distinct_on, *(aggregated or ())})
    elif kind in _METADATA_KINDS:
        raise invalid(f"Metadata queries ({kind}) are not supported by the local Datastore.")
    ancestor = _common_ancestor(alternatives)
    conjunctions = tuple(made for conditions in alternatives if (made := _conjunction(conditions, ancestor)))
    equal = {c.name for conditions in alternatives for c in conditions if c.op == _EQUAL}
    unequal = {c.name for conditions in alternatives for c in conditions if c.op not in _NO_RANGE} - {KEY_PROPERTY}
    _check_projection(projection, distinct_on, orders, equal - {KEY_PROPERTY})
    values = tuple(name for name in projection if name != KEY_PROPERTY)
    columns = _columns(orders, unequal, distinct_on, (*values, *(aggregated or ())))
    return Selection(
        partition=partition,
        kind=kind,
        conjunctions=conjunctions,
        columns=columns,
        projection=values,
        distinct_on=distinct_on,
        keys_only=bool(projection) and not values,
        counts_rows=aggregated is not None and not distinct_on,
        needs=_needs(kind, ancestor is not None, alternatives, orders, {*values, *distinct_on, *(aggregated or ())}),
    )


def lies_in(value: bytes, intervals: Intervals) -> bool:
    """Whether *value* is in one of *intervals*."""
    return any(low <= value < high for low, high in intervals)


# The filter ------------------------------------------------------------------------------------------------------

_EQUAL, _IN, _NOT_EQUAL, _NOT_IN, _HAS_ANCESTOR = (
    PropertyFilter.EQUAL,
    PropertyFilter.IN,
    PropertyFilter.NOT_EQUAL,
    PropertyFilter.NOT_IN,
    PropertyFilter.HAS_ANCESTOR,
)
_NO_RANGE = {_EQUAL, _HAS_ANCESTOR}
"""Operators that neither sort a query nor need one value to meet them together."""

_INTERVALS: dict[int, Callable[[bytes], Intervals]] = {
    PropertyFilter.EQUAL: lambda value: ((value, just_after(value)),),
    PropertyFilter.LESS_THAN: lambda value: ((b"", value),),
    PropertyFilter.LESS_THAN_OR_EQUAL: lambda value: ((b"", just_after(value)),),
    PropertyFilter.GREATER_THAN: lambda value: ((just_after(value), b"\xff"),),
    PropertyFilter.GREATER_THAN_OR_EQUAL: lambda value: ((value, b"\xff"),),
    PropertyFilter.HAS_ANCESTOR: lambda path: (descendants(path),),
}


@dataclass(frozen=True)
class _Condition:
    """A filter on one property as the values that meet it; on the key, as paths."""

    name: str
    op: int
    intervals: Intervals

    @property
    def value(self) -> bytes:
        return self.intervals[0][0]


def _alternatives(node: Filter, partition: Partition) -> list[list[_Condition]]:
    """The filter in disjunctive normal form."""
    if node.WhichOneof("filter_type") == "property_filter":
        return [[condition] for condition in _conditions(node.property_filter, partition)]
    if node.WhichOneof("filter_type") is None:
        raise invalid("A filter must have a composite filter or a property filter.")
    composite = node.composite_filter
    if not composite.filters:
        raise invalid("A composite filter must have at least one sub-filter.")
    parts = [_alternatives(part, partition) for part in composite.filters]
    if composite.op == CompositeFilter.OR:
        found = [conditions for part in parts for conditions in part]
    elif composite.op == CompositeFilter.AND:
        found = [[]]
        for part in parts:
            found = [[*left, *right] for left in found for right in part]
            _check_disjunctions(len(found))
    else:
        raise invalid("A composite filter must have an operator.")
    _check_disjunctions(len(found))
    return found


def _check_disjunctions(count: int) -> None:
    if count > MAX_DISJUNCTIONS:
        raise invalid(
            f"Too many disjunctions after normalization. Result had {count} disjunctions which is more than the "
            f"maximum of {MAX_DISJUNCTIONS}"
        )


def _conditions(node: PropertyFilter, partition: Partition) -> list[_Condition]:
    """One filter's alternatives: more than one only for IN."""
    name, op = node.property.name, node.op
    if not name:
        raise invalid("The property.name is the empty string.")
    if op == _HAS_ANCESTOR and name != KEY_PROPERTY:
        raise invalid(f"HAS_ANCESTOR is a filter on {KEY_PROPERTY}, not on {name}.")
    if op in {_IN, _NOT_IN}:
        values = [_operand(name, element, partition) for element in _list_operand(node)]
        if op == _IN:
            return [_Condition(name, _EQUAL, _INTERVALS[_EQUAL](value)) for value in values]
        return [_Condition(name, op, _all_but(values))]
    value = _operand(name, node.value, partition)
    if op == _NOT_EQUAL:
        return [_Condition(name, op, _all_but([value]))]
    if op not in _INTERVALS:
        raise invalid("A property filter must have an operator.")
    return [_Condition(name, op, _INTERVALS[op](value))]


def _list_operand(node: PropertyFilter) -> list[Value]:
    which = "IN" if node.op == _IN else "NOT_IN"
    values = list(node.value.array_value.values)
    if not values:
        raise invalid(f"{which} requires an non-empty ArrayValue.")
    if node.op == _IN and len(values) > MAX_IN:
        raise invalid(
            f"IN supports up to {MAX_IN} values. There are {len(values)} values in the IN filter in your query."
        )
    if node.op == _NOT_IN and len(values) > MAX_NOT_IN:
        raise invalid(f"NOT_IN supports up to {MAX_NOT_IN} values.")
    return values


def _operand(name: str, value: Value, partition: Partition) -> bytes:
    which = value.WhichOneof("value_type")
    if name == KEY_PROPERTY:
        if which != "key_value":
            raise invalid(f"{KEY_PROPERTY} filter value must be a Key")
        check_partition(value.key_value, partition)
        limits.check_key(value.key_value, complete=True, reserved=True)
        return encode_path(value.key_value)
    if which is None:
        raise invalid(f"The filter on {name} has no value.")
    if which in {"array_value", "entity_value"}:
        raise invalid(f"{'A list' if which == 'array_value' else 'An entity'} value is not allowed")
    if which in {"string_value", "blob_value"}:
        raw = value.blob_value or value.string_value.encode()
        if len(raw) > limits.INDEXED_VALUE_BYTES:
            raise invalid(f'The value of property "{name}" is longer than {limits.INDEXED_VALUE_BYTES} bytes.')
    return encode_value(value)


def check_partition(key: Key, partition: Partition) -> None:
    """Refuse a key of another project, database or namespace than the request's."""
    of = key.partition_id
    found = (of.project_id or partition.project, of.database_id or partition.database, of.namespace_id)
    expected = (partition.project, partition.database, partition.namespace)
    if found != expected:
        raise invalid(f"mismatched partitions within request: {'/'.join(expected)} vs. {'/'.join(found)}")


def _all_but(values: Iterable[bytes]) -> Intervals:
    gaps = []
    low = b""
    for value in sorted(set(values)):
        gaps.append((low, value))
        low = just_after(value)
    return (*gaps, (low, b"\xff"))


def _intersection(left: Intervals, right: Intervals) -> Intervals:
    both = ((max(a, c), min(b, d)) for a, b in left for c, d in right)
    return tuple((low, high) for low, high in both if low < high)


def _conjunction(conditions: Iterable[_Condition], ancestor: bytes | None) -> Conjunction | None:
    """All conditions as one; None where they contradict each other."""
    paths: Intervals = (descendants(ancestor),) if ancestor is not None else (EVERYTHING,)
    equalities: dict[tuple[str, bytes], None] = {}
    ranges: dict[str, Intervals] = {}
    for condition in conditions:
        if condition.name == KEY_PROPERTY:
            paths = _intersection(paths, condition.intervals)
        elif condition.op == _EQUAL:
            equalities[condition.name, condition.value] = None
        else:
            ranges[condition.name] = _intersection(ranges.get(condition.name, (EVERYTHING,)), condition.intervals)
    # Beside an equality filter an inequality on the same property says nothing about other elements of an array:
    # Google's emulator simplifies the pair to the equality, or to a contradiction.
    for name, value in equalities:
        if name in ranges and not lies_in(value, ranges[name]):
            return None
    kept = {name: intervals for name, intervals in ranges.items() if name not in {equal for equal, _ in equalities}}
    if not paths or not all(kept.values()):
        return None
    return Conjunction(tuple(sorted(equalities)), tuple(sorted(kept.items())), paths)


def _common_ancestor(alternatives: list[list[_Condition]]) -> bytes | None:
    ancestors = {frozenset(c.value for c in conditions if c.op == _HAS_ANCESTOR) for conditions in alternatives}
    if len(ancestors) > 1:
        raise invalid("All disjunctions must have the same HAS_ANCESTOR filter.")
    (common,) = ancestors
    if len(common) > 1:
        raise invalid("Only one HAS_ANCESTOR filter is allowed per query.")
    return next(iter(common), None)


# Rules that span the query ---------------------------------------------------------------------------------------


def _check_filter_rules(root: Filter) -> None:
    operators: list[int] = []
    unequal: set[str] = set()
    has_or = False
    pending = [root]
    while pending:
        node = pending.pop()
        if node.WhichOneof("filter_type") == "composite_filter":
            has_or |= node.composite_filter.op == CompositeFilter.OR
            pending.extend(node.composite_filter.filters)
        elif node.WhichOneof("filter_type") == "property_filter":
            operators.append(node.property_filter.op)
            if node.property_filter.op not in {*_NO_RANGE, _IN}:
                unequal.add(node.property_filter.property.name)
    if operators.count(_NOT_EQUAL) + operators.count(_NOT_IN) > 1:
        raise invalid("Only a single 'NOT_EQUAL' or 'NOT_IN' is allowed per query.")
    if _NOT_IN in operators and (has_or or _IN in operators):
        raise invalid("'NOT_IN' cannot be used in the same query with 'IN' or 'OR'.")
    if len(unequal) > MAX_INEQUALITY_PROPERTIES:
        raise invalid(
            f"The query contains {len(unequal)} distinct inequality fields: [{', '.join(sorted(unequal))}]. "
            f"A query may not have more than {MAX_INEQUALITY_PROPERTIES} distinct inequality fields."
        )


def _check_kindless(alternatives: list[list[_Condition]], orders: tuple[Sort, ...], values: set[str]) -> None:
    for condition in itertools.chain.from_iterable(alternatives):
        if condition.name != KEY_PROPERTY:
            raise invalid(f"kind is required for filter: {condition.name}")
    if any(order != Sort(KEY_PROPERTY) for order in orders):
        raise invalid(f"kind is required for all orders except {KEY_PROPERTY} ascending")
    for name in sorted(values - {KEY_PROPERTY}):
        raise invalid(f"kind is required to read the property: {name}")


def _orders(query: Query) -> tuple[Sort, ...]:
    orders = tuple(Sort(order.property.name, order.direction == PropertyOrder.DESCENDING) for order in query.order)
    names = [order.name for order in orders]
    for name in names:
        if not name:
            raise invalid("The property.name is the empty string.")
        if names.count(name) > 1:
            raise invalid(f"order by clause cannot contain duplicate fields {name}")
    return orders


def _check_projection(
    projection: tuple[str, ...], distinct_on: tuple[str, ...], orders: tuple[Sort, ...], equal: set[str]
) -> None:
    if len(set(projection)) < len(projection):
        raise invalid("Cannot project a property multiple times.")
    if equal & set(projection):
        raise invalid("Cannot use projection on a property with an equality filter.")
    if equal & set(distinct_on):
        raise invalid("Cannot use group by on a property with an equality filter.")
    leading = [order.name in distinct_on for order in orders]
    if distinct_on and leading != sorted(leading, reverse=True):
        raise invalid("All group by properties must be ordered before any non group by properties.")
    if distinct_on and not all(leading) and sum(leading) < len(set(distinct_on)):
        raise invalid("All group by properties must be ordered before any non group by properties.")


def _columns(
    orders: tuple[Sort, ...],
    unequal: set[str],
    distinct_on: tuple[str, ...],
    values: tuple[str, ...],
) -> tuple[Sort, ...]:
    """The whole order: what is not sorted explicitly follows in the direction of the last explicit order."""
    descending = bool(orders) and orders[-1].descending
    columns = {order.name: order for order in orders}
    implied = (*distinct_on, *sorted(unequal), *sorted(values))
    for name in implied:
        columns.setdefault(name, Sort(name, descending))
    columns.setdefault(KEY_PROPERTY, Sort(KEY_PROPERTY, descending))
    return tuple(columns.values())


def _needs(
    kind: str | None,
    ancestor: bool,  # noqa: FBT001 private, and named at its only call
    alternatives: list[list[_Condition]],
    orders: tuple[Sort, ...],
    values: set[str],
) -> tuple[IndexNeed, ...]:
    if kind is None:
        return ()
    needs: dict[IndexNeed, None] = {}
    for conditions in alternatives:
        equal = frozenset(c.name for c in conditions if c.op == _EQUAL) - {KEY_PROPERTY}
        kept = _sorted_by_index(tuple(order for order in orders if order.name not in equal))
        named = equal | {order.name for order in kept} | {KEY_PROPERTY}
        ranges = frozenset(c.name for c in conditions if c.op not in _NO_RANGE) - named
        needs[IndexNeed(kind, ancestor, equal, kept, ranges, frozenset(values) - named - ranges)] = None
    return tuple(needs)


def _sorted_by_index(orders: tuple[Sort, ...]) -> tuple[Sort, ...]:
    """The orders an index must have: it ends in the key, in the direction of its last property, by itself."""
    names = [order.name for order in orders]
    if KEY_PROPERTY not in names:
        return orders
    at = names.index(KEY_PROPERTY)
    natural = at > 0 and orders[at - 1].descending
    return orders[:at] if orders[at].descending == natural else orders[: at + 1]
