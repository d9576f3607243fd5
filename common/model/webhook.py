"""Webhook events: what the engine tells us, who it names, and the proof that the URL is ours."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import re
from datetime import datetime
from typing import TYPE_CHECKING

from common.errors import Problem, Rejected
from common.model.job import AttemptId, RequestId
from common.model.lifecycle import JobStatus

if TYPE_CHECKING:
    from collections.abc import Sequence


MAX_BODY_BYTES = 64 * 1024
_REPORTED = frozenset({JobStatus.SCHEDULED, JobStatus.IN_PROGRESS, JobStatus.COMPLETED, JobStatus.FAILED})
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class WebhookEvent:
    """One status of one job, as delivered to the URL of one attempt; the same news again is counted, not kept twice."""

    request_id: RequestId
    attempt_id: AttemptId
    job_id: str
    status: JobStatus
    received_at: datetime
    deliveries: int = 1
    request_known: bool = True
    worked_off_at: datetime | None = None
    next_check_at: datetime | None = None  #: terminal ones: when the sweep asks whether it was worked off

    @property
    def id(self) -> str:
        """What makes two deliveries the same news."""
        return event_id(self.request_id, self.attempt_id, self.job_id, self.status)


def event_id(request_id: RequestId, attempt_id: AttemptId, job_id: str, status: JobStatus) -> str:
    """The key of an event: the same news has the same key."""
    return hashlib.sha256(f"{request_id}/{attempt_id}/{job_id}/{status}".encode()).hexdigest()[:40]


def signature(secret: str, request_id: RequestId, attempt_id: AttemptId) -> str:
    """What the URL carries: HMAC-SHA256 over both ids, hexadecimal, first 32 characters (128 bits)."""
    return hmac.new(secret.encode(), f"{request_id}/{attempt_id}".encode(), hashlib.sha256).hexdigest()[:32]


def is_signed(given: str, *, secrets: Sequence[str], request_id: RequestId, attempt_id: AttemptId) -> bool:
    """Whether any of the valid secrets made `given`; all are tried, so that time tells nothing."""
    proof = given.encode()  # compare_digest takes text only where it is ASCII
    fits = [hmac.compare_digest(signature(secret, request_id, attempt_id).encode(), proof) for secret in secrets]
    return any(fits)


def webhook_url(base: str, *, secret: str, request_id: RequestId, attempt_id: AttemptId) -> str:
    """The URL that names the request and the attempt, so that no delivery depends on what we have stored."""
    return f"{base}/{request_id}/{attempt_id}/{signature(secret, request_id, attempt_id)}"


def parse(body: bytes) -> tuple[str, JobStatus]:
    """The job id and the status.

    Symbl sends `id`; its reference says `jobId`. `id` is taken first, then `jobId`.

    Raises:
        Rejected: for anything else.
    """
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise Rejected([Problem("body", "is not JSON")]) from None
    if not isinstance(given, dict):
        raise Rejected([Problem("body", "must be a JSON object")])
    job_id = given.get("id") or given.get("jobId")
    if not isinstance(job_id, str) or not _ID.fullmatch(job_id):
        raise Rejected([Problem("id", "must be the job's id")])
    status = given.get("status")
    if not isinstance(status, str) or status not in _REPORTED:
        raise Rejected([Problem("status", f"must be one of {', '.join(sorted(_REPORTED))}")])
    return job_id, JobStatus(status)
