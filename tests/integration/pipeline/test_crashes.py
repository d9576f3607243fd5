"""A process may die between any two things that it does: the recording ends completed, and is analysed once.

Everything here is the stages' own code over the embedded Datastore. The process dies by an exception that nothing
catches, raised before the n-th call of any port, for every n; then time passes, the queue delivers again what was not
answered, and the sweep runs each minute.
"""

from __future__ import annotations

import io
import itertools
import random
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest

from common.adapters.datastore.account import DatastoreAccount
from common.adapters.datastore.companies import DatastoreCompanies
from common.adapters.datastore.inbox import DatastoreInbox
from common.adapters.datastore.intake import DatastoreIntakeLog
from common.adapters.datastore.intelligence import DatastoreResults
from common.adapters.datastore.lanes import DatastoreLanes
from common.adapters.datastore.recordings import DatastoreRecordings
from common.adapters.datastore.requests import DatastoreRequests
from common.adapters.datastore.slots import DatastoreSlots
from common.model.failures import Budgets
from common.model.lifecycle import JobStatus
from common.model.tasks import Stage
from common.model.webhook import WebhookEvent
from functions.collect import Collector
from functions.dispatch import dispatch
from functions.recordings import Intake
from functions.submit import Submitter
from functions.sweep import Sweeper
from functions.webhook import receive
from tests.callee import ManualClock
from tests.conftest import PROJECT
from tests.factories import NOW, a_recording, a_wav
from tests.strict_engine import News, StrictEngine

if TYPE_CHECKING:
    from collections.abc import Callable

    from common.model.job import SymblAsyncRequest
    from common.model.recording import StoredObject
    from common.model.tasks import Task
    from deploy.local.datastore import DatastoreServer

ROUNDS = 60
WAV = a_wav()
STORED = a_recording(size=len(WAV), metadata={"calltrack-metadata": '{"company": "Acme"}'})


class Died(BaseException):
    """The process is gone: no `except` of ours may catch it."""


class Fuse:
    """Blows before the calls whose numbers it is given."""

    def __init__(self, *at: int) -> None:
        self.calls = 0
        self._at = set(at)

    def tick(self) -> None:
        self.calls += 1
        if self.calls - 1 in self._at:
            raise Died


class Mortal:
    """A port whose caller may die before each call."""

    def __init__(self, port: object, fuse: Fuse) -> None:
        self._port = port
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found

        def call(*arguments: object, **named: object) -> object:
            self._fuse.tick()
            return found(*arguments, **named)

        return call


class Bucket:
    """One object."""

    bucket = STORED.bucket

    def find(self, name: str, generation: int | None = None) -> StoredObject | None:
        return STORED if (name, generation) == (STORED.name, STORED.generation) else None

    def open(self, _: StoredObject) -> BinaryIO:
        return io.BytesIO(WAV)

    def signed_url(self, name: str, generation: int, *, lifetime: timedelta) -> str:
        return f"https://storage.example/{name}?generation={generation}&expires={lifetime}"


class Queue:
    """Cloud Tasks as it promises to be: a name once, each task until it is answered."""

    def __init__(self) -> None:
        self.waiting: list[Task] = []
        self._names: set[str] = set()

    def enqueue(self, task: Task) -> None:
        if task.name not in self._names:
            self._names.add(task.name)
            self.waiting.append(task)


