"""The engine's calls: kept first, believed only as far as they cost nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from common.model.lifecycle import JobStatus
from common.model.tasks import Stage
from common.model.webhook import MAX_BODY_BYTES, signature
from tests.factories import a_wav
from tests.integration.pipeline.test_submission import ACCEPTED, submitted
from tests.symbl_stand_in import SUBMIT_PATH, Answer, Fault

if TYPE_CHECKING:
    from common.model.job import SymblAsyncRequest
    from tests.integration.pipeline.installation import Installation
    from tests.symbl_stand_in import SymblStandIn


def path_of(request: SymblAsyncRequest, secret: str = "new-webhook-secret") -> str:
    """Where the engine calls for the current attempt."""
    attempt = request.attempts[-1].id
    return f"/{request.id}/{attempt}/{signature(secret, request.id, attempt)}"


def news(status: str, **fields: Any) -> dict[str, Any]:
    return {"id": "j-1", "status": status, **fields}


def test_news_before_the_answer_is_matched_by_its_url(installation: Installation, symbl: SymblStandIn) -> None:
    """The answer got lost; the webhook names the job, and its end is settled all the same."""
    symbl.on(SUBMIT_PATH, Fault.RESET)
    request = submitted(installation)
    assert request.job_id is None

    assert installation.webhook(path_of(request), news("scheduled")).status_code == 200
    request = installation.request(request.recording_id)
    assert (request.status, request.attempts[-1].told_job_id, request.conversation_id) == (
        JobStatus.SCHEDULED,
        "j-1",
        None,
    )

    listing = [{"id": "c-1", "name": "x", "metadata": {"attemptId": request.attempts[-1].id}}]
    symbl.on("/v1/conversations", Answer(body={"conversations": listing}))
    symbl.on("/v1/job/j-1", Answer(body={"id": "j-1", "status": "completed"}))
    assert installation.webhook(path_of(request), news("completed")).status_code == 200
    installation.run(Stage.COLLECT)

    request = installation.request(request.recording_id)
    assert (request.status, request.conversation_id) == (JobStatus.COMPLETED, "c-1")
    assert installation.count("SymblSlot") == 0


@pytest.mark.parametrize("body", [news("in_progress"), {"jobId": "j-1", "status": "in_progress"},
                                  {"id": "j-1", "jobId": "j-1", "status": "in_progress", "extra": [1]}])  # fmt: skip
def test_both_spellings_of_the_job_id_are_understood(
    installation: Installation, symbl: SymblStandIn, body: dict[str, Any]
) -> None:
    """Symbl sends `id`; its reference says `jobId`."""
    symbl.on(SUBMIT_PATH, ACCEPTED)
    request = submitted(installation)

    assert installation.webhook(path_of(request), body).status_code == 200
    assert installation.request(request.recording_id).status is JobStatus.IN_PROGRESS


def test_late_and_repeated_news_change_nothing(installation: Installation, symbl: SymblStandIn) -> None:
    """They are counted; the status only rises."""
    symbl.on(SUBMIT_PATH, ACCEPTED)
    request = submitted(installation)
    path = path_of(request)

    deliveries = [
        installation.webhook(path, news(status)).get_json()["deliveries"]
        for status in ("in_progress", "scheduled", "in_progress", "scheduled", "in_progress")
    ]

    after = installation.request(request.recording_id)
    assert deliveries == [1, 1, 2, 2, 3]
    assert [line.after for line in after.timeline] == ["pending", "submitting", "scheduled", "in_progress"]
    assert installation.tasks.tasks("collect-results") == []


def test_a_second_completed_makes_no_second_task(installation: Installation, symbl: SymblStandIn) -> None:
    """And one after the end makes none at all."""
    symbl.on(SUBMIT_PATH, ACCEPTED).on("/v1/job/j-1", Answer(body={"id": "j-1", "status": "completed"}))
    request = submitted(installation)
    for _ in range(2):
        installation.webhook(path_of(request), news("completed"))
    assert len(installation.tasks.tasks("collect-results")) == 1

    installation.run(Stage.COLLECT)
    assert installation.webhook(path_of(request), news("completed")).get_json()["deliveries"] == 3
    assert installation.tasks.tasks("collect-results") == []


@pytest.mark.parametrize("claim", ["completed", "failed"])
def test_a_lie_about_the_end_frees_nothing(installation: Installation, symbl: SymblStandIn, claim: str) -> None:
    """The engine is asked with our own credentials, and says that it works on it."""
    symbl.on(SUBMIT_PATH, ACCEPTED).on("/v1/job/j-1", Answer(body={"id": "j-1", "status": "in_progress"}))
    request = submitted(installation)

    installation.webhook(path_of(request), news(claim))
    assert [delivery.status for delivery in installation.run(Stage.COLLECT)] == [200]

    assert installation.request(request.recording_id).status is JobStatus.IN_PROGRESS
    assert installation.count("SymblSlot") == 1


def test_urls_of_an_older_secret_stay_good(installation: Installation, symbl: SymblStandIn) -> None:
    """Secrets are rotated while jobs run."""
    symbl.on(SUBMIT_PATH, ACCEPTED)
    request = submitted(installation)

    assert installation.webhook(path_of(request, "old-webhook-secret"), news("in_progress")).status_code == 200
    assert installation.webhook(path_of(request, "gone-webhook-secret"), news("in_progress")).status_code == 404


@pytest.mark.parametrize("path", ["/", "/a/b", "/a/b/c", "/a/b/c/d", "/{id}/{attempt}/", "/{id}/{attempt}/\u00e9"])
def test_a_path_that_we_never_gave_out_is_not_there(installation: Installation, symbl: SymblStandIn, path: str) -> None:
    """404, whether the request exists or not, and nothing is kept."""
    symbl.on(SUBMIT_PATH, ACCEPTED)
    request = submitted(installation)

    forged = path.format(id=request.id, attempt=request.attempts[-1].id)
    assert installation.webhook(forged, news("completed")).status_code == 404
    assert installation.count("WebhookEvent") == 0
    assert installation.request(request.recording_id) == request


@pytest.mark.parametrize(
    "body",
    [b"{", b"[" * 20_000, [], "completed", {"status": "completed"}, {"id": 7, "status": "completed"}, news("paused"),
     {"id": "j-1"}, news("pending"), {"id": "j-1", "status": ["completed"]}, {"id": "j 1", "status": "completed"},
     {"id": "j-1", "status": {}}],
)  # fmt: skip
def test_a_body_that_is_no_status_is_refused(installation: Installation, symbl: SymblStandIn, body: object) -> None:
    """400 for whoever signed it, and nothing is kept."""
    symbl.on(SUBMIT_PATH, ACCEPTED)
    request = submitted(installation)

    assert installation.webhook(path_of(request), body).status_code == 400
    assert installation.count("WebhookEvent") == 0


def test_only_small_posts_are_deliveries(installation: Installation) -> None:
    """405 and 413."""
    client = installation.apps["symbl_webhook"].test_client()

    assert client.get("/a/b/c").status_code == 405
    assert client.post("/a/b/c", data=b"x" * (MAX_BODY_BYTES + 1)).status_code == 413


def test_news_of_a_request_that_is_gone_is_closed_by_the_sweep(installation: Installation) -> None:
    """It is kept for people to read, and asked for once."""
    path = f"/gone-1/attempt-1/{signature('new-webhook-secret', 'gone-1', 'attempt-1')}"
    assert installation.webhook(path, news("completed")).get_json()["known"] is False

    installation.clock.advance(timedelta(minutes=3))
    assert installation.sweep() == {"events_without_work": 1}
    installation.clock.advance(timedelta(minutes=3))
    assert installation.sweep() == {}


def test_an_event_whose_task_vanished_is_worked_off_once(installation: Installation, symbl: SymblStandIn) -> None:
    """The sweep queues one more task, not one at each sweep."""
    symbl.on(SUBMIT_PATH, ACCEPTED).on("/v1/job/j-1", Answer(503, b""))
    request = submitted(installation)
    installation.webhook(path_of(request), news("completed"))
    (lost,) = installation.tasks.tasks("collect-results")
    installation.services.tasks._client.delete_task(name=lost.name)

    for _ in range(3):
        installation.clock.advance(timedelta(minutes=3))
        installation.sweep()
    assert len(installation.tasks.tasks("collect-results")) <= 2

    symbl.on("/v1/job/j-1", Answer(body={"id": "j-1", "status": "failed"}))
    installation.run(Stage.COLLECT)
    assert installation.request(request.recording_id).status is JobStatus.FAILED
    installation.clock.advance(timedelta(minutes=9))
    assert installation.sweep() == {}


def test_a_row_that_cannot_be_read_does_not_stop_the_sweep(installation: Installation) -> None:
    """Whoever wrote it: the others are looked at all the same, and dispatch starts again."""
    recording = installation.add(a_wav(), {"company": "Acme"}).get_json()["id"]
    (lost,) = installation.tasks.tasks("dispatch-jobs")
    installation.services.tasks._client.delete_task(name=lost.name)
    client = installation.stored
    poison = client.get(client.key("SymblAsyncRequest", f"{recording}-1"))
    poison.key = client.key("SymblAsyncRequest", "poison-1")
    poison.update(status="unheard-of", next_check_at=installation.clock() - timedelta(seconds=1))
    client.put(poison)

    assert installation.sweep() == {"requests_errors": 1, "dispatch_restarted": 1}


def test_unread_recordings_do_not_hear_of_each_other(installation: Installation, symbl: SymblStandIn) -> None:
    """News is about the request that its URL names."""
    symbl.on(SUBMIT_PATH, ACCEPTED, Answer(201, {"conversationId": "c-2", "jobId": "j-2"}))
    first = submitted(installation)
    second = installation.add(a_wav(seed=5), {"company": "Acme"}).get_json()["id"]

    installation.webhook(path_of(first), news("in_progress"))

    assert installation.request(second).status is JobStatus.PENDING
