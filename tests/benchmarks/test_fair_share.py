"""How long a live call waits beside another company's archive of 10,000, and what a dispatch costs then.

The product's own dispatch and stores; jobs of one length end as the time comes, nothing fails.
"""

from __future__ import annotations

import collections
import dataclasses
import heapq
import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from google.cloud.datastore import helpers

from common.adapters.datastore.account import DatastoreAccount
from common.adapters.datastore.kinds import QUEUE_LANE, SYMBL_ASYNC_REQUEST
from common.adapters.datastore.lanes import DatastoreLanes
from common.adapters.datastore.requests import DatastoreRequests
from common.adapters.datastore.slots import DatastoreSlots
from common.model.fairness import Lane, QueueLane
from common.model.job import SymblAsyncRequest
from common.model.lifecycle import JobStatus, Maker
from common.model.recording import Priority
from deploy.local.datastore import DatastoreServer, wire
from deploy.local.datastore.in_process import connect
from functions.dispatch import DispatchReport, dispatch
from tests.conftest import PROJECT
from tests.factories import NOW

if TYPE_CHECKING:
    from common.model.tasks import Task

SLOTS = 50
JOB = timedelta(minutes=12)
ARCHIVE = Lane("Acme", Priority.BACKFILL)
LIVE = Lane("Globex", Priority.LIVE)
_BATCH = 500  # mutations that one commit may have


class Submissions:
    """A queue that tells which requests were claimed."""

    def __init__(self) -> None:
        self.claimed: list[str] = []

    def enqueue(self, task: Task) -> None:
        """A submission."""
        self.claimed.append(task.body["request_id"])


@dataclasses.dataclass
class Account:
    """Slots and lanes by a clock that goes from event to event."""

    server: DatastoreServer
    now: datetime = NOW
    calls: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    waited: dict[str, timedelta] = dataclasses.field(default_factory=dict)  #: of each call that came live

    def __post_init__(self) -> None:
        def call(method: str, request: bytes) -> bytes:
            self.calls[method] += 1
            return self.server.call(method, request)

        self._client = connect(call, PROJECT, None)
        self._requests = DatastoreRequests(self._client)
        self._tasks = Submissions()
        self._chance = random.Random(1)
        self._running: list[tuple[datetime, str]] = []
        self._came: dict[str, datetime] = {}

    def archive(self, count: int) -> None:
        """So many requests of a backfill, which came an hour ago."""
        client = self.server.in_process_client(PROJECT)
        client.put(
            QUEUE_LANE.entity(
                client,
                ARCHIVE.name,
                QueueLane(company=ARCHIVE.company, priority=ARCHIVE.priority, waiting=True),
            )
        )
        request = SymblAsyncRequest.pending(
            "archived", company=ARCHIVE.company, priority=ARCHIVE.priority, now=NOW - timedelta(hours=1)
        )
        row: Any = helpers.entity_to_protobuf(SYMBL_ASYNC_REQUEST.entity(client, "template", request))._pb
        for start in range(0, count, _BATCH):
            commit: Any = wire.CommitRequest(project_id=PROJECT, mode="NON_TRANSACTIONAL")
            for number in range(start, min(start + _BATCH, count)):
                upsert = commit.mutations.add().upsert
                upsert.CopyFrom(row)
                upsert.key.path[0].name = f"archived-{number:05d}"
                upsert.properties["id"].string_value = f"archived-{number:05d}"
            self.server.call("Commit", commit.SerializeToString())

    def arrives(self, lane: Lane, number: int) -> None:
        """A call of that lane, now."""
        request = SymblAsyncRequest.pending(
            f"{lane.company}-{number}", company=lane.company, priority=lane.priority, now=self.now
        )
        client = self.server.in_process_client(PROJECT)
        client.put(SYMBL_ASYNC_REQUEST.entity(client, request.id, request))
        waiting = QueueLane(company=lane.company, priority=lane.priority, waiting=True)
        client.put(QUEUE_LANE.entity(client, lane.name, waiting))
        self._came[request.id] = self.now

    def dispatches(self) -> tuple[DispatchReport, collections.Counter[str]]:
        """One run; what it did, and its calls to Datastore."""
        self.calls.clear()
        self._tasks.claimed.clear()
        report = dispatch(
            requests=self._requests,
            slots=DatastoreSlots(self._client),
            lanes=DatastoreLanes(self._client),
            account=DatastoreAccount(self._client),
            tasks=self._tasks,
            cap=SLOTS,
            now=self.now,
            new_id=lambda: f"attempt-{self._chance.random()}",
            chance=self._chance,
        )
        cost = self.calls.copy()
        for claimed in self._tasks.claimed:
            heapq.heappush(self._running, (self.now + JOB, claimed))
            if claimed in self._came:
                self.waited[claimed] = self.now - self._came.pop(claimed)
        return report, cost

    def stagger(self) -> None:
        """As after a long run: the jobs end one by one over the length of a job."""
        length = JOB / len(self._running)
        self._running = [(self.now + length * place, job) for place, (_, job) in enumerate(self._running, start=1)]

    def next_job_ends(self) -> None:
        """Let the time pass until then."""
        self.now, ended = heapq.heappop(self._running)
        self._requests.change(
            ended,
            lambda request: request.reported(
                JobStatus.COMPLETED, by=Maker.COLLECT, now=self.now, why="the engine said so", next_check_at=None
            ),
        )


def _live_beside(server: DatastoreServer, *, archived: int, jobs: int) -> tuple[Account, collections.Counter[str]]:
    """A company's archive has all slots; another's live calls come every other minute. The last dispatch's cost too."""
    account = Account(server)
    account.archive(archived)
    account.dispatches()
    account.stagger()
    came = 0
    cost: collections.Counter[str] = collections.Counter()
    for _ in range(jobs):
        if account.now >= NOW + timedelta(minutes=2) * came:
            came += 1
            account.arrives(LIVE, came)
        account.next_job_ends()
        report, cost = account.dispatches()
        assert report.claimed == 1
    return account, cost


def test_a_live_call_waits_for_one_slot_whatever_waits_before_it(empty_datastore: DatastoreServer) -> None:
    """Beside an archive of 600, a tenth of the turns of which are drawn against it."""
    account, _ = _live_beside(empty_datastore, archived=600, jobs=60)

    assert len(account.waited) >= 6
    assert max(account.waited.values()) < JOB / 4


@pytest.mark.benchmark
def test_fair_share(empty_datastore: DatastoreServer) -> None:
    """Prints how long live calls wait beside an archive of 10,000, and what a dispatch costs: as beside 1,000."""
    costs = {}
    print("\nlive calls beside another company's archive, jobs of 12 min, 50 slots")
    for archived in (1_000, 10_000):
        empty_datastore.reset()
        account, costs[archived] = _live_beside(empty_datastore, archived=archived, jobs=300)
        longest = max(account.waited.values())
        print(
            f"{archived:7,} waiting: {len(account.waited)} live calls, longest wait {longest.total_seconds():.0f} s; "
            f"a dispatch makes {costs[archived].total()} calls ({dict(costs[archived])})"
        )
        assert longest < JOB
    assert costs[1_000] == costs[10_000]
