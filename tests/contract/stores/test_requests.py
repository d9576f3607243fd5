"""Requests: changed one at a time, found in order, read page by page."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from common.errors import NotFound, Rejected
from common.model.capacity import SymblAccount
from common.model.fairness import Lane, Line
from common.model.job import FailureClass, ReplayStage, SymblAsyncRequest, Transition
from common.model.lifecycle import JobStatus, Maker
from common.model.recording import Priority
from tests.factories import NOW, a_conversation, a_pending_job, an_error, ended_badly

if TYPE_CHECKING:
    from collections.abc import Callable

    from common.adapters.datastore.recordings import DatastoreRecordings
    from common.adapters.datastore.requests import DatastoreRequests
    from common.adapters.datastore.slots import DatastoreSlots
    from common.ports import Page

    Added = Callable[..., SymblAsyncRequest]


def test_a_change_is_read_back_whole(claimed: Added, requests: DatastoreRequests) -> None:
    """Attempts, error, sections and timeline survive Datastore."""
    request = claimed()

    changed = requests.change(
        request.id,
        lambda r: (
            r.marked_sent(now=NOW, next_check_at=NOW)
            .accepted(conversation_id="c", job_id="j", now=NOW, next_check_at=NOW)
            .failed(an_error(), by=Maker.COLLECT, now=NOW + timedelta(seconds=1))
        ),
    )

    assert requests.get(request.id) == changed
    assert changed.error == an_error()


def test_a_change_that_frees_the_slot_does_so_in_the_same_transaction(
    claimed: Added, requests: DatastoreRequests, slots: DatastoreSlots
) -> None:
    """Whether it completes, fails or is put back: no lease is left behind, and no other one is touched."""
    endings: list[Callable[[SymblAsyncRequest], SymblAsyncRequest]] = [
        lambda r: ended_badly(r, now=NOW),
        lambda r: r.put_back(FailureClass.NOT_ACCEPTED, why="429", by=Maker.SUBMIT, now=NOW, available_at=NOW),
        lambda r: r.accepted(conversation_id="c", job_id="j", now=NOW, next_check_at=NOW).reported(
            JobStatus.COMPLETED, by=Maker.COLLECT, now=NOW, why="said so", next_check_at=NOW
        ),
    ]
    held = [claimed(number, slot=number) for number in range(len(endings) + 1)]

    for request, end in zip(held, endings, strict=False):
        requests.change(request.id, end)

    assert [lease.number for lease in slots.leases()] == [len(endings)]


def test_a_change_never_frees_a_slot_of_another_attempt(
    claimed: Added, added: Added, requests: DatastoreRequests, slots: DatastoreSlots
) -> None:
    """A lease that was freed by hand and claimed by another request stays that one's."""
    first = claimed(1, slot=3)
    requests.change(
        first.id, lambda r: r.put_back(FailureClass.NOT_ACCEPTED, why="429", by=Maker.SUBMIT, now=NOW, available_at=NOW)
    )
    second = slots.claim(
        3,
        request_id=added(2).id,
        attempt_id="attempt-2",
        now=NOW,
        next_check_at=NOW,
        planned_on=SymblAccount(),
    )
    assert second is not None

    requests.change(first.id, lambda r: ended_badly(r, now=NOW))

    assert [(lease.number, lease.attempt_id) for lease in slots.leases()] == [(3, "attempt-2")]


def test_a_change_that_raises_changes_nothing(claimed: Added, requests: DatastoreRequests) -> None:
    """The transaction is rolled back."""
    request = claimed()

    def fail(_: SymblAsyncRequest) -> SymblAsyncRequest:
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        requests.change(request.id, fail)

    assert requests.get(request.id) == request


