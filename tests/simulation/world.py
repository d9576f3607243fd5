"""An installation: the stages' own code over the embedded Datastore, a simulated engine, queue, bucket and clock.

Whoever runs a stage decides through the gate what becomes of each of its calls. The stages are built here and nowhere
else in these tests.
"""

from __future__ import annotations

import itertools
import json
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from common.adapters.datastore.account import DatastoreAccount
from common.adapters.datastore.companies import DatastoreCompanies
from common.adapters.datastore.deletions import DatastoreDeletions
from common.adapters.datastore.inbox import DatastoreInbox
from common.adapters.datastore.intake import DatastoreIntakeLog
from common.adapters.datastore.intelligence import DatastoreResults
from common.adapters.datastore.lanes import DatastoreLanes
from common.adapters.datastore.recordings import DatastoreRecordings
from common.adapters.datastore.requests import DatastoreRequests
from common.adapters.datastore.search import DatastoreSearchIndex
from common.adapters.datastore.slots import DatastoreSlots
from common.errors import CalltrackError, Rejected
from common.model.failures import Budgets
from common.model.replay import ReplayOrder
from common.model.tasks import Stage
from deploy.local.datastore import wire
from functions._delete import Deleter
from functions._intake import Intake
from functions._replay import Replayer
from functions.collect import Collector
from functions.dispatch import dispatch
from functions.submit import Submitter
from functions.sweep import Sweeper
from functions.webhook import event_of, receive
from tests.callee import ManualClock
from tests.conftest import PROJECT
from tests.factories import NOW
from tests.simulation.calls import ANSWER, MADE_HERE, Died, GatedPort, gated_datastore
from tests.simulation.cloud import Bucket, Message, Queue
from tests.simulation.engine import EngineClient, SimulatedEngine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.model.deletion import DeletedRecording
    from common.model.job import ReplayStage, SymblAsyncRequest
    from common.model.recording import StoredObject
    from common.model.tasks import Task
    from deploy.local.datastore import DatastoreServer
    from tests.simulation.calls import Gate
    from tests.simulation.engine import News

SECRET = "secret"
HOOKS = "https://hooks.example"
#: Short, so that what takes a day in production happens within a story.
BUDGETS = Budgets(active_for=timedelta(hours=2), results_for=timedelta(hours=2))
LATER_THAN_ALL = NOW + timedelta(days=10_000)


