"""The task that a request's state owes, and names that make creating it twice harmless."""

from __future__ import annotations

import json
import re

import pytest
from cloudevents.http import from_http

from common.model.intelligence import SECTION_NAMES, Section, SectionState
from common.model.lifecycle import JobStatus
from common.model.tasks import Stage, collect_task, dispatch_task, ingest_task, owed, submit_task
from tests.factories import NOW, a_job, a_recording


@pytest.mark.parametrize(
    ("status", "sent", "stage"),
    [
        (JobStatus.PENDING, True, None),
        (JobStatus.SUBMITTING, False, Stage.SUBMIT),
        (JobStatus.SUBMITTING, True, None),
        (JobStatus.SCHEDULED, True, None),
        (JobStatus.IN_PROGRESS, True, None),
        (JobStatus.COMPLETED, True, Stage.COLLECT),
        (JobStatus.FAILED, True, None),
    ],
)
def test_what_a_request_owes_follows_from_where_it_stands(status: JobStatus, sent: bool, stage: Stage | None) -> None:  # noqa: FBT001
    """Between the mark as sent and the end it waits for the engine."""
    task = owed(a_job(status, sent=sent))

    assert (task and task.stage) == stage
    assert task is None or task.body.items() >= {"request_id": a_job().id, "attempt_id": "attempt-1"}.items()


def test_a_submission_names_the_company() -> None:
    """So that its defaults are read in one call with the request."""
    job = a_job(JobStatus.SUBMITTING, sent=False)

    assert submit_task(job).body == {"request_id": job.id, "attempt_id": "attempt-1", "company": job.company}


def test_complete_results_owe_nothing() -> None:
    """Partial ones do."""
    job = a_job(JobStatus.COMPLETED)
    stored = [Section(name=name, state=SectionState.STORED) for name in SECTION_NAMES]

    assert owed(job.collected(stored[1:], next_check_at=NOW)) is not None
    assert owed(job.collected(stored, next_check_at=NOW)) is None


def test_the_same_cause_has_the_same_name() -> None:
    """Another attempt, stage, generation or event has another one; all are what Cloud Tasks takes."""
    job = a_job(JobStatus.SUBMITTING, sent=False)
    tasks = [
        submit_task(job),
        submit_task(job.task_recreated(next_check_at=NOW)),
        submit_task(a_job(JobStatus.SUBMITTING, attempt_id="attempt-2")),
        submit_task(a_job(JobStatus.SUBMITTING, number=2)),
        collect_task(job),
        collect_task(job, event_id="e1"),
        collect_task(job, event_id="e2"),
        dispatch_task(cause="a"),
        dispatch_task(cause="b", not_before=NOW),
        ingest_task(a_recording(1)),
        ingest_task(a_recording(1, generation=7)),
    ]

    assert submit_task(job).name == tasks[0].name
    assert len({task.name for task in tasks}) == len(tasks)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,500}", task.name) for task in tasks)
    assert tasks[5].body["event_id"] == "e1"


def test_a_lost_event_is_sent_again_as_the_bucket_would() -> None:
    """A CloudEvent in HTTP binary mode, of any name that an object may have; headers are ASCII."""
    stored = a_recording(name="Größe/100 %/a\U0001f3a7.wav")

    task = ingest_task(stored)
    event = from_http(task.headers, json.dumps(task.body).encode())

    assert all(value.isascii() for value in task.headers.values())
    assert event["type"] == "google.cloud.storage.object.v1.finalized"
    assert event["source"] == "//storage.googleapis.com/projects/_/buckets/recordings"
    assert event["subject"].startswith("objects/Gr%C3%B6%C3%9Fe/")
    data = event.get_data()
    assert data is not None
    assert (data["name"], data["generation"]) == (stored.name, str(stored.generation))