@pytest.mark.parametrize("known", ["the slot", "nothing", "an earlier slot"])
def test_a_slot_is_left_whatever_was_known_of_it(
    claimed: Added, requests: DatastoreRequests, slots: DatastoreSlots, known: str
) -> None:
    """What was seen of the request saves a lookup where it still holds, and misleads nobody where it does not."""
    request, other = claimed(1, slot=1), claimed(2, slot=2)
    seen = {"the slot": request, "nothing": None, "an earlier slot": dataclasses.replace(other, id=request.id)}[known]

    requests.change(request.id, lambda r: ended_badly(r, now=NOW), seen=seen)

    assert [lease.request_id for lease in slots.leases()] == [other.id]


def test_changing_an_unknown_request_says_so(requests: DatastoreRequests) -> None:
    """There is nothing to change."""
    with pytest.raises(NotFound):
        requests.change("unknown-1", lambda r: r)
    assert requests.get("unknown-1") is None


def test_next_in_line_is_the_oldest_that_may_be_claimed(added: Added, requests: DatastoreRequests) -> None:
    """In the order of `available_at`, without those whose turn has not come, of one lane, up to the limit."""
    ids = {number: added(number, now=NOW - timedelta(minutes=number)).id for number in range(1, 6)}
    requests.change(ids[5], lambda r: dataclasses.replace(r, available_at=NOW + timedelta(seconds=1)))
    requests.change(ids[4], lambda r: ended_badly(r, now=NOW))

    added(6, company="Globex")
    added(7, priority=Priority.BACKFILL)
    lane = Lane("Acme", Priority.LIVE)

    assert requests.next_in_line(lane, limit=10, now=NOW) == [ids[3], ids[2], ids[1]]
    assert requests.next_in_line(lane, limit=2, now=NOW) == [ids[3], ids[2]]
    assert requests.count_pending() == 6


def test_first_in_line_are_the_oldest_of_all_lanes(added: Added, requests: DatastoreRequests) -> None:
    """In the order of `available_at`, each with its lane, without those whose turn has not come, up to the limit."""
    oldest = added(1, company="Globex", now=NOW - timedelta(minutes=2), priority=Priority.BACKFILL)
    older = added(2, now=NOW - timedelta(minutes=1))
    added(3, now=NOW + timedelta(seconds=1))
    ended = added(4, now=NOW - timedelta(minutes=3))
    requests.change(ended.id, lambda r: ended_badly(r, now=NOW))
    line = [(Lane("Globex", Priority.BACKFILL), oldest.id), (Lane("Acme", Priority.LIVE), older.id)]

    assert requests.first_in_line(limit=10, now=NOW) == line
    assert requests.first_in_line(limit=1, now=NOW) == line[:1]


def test_anybody_waits_while_one_may_be_claimed(added: Added, requests: DatastoreRequests) -> None:
    """Of whatever lane; those whose turn has not come do not count."""
    assert not requests.anybody_waits(NOW)
    added(1, company="Globex", now=NOW + timedelta(seconds=1), priority=Priority.BACKFILL)

    assert not requests.anybody_waits(NOW)
    assert requests.anybody_waits(NOW + timedelta(seconds=1))


def test_the_longest_wait_is_that_of_the_oldest(added: Added, requests: DatastoreRequests) -> None:
    """Of those that may be claimed, to the microsecond."""
    assert requests.waiting_since(NOW) is None
    added(1, now=NOW - timedelta(seconds=5, microseconds=7))
    added(2, now=NOW)

    assert requests.waiting_since(NOW) == NOW - timedelta(seconds=5, microseconds=7)


def test_due_are_those_that_are_owed_a_look(added: Added, requests: DatastoreRequests) -> None:
    """The longest overdue first; null and the future are not due."""
    for number, wait in ((1, None), (2, -10), (3, 0), (4, 1), (5, -20)):
        at = None if wait is None else NOW + timedelta(seconds=wait)
        requests.change(added(number).id, lambda r, at=at: dataclasses.replace(r, next_check_at=at))  # type: ignore[misc]  # bound now

    due = requests.due(now=NOW, limit=10)

    assert [request.next_check_at for request in due] == [
        NOW - timedelta(seconds=20),
        NOW - timedelta(seconds=10),
        NOW,
    ]
    assert len(requests.due(now=NOW, limit=1)) == 1


