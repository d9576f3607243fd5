"""SymblAsyncRequest: read, found in order, and changed in transactions that keep the slots in step."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from google.cloud.datastore.query import PropertyFilter

from common.adapters.datastore.calls import keys_of_call, put_call
from common.adapters.datastore.codec import to_entity
from common.adapters.datastore.keys import look_up
from common.adapters.datastore.kinds import SYMBL_ASYNC_REQUEST, SYMBL_SLOT, slot_key
from common.adapters.datastore.lanes import lane_key, pending_in, say_that_somebody_waits
from common.adapters.datastore.paging import run_page
from common.adapters.datastore.transactions import run_in_transaction
from common.errors import NotFound
from common.model.fairness import Lane, Line
from common.model.job import request_id_of
from common.model.lifecycle import JobStatus
from common.model.recording import Priority

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from google.cloud import datastore

    from common.model.job import FailureClass, RequestId, SymblAsyncRequest
    from common.model.recording import RecordingId
    from common.model.slot import Lease
    from common.ports import Page

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Null sorts before every time: a lower bound keeps "nothing is owed" out of "due".
_THE_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


class DatastoreRequests:
    """RequestStore."""

    def __init__(self, client: datastore.Client) -> None:
        self._client = client

    def get(self, request_id: RequestId) -> SymblAsyncRequest | None:
        """One request."""
        entity = self._client.get(SYMBL_ASYNC_REQUEST.key(self._client, request_id))
        return SYMBL_ASYNC_REQUEST.row_of(entity) if entity else None

    def get_many(self, ids: Sequence[RequestId]) -> Mapping[RequestId, SymblAsyncRequest]:
        """Those of `ids` that exist: one lookup for each thousand."""
        keys = [SYMBL_ASYNC_REQUEST.key(self._client, request_id) for request_id in ids]
        rows = [SYMBL_ASYNC_REQUEST.row_of(entity) for entity in look_up(self._client, keys)]
        return {row.id: row for row in rows}

    def owner_of_job(self, job_id: str) -> RequestId | None:
        """The request to which the engine itself gave this job id; keys only."""
        query = self._client.query(kind=SYMBL_ASYNC_REQUEST.name, filters=[PropertyFilter("job_id", "=", job_id)])
        query.keys_only()
        return next((entity.key.name for entity in query.fetch(limit=1)), None)

    def of_recording(self, recording_id: RecordingId) -> SymblAsyncRequest | None:
        """The request of a recording: its id follows from the recording's."""
        return self.get(request_id_of(recording_id))

    def change(
        self,
        request_id: RequestId,
        change: Callable[[SymblAsyncRequest], SymblAsyncRequest],
        *,
        seen: SymblAsyncRequest | None = None,
    ) -> SymblAsyncRequest:
        """Apply `change` in a transaction, and keep the slots in step with the request in the same one.

        One lookup where the slots that it leaves are those of `seen`, else two.
        """
        key = SYMBL_ASYNC_REQUEST.key(self._client, request_id)
        slots = [slot_key(self._client, number) for number in seen.places] if seen else []

        def body(transaction: datastore.Transaction) -> SymblAsyncRequest:
            read = dict.fromkeys([key, *slots])
            read.update({e.key: e for e in self._client.get_multi(list(read), transaction=transaction)})
            entity = read.pop(key)
            if entity is None:
                raise NotFound(f"no request {request_id}")
            before: SymblAsyncRequest = SYMBL_ASYNC_REQUEST.row_of(entity)
            after = change(before)
            if after != before:
                transaction.put(SYMBL_ASYNC_REQUEST.entity(self._client, after.id, after))
                self._leave_slots(transaction, read, before=before, after=after)
                self._wait_in_lane(transaction, before=before, after=after)
                self._tell_index(transaction, before=before, after=after)
            return after

        return run_in_transaction(self._client, body)

    def next_in_line(self, lane: Lane, *, limit: int, now: datetime) -> list[RequestId]:
        """The oldest of the lane that may be claimed; keys only."""
        query = pending_in(self._client, lane)
        query.add_filter(filter=PropertyFilter("available_at", "<=", now))
        return [entity.key.name for entity in query.fetch(limit=limit)]

    def first_in_line(self, *, limit: int, now: datetime) -> list[tuple[Lane, RequestId]]:
        """The oldest that may be claimed, of whatever lane: one query, answered by its index alone."""
        query = self._client.query(
            kind=SYMBL_ASYNC_REQUEST.name,
            filters=[
                PropertyFilter("status", "=", JobStatus.PENDING.value),
                PropertyFilter("available_at", "<=", now),
            ],
            projection=["company", "priority"],
            order=["available_at"],
        )
        return [
            (Lane(entity["company"], Priority(entity["priority"])), entity.key.name)
            for entity in query.fetch(limit=limit)
        ]

    def anybody_waits(self, now: datetime) -> bool:
        """Whether any request, of whatever lane, may be claimed."""
        return self.waiting_since(now) is not None

    def waiting_since(self, now: datetime) -> datetime | None:
        """Since when the oldest that may be claimed has waited: one entry of an index is read.

        A projected time is a number, of microseconds since 1970: so it lies in the index
        (https://cloud.google.com/datastore/docs/concepts/queries#projection_queries).
        """
        query = self._client.query(
            kind=SYMBL_ASYNC_REQUEST.name,
            filters=[
                PropertyFilter("status", "=", JobStatus.PENDING.value),
                PropertyFilter("available_at", "<=", now),
            ],
            projection=["available_at"],
            order=["available_at"],
        )
        first = next(iter(query.fetch(limit=1)), None)
        return _EPOCH + timedelta(microseconds=first["available_at"]) if first else None

    def due(self, *, now: datetime, limit: int) -> list[SymblAsyncRequest]:
        """Those that are owed a look, the longest overdue first."""
        query = self._client.query(
            kind=SYMBL_ASYNC_REQUEST.name,
            filters=[
                PropertyFilter("next_check_at", ">", _THE_BEGINNING),
                PropertyFilter("next_check_at", "<=", now),
            ],
            order=["next_check_at"],
        )
        return [SYMBL_ASYNC_REQUEST.row_of(entity) for entity in query.fetch(limit=limit)]

    def page(self, *, size: int, cursor: str | None) -> Page[SymblAsyncRequest]:
        """All of them, those first that were added first."""
        query = self._client.query(kind=SYMBL_ASYNC_REQUEST.name, order=["created_at"])
        return run_page(query, SYMBL_ASYNC_REQUEST.row_of, size=size, cursor=cursor)

    def count_pending(self) -> int:
        """How many wait for a slot: one aggregation, no entity is read."""
        query = self._client.query(
            kind=SYMBL_ASYNC_REQUEST.name, filters=[PropertyFilter("status", "=", JobStatus.PENDING.value)]
        )
        result = next(iter(self._client.aggregation_query(query).count(alias="pending").fetch()))
        return int(result[0].value)

    def line_of(self, lane: Lane, *, up_to: int) -> Line:
        """Who waits in a lane: one aggregation, and one entity where anybody does."""
        query = pending_in(self._client, lane)
        waiting = self._count(query, up_to=up_to)
        query.projection = []  # the whole of the first one: an index gives times back as numbers
        first = next(iter(query.fetch(limit=1)), None) if waiting else None
        return Line(lane=lane, waiting=waiting, since=first["available_at"] if first else None)

    def count_failed(self, failure_class: FailureClass, *, up_to: int) -> int:
        """How many were given up for a failure of this class: one aggregation, no entity is read."""
        return self._count(self._failed(failure_class), up_to=up_to)

    def latest_failed(self, failure_class: FailureClass, *, limit: int) -> list[SymblAsyncRequest]:
        """Those of them that were added last, the latest first: one query."""
        query = self._failed(failure_class)
        query.order = ["-created_at"]
        return [SYMBL_ASYNC_REQUEST.row_of(entity) for entity in query.fetch(limit=limit)]

    def _failed(self, failure_class: FailureClass) -> datastore.Query:
        """Only what has failed has a class; it is taken away by a replay, and by an end that comes after all."""
        return self._client.query(
            kind=SYMBL_ASYNC_REQUEST.name, filters=[PropertyFilter("failure_class", "=", failure_class.value)]
        )

    def _count(self, query: datastore.Query, *, up_to: int) -> int:
        result = next(iter(self._client.aggregation_query(query).count(alias="found").fetch(limit=up_to)))
        return min(int(result[0].value), up_to)

    def _tell_index(
        self, transaction: datastore.Transaction, *, before: SymblAsyncRequest, after: SymblAsyncRequest
    ) -> None:
        """A call that has failed, or runs again, is found so at once. A completed one is indexed with its results."""
        if (before.status is JobStatus.FAILED) == (after.status is JobStatus.FAILED):
            return
        keys = keys_of_call(self._client, after)
        read = {entity.key: entity for entity in self._client.get_multi(keys, transaction=transaction)} if keys else {}
        put_call(self._client, transaction, read, after)

    def _leave_slots(
        self,
        transaction: datastore.Transaction,
        read: Mapping[datastore.Key, datastore.Entity | None],
        *,
        before: SymblAsyncRequest,
        after: SymblAsyncRequest,
    ) -> None:
        """Free or quarantine the slots whose place has changed, unless they belong to somebody else already."""
        left = {
            slot_key(self._client, number): place
            for number, place in before.places.items()
            if after.places.get(number) != place
        }
        unread = self._client.get_multi([key for key in left if key not in read], transaction=transaction)
        for entity in (*unread, *(read.get(key) for key in left)):
            if entity is None:
                continue
            lease: Lease = SYMBL_SLOT.row_of(entity)
            place = after.places.get(lease.number)
            if lease.attempt_id != left[entity.key].attempt_id:
                continue
            if place is not None and place.quarantined:
                kept = dataclasses.replace(lease, quarantined_at=after.timeline[-1].at)
                transaction.put(to_entity(kept, entity.key, indexed=SYMBL_SLOT.indexed))
            else:
                transaction.delete(entity.key)

    def _wait_in_lane(
        self, transaction: datastore.Transaction, *, before: SymblAsyncRequest, after: SymblAsyncRequest
    ) -> None:
        """Who goes back to pending waits in its lane again."""
        if after.status is JobStatus.PENDING and before.status is not JobStatus.PENDING:
            lane = Lane(after.company, after.priority)
            stored = self._client.get(lane_key(self._client, lane), transaction=transaction)
            say_that_somebody_waits(self._client, transaction, lane, stored)