class World:
    """An installation with one recording, and a fuse in every port."""

    def __init__(self, server: DatastoreServer, *died_at: int, lose: frozenset[str] = frozenset()) -> None:
        server.reset()
        client = server.in_process_client(PROJECT)
        self.fuse = Fuse(*died_at)
        self.clock = ManualClock(NOW)
        self.engine, self.queue = StrictEngine(), Queue()
        self.requests, self.slots = DatastoreRequests(client), DatastoreSlots(client)
        self.lose = lose
        self.lost = False
        self.found: dict[str, int] = {}
        ports = {
            "recordings": DatastoreRecordings(client),
            "requests": self.requests,
            "slots": self.slots,
            "lanes": DatastoreLanes(client),
            "inbox": DatastoreInbox(client),
            "companies": DatastoreCompanies(client),
            "results": DatastoreResults(client),
            "intake": DatastoreIntakeLog(client),
            "account": DatastoreAccount(client),
            "audio": Bucket(),
            "engine": self.engine,
            "tasks": self.queue,
        }
        self._ports: dict[str, Any] = {name: Mortal(port, self.fuse) for name, port in ports.items()}
        self._ids = (f"attempt-{number}" for number in itertools.count(1))

    @property
    def request(self) -> SymblAsyncRequest:
        found = self.requests.of_recording(STORED.recording_id)
        assert found is not None
        return found

    def run(self) -> None:
        """From the bucket's event until nothing is left to be done."""
        while not self._lives(self._ingest):
            pass
        for round_ in range(ROUNDS):
            self._deliver_tasks()
            for news in self.engine.work():
                if "webhooks" not in self.lose:
                    self._lives(partial(self._hear, news))
            self._deliver_tasks()
            self.clock.advance(timedelta(seconds=30))
            if round_ % 2:
                self._lives(self._sweep)
                if self.request.results == "complete" and not self.queue.waiting:
                    break
        self.clock.advance(timedelta(minutes=5))
        self._lives(self._sweep)
        self._deliver_tasks()

    def _lives(self, step: Callable[[], object]) -> bool:
        """Whether the process came to the end of `step`."""
        try:
            step()
        except Died:
            return False
        return True

    def _deliver_tasks(self) -> None:
        """What a dead process had in hand is delivered again the next time."""
        left, self.queue.waiting = self.queue.waiting, []
        while left:
            task = left.pop(0)
            if "tasks" in self.lose and not self.lost and task.stage is not Stage.DISPATCH:
                self.lost = True
                continue
            if (task.not_before and task.not_before > self.clock()) or not self._lives(partial(self._work, task)):
                self.queue.waiting.append(task)
            else:
                left += [new for new in self.queue.waiting if not new.not_before]
                self.queue.waiting = [old for old in self.queue.waiting if old.not_before]

    def _only(self, *names: str) -> dict[str, Any]:
        return {name: self._ports[name] for name in names}

    def _ingest(self) -> None:
        Intake(
            **self._only("recordings", "companies", "intake", "audio", "tasks"), clock=self.clock, new_id=lambda: "new"
        ).ingest_object(STORED.name, STORED.generation)

    def _work(self, task: Task) -> None:
        body = task.body
        if task.stage is Stage.DISPATCH:
            dispatch(
                **self._only("requests", "slots", "lanes", "account", "tasks"),
                cap=2,
                now=self.clock(),
                new_id=lambda: next(self._ids),
                chance=random.Random(0),
            )
        elif task.stage is Stage.SUBMIT:
            Submitter(
                **self._only("requests", "recordings", "companies", "slots", "account", "audio", "engine", "tasks"),
                cap=2,
                webhook_base_url="https://hooks.example",
                webhook_secret="secret",
                confidence_threshold=0.6,
                sweep_floor=timedelta(seconds=60),
                budgets=Budgets(),
                clock=self.clock,
                chance=lambda: 0.5,
            ).submit(body["request_id"], body["attempt_id"])
        else:
            Collector(
                **self._only("requests", "results", "inbox", "engine", "tasks"), budgets=Budgets(), clock=self.clock
            ).collect(body["request_id"], body["attempt_id"], body.get("event_id"))

    def _hear(self, news: News) -> None:
        event = WebhookEvent(
            request_id=news.request_id,
            attempt_id=news.attempt_id,
            job_id=news.job_id,
            status=news.status,
            received_at=self.clock(),
            next_check_at=self.clock() + timedelta(seconds=120) if news.status.is_terminal else None,
        )
        receive(event, **self._only("inbox", "tasks"))

    def _sweep(self) -> None:
        found = Sweeper(
            **self._only("requests", "slots", "account", "inbox", "engine", "tasks"),
            cap=2,
            budgets=Budgets(),
            clock=self.clock,
        ).sweep()
        for what, count in found.items():
            self.found[what] = self.found.get(what, 0) + count

    def expect_healed(self) -> None:
        """Completed with all results, every slot free, nothing owed, and one job at the engine."""
        request = self.request
        assert (request.status, request.results) == (JobStatus.COMPLETED, "complete"), request.timeline
        assert self.slots.leases() == []
        assert request.next_check_at is None
        assert self.queue.waiting == []
        assert len(self.engine.jobs) == 1


LOSSES = [frozenset[str](), frozenset({"webhooks"}), frozenset({"tasks"})]


@pytest.mark.parametrize("lose", LOSSES, ids=["nothing lost", "webhooks lost", "a task lost"])
def test_a_crash_at_any_point_loses_nothing_and_pays_for_nothing_twice(
    datastore_server: DatastoreServer, lose: frozenset[str]
) -> None:
    """For every call that a stage makes: as if the process had died just before it.

    At one point alone nobody can know whether the engine was asked: between the mark and the POST. It is counted.
    """
    whole = World(datastore_server, lose=lose)
    whole.run()
    whole.expect_healed()

    unknown = []
    for point in range(whole.fuse.calls):
        world = World(datastore_server, point, lose=lose)
        world.run()
        try:
            world.expect_healed()
        except AssertionError as error:
            raise AssertionError(f"died before call {point}: {error}") from error
        unknown += [point] if "ambiguous_resubmits" in world.found else []
    assert len(unknown) == 1


def test_two_crashes_heal_as_well(datastore_server: DatastoreServer) -> None:
    """The process that repairs may die too."""
    chance = random.Random(7)

    for _ in range(25):
        points = chance.sample(range(70), 2)
        world = World(datastore_server, *points)
        world.run()
        try:
            world.expect_healed()
        except AssertionError as error:
            raise AssertionError(f"died before calls {points}: {error}") from error
