"""Whatever is created, delivered, refused, deleted and waited for, the server and a model of ten lines agree."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from google.api_core import exceptions
from google.cloud import tasks_v2
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from deploy.local.tasks import Outcome, TasksServer
from tests.callee import Callee, ManualClock
from tests.contract.tasks.conftest import LOCATION, a_task, connected
from tests.tokens import an_identity

QUEUE = f"{LOCATION}/queues/q"
TOMBSTONE = timedelta(hours=24)
names = st.sampled_from(["a", "b", "c"])


class History(RuleBasedStateMachine):
    """Three names in one queue that gives up after two attempts."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.callee = Callee()
        self.server = TasksServer(
            identity=an_identity(),
            clock=self.clock,
            dispatching=False,
            tombstone=TOMBSTONE,
            connect=self.callee.connect,
        )
        self.client = connected(self.server.start())
        retry = tasks_v2.RetryConfig(max_attempts=2, min_backoff=timedelta(hours=1), max_backoff=timedelta(hours=1))
        self.client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=QUEUE, retry_config=retry))
        self.waiting: dict[str, tuple[datetime, int]] = {}  # when due, attempts so far
        self.taken_until: dict[str, datetime] = {}

    def teardown(self) -> None:
        self.server.stop()

    @rule(name=names, delay=st.sampled_from([timedelta(0), timedelta(hours=2)]))
    def create(self, name: str, delay: timedelta) -> None:
        task = a_task(name=f"{QUEUE}/tasks/{name}", schedule_time=self.clock() + delay)
        if name in self.waiting or self.taken_until.get(name, self.clock()) > self.clock():
            with pytest.raises(exceptions.AlreadyExists):
                self.client.create_task(parent=QUEUE, task=task)
        else:
            self.client.create_task(parent=QUEUE, task=task)
            self.waiting[name] = (self.clock() + delay, 0)

    @rule(name=names)
    def delete(self, name: str) -> None:
        if name in self.waiting:
            self.client.delete_task(name=f"{QUEUE}/tasks/{name}")
            self._finish(name)
        else:
            with pytest.raises(exceptions.NotFound):
                self.client.delete_task(name=f"{QUEUE}/tasks/{name}")

    @rule(status=st.sampled_from([200, 400, 500]))
    def deliver(self, status: int) -> None:
        self.callee.answers = [status]
        delivery = self.server.run_next(self.clock())
        due = [name for name, (at, _) in self.waiting.items() if at <= self.clock()]
        if delivery is None:
            assert not due
            return
        name = delivery.task.rpartition("/")[2]
        at, attempts = self.waiting[name]
        assert at == min(self.waiting[n][0] for n in due)
        assert delivery.attempt == attempts + 1
        if delivery.outcome is Outcome.RETRIED:
            assert (status != 200, attempts) == (True, 0)
            self.waiting[name] = (self.clock() + timedelta(hours=1), 1)
        else:
            assert status == 200 or attempts == 1
            self._finish(name)

    @rule(by=st.sampled_from([timedelta(minutes=30), timedelta(hours=1), TOMBSTONE]))
    def wait(self, by: timedelta) -> None:
        self.clock.advance(by)

    @invariant()
    def the_same_tasks_wait(self) -> None:
        assert {t.id: (t.schedule_time, t.dispatch_count) for t in self.server.tasks()} == self.waiting

    def _finish(self, name: str) -> None:
        del self.waiting[name]
        self.taken_until[name] = self.clock() + TOMBSTONE


TestAnyHistory = History.TestCase
TestAnyHistory.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