class World:
    """What there is; each method that runs a stage runs it to its end, in the thread that calls."""

    def __init__(
        self,
        server: DatastoreServer,
        gate: Gate,
        *,
        cap: int = 2,
        own_cap: int | None = None,
        lag: timedelta = timedelta(),
    ) -> None:
        server.reset()
        self.cap = cap
        self._gate = gate
        self.clock = ManualClock(NOW)
        self.engine = SimulatedEngine(self.clock, own_cap=own_cap, lag=lag)
        self.queue, self.bucket = Queue(), Bucket()
        self.defects: list[object] = []  #: what the stages have logged as such
        self.touched: set[str] = set()  #: requests that a commit has written and nobody has looked at since
        plain = server.in_process_client(PROJECT)
        self.requests, self.slots, self.inbox = DatastoreRequests(plain), DatastoreSlots(plain), DatastoreInbox(plain)
        self.account, self.datastore = DatastoreAccount(plain), plain
        self.deletions = DatastoreDeletions(plain)
        gated = gated_datastore(server, gate, self._committed)
        self._ports: Mapping[str, Any] = {
            "recordings": DatastoreRecordings(gated),
            "requests": DatastoreRequests(gated),
            "index": DatastoreSearchIndex(gated),
            "slots": DatastoreSlots(gated),
            "lanes": DatastoreLanes(gated),
            "inbox": DatastoreInbox(gated),
            "companies": DatastoreCompanies(gated),
            "results": DatastoreResults(gated),
            "intake": DatastoreIntakeLog(gated),
            "deletions": DatastoreDeletions(gated),
            "account": DatastoreAccount(gated),
            "audio": GatedPort("audio", self.bucket, gate),
            "engine": EngineClient(self.engine, gate),
            "tasks": GatedPort("tasks", self.queue, gate),
        }
        self._attempts = (f"attempt-{number}" for number in itertools.count(1))

    def request_of(self, stored: StoredObject) -> SymblAsyncRequest | None:
        """The request of a recording, once it was taken in."""
        return self.requests.of_recording(stored.recording_id)

    # The stages

    def ingest(self, stored: StoredObject) -> None:
        """The bucket's event of an object; it comes again until this has come to its end."""
        self._intake().ingest_object(stored.name, stored.generation)
        self._gate(ANSWER)
        if stored in self.bucket.events:
            self.bucket.events.remove(stored)

    def deliver(self, message: Message) -> None:
        """The queue's call, and what it makes of the answer; who dies gives none."""
        try:
            self._work(message.task)
        except Exception as error:  # noqa: BLE001  # judged in the next line
            expect_made_here(error)
            if not isinstance(error, Rejected):
                self.queue.failed(message, self.clock())
                return
        self.queue.answered(message)

    def hear(self, news: News) -> None:
        """The engine's call of a webhook, answered or not."""
        body = json.dumps({"id": news.job_id, "status": news.status}).encode()
        event = event_of(news.webhook_url.removeprefix(HOOKS), body, secrets=[SECRET], now=self.clock())
        receive(event, **self._only("inbox", "tasks"))

    def sweep(self) -> Mapping[str, int]:
        """The scheduler's call; what it found."""
        return Sweeper(
            **self._only("requests", "slots", "account", "inbox", "engine", "tasks"),
            cap=self.cap,
            budgets=BUDGETS,
            clock=self.clock,
            further={"deletions": self._deleter().go_on},
        ).sweep()

    def replay(self, stored: StoredObject, stage: ReplayStage) -> None:
        """Somebody has it run again."""
        order = ReplayOrder(reason="it was mended", from_stage=stage)
        Replayer(**self._only("requests", "index", "engine", "tasks"), clock=self.clock, by="ops@acme.example").one(
            stored.recording_id, order
        )

    def delete(self, stored: StoredObject) -> DeletedRecording:
        """Somebody has it deleted."""
        return self._deleter().delete(stored.recording_id, by="ops@acme.example", reason="the customer asked for it")

    def _deleter(self) -> Deleter:
        return Deleter(**self._only("deletions", "audio", "engine"), clock=self.clock)

    def _work(self, task: Task) -> None:
        body = task.body
        if task.stage is Stage.DISPATCH:
            self._dispatch()
        elif task.stage is Stage.SUBMIT:
            self._submitter().submit(body["request_id"], body["attempt_id"])
        else:
            self._collector().collect(body["request_id"], body["attempt_id"], body.get("event_id"))
        self._gate(ANSWER)

    def _intake(self) -> Intake:
        return Intake(
            **self._only("recordings", "companies", "intake", "audio", "tasks"), clock=self.clock, new_id=lambda: "new"
        )

    def _dispatch(self) -> None:
        dispatch(
            **self._only("requests", "slots", "lanes", "account", "tasks"),
            cap=self.cap,
            now=self.clock(),
            new_id=lambda: next(self._attempts),
            chance=random.Random(0),
        )

    def _submitter(self) -> Submitter:
        return Submitter(
            **self._only("requests", "recordings", "companies", "slots", "account", "audio", "engine", "tasks"),
            cap=self.cap,
            webhook_base_url=HOOKS,
            webhook_secret=SECRET,
            confidence_threshold=0.6,
            sweep_floor=timedelta(seconds=60),
            budgets=BUDGETS,
            clock=self.clock,
            chance=lambda: 0.5,
        )

    def _collector(self) -> Collector:
        return Collector(
            **self._only("requests", "results", "inbox", "engine", "tasks"), budgets=BUDGETS, clock=self.clock
        )

    def _only(self, *names: str) -> dict[str, Any]:
        return {name: self._ports[name] for name in names}

    # What is seen from outside

    def advance(self, by: timedelta) -> None:
        """Time passes, here and at the engine."""
        self.engine.accept_late(until=self.clock.advance(by))

    def hear_log(self, line: Mapping[str, object]) -> None:
        """A sink for the log: a defect that was not made here is the product's."""
        if line["severity"] == "ERROR" and MADE_HERE not in str(line["message"]):
            self.defects.append(line["message"])

    def _committed(self, request: bytes) -> None:
        for mutation in wire.CommitRequest.FromString(request).mutations:
            change = mutation.WhichOneof("operation")
            key = mutation.delete if change == "delete" else getattr(mutation, change).key
            self.touched.add(key.path[-1].name if key.path[-1].kind == "SymblAsyncRequest" else key.path[-1].kind)


def expect_made_here(error: BaseException) -> None:
    """Let pass what a stage may end with: dead, what the edge knows how to answer, or a fault that was made here."""
    if not isinstance(error, (Died, CalltrackError)) and MADE_HERE not in str(error):
        raise error
