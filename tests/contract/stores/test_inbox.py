"""The inbox: news is kept once and counted, and what is harmless is believed in the same commit."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

from common.model.lifecycle import JobStatus
from tests.factories import NOW, an_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from common.adapters.datastore.inbox import DatastoreInbox
    from common.adapters.datastore.requests import DatastoreRequests
    from common.model.job import SymblAsyncRequest
    from common.model.webhook import WebhookEvent

    Claimed = Callable[..., SymblAsyncRequest]


def _told(request: SymblAsyncRequest, event: WebhookEvent) -> SymblAsyncRequest:
    return request.told_job_id(event.attempt_id, event.job_id)


def test_an_event_and_what_it_tells_are_stored_together(
    claimed: Claimed, inbox: DatastoreInbox, requests: DatastoreRequests
) -> None:
    """The request that comes back is the one that is stored."""
    request = claimed()
    event = an_event(request)

    kept, told = inbox.receive(event, _told)

    assert kept == event
    assert told is not None
    assert told.attempts[-1].told_job_id == event.job_id
    assert requests.get(request.id) == told
    assert inbox.of_request(request.id) == [event]


def test_the_same_news_is_counted(claimed: Claimed, inbox: DatastoreInbox) -> None:
    """Three deliveries are one event; when it first came is kept."""
    event = an_event(claimed())
    for wait in range(3):
        kept, _ = inbox.receive(dataclasses.replace(event, received_at=NOW + timedelta(seconds=wait)), _told)

    assert kept.deliveries == 3
    assert inbox.of_request(event.request_id) == [dataclasses.replace(event, deliveries=3)]


def test_events_come_in_the_order_of_arrival(claimed: Claimed, inbox: DatastoreInbox) -> None:
    """Whatever their status."""
    request = claimed()
    for wait, status in enumerate([JobStatus.COMPLETED, JobStatus.SCHEDULED, JobStatus.IN_PROGRESS]):
        inbox.receive(an_event(request, status, received_at=NOW + timedelta(seconds=wait)), _told)

    assert [event.status for event in inbox.of_request(request.id)] == [
        JobStatus.COMPLETED,
        JobStatus.SCHEDULED,
        JobStatus.IN_PROGRESS,
    ]


def test_an_event_of_an_unknown_request_is_kept(inbox: DatastoreInbox, claimed: Claimed) -> None:
    """It says that nobody knows the request."""
    event = dataclasses.replace(an_event(claimed()), request_id="unknown-1")

    kept, request = inbox.receive(event, _told)

    assert (request, kept.request_known) == (None, False)


def test_a_terminal_event_is_due_until_it_is_worked_off(claimed: Claimed, inbox: DatastoreInbox) -> None:
    """Afterwards it stays for people to read, and a late delivery does not open it again."""
    event = an_event(claimed())
    inbox.receive(event, _told)
    inbox.receive(dataclasses.replace(event, job_id="other", status=JobStatus.SCHEDULED, next_check_at=None), _told)
    assert event.next_check_at is not None
    due_at = event.next_check_at

    assert inbox.due(now=due_at - timedelta(seconds=1), limit=9) == []
    assert inbox.due(now=due_at, limit=9) == [event]
    inbox.postpone(event.id, until=due_at + timedelta(seconds=1))
    assert inbox.due(now=due_at, limit=9) == []
    inbox.worked_off(event.id, now=NOW)
    inbox.worked_off(event.id, now=NOW + timedelta(hours=1))
    inbox.worked_off("unknown", now=NOW)
    kept, _ = inbox.receive(event, _told)

    inbox.postpone(event.id, until=due_at)
    assert inbox.due(now=due_at, limit=9) == []
    assert (kept.worked_off_at, kept.deliveries) == (NOW, 2)


def test_the_latest_come_first_of_whatever_request(claimed: Claimed, inbox: DatastoreInbox) -> None:
    """As many as are asked for."""
    for number in range(1, 4):
        inbox.receive(an_event(claimed(number, slot=number), received_at=NOW + timedelta(seconds=number)), _told)

    assert [event.received_at for event in inbox.latest(limit=2)] == [NOW + timedelta(seconds=n) for n in (3, 2)]
