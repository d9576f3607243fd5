"""Many dispatchers at once, as processes of their own have it: threads with clients of their own, over gRPC.

On the embedded Datastore, whose transactions are optimistic, and on Google's emulator, whose transactions lock.
"""

from __future__ import annotations

import collections
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from common.adapters.datastore.account import DatastoreAccount
from common.adapters.datastore.lanes import DatastoreLanes
from common.adapters.datastore.recordings import DatastoreRecordings
from common.adapters.datastore.requests import DatastoreRequests
from common.adapters.datastore.slots import DatastoreSlots
from common.errors import TryLater
from functions.dispatch import dispatch
from tests.contract.datastore.backends import connect, fresh_project
from tests.contract.stores.conftest import _beginning_at_once
from tests.factories import NOW, a_conversation, a_pending_job, ended_badly

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud import datastore

    from common.model.slot import Lease
    from common.model.tasks import Task

CAP = 3
COMPANIES = "ABC"
#: Dispatchers and recordings. A lost race on the emulator waits for a lock, up to 2 s.
SIZES = {"embedded": (8, 24), "google": (3, 6)}


@pytest.fixture(params=["embedded", pytest.param("google", marks=pytest.mark.google)])
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def make_client(
    backend: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], datastore.Client]:
    """Makes clients of one empty Datastore, each on a channel of its own."""
    monkeypatch.delenv("DATASTORE_EMULATOR_HOST", raising=False)
    project = fresh_project()
    if backend == "embedded":
        address = request.getfixturevalue("datastore_address")
        return lambda: connect(address, project)
    address = request.getfixturevalue("google_address")
    return lambda: _beginning_at_once(connect(address, project))


class Claims:
    """A queue that remembers who was claimed; the test is what works it off."""

    def __init__(self) -> None:
        self.of: collections.Counter[str] = collections.Counter()
        self.unfinished: collections.deque[str] = collections.deque()

    def enqueue(self, task: Task) -> None:
        self.of[task.body["request_id"]] += 1
        self.unfinished.append(task.body["request_id"])


class Watched:
    """The slots; whoever looks at them sees at most so many leases as the cap, each of its own slot and request."""

    def __init__(self, client: datastore.Client) -> None:
        self._slots = DatastoreSlots(client)
        self.claim = self._slots.claim

    def leases(self) -> list[Lease]:
        leases = self._slots.leases()
        assert len(leases) <= CAP
        assert len({lease.number for lease in leases}) == len({lease.request_id for lease in leases}) == len(leases)
        return leases


class Dispatcher:
    """One process."""

    def __init__(self, make_client: Callable[[], datastore.Client], number: int, claims: Claims) -> None:
        client = make_client()
        self.number = number
        self.requests, self.slots = DatastoreRequests(client), Watched(client)
        self._lanes, self._account = DatastoreLanes(client), DatastoreAccount(client)
        self._claims = claims
        self._chance = random.Random(number)
        self._attempts = 0

    def run(self) -> int:
        """One run of the stage: how many it claimed; a run that lost too many races is repeated by its queue."""
        while True:
            try:
                return self._dispatch()
            except TryLater:
                continue

    def finish_some(self) -> None:
        """End a job that anybody has claimed."""
        while self._claims.unfinished:
            try:
                request_id = self._claims.unfinished.popleft()
            except IndexError:  # somebody else was quicker
                return
            self.requests.change(request_id, lambda request: ended_badly(request, now=NOW))

    def _dispatch(self) -> int:
        ports: dict[str, Any] = {"requests": self.requests, "slots": self.slots, "tasks": self._claims}
        return dispatch(
            **ports,
            lanes=self._lanes,
            account=self._account,
            cap=CAP,
            now=NOW,
            new_id=self._new_id,
            chance=self._chance,
        ).claimed

    def _new_id(self) -> str:
        self._attempts += 1
        return f"attempt-{self.number}-{self._attempts}"


def at_once(work: Callable[[Dispatcher], object], dispatchers: list[Dispatcher]) -> None:
    """All begin at the same moment; the first error of any is raised."""
    start = threading.Barrier(len(dispatchers))

    def begin(dispatcher: Dispatcher) -> object:
        start.wait()
        return work(dispatcher)

    with ThreadPoolExecutor(len(dispatchers)) as pool:
        list(pool.map(begin, dispatchers))


@pytest.mark.timeout(300)  # whoever waits for a lock on the emulator also waits for the machine
def test_dispatchers_at_once_fill_every_slot_and_no_more(
    backend: str, make_client: Callable[[], datastore.Client]
) -> None:
    """Each request is claimed once, by one of them; in the end everybody has had a slot, and none is taken."""
    claims = Claims()
    processes, jobs = SIZES[backend]
    dispatchers = [Dispatcher(make_client, number, claims) for number in range(processes)]
    recordings = DatastoreRecordings(make_client())
    for number in range(jobs):
        company = COMPANIES[number % len(COMPANIES)]
        recordings.add(
            a_conversation(number, company=company), a_pending_job(number, company=company), allow_duplicate=False
        )

    # When nobody finishes, then the slots are filled, and nobody was claimed in vain.
    at_once(lambda dispatcher: dispatcher.run(), dispatchers)
    while dispatchers[0].run():
        """A lost race costs a slot its turn in that run: the next run fills it."""
    assert len(dispatchers[0].slots.leases()) == CAP
    assert sorted(claims.of.values()) == [1] * CAP

    # When everybody dispatches while jobs end.
    def work_off(dispatcher: Dispatcher) -> None:
        while dispatcher.requests.count_pending():
            dispatcher.finish_some()
            dispatcher.run()

    at_once(work_off, dispatchers)
    dispatchers[0].finish_some()

    assert len(claims.of) == jobs
    assert set(claims.of.values()) == {1}
    assert dispatchers[0].slots.leases() == []
