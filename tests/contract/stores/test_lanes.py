"""Lanes: whoever waits stands in a lane that says so, whatever crosses what."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from common.adapters.datastore.lanes import DatastoreLanes
from common.adapters.datastore.recordings import DatastoreRecordings
from common.adapters.datastore.requests import DatastoreRequests
from common.model.capacity import SymblAccount
from common.model.fairness import DispatchTurns, Lane
from common.model.lifecycle import JobStatus
from common.model.recording import Priority
from tests.factories import NOW, a_conversation, a_pending_job, ended_badly

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud import datastore

    from common.adapters.datastore.account import DatastoreAccount
    from common.model.job import SymblAsyncRequest

    Added = Callable[..., SymblAsyncRequest]

ACME, GLOBEX = Lane("Acme", Priority.LIVE), Lane("Globex", Priority.LIVE)
ACME_BACKFILL = Lane("Acme", Priority.BACKFILL)


def _put_back(request: SymblAsyncRequest) -> SymblAsyncRequest:
    return dataclasses.replace(request, status=JobStatus.PENDING, available_at=NOW + timedelta(minutes=1))


def test_whoever_is_added_waits_in_a_lane(added: Added, lanes: DatastoreLanes) -> None:
    """One lane for each company and priority."""
    assert lanes.waiting() == []
    added(1)
    added(2)
    added(3, company="Globex")
    added(4, priority=Priority.BACKFILL)

    assert sorted(lanes.waiting()) == sorted([ACME, ACME_BACKFILL, GLOBEX])


def test_a_lane_that_says_it_already_is_not_written_again(added: Added, datastore_client: datastore.Client) -> None:
    """Arrivals of one company do not stand in each other's way: its version stays the first one's."""
    key = datastore_client.key("QueueLane", ACME.name)
    added(1)
    first = datastore_client.get(key)
    datastore_client.put(_with_a_mark(first))
    added(2)

    assert datastore_client.get(key)["mark"] == "not overwritten"


def _with_a_mark(entity: datastore.Entity) -> datastore.Entity:
    entity["mark"] = "not overwritten"
    return entity


def test_a_lane_is_empty_only_when_nobody_is_pending_in_it(
    added: Added, claimed: Added, lanes: DatastoreLanes, requests: DatastoreRequests
) -> None:
    """Not while one waits for a later moment; others' requests, and those that are on their way, do not count."""
    claimed(1)
    added(2, company="Globex")
    later = added(3, now=NOW + timedelta(hours=1))

    assert not lanes.found_empty(ACME)
    assert ACME in lanes.waiting()
    requests.change(later.id, lambda r: ended_badly(r, now=NOW))
    assert lanes.found_empty(ACME)
    assert lanes.waiting() == [GLOBEX]
    assert lanes.found_empty(ACME_BACKFILL)
    assert lanes.waiting() == [GLOBEX]


def test_who_goes_back_to_pending_waits_in_its_lane_again(
    claimed: Added, lanes: DatastoreLanes, requests: DatastoreRequests
) -> None:
    """In the transaction that puts it back."""
    request = claimed()
    assert lanes.found_empty(ACME)

    requests.change(request.id, _put_back)

    assert lanes.waiting() == [ACME]
    assert not lanes.found_empty(ACME)


def test_turns_are_kept(lanes: DatastoreLanes, account: DatastoreAccount) -> None:
    """In their order; at first there were none. They are read along with the account."""
    assert account.get_with_turns() == (SymblAccount(), DispatchTurns())
    rests = account.change(lambda state: state.stopped(reason="busy", now=NOW, until=NOW + timedelta(minutes=1)))
    lanes.keep_turns(DispatchTurns(lanes=(GLOBEX.name, ACME.name)))

    assert account.get_with_turns() == (rests, DispatchTurns(lanes=(GLOBEX.name, ACME.name)))


class Interrupted:
    """A client that lets something else happen once, just before its first commit reaches Datastore."""

    def __init__(self, client: datastore.Client, between: Callable[[], object]) -> None:
        commit = client._datastore_api.commit
        self.happened = 0

        def commit_after(*arguments: object, **named: object) -> object:
            if not self.happened:
                self.happened += 1
                between()
            return commit(*arguments, **named)

        client._datastore_api.commit = commit_after
        self.client = client


@pytest.mark.usefixtures("embedded_alone")
@pytest.mark.parametrize("arrival", ["added", "put back"])
def test_an_arrival_while_dispatch_says_that_the_lane_is_empty(
    claimed: Added, make_client: Callable[[], datastore.Client], arrival: str
) -> None:
    """The query found nobody, then somebody came: the commit fails, and the second look finds him."""
    request = claimed(1)
    other = make_client()

    def arrive() -> None:
        if arrival == "added":
            DatastoreRecordings(other).add(a_conversation(2), a_pending_job(2), allow_duplicate=False)
        else:
            DatastoreRequests(other).change(request.id, _put_back)

    crossed = Interrupted(make_client(), arrive)

    assert not DatastoreLanes(crossed.client).found_empty(ACME)
    assert crossed.happened == 1
    assert DatastoreLanes(other).waiting() == [ACME]


@pytest.mark.usefixtures("embedded_alone")
@pytest.mark.parametrize("arrival", ["added", "put back"])
def test_dispatch_says_that_the_lane_is_empty_while_somebody_arrives(
    claimed: Added, make_client: Callable[[], datastore.Client], arrival: str
) -> None:
    """The arrival has read that its lane says so already, then it no longer does: it commits again, and says so."""
    request = claimed(1)
    other = make_client()
    crossed = Interrupted(make_client(), lambda: DatastoreLanes(other).found_empty(ACME))

    if arrival == "added":
        DatastoreRecordings(crossed.client).add(a_conversation(2), a_pending_job(2), allow_duplicate=False)
    else:
        DatastoreRequests(crossed.client).change(request.id, _put_back)

    assert crossed.happened == 1
    assert DatastoreLanes(other).waiting() == [ACME]


@pytest.mark.usefixtures("embedded_alone")
def test_no_race_leaves_anybody_in_a_lane_that_says_nobody_waits(make_client: Callable[[], datastore.Client]) -> None:
    """Arrivals and claims of several companies, and dispatchers that say of every lane they can that it is empty."""
    companies = [Lane(name, Priority.LIVE) for name in ("Acme", "Globex", "Initech")]
    arrivals_left = threading.Semaphore(0)

    def arrive(worker: int) -> None:
        client = make_client()
        recordings, requests = DatastoreRecordings(client), DatastoreRequests(client)
        for number in range(worker * 100, worker * 100 + 12):
            company = companies[number % 3].company
            request = a_pending_job(number, company=company)
            recordings.add(a_conversation(number, company=company), request, allow_duplicate=False)
            if number % 4:
                requests.change(request.id, lambda r: ended_badly(r, now=NOW))
        arrivals_left.release()

    def empty(_: int) -> None:
        lanes = DatastoreLanes(make_client())
        while not arrivals_left.acquire(blocking=False):
            for lane in companies:
                lanes.found_empty(lane)
        arrivals_left.release()

    with ThreadPoolExecutor(5) as pool:
        for done in [*[pool.submit(arrive, worker) for worker in range(3)], *[pool.submit(empty, n) for n in range(2)]]:
            done.result()

    client = make_client()
    lanes, requests = DatastoreLanes(client), DatastoreRequests(client)
    waiting = lanes.waiting()
    for lane in companies:
        assert lane in waiting or not requests.next_in_line(lane, limit=1, now=NOW)
    assert waiting
