"""What one sweep costs at Datastore's boundary: calls and entities, whatever the archive has grown to.

A sweep runs each minute for ever, so it must cost what is due and what is active, not what there is.
"""

from __future__ import annotations

import collections
import dataclasses
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from google.cloud.datastore import helpers

from common.adapters.datastore.account import DatastoreAccount
from common.adapters.datastore.codec import to_entity
from common.adapters.datastore.deletions import DatastoreDeletions
from common.adapters.datastore.inbox import DatastoreInbox
from common.adapters.datastore.kinds import DELETED_RECORDING, SYMBL_ASYNC_REQUEST, SYMBL_SLOT, WEBHOOK_EVENT, slot_key
from common.adapters.datastore.requests import DatastoreRequests
from common.adapters.datastore.slots import DatastoreSlots
from common.model.deletion import STRAGGLERS, Duty, deleted_recording
from common.model.failures import Budgets
from common.model.lifecycle import JobStatus
from common.model.slot import Lease
from deploy.local.datastore import DatastoreServer, load_indexes, wire
from deploy.local.datastore.in_process import connect
from deploy.local.datastore.server import METHODS
from functions._delete import Deleter
from functions.sweep import Sweeper
from tests.conftest import PROJECT, ROOT
from tests.factories import NOW, a_conversation, a_job, an_event

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from google.cloud import datastore

    from common.adapters.datastore.kinds import Kind
    from common.model.tasks import Task
    from common.ports import AudioStore, SpeechIntelligence

SLOTS = 50
#: What the account is doing, how many jobs it has active, and how many of these are due.
SITUATIONS = (("nothing active", 0, 0), ("50 active, none due", 50, 0), ("50 active, 20 due", 50, 20))
_BATCH = 500  # mutations that one commit may have


@dataclasses.dataclass
class Meter:
    """Counts at the boundary, in messages as they go over the wire."""

    calls: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    read: int = 0  #: entities and keys that came back, or were looked up in vain
    written: int = 0
    seconds: float = dataclasses.field(default=0.0, compare=False)

    def count(self, method: str, request: bytes, response: bytes) -> None:
        """One call."""
        self.calls[method] += 1
        _, asked_class, answered_class = METHODS[method]
        asked, answered = asked_class.FromString(request), answered_class.FromString(response)
        if method == "Lookup":
            self.read += len(answered.found) + len(answered.missing)
        elif method == "RunQuery":
            self.read += len(answered.batch.entity_results) + answered.batch.skipped_results
        elif method == "Commit":
            self.written += len(asked.mutations)

    def __str__(self) -> str:
        calls = ", ".join(f"{count} {method}" for method, count in sorted(self.calls.items()))
        return f"{self.calls.total():4d} calls {self.read:4d} read {self.written:4d} written  ({calls})"


class Tasks:
    """A queue that nobody works off."""

    def enqueue(self, task: Task) -> None:
        """A sweep's tasks are no part of its cost."""


class Busy:
    """An engine that works on whatever it is asked about."""

    def job_status(self, job_id: str) -> JobStatus:  # noqa: ARG002  # all alike
        """How a job stands."""
        return JobStatus.IN_PROGRESS


