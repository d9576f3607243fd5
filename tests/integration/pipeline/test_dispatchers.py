"""Several dispatchers at once, while the engine refuses, jobs end and the setting changes: the cap of the moment holds.

The stage's own code over the embedded Datastore. Before each thing that a run of dispatch does, something else may
happen: another whole run, an end, a 429. What happens is drawn by hypothesis, so a failure is told in steps.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from common.adapters.datastore.account import DatastoreAccount
from common.adapters.datastore.lanes import DatastoreLanes
from common.adapters.datastore.recordings import DatastoreRecordings
from common.adapters.datastore.requests import DatastoreRequests
from common.adapters.datastore.slots import DatastoreSlots
from common.model.fairness import Lane
from common.model.lifecycle import JobStatus
from common.model.recording import Priority
from functions.dispatch import dispatch
from tests.callee import ManualClock
from tests.conftest import PROJECT
from tests.factories import NOW, a_conversation, a_pending_job, ended_badly

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud import datastore

    from common.model.job import SymblAsyncRequest
    from common.model.slot import Lease
    from common.model.tasks import Task
    from deploy.local.datastore import DatastoreServer


def nothing() -> None:
    """Nothing happens in between."""


class Tasks:
    """A queue that nobody works off."""

    def enqueue(self, task: Task) -> None:
        """Every submission is a step of the test."""


class Interrupted:
    """A port before each call of which something else may happen."""

    def __init__(self, port: object, between: Callable[[], None]) -> None:
        self._port = port
        self._between = between

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)

        def call(*arguments: object, **named: object) -> object:
            self._between()
            return found(*arguments, **named)

        return call


class Account:
    """Slots, lanes and the account of one engine."""

    def __init__(self, client: datastore.Client, setting: int) -> None:
        self.setting = setting
        self.clock = ManualClock(NOW)
        self.recordings, self.requests = DatastoreRecordings(client), DatastoreRequests(client)
        self.slots, self.lanes, self.account = DatastoreSlots(client), DatastoreLanes(client), DatastoreAccount(client)
        self.short_queue = 3
        self._numbers = itertools.count()
        self._attempts = (f"attempt-{number}" for number in itertools.count())

    def arrive(self, company: str, priority: Priority) -> None:
        number = next(self._numbers)
        request = dataclasses.replace(a_pending_job(number, now=self.clock(), company=company), priority=priority)
        self.recordings.add(a_conversation(number, company=company, priority=priority), request, allow_duplicate=False)

    def end(self, lease: Lease) -> None:
        self.requests.change(lease.request_id, lambda r: ended_badly(r, now=self.clock()))

    def refuse(self, lease: Lease, *, pause: timedelta | None) -> None:
        """A 429, as the submit stage treats it."""
        now, active = self.clock(), len(self.slots.leases())
        self.account.change(lambda state: state.throttled(self.setting, active=active, now=now))
        if pause:
            self.account.change(lambda state: state.stopped(reason="429", now=now, until=now + pause))
        self.requests.change(
            lease.request_id, lambda r: dataclasses.replace(r, status=JobStatus.PENDING, available_at=now)
        )

    def dispatch(self, between: Callable[[], None], seed: int = 0, *, watched: bool = True) -> int:
        """One run; how many it claimed."""
        ports: dict[str, Any] = {
            name: Interrupted(getattr(self, name), between) for name in ("requests", "lanes", "account")
        }
        report = dispatch(
            **ports,
            slots=Watched(self, between) if watched else self.slots,
            tasks=Tasks(),
            cap=self.setting,
            now=self.clock(),
            new_id=lambda: next(self._attempts),
            chance=random.Random(seed),
            short_queue=self.short_queue,
        )
        return report.claimed


class Watched(Interrupted):
    """The slots, and an eye on them: each claim leaves no more leases than the cap of that moment."""

    def __init__(self, account: Account, between: Callable[[], None]) -> None:
        super().__init__(account.slots, between)
        self._account = account
        self._before = between

    def claim(self, *arguments: Any, **named: Any) -> SymblAsyncRequest | None:
        self._before()
        claimed = self._account.slots.claim(*arguments, **named)
        if claimed is not None:
            now = self._account.clock()
            allowed = self._account.account.get().cap(self._account.setting, now)
            assert len(self._account.slots.leases()) <= allowed, "claimed past the cap"
        return claimed


class Dispatchers(RuleBasedStateMachine):
    """Rules are what happens between runs; `_happens` is what happens inside them."""

    server: DatastoreServer

    def __init__(self) -> None:
        super().__init__()
        self.server.reset()
        self.account = Account(self.server.in_process_client(PROJECT), setting=4)

    @rule(company=st.sampled_from("AB"), priority=st.sampled_from(Priority), count=st.integers(1, 5))
    def arrive(self, company: str, priority: Priority, count: int) -> None:
        for _ in range(count):
            self.account.arrive(company, priority)

    @rule(setting=st.integers(1, 7))
    def change_setting(self, setting: int) -> None:
        """A new revision, which no run of the old one outlives."""
        self.account.setting = setting

    @rule(length=st.sampled_from([1, 3, 100]))
    def read_whole_what_is_shorter(self, length: int) -> None:
        """Both ways of finding who is next are as good."""
        self.account.short_queue = length

    @rule(seconds=st.integers(1, 200))
    def time_passes(self, seconds: int) -> None:
        self.account.clock.advance(timedelta(seconds=seconds))

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        self._happens(data, nested=False)

    @rule(data=st.data(), seed=st.integers(0, 3))
    def dispatch(self, data: st.DataObject, seed: int) -> None:
        self.account.dispatch(lambda: self._happens(data, nested=True), seed)

    def _happens(self, data: st.DataObject, *, nested: bool) -> None:
        what = data.draw(st.sampled_from(["nothing", "nothing", "nothing", "end", "refuse", "pause", "run", "time"]))
        if what == "run" and nested:
            self.account.dispatch(nothing, seed=9)
        elif what == "time":
            self.account.clock.advance(timedelta(seconds=30))
        elif what in {"end", "refuse", "pause"} and (leases := self.account.slots.leases()):
            lease = data.draw(st.sampled_from(leases))
            if what == "end":
                self.account.end(lease)
            else:
                self.account.refuse(lease, pause=timedelta(seconds=45) if what == "pause" else None)

    @invariant()
    def leases_are_of_different_slots_and_requests(self) -> None:
        leases = self.account.slots.leases()
        assert len({lease.number for lease in leases}) == len({lease.request_id for lease in leases}) == len(leases)

    @invariant()
    def nobody_waits_in_a_lane_that_says_nobody_does(self) -> None:
        waiting = self.account.lanes.waiting()
        for lane in [Lane(company, priority) for company in "AB" for priority in Priority]:
            assert lane in waiting or not self.account.requests.next_in_line(lane, limit=1, now=self.account.clock())

    def teardown(self) -> None:
        """Whatever has happened, everybody has a turn in the end, with every slot in use until then."""
        self.account.clock.advance(timedelta(hours=3))
        while pending := self.account.requests.count_pending():
            for lease in self.account.slots.leases():
                self.account.end(lease)
            assert self.account.dispatch(nothing) == min(pending, self.account.setting)


def test_no_claim_exceeds_the_cap_of_its_moment(datastore_server: DatastoreServer) -> None:
    """Dispatchers at once, 429s, ends, arrivals, other settings; jobs that run when the cap shrinks run on."""
    run_state_machine_as_test(
        type("OverThisServer", (Dispatchers,), {"server": datastore_server}),
        settings=settings(max_examples=12, stateful_step_count=20, deadline=None),
    )


def test_a_claim_by_a_view_from_before_a_429_fails(datastore_client: datastore.Client) -> None:
    """The run has read account and leases, then the cap is lowered: it claims nothing, the next one what is allowed."""
    account = Account(datastore_client, setting=4)
    for _ in range(10):
        account.arrive("A", Priority.LIVE)
    account.setting = 2
    account.dispatch(nothing)
    account.setting = 4
    steps = itertools.count()

    def refused_before_the_first_claim() -> None:
        if next(steps) == 5:  # account, leases, queue, lanes, heads, then the first claim
            account.refuse(account.slots.leases()[0], pause=None)

    assert account.dispatch(refused_before_the_first_claim) == 0
    assert len(account.slots.leases()) == 1
    account.clock.advance(timedelta(minutes=1))
    assert account.dispatch(nothing) == 1


def test_a_lane_says_that_somebody_waits_until_a_run_looks_there_for_the_next(
    datastore_client: datastore.Client,
) -> None:
    """And again with the next arrival. Nobody looks there while the queue is read whole."""
    account = Account(datastore_client, setting=4)
    account.arrive("A", Priority.LIVE)
    account.dispatch(nothing)
    assert account.lanes.waiting() == [Lane("A", Priority.LIVE)]

    account.short_queue = 1
    account.arrive("B", Priority.LIVE)
    account.dispatch(nothing)

    assert account.lanes.waiting() == [Lane("B", Priority.LIVE)]
    account.arrive("A", Priority.LIVE)
    assert Lane("A", Priority.LIVE) in account.lanes.waiting()


@pytest.mark.parametrize("short_queue", [62, 63])
def test_a_run_costs_what_there_are_lanes_and_slots(datastore_client: datastore.Client, short_queue: int) -> None:
    """Not what the queue is long: each lane is asked once, none if the queue is short; turns are written once at most.

    Sixty-two wait.
    """
    calls: collections.Counter[str] = collections.Counter()
    api = datastore_client._datastore_api
    for name in ("lookup", "run_query", "commit"):
        setattr(api, name, _counted(getattr(api, name), calls, name))
    account = Account(datastore_client, setting=4)
    account.short_queue = short_queue
    for _ in range(60):
        account.arrive("A", Priority.BACKFILL)
    for company in "BC":
        account.arrive(company, Priority.LIVE)
    calls.clear()

    # When every slot is free, and when none is.
    assert account.dispatch(nothing, watched=False) == 4
    filled = dict(calls)
    calls.clear()
    assert account.dispatch(nothing, watched=False) == 0

    leases, queue, lanes, heads, claims = 1, 1, 1, 3, 4
    asked = 0 if short_queue > 62 else lanes + heads
    assert filled == {"lookup": 1 + claims, "run_query": leases + queue + asked, "commit": claims}
    assert dict(calls) == {"lookup": 1, "run_query": leases}


def _counted(call: Callable[..., Any], calls: collections.Counter[str], name: str) -> Callable[..., Any]:
    def counted(*arguments: Any, **named: Any) -> Any:
        calls[name] += 1
        return call(*arguments, **named)

    return counted
