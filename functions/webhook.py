"""Stage 4: what the engine tells us. Verify, keep, queue what follows, answer 200; believe nothing that costs anything.

`scheduled` and `in_progress` free nothing, so the signed URL is proof enough for them. A terminal status only queues a
look: the collect stage asks the engine with our own credentials.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from common import log
from common.bootstrap import services
from common.errors import NotFound, Problem, Rejected, TooLarge
from common.model import schedule
from common.model.lifecycle import Maker
from common.model.refusals import Refusal
from common.model.tasks import collect_task
from common.model.webhook import MAX_BODY_BYTES, WebhookEvent, is_signed, parse
from functions import _edge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import flask
    import pydantic
    from flask.typing import ResponseReturnValue

    from common.model.job import SymblAsyncRequest
    from common.ports import Inbox, RefusalLog, TaskQueue

_PARTS = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Receipt:
    """What became of a delivery."""

    event_id: str
    deliveries: int
    known: bool


def receive(event: WebhookEvent, *, inbox: Inbox, tasks: TaskQueue) -> Receipt:
    """Keep the event; queue a look if it says that the job has ended."""
    kept, request = inbox.receive(event, _apply)
    if request is not None and event.status.is_terminal and kept.worked_off_at is None:
        tasks.enqueue(collect_task(request, attempt_id=event.attempt_id, event_id=event.id))
    return Receipt(event_id=event.id, deliveries=kept.deliveries, known=request is not None)


def _apply(request: SymblAsyncRequest, event: WebhookEvent) -> SymblAsyncRequest:
    """What is harmless to believe: the job's id as a hint, and that it is not over yet."""
    told = request.told_job_id(event.attempt_id, event.job_id)
    if event.status.is_terminal or not request.is_current(event.attempt_id):
        return told
    return told.reported(
        event.status,
        by=Maker.WEBHOOK,
        now=event.received_at,
        why="the engine's webhook said so",
        next_check_at=told.next_check_at,
        event_id=event.id,
    )


def event_of(path: str, body: bytes, *, secrets: Sequence[str], now: datetime) -> WebhookEvent:
    """The event that a delivery to /{request}/{attempt}/{signature} carries.

    Raises:
        NotFound: for a path that we never gave out; nothing tells a wrong signature from an unknown request.
        Rejected: for a body that is no status.
    """
    parts = path.strip("/").split("/")
    if len(parts) != _PARTS or not is_signed(parts[2], secrets=secrets, request_id=parts[0], attempt_id=parts[1]):
        raise NotFound("there is no such webhook")
    job_id, status = parse(body)
    event = WebhookEvent(request_id=parts[0], attempt_id=parts[1], job_id=job_id, status=status, received_at=now)
    return dataclasses.replace(event, next_check_at=now + schedule.COLLECTION_LIMIT) if status.is_terminal else event


def _expect_event(request: flask.Request, *, secrets: Sequence[pydantic.SecretStr], now: datetime) -> WebhookEvent:
    if request.method != "POST":
        raise MethodRefused([Problem("method", "must be POST")])
    if request.content_length is None or request.content_length > MAX_BODY_BYTES:
        raise TooLarge([Problem("body", f"must have a Content-Length of at most {MAX_BODY_BYTES}")])
    revealed = [secret.get_secret_value() for secret in secrets]
    return event_of(request.path, request.get_data(), secrets=revealed, now=now)


def _refusal(error: Rejected) -> Refusal:
    """What an error is counted as."""
    match error:
        case MethodRefused():
            return Refusal.METHOD
        case TooLarge():
            return Refusal.TOO_LARGE
        case NotFound():
            return Refusal.SIGNATURE
        case _:
            return Refusal.BODY


def _count(reason: Refusal, *, refusals: RefusalLog) -> None:
    """Neither the path nor the body is logged: they are the caller's."""
    log.warning("webhook_refused", reason=reason)
    refusals.add(reason)


@_edge.open_function
def symbl_webhook(request: flask.Request) -> ResponseReturnValue:
    """Entry point for the engine's calls."""
    if request.method == "GET" and request.path == "/health":  # whether it is reached is for anybody to see
        return {"function": "symbl_webhook"}
    s = services()
    try:
        event = _expect_event(request, secrets=s.settings.webhook_secrets, now=s.clock())
    except Rejected as error:
        _count(_refusal(error), refusals=s.refusals)
        raise
    with log.context(request=event.request_id, attempt=event.attempt_id, job=event.job_id):
        receipt = receive(event, inbox=s.inbox, tasks=s.tasks)
        log.event("webhook_received", status=event.status, deliveries=receipt.deliveries, known=receipt.known)
    return dataclasses.asdict(receipt)


class MethodRefused(Rejected):
    """Only POST is a delivery."""

    status = 405
    reason = "METHOD_NOT_ALLOWED"