class Account:
    """A Datastore with an account's active jobs, and whatever it has finished."""

    def __init__(self, server: DatastoreServer) -> None:
        self._server = server
        self._client = server.in_process_client(PROJECT)

    def finish(self, count: int) -> None:
        """Put `count` requests that are over, one in ten of them failed, and an event that each fifth of them got."""
        over = [
            self._row(SYMBL_ASYNC_REQUEST, dataclasses.replace(a_job(status), next_check_at=None))
            for status in [*[JobStatus.COMPLETED] * 9, JobStatus.FAILED]
        ]
        event = self._row(WEBHOOK_EVENT, an_event(a_job(), worked_off_at=NOW, next_check_at=None))
        for start in range(0, count, _BATCH):
            numbers = range(start, min(start + _BATCH, count))
            self._put((over[number % len(over)], number) for number in numbers)
            self._put((event, number) for number in numbers if number % 5 == 0)

    def delete(self, count: int) -> None:
        """Put `count` recordings that were deleted, and of which nothing is owed any more."""
        row = deleted_recording(a_conversation(), None, by="local", reason="ticket 4711", now=NOW)
        over = self._row(DELETED_RECORDING, row.fulfilled(tuple(Duty), now=NOW + STRAGGLERS))
        for start in range(0, count, _BATCH):
            self._put((over, number) for number in range(start, min(start + _BATCH, count)))

    def activate(self, count: int, *, due: int) -> None:
        """Put `count` jobs on which the engine works, `due` of which the sweep is to ask about."""
        for number in range(count):
            attempt_id = f"attempt-{number}"
            job = a_job(JobStatus.IN_PROGRESS, number=number, slot=number, attempt_id=attempt_id)
            look_at = NOW - timedelta(seconds=1) if number < due else NOW + timedelta(minutes=5)
            job = dataclasses.replace(job, next_check_at=look_at)
            lease = Lease(number=number, request_id=job.id, attempt_id=attempt_id, company=job.company, claimed_at=NOW)
            self._client.put(SYMBL_ASYNC_REQUEST.entity(self._client, job.id, job))
            self._client.put(to_entity(lease, slot_key(self._client, number), indexed=SYMBL_SLOT.indexed))

    def requests(self) -> int:
        """How many there are."""
        query = self._client.aggregation_query(self._client.query(kind=SYMBL_ASYNC_REQUEST.name)).count(alias="all")
        return int(next(iter(query.fetch()))[0].value)

    def sweep(self) -> tuple[dict[str, int], Meter]:
        """One run; what it found, and what it cost."""
        meter = Meter()

        def call(method: str, request: bytes) -> bytes:
            response = self._server.call(method, request)
            meter.count(method, request, response)
            return response

        client = connect(call, PROJECT, None)
        found = Sweeper(
            requests=DatastoreRequests(client),
            slots=DatastoreSlots(client),
            account=DatastoreAccount(client),
            inbox=DatastoreInbox(client),
            engine=cast("SpeechIntelligence", Busy()),
            tasks=Tasks(),
            cap=SLOTS,
            budgets=Budgets(),
            clock=lambda: NOW,
            further={"deletions": self._deleter(client).go_on},
        ).sweep()
        return found, meter

    def _deleter(self, client: datastore.Client) -> Deleter:
        return Deleter(
            deletions=DatastoreDeletions(client),
            audio=cast("AudioStore", None),
            engine=cast("SpeechIntelligence", Busy()),
            clock=lambda: NOW,
        )

    def _row(self, kind: Kind, row: object) -> Any:
        """What is stored of it, as a message: the codec would take three times as long as the server."""
        return helpers.entity_to_protobuf(kind.entity(self._client, "template", row))._pb

    def _put(self, rows: Iterable[tuple[Any, int]]) -> None:
        commit: Any = wire.CommitRequest(project_id=PROJECT, mode="NON_TRANSACTIONAL")
        for row, number in rows:
            upsert = commit.mutations.add().upsert
            upsert.CopyFrom(row)
            upsert.key.path[0].name = f"finished-{number:07d}"
        self._server.call("Commit", commit.SerializeToString())


def _costs(server: DatastoreServer, *, finished: int) -> dict[str, Meter]:
    """What one sweep costs as the account gets busier, beside so many finished requests."""
    account = Account(server)
    account.finish(finished)
    account.delete(finished // 10)
    assert account.requests() == finished
    costs = {}
    for situation, active, due in SITUATIONS:
        account.activate(active, due=due)
        began = time.process_time()
        found, costs[situation] = account.sweep()
        costs[situation].seconds = time.process_time() - began
        assert found == ({"jobs_asked_about": due} if due else {})
    return costs


def test_what_is_finished_costs_a_sweep_nothing(empty_datastore: DatastoreServer) -> None:
    """Beside 2,000 finished requests it makes the calls, reads and writes that it makes beside none."""
    beside_none = _costs(empty_datastore, finished=0)
    empty_datastore.reset()

    beside_many = _costs(empty_datastore, finished=2000)

    assert beside_many == beside_none
    assert beside_none["nothing active"].calls.total() < 10


@pytest.mark.benchmark
@pytest.mark.timeout(900)
def test_cost_of_a_sweep(tmp_path: Path) -> None:
    """Prints what a sweep costs beside no and beside 100,000 finished requests: calls and entities are the same."""
    indexes = load_indexes(ROOT / "deploy" / "index.yaml")
    costs = {}
    for finished in (0, 100_000):
        with DatastoreServer(path=tmp_path / f"{finished}.sqlite", indexes=indexes) as server:
            costs[finished] = _costs(server, finished=finished)

    print("\none sweep")
    for finished, by_situation in costs.items():
        for situation, cost in by_situation.items():
            print(f"{finished:7,} finished, {situation:20} {cost.seconds * 1000:5.0f} ms  {cost}")

    assert costs[0] == costs[100_000]
