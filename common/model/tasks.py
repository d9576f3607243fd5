"""Tasks: which one a request's state owes, and the name that makes creating it twice harmless.

Commit, then enqueue: what is owed is not written down apart, it follows from the request that was committed. So the
sweep can create again whatever a crash or the queue has lost, with the next generation in the name, since a name stays
taken for up to 24 h.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from common.model.job import OWED_RESULTS
from common.model.lifecycle import JobStatus

if TYPE_CHECKING:
    from common.model.job import AttemptId, SymblAsyncRequest
    from common.model.recording import StoredObject

#: What the bucket says of an object that was written
#: (https://cloud.google.com/eventarc/docs/cloudevents-reference; the names are those of StorageObjectData).
_FINALIZED = "google.cloud.storage.object.v1.finalized"


class Stage(enum.StrEnum):
    """What a task asks for; the value is the entry point that serves it."""

    DISPATCH = "dispatch_jobs"
    SUBMIT = "submit_job"
    COLLECT = "collect_results"
    INGEST = "ingest_recording"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """One message of the queue: a stage, ids, and a name that follows from what caused it; `headers` beside JSON's."""

    stage: Stage
    name: str
    body: dict[str, str]
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    not_before: datetime | None = None


def owed(request: SymblAsyncRequest) -> Task | None:
    """The task without which this request would not go on; None if it waits for somebody else."""
    attempt = request.attempt
    if attempt is None:
        return None
    if request.may_be_sent(attempt.id):
        return submit_task(request)
    if request.status is JobStatus.COMPLETED and request.results in OWED_RESULTS:
        return collect_task(request)
    return None


def submit_task(request: SymblAsyncRequest) -> Task:
    """Send the current attempt to the engine; whose it is tells which defaults to read along with it."""
    task = _of_attempt(Stage.SUBMIT, request)
    return dataclasses.replace(task, body={**task.body, "company": request.company})


def collect_task(request: SymblAsyncRequest, *, attempt_id: AttemptId | None = None, event_id: str = "") -> Task:
    """Ask the engine how the job of an attempt stands (by default the latest), then fetch what is there.

    `event_id` is the webhook event that says so.
    """
    task = _of_attempt(Stage.COLLECT, request, attempt_id=attempt_id, cause=event_id)
    return dataclasses.replace(task, body={**task.body, "event_id": event_id}) if event_id else task


def dispatch_task(*, cause: str, not_before: datetime | None = None) -> Task:
    """Fill the free slots; `cause` is the arrival or the release that makes it worth looking."""
    return Task(stage=Stage.DISPATCH, name=_name(Stage.DISPATCH, cause), body={"cause": cause}, not_before=not_before)


def ingest_task(stored: StoredObject) -> Task:
    """Take in an object whose event was lost: the same event, as a CloudEvent in HTTP binary mode.

    The name is the object's alone, however often it is found: an ingest that keeps failing is one task that the queue
    repeats, not one more at each scan.
    """
    return Task(
        stage=Stage.INGEST,
        name=_name(Stage.INGEST, stored.recording_id),
        body={
            "bucket": stored.bucket,
            "name": stored.name,
            "generation": str(stored.generation),  # 64-bit numbers are text in JSON
            "size": str(stored.size),
            "timeCreated": stored.created_at.isoformat(),
        },
        headers={
            "ce-specversion": "1.0",
            "ce-id": f"reconciliation-{stored.recording_id}",
            "ce-type": _FINALIZED,
            "ce-source": f"//storage.googleapis.com/projects/_/buckets/{stored.bucket}",
            "ce-subject": f"objects/{quote(stored.name)}",
            "ce-time": stored.created_at.isoformat(),
            "ce-bucket": stored.bucket,
        },
    )


def _of_attempt(
    stage: Stage, request: SymblAsyncRequest, *, attempt_id: AttemptId | None = None, cause: str = ""
) -> Task:
    which = attempt_id or request.attempts[-1].id
    return Task(
        stage=stage,
        name=_name(stage, request.id, which, str(request.generation), cause),
        body={"request_id": request.id, "attempt_id": which},
    )


def _name(*parts: str) -> str:
    """A hash: evenly spread, since names with a common prefix slow Cloud Tasks down."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:40]
