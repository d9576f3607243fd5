"""Replayed requests: stored whole, back in the queue, and no longer among the failures."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

from common.model.job import FailureClass, ReplayStage
from tests.factories import NOW, an_error, ended_badly

if TYPE_CHECKING:
    from collections.abc import Callable

    from common.adapters.datastore.requests import DatastoreRequests
    from common.adapters.datastore.slots import DatastoreSlots
    from common.model.job import SymblAsyncRequest

    Added = Callable[..., SymblAsyncRequest]

LATER = NOW + timedelta(minutes=1)


def again(request: SymblAsyncRequest) -> SymblAsyncRequest:
    return request.replayed(ReplayStage.SUBMIT, by="ops@acme.example", reason="mended", now=LATER, next_check_at=LATER)


def test_a_replay_is_read_back_whole_and_may_be_claimed(
    claimed: Added, requests: DatastoreRequests, slots: DatastoreSlots
) -> None:
    """With the error it had; it holds no slot, until it is its turn."""
    request = claimed()
    requests.change(request.id, lambda r: ended_badly(r, now=NOW))

    replayed = requests.change(request.id, again)

    assert requests.get(request.id) == replayed
    assert replayed.replays[0].error == an_error()
    assert slots.leases() == []
    assert requests.anybody_waits(LATER)
    assert not requests.anybody_waits(NOW)


def test_failures_are_listed_by_class(claimed: Added, requests: DatastoreRequests) -> None:
    """What was replayed is in the list no more."""
    failed = [claimed(number, slot=number) for number in range(4)]
    for request, failure_class in zip(failed, [FailureClass.DEFECT] * 3 + [FailureClass.RECORDING], strict=True):
        error = dataclasses.replace(an_error(), failure_class=failure_class)
        requests.change(request.id, lambda r, error=error: ended_badly(r, error, now=NOW))  # type: ignore[misc]  # bound now
    requests.change(failed[0].id, again)

    found = requests.latest_failed(FailureClass.DEFECT, limit=9)

    assert {request.id for request in found} == {failed[1].id, failed[2].id}
