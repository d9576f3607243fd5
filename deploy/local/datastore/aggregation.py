"""count, sum and avg over the rows of a query.

Rows, not entities: as in production, an aggregation reads index entries. So an entity counts once for each element of
an array property that the query sorts by, ranges over or sums, and only if it has all of the summed properties.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from deploy.local.datastore.errors import invalid
from deploy.local.datastore.limits import check_name
from deploy.local.datastore.query import select
from deploy.local.datastore.scan import has_changed, plan
from deploy.local.datastore.values import KEY_PROPERTY, number_of
from deploy.local.datastore.wire import AggregationResultBatch, QueryResultBatch, Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.datastore.query import Row, Selection
    from deploy.local.datastore.results import Page
    from deploy.local.datastore.scan import Snapshot
    from deploy.local.datastore.storage import Partition
    from deploy.local.datastore.wire import AggregationQuery

MAX_AGGREGATIONS = 5
_INT64 = range(-(1 << 63), 1 << 63)


def select_aggregated(query: AggregationQuery, partition: Partition) -> Selection:
    """The rows that an aggregation reads.

    Raises:
        RefusedError: production answers INVALID_ARGUMENT.
    """
    if not query.aggregations:
        raise invalid("Aggregations can not be empty.")
    if len(query.aggregations) > MAX_AGGREGATIONS:
        raise invalid(f"At most {MAX_AGGREGATIONS} aggregations are allowed per query.")
    properties: dict[str, None] = {}
    for aggregation in query.aggregations:
        operator = aggregation.WhichOneof("operator")
        if operator is None:
            raise invalid("Operator field in Aggregation is not set.")
        if operator == "count":
            if aggregation.count.up_to.value < 0:
                raise invalid("The `up_to` value in a COUNT aggregation must be greater than or equal to zero.")
            continue
        name = getattr(aggregation, operator).property.name
        if name == KEY_PROPERTY:
            raise invalid(f"Aggregations are not supported for the property: {KEY_PROPERTY}")
        check_name("property.name", name, reserved=True)
        properties[name] = None
    _aliases(query)
    return select(query.nested_query, partition, aggregated=tuple(properties))


def run_aggregations(
    snapshot: Snapshot, selection: Selection, page: Page, query: AggregationQuery
) -> AggregationResultBatch:
    """Every aggregation of *query* over the same rows."""
    batch = AggregationResultBatch(more_results=QueryResultBatch.NO_MORE_RESULTS)
    answers = batch.aggregation_results.add().aggregate_properties  # type: ignore[attr-defined]  # a raw message
    summed = {name: selection.column_at[name] for name in _summed(query)}
    if summed:
        rows = list(_rows(snapshot, selection, page))
        count = len(rows)
    else:
        rows = []
        count = _count(snapshot, selection, page, _most_counted(query))
    numbers = {name: [n for row in rows if (n := number_of(row[at])) is not None] for name, at in summed.items()}
    for alias, aggregation in zip(_aliases(query), query.aggregations, strict=True):
        operator = aggregation.WhichOneof("operator")
        if operator == "count":
            bounded = aggregation.count.HasField("up_to")
            answers[alias].integer_value = min(count, aggregation.count.up_to.value) if bounded else count
        elif operator == "sum":
            answers[alias].CopyFrom(_sum(numbers[aggregation.sum.property.name]))
        else:
            answers[alias].CopyFrom(_average(numbers[aggregation.avg.property.name]))
    return batch


def _aliases(query: AggregationQuery) -> list[str]:
    """The names of the answers: `property_1`, `property_2` and so on for those that have none."""
    numbers = itertools.count(1)
    aliases = [aggregation.alias or f"property_{next(numbers)}" for aggregation in query.aggregations]
    for alias in aliases:
        check_name("property.name", alias)
        if aliases.count(alias) > 1:
            raise invalid(f"Aggregation aliases contain duplicate alias: {alias}.")
    return aliases


def _summed(query: AggregationQuery) -> set[str]:
    return {
        getattr(aggregation, operator).property.name
        for aggregation in query.aggregations
        if (operator := aggregation.WhichOneof("operator")) != "count"
    }


def _most_counted(query: AggregationQuery) -> int | None:
    """How many rows settle every count; None when one of them is unbounded."""
    if not all(aggregation.count.HasField("up_to") for aggregation in query.aggregations):
        return None
    return max(aggregation.count.up_to.value for aggregation in query.aggregations)


def _rows(snapshot: Snapshot, selection: Selection, page: Page) -> Iterator[Row]:
    stop = None if page.limit is None else page.offset + page.limit
    return itertools.islice(page.rows_to_end(snapshot, selection), page.offset, stop)


def _count(snapshot: Snapshot, selection: Selection, page: Page, most: int | None) -> int:
    limit = min((bound for bound in (page.limit, most) if bound is not None), default=None)
    if page.start or page.end or page.offset or not selection.counts_rows or len(selection.conjunctions) != 1:
        counted = sum(1 for _ in _rows(snapshot, selection, page))
        return counted if most is None else min(counted, most)
    if has_changed(snapshot, selection):
        return sum(1 for _ in itertools.islice(_rows(snapshot, selection, page), limit))
    join = plan(snapshot, selection, selection.conjunctions[0], limited=limit is not None)
    return join.count(snapshot.connection, limit) if join else 0


def _sum(numbers: list[int | float]) -> Value:
    """An integer while all are integers and it fits into 64 bits, else a double."""
    if all(isinstance(number, int) for number in numbers):
        total = sum(numbers)
        return Value(integer_value=total) if total in _INT64 else Value(double_value=float(total))
    return Value(double_value=_float_sum(numbers))


def _average(numbers: list[int | float]) -> Value:
    if not numbers:
        return Value(null_value=0)
    if all(isinstance(number, int) for number in numbers):
        return Value(double_value=sum(numbers) / len(numbers))
    return Value(double_value=_float_sum(numbers) / len(numbers))


def _float_sum(numbers: list[int | float]) -> float:
    try:
        return math.fsum(numbers)
    except (OverflowError, ValueError):  # beyond a double, or infinities of both signs: IEEE 754 addition decides
        return float(sum(map(float, numbers)))