def test_pages_follow_one_another_to_the_end(added: Added, requests: DatastoreRequests) -> None:
    """Those first that were added first; each comes once, and the last page says that it is."""
    expected = [added(number, now=NOW + timedelta(seconds=number)).id for number in range(5)]

    found, cursor, pages = [], None, 0
    while True:
        page: Page[SymblAsyncRequest] = requests.page(size=2, cursor=cursor)
        found += [request.id for request in page.items]
        pages += 1
        cursor = page.next_cursor
        if cursor is None:
            break

    assert (found, pages) == (expected, 3)


@pytest.mark.usefixtures("embedded_alone")
def test_a_page_is_whole_even_where_datastore_answers_in_batches(
    recordings: DatastoreRecordings, requests: DatastoreRequests
) -> None:
    """Datastore ends an answer early when it grows large; the page goes on with the next one."""
    long = Transition(at=NOW, before=None, after=JobStatus.PENDING, why="w" * 400_000)
    for number in range(8):
        request = dataclasses.replace(a_pending_job(number, now=NOW + timedelta(seconds=number)), timeline=(long,))
        recordings.add(a_conversation(number), request, allow_duplicate=False)

    page = requests.page(size=7, cursor=None)
    rest = requests.page(size=7, cursor=page.next_cursor)

    assert (len(page.items), len(rest.items), rest.next_cursor) == (7, 1, None)


def test_a_line_is_counted_up_to_a_limit(added: Added, requests: DatastoreRequests) -> None:
    """Of one lane, with when its first may be claimed; an empty one has nobody, since never."""
    for number in range(1, 5):
        added(number, now=NOW - timedelta(minutes=number))
    added(5, company="Globex")
    added(6, priority=Priority.BACKFILL)
    lane = Lane("Acme", Priority.LIVE)

    assert requests.line_of(lane, up_to=10) == Line(lane=lane, waiting=4, since=NOW - timedelta(minutes=4))
    assert requests.line_of(lane, up_to=3).waiting == 3
    nobody = Lane("Nobody", Priority.LIVE)
    assert requests.line_of(nobody, up_to=3) == Line(lane=nobody, waiting=0, since=None)


def test_failures_are_counted_by_class_and_the_latest_listed(added: Added, requests: DatastoreRequests) -> None:
    """Up to a limit; what runs again is none any more."""
    failed = [added(number, now=NOW + timedelta(minutes=number)) for number in range(1, 5)]
    for request in failed:
        requests.change(request.id, lambda r: ended_badly(r, now=NOW))

    assert requests.count_failed(FailureClass.RECORDING, up_to=10) == 4
    assert requests.count_failed(FailureClass.RECORDING, up_to=3) == 3
    assert requests.count_failed(FailureClass.DEFECT, up_to=3) == 0
    assert [r.id for r in requests.latest_failed(FailureClass.RECORDING, limit=2)] == [failed[3].id, failed[2].id]

    requests.change(
        failed[3].id, lambda r: r.replayed(ReplayStage.SUBMIT, by="me", reason="mended", now=NOW, next_check_at=NOW)
    )
    assert requests.count_failed(FailureClass.RECORDING, up_to=10) == 3


@pytest.mark.parametrize("cursor", ["", "0", "abc", "CkASOmoT", "\ud800", "\x00", "é"])
def test_a_cursor_that_is_none_is_the_callers_mistake(added: Added, requests: DatastoreRequests, cursor: str) -> None:
    """It goes through the caller's hands; an empty one begins at the beginning."""
    added()

    def page() -> Page[SymblAsyncRequest]:
        return requests.page(size=1, cursor=cursor)

    if cursor:
        with pytest.raises(Rejected, match="page_token: is not one of ours"):
            page()
    else:
        assert len(page().items) == 1
