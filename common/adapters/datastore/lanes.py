"""QueueLane and DispatchTurns: where somebody may be waiting, and whose turn was when.

Who makes a request pending reads its lane in the same transaction, and says so there unless it is said already. Only a
transaction whose query finds nobody in a lane takes that back. Of an arrival and a taking back that cross, one loses:
the arrival has read what the other writes, and the other's query covers what the arrival adds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.cloud.datastore.query import PropertyFilter

from common.adapters.datastore.kinds import DISPATCH_TURNS, QUEUE_LANE, SYMBL_ASYNC_REQUEST, turns_key
from common.adapters.datastore.transactions import run_in_transaction
from common.model.fairness import Lane, QueueLane
from common.model.lifecycle import JobStatus

if TYPE_CHECKING:
    from google.cloud import datastore

    from common.model.fairness import DispatchTurns


class DatastoreLanes:
    """LaneStore."""

    def __init__(self, client: datastore.Client) -> None:
        self._client = client

    def waiting(self) -> list[Lane]:
        """The lanes in which somebody may be waiting: one query."""
        query = self._client.query(kind=QUEUE_LANE.name, filters=[PropertyFilter("waiting", "=", True)])
        return [QUEUE_LANE.row_of(entity).lane for entity in query.fetch()]

    def found_empty(self, lane: Lane) -> bool:
        """Say that nobody waits in the lane, if that is so; whether it is."""
        key = lane_key(self._client, lane)

        def body(transaction: datastore.Transaction) -> bool:
            stored = self._client.get(key, transaction=transaction)
            if next(iter(pending_in(self._client, lane).fetch(limit=1)), None) is not None:
                return False
            if stored is not None and stored["waiting"]:
                transaction.put(_entity(self._client, lane, waiting=False))
            return True

        return run_in_transaction(self._client, body)

    def keep_turns(self, turns: DispatchTurns) -> None:
        """Keep them for the next run. Of two dispatchers the later one wins: turns are a courtesy, no right."""
        self._client.put(DISPATCH_TURNS.entity(self._client, turns_key(self._client).name, turns))


def lane_key(client: datastore.Client, lane: Lane) -> datastore.Key:
    """The key of a lane."""
    return QUEUE_LANE.key(client, lane.name)


def say_that_somebody_waits(
    client: datastore.Client, transaction: datastore.Transaction, lane: Lane, stored: datastore.Entity | None
) -> None:
    """For the transaction that makes a request of `lane` pending, and has read the lane as `stored`."""
    if stored is None or not stored["waiting"]:
        transaction.put(_entity(client, lane, waiting=True))


def pending_in(client: datastore.Client, lane: Lane) -> datastore.Query:
    """The keys of a lane's pending requests, those first that have been available for longest."""
    query = client.query(
        kind=SYMBL_ASYNC_REQUEST.name,
        filters=[
            PropertyFilter("status", "=", JobStatus.PENDING.value),
            PropertyFilter("company", "=", lane.company),
            PropertyFilter("priority", "=", lane.priority.value),
        ],
        order=["available_at"],
    )
    query.keys_only()
    return query


def _entity(client: datastore.Client, lane: Lane, *, waiting: bool) -> datastore.Entity:
    row = QueueLane(company=lane.company, priority=lane.priority, waiting=waiting)
    return QUEUE_LANE.entity(client, lane.name, row)
