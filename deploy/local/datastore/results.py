"""From rows to answers: offset, limit, cursors, batches, and what one result message holds."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.local.datastore.cursors import decode_cursor, encode_cursor
from deploy.local.datastore.errors import invalid
from deploy.local.datastore.limits import RESPONSE_BYTES
from deploy.local.datastore.scan import rows_in_order
from deploy.local.datastore.storage import Stored, entity_at, entity_now
from deploy.local.datastore.values import KEY_PROPERTY, decode_path, decode_value
from deploy.local.datastore.wire import EntityResult, QueryResultBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.local.datastore.masks import Mask
    from deploy.local.datastore.query import Row, Selection
    from deploy.local.datastore.scan import Snapshot
    from deploy.local.datastore.storage import Partition
    from deploy.local.datastore.wire import Entity, Key, Query


@dataclass(frozen=True)
class Page:
    """The part of a query's rows that one request asks for."""

    start: bytes
    end: bytes
    offset: int
    limit: int | None

    @classmethod
    def of(cls, query: Query) -> Page:
        """The page that *query* asks for."""
        if query.offset < 0:
            raise invalid("Offset must be non-negative.")
        limit = query.limit.value if query.HasField("limit") else None
        if limit is not None and limit < 0:
            raise invalid("Limit must be non-negative.")
        return cls(query.start_cursor, query.end_cursor, query.offset, limit)

    def rows(self, snapshot: Snapshot, selection: Selection) -> Iterator[Row]:
        """All rows from the start cursor on, each group of `distinct_on` once; the end cursor is the caller's."""
        start = decode_cursor(selection, self.start) if self.start else None
        rows = rows_in_order(snapshot, selection, start=start, limited=self.limit is not None)
        if not selection.distinct_on:
            return rows
        return _first_of_groups(selection, rows, after=start.row if start else None)

    def rows_to_end(self, snapshot: Snapshot, selection: Selection) -> Iterator[Row]:
        """Likewise, up to the end cursor."""
        behind_end = _behind(selection, self.end)
        return itertools.takewhile(lambda row: not behind_end(row), self.rows(snapshot, selection))


def run_query(
    snapshot: Snapshot, selection: Selection, page: Page, mask: Mask | None
) -> tuple[QueryResultBatch, Row | None]:
    """One batch of results, and the last row it depends on; None when that is the end of the query."""
    batch = QueryResultBatch(entity_result_type=_result_type(selection), end_cursor=page.start)
    rows = page.rows(snapshot, selection)
    behind_end = _behind(selection, page.end)
    last: Row | None = None
    size = taken = 0
    for row in rows:
        if behind_end(row):
            batch.more_results = QueryResultBatch.MORE_RESULTS_AFTER_CURSOR
            return batch, last or row
        if page.limit is not None and taken >= page.limit and batch.skipped_results >= page.offset:
            batch.more_results = QueryResultBatch.MORE_RESULTS_AFTER_LIMIT
            return batch, last or row
        if batch.skipped_results < page.offset:
            batch.skipped_results += 1
            last = row
            batch.skipped_cursor = batch.end_cursor = encode_cursor(selection, row)
            continue
        result = _result(snapshot, selection, row, mask)
        size += result.ByteSize()
        if taken and size > RESPONSE_BYTES:
            batch.more_results = QueryResultBatch.NOT_FINISHED
            return batch, last
        batch.entity_results.append(result)
        batch.end_cursor = result.cursor
        last = row
        taken += 1
    batch.more_results = QueryResultBatch.NO_MORE_RESULTS
    if page.limit == 0 and batch.skipped_results >= page.offset:
        batch.more_results = QueryResultBatch.MORE_RESULTS_AFTER_LIMIT
    return batch, None


def fill_result(result: EntityResult, stored: Stored, mask: Mask | None) -> None:
    """Put a stored entity into *result*, reduced to *mask*."""
    result.entity.ParseFromString(stored.data)
    if mask is not None:
        mask.reduce(result.entity)
    result.version = stored.version
    result.update_time.FromMicroseconds(stored.version)
    result.create_time.FromMicroseconds(stored.created)


def fill_partition(key: Key, partition: Partition) -> None:
    """Name the partition in *key*; protobuf leaves out what is empty."""
    key.partition_id.project_id = partition.project
    key.partition_id.database_id = partition.database
    key.partition_id.namespace_id = partition.namespace


def _behind(selection: Selection, cursor: bytes) -> Callable[[Row], bool]:
    if not cursor:
        return lambda _row: False
    end = decode_cursor(selection, cursor)
    sort_key = selection.sort_key
    at = sort_key(end.row)
    if end.behind:
        return lambda row: sort_key(row) > at
    return lambda row: sort_key(row) >= at


def _first_of_groups(selection: Selection, rows: Iterator[Row], after: Row | None) -> Iterator[Row]:
    """The groups of `distinct_on` lie together, because its properties lead the order."""
    places = [selection.column_at[name] for name in selection.distinct_on]

    def group(row: Row) -> Row:
        return tuple(row[at] for at in places)

    passed = group(after) if after is not None else None
    for value, members in itertools.groupby(rows, key=group):
        if value != passed:
            yield next(members)


def _result_type(selection: Selection) -> int:
    if selection.keys_only:
        return int(EntityResult.KEY_ONLY)
    return int(EntityResult.PROJECTION if selection.projection else EntityResult.FULL)


def _result(snapshot: Snapshot, selection: Selection, row: Row, mask: Mask | None) -> EntityResult:
    result = EntityResult(cursor=encode_cursor(selection, row))
    path = row[selection.key_at]
    if selection.full_entities:
        if snapshot.version is None:
            stored = entity_now(snapshot.connection, selection.partition, path)
        else:
            stored = entity_at(snapshot.connection, selection.partition, path, snapshot.version)
        if stored is None:
            raise LookupError(f"an index entry without its entity: {path!r}")
        fill_result(result, stored, mask)
        return result
    fill_partition(result.entity.key, selection.partition)
    decode_path(path, result.entity.key)
    _project(selection, row, result.entity)
    return result


def _project(selection: Selection, row: Row, entity: Entity) -> None:
    for name in selection.projection:
        if name != KEY_PROPERTY:
            entity.properties[name].CopyFrom(decode_value(row[selection.column_at[name]]))
