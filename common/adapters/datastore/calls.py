"""What transactions that change a call do to its CallIndex and to the DayStatistics that it counts in."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from common.adapters.datastore.kinds import CALL_INDEX, DAY_STATISTICS
from common.model.aggregates import DayStatistics, StatisticsShard, contribution, moved, shard_key, shard_of
from common.model.search.document import CallDocument, IndexEntry, as_it_stands, entry_key
from common.model.search.tokens import entry_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from google.cloud import datastore

    from common.model.job import SymblAsyncRequest


def keys_of_call(client: datastore.Client, request: SymblAsyncRequest) -> list[datastore.Key]:
    """What a transaction has to read before `put_call`; empty for a request from before calls were indexed."""
    if request.started_at is None or request.day is None:
        return []
    return [
        CALL_INDEX.key(client, entry_key(request.started_at, request.recording_id)),
        DAY_STATISTICS.key(client, shard_key(request.company, request.day, shard_of(request.recording_id))),
    ]


def put_call(
    client: datastore.Client,
    transaction: datastore.Transaction,
    read: Mapping[datastore.Key, datastore.Entity],
    request: SymblAsyncRequest,
    change: Callable[[CallDocument], CallDocument] = lambda document: document,
) -> None:
    """Bring the index and the day's sums in line with a request and a change of what search knows of its call.

    `read` has the entities of `keys_of_call` that exist. Run twice, it changes nothing the second time.
    """
    keys = keys_of_call(client, request)
    if not keys or keys[0] not in read:
        return
    before: IndexEntry = CALL_INDEX.row_of(read[keys[0]])
    _move_call(client, transaction, read, request, change(CallDocument.unpacked(before.document)), before=before)


def put_anew(
    client: datastore.Client,
    transaction: datastore.Transaction,
    read: Mapping[datastore.Key, datastore.Entity],
    request: SymblAsyncRequest,
    document: CallDocument,
) -> None:
    """As `put_call`, with a document that was made anew, whether there was one or not."""
    entity = read.get(keys_of_call(client, request)[0])
    _move_call(client, transaction, read, request, document, before=CALL_INDEX.row_of(entity) if entity else None)


def take_call_away(
    client: datastore.Client,
    transaction: datastore.Transaction,
    read: Mapping[datastore.Key, datastore.Entity],
    request: SymblAsyncRequest,
) -> None:
    """Forget a call, and take back what it has counted for; `read` as in `put_call`."""
    keys = keys_of_call(client, request)
    if not keys or keys[0] not in read:
        return
    entry: IndexEntry = CALL_INDEX.row_of(read[keys[0]])
    if entry.counted:
        day = _day_of(read.get(keys[1]), request)
        left, _ = moved(day, before=DayStatistics.unpacked(entry.counted), after=None)
        transaction.put(DAY_STATISTICS.entity(client, keys[1].name, _shard(left, request)))
    transaction.delete(keys[0])


def _move_call(
    client: datastore.Client,
    transaction: datastore.Transaction,
    read: Mapping[datastore.Key, datastore.Entity],
    request: SymblAsyncRequest,
    moved_document: CallDocument,
    *,
    before: IndexEntry | None,
) -> None:
    keys = keys_of_call(client, request)
    document = as_it_stands(moved_document, request)
    counted_before = DayStatistics.unpacked(before.counted) if before and before.counted else None
    day = _day_of(read.get(keys[1]), request)
    day_after, counted = moved(day, before=counted_before, after=contribution(document))
    if day_after != day:
        transaction.put(DAY_STATISTICS.entity(client, keys[1].name, _shard(day_after, request)))
    entry = dataclasses.replace(entry_of(document), counted=counted.packed() if counted else None)
    if entry != before:
        transaction.put(CALL_INDEX.entity(client, entry.key, entry))


def new_call(client: datastore.Client, document: CallDocument) -> datastore.Entity:
    """The entity of a call that was added."""
    entry = entry_of(document)
    return CALL_INDEX.entity(client, entry.key, entry)


def _day_of(entity: datastore.Entity | None, request: SymblAsyncRequest) -> DayStatistics:
    if entity is None:
        return DayStatistics(company=request.company, day=request.day or "")
    shard: StatisticsShard = DAY_STATISTICS.row_of(entity)
    return DayStatistics.unpacked(shard.statistics)


def _shard(day: DayStatistics, request: SymblAsyncRequest) -> StatisticsShard:
    return StatisticsShard(
        company=day.company, day=day.day, shard=shard_of(request.recording_id), statistics=day.packed()
    )
