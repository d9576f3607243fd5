"""Slots: never two leases of one, never more than the cap, whoever asks and however often."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from common.adapters.datastore.requests import DatastoreRequests
from common.adapters.datastore.slots import DatastoreSlots
from common.model import slot as slots_of_a_cap
from common.model.capacity import SymblAccount
from common.model.fairness import Lane
from common.model.lifecycle import JobStatus
from common.model.recording import Priority
from tests.factories import NOW, ended_badly

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud import datastore

    from common.adapters.datastore.account import DatastoreAccount
    from common.model.job import SymblAsyncRequest
    from common.model.slot import Lease

    Added = Callable[..., SymblAsyncRequest]

ALL_WELL = SymblAccount()
ACME = Lane("Acme", Priority.LIVE)


def _claim(
    slots: DatastoreSlots, number: int, request_id: str, attempt: str = "a", *, planned_on: SymblAccount = ALL_WELL
) -> SymblAsyncRequest | None:
    return slots.claim(
        number, request_id=request_id, attempt_id=attempt, now=NOW, next_check_at=NOW, planned_on=planned_on
    )


def test_a_claim_gives_the_slot_to_the_request(
    added: Added, slots: DatastoreSlots, requests: DatastoreRequests
) -> None:
    """Lease and request tell the same story."""
    request = _claim(slots, 2, added().id)

    assert request is not None
    assert requests.get(request.id) == request
    assert (request.status, request.slot, request.attempts[-1].sent_at) == (JobStatus.SUBMITTING, 2, None)
    assert [(lease.number, lease.request_id, lease.attempt_id) for lease in slots.leases()] == [(2, request.id, "a")]
    assert [lease.request_id for lease in slots.leases()] == [request.id]


def test_a_taken_slot_is_not_given_again(added: Added, slots: DatastoreSlots) -> None:
    """The second request gets None and stays pending."""
    _claim(slots, 0, added(1).id)

    assert _claim(slots, 0, added(2).id, "b") is None
    assert len(slots.leases()) == 1


def test_a_request_gets_one_slot(added: Added, slots: DatastoreSlots) -> None:
    """A second dispatcher with another slot in mind gets None."""
    request_id = added().id
    _claim(slots, 0, request_id)

    assert _claim(slots, 1, request_id, "b") is None
    assert [lease.number for lease in slots.leases()] == [0]


def test_a_claim_that_seemed_to_fail_may_be_repeated(added: Added, slots: DatastoreSlots) -> None:
    """The same attempt on the same slot is the same claim."""
    request_id = added().id

    assert _claim(slots, 0, request_id) == _claim(slots, 0, request_id)
    assert len(slots.leases()) == 1


def test_only_a_pending_request_whose_turn_has_come_is_claimed(
    added: Added, slots: DatastoreSlots, requests: DatastoreRequests
) -> None:
    """Unknown, given up, or available later: None, and the slot stays free."""
    later, failed = added(1, now=NOW + timedelta(seconds=1)), added(2)
    requests.change(failed.id, lambda r: ended_badly(r, now=NOW))

    assert [_claim(slots, 0, request_id) for request_id in (later.id, failed.id, "unknown-1")] == [None] * 3
    assert slots.leases() == []


def test_a_claim_fails_once_the_account_has_changed(
    added: Added, slots: DatastoreSlots, account: DatastoreAccount
) -> None:
    """A cap that was lowered, or a rest that began, after the dispatcher looked, holds for it too."""
    first, second = added(1), added(2)
    seen = account.get()
    lowered = account.change(lambda state: state.throttled(5, active=3, now=NOW))

    assert _claim(slots, 0, first.id, planned_on=seen) is None
    assert _claim(slots, 0, first.id, planned_on=lowered) is not None
    account.change(lambda state: state.stopped(reason="429", now=NOW, until=NOW + timedelta(minutes=1)))
    assert _claim(slots, 1, second.id, "b", planned_on=lowered) is None
    assert [lease.company for lease in slots.leases()] == ["Acme"]


def test_a_lease_that_its_request_does_not_hold_is_freed(
    claimed: Added, slots: DatastoreSlots, requests: DatastoreRequests, datastore_client: datastore.Client
) -> None:
    """Orphans go, leases in use stay, and a lease that changed hands meanwhile stays."""
    orphan, used = claimed(1, slot=1), claimed(2, slot=2)
    leases = {lease.number: lease for lease in slots.leases()}
    entity = datastore_client.get(datastore_client.key("SymblSlot", "slot-0001"))
    requests.change(orphan.id, lambda r: ended_badly(r, now=NOW))
    datastore_client.put(entity)  # a state that no transaction of ours leaves behind

    assert not slots.free_orphan(leases[2])
    assert slots.free_orphan(leases[1])
    assert not slots.free_orphan(leases[1])
    assert [lease.request_id for lease in slots.leases()] == [used.id]


@pytest.mark.usefixtures("embedded_alone")
def test_no_race_of_dispatchers_exceeds_the_cap_or_doubles_a_lease(
    added: Added, make_client: Callable[[], datastore.Client]
) -> None:
    """Dispatchers and finishers at once: between its claim and its release a slot belongs to nobody else."""
    cap, jobs, dispatchers = 4, 24, 6
    for number in range(jobs):
        added(number, now=NOW - timedelta(seconds=jobs - number))
    trace: list[tuple[str, int, str]] = []
    lock = threading.Lock()
    done = threading.Event()

    def dispatcher(seed: int) -> None:
        client = make_client()
        slots, requests = DatastoreSlots(client), DatastoreRequests(client)
        chance = random.Random(seed)
        turn = 0
        while not done.is_set() and turn < 400:
            turn += 1
            leases = slots.leases()
            _expect_at_most(cap, leases)
            free = slots_of_a_cap.claimable([lease.number for lease in leases], cap=cap)
            for number, request_id in zip(
                slots_of_a_cap.in_random_order(free, chance),
                requests.next_in_line(ACME, limit=cap, now=NOW),
                strict=False,
            ):
                attempt = f"{seed}-{turn}-{number}"
                if _claim(slots, number, request_id, attempt) is None:
                    continue
                with lock:
                    trace.append(("claimed", number, attempt))
                _finish(requests, request_id, number, attempt)

    def _finish(requests: DatastoreRequests, request_id: str, number: int, attempt: str) -> None:
        with lock:  # before the commit: afterwards the slot may be somebody else's
            trace.append(("released", number, attempt))
        requests.change(request_id, lambda r: ended_badly(r, now=NOW))
        if not requests.count_pending():
            done.set()

    with ThreadPoolExecutor(dispatchers) as pool:
        list(pool.map(dispatcher, range(dispatchers)))

    assert len([line for line in trace if line[0] == "claimed"]) == jobs
    for number in range(cap):
        of_slot = [(what, attempt) for what, at, attempt in trace if at == number]
        assert all(
            (was[0], now[0]) == ("claimed", "released") and was[1] == now[1]
            for was, now in zip(of_slot[::2], of_slot[1::2], strict=True)
        )
    assert DatastoreSlots(make_client()).leases() == []


def _expect_at_most(cap: int, leases: list[Lease]) -> None:
    assert len(leases) <= cap
    assert len({lease.number for lease in leases}) == len({lease.request_id for lease in leases}) == len(leases)
