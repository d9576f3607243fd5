"""What becomes of a submission when the engine misbehaves: never a second POST whose first may have been taken."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from common.adapters.symbl.client import SymblClient
from common.model.lifecycle import JobStatus
from common.model.tasks import Stage
from tests.factories import a_wav
from tests.symbl_stand_in import SUBMIT_PATH, TOKEN_PATH, Answer, Fault, refusing_url

if TYPE_CHECKING:
    from common.model.job import SymblAsyncRequest
    from tests.integration.pipeline.installation import Installation
    from tests.symbl_stand_in import SymblStandIn

ACCEPTED = Answer(201, {"conversationId": "c-1", "jobId": "j-1"})


def submitted(installation: Installation, *, seed: int = 0) -> SymblAsyncRequest:
    """Add a recording, and let it be dispatched and submitted once; where it stands then."""
    recording = installation.add(a_wav(seed=seed), {"company": "Acme"}).get_json()["id"]
    installation.run(Stage.DISPATCH)
    assert [delivery.status for delivery in installation.run(Stage.SUBMIT)] == [200]
    return installation.request(recording)


def dispatch_tasks(installation: Installation) -> list[timedelta]:
    """How long the dispatch tasks still wait."""
    return [task.schedule_time - installation.clock() for task in installation.tasks.tasks("dispatch-jobs")]


def test_an_engine_out_of_reach_puts_it_back(installation: Installation) -> None:
    """Nothing was sent: the slot is free, and dispatch is due when the request may be claimed again."""
    installation.configure(SYMBL_API_URL=refusing_url())

    request = submitted(installation)

    assert (request.status, request.attempts[0].sent_at) == (JobStatus.PENDING, None)
    assert installation.count("SymblSlot") == 0
    assert dispatch_tasks(installation) == [request.available_at - installation.clock()]
    assert timedelta(0) <= request.available_at - installation.clock() <= timedelta(seconds=5)


@pytest.mark.parametrize("fault", [Fault.SILENCE, Fault.RESET, Fault.RESET_INSIDE, Answer(502, b"")])
def test_an_unknown_outcome_keeps_the_slot_and_is_never_sent_again(
    installation: Installation, symbl: SymblStandIn, fault: Fault | Answer
) -> None:
    """The task is answered; a second delivery of it, and the sweep, do not POST while the engine may have a job."""
    symbl.on(SUBMIT_PATH, fault)
    settings = installation.services.settings
    installation.services.engine = SymblClient(
        base_url=symbl.url,
        app_id=settings.symbl_app_id,
        app_secret=settings.symbl_app_secret.get_secret_value(),
        clock=installation.clock,
        submit_read_s=0.2,
    )

    request = submitted(installation)
    again = {"request_id": request.id, "attempt_id": request.attempts[0].id}
    assert installation.call_internal("submit_job", again).get_json() == {"outcome": "nothing_to_do"}
    installation.clock.advance(timedelta(minutes=5))
    assert installation.sweep() == {"jobs_asked_about": 1, "submissions_unknown": 1}

    request = installation.request(request.recording_id)
    assert (request.status, request.slot) == (JobStatus.SUBMITTING, request.attempts[0].slot)
    assert len(symbl.received(SUBMIT_PATH)) == 1
    assert "attemptId%3D%3D" in symbl.received("/v1/conversations")[0].query

    installation.clock.advance(timedelta(minutes=10))
    assert installation.sweep()["ambiguous_resubmits"] == 1
    symbl.on(SUBMIT_PATH, ACCEPTED)
    del installation.services.engine
    installation.run()
    first, second = symbl.received(SUBMIT_PATH)
    assert first.json["metadata"]["attemptId"] != second.json["metadata"]["attemptId"]
    assert installation.request(request.recording_id).status is JobStatus.SCHEDULED


def test_a_lost_answer_is_found_among_the_engines_conversations(
    installation: Installation, symbl: SymblStandIn
) -> None:
    """The attempt's id stands in the conversation: nothing is paid twice."""
    symbl.on(SUBMIT_PATH, Fault.RESET)
    request = submitted(installation)
    listing = [{"id": "c-9", "name": "x", "metadata": {"attemptId": request.attempts[0].id}}]
    symbl.on("/v1/conversations", Answer(body={"conversations": listing}))

    installation.clock.advance(timedelta(minutes=5))
    assert installation.sweep() == {"jobs_asked_about": 1, "submissions_recovered": 1}

    request = installation.request(request.recording_id)
    assert (request.status, request.conversation_id) == (JobStatus.SCHEDULED, "c-9")
    assert len(symbl.received(SUBMIT_PATH)) == 1


@pytest.mark.parametrize(
    ("headers", "least", "most"), [((("Retry-After", "30"),), 30, 30), ((), 0, 5)], ids=["advice", "no advice"]
)
def test_a_throttled_submission_comes_back_when_it_is_told_to(
    installation: Installation, symbl: SymblStandIn, headers: tuple[tuple[str, str], ...], least: int, most: int
) -> None:
    """429: the slot is free, and the second attempt is another one."""
    symbl.on(SUBMIT_PATH, Answer(429, {"statusCode": 429, "message": "limit"}, headers), ACCEPTED)

    request = submitted(installation)
    wait = request.available_at - installation.clock()
    assert request.status is JobStatus.PENDING
    assert timedelta(seconds=least) <= wait <= timedelta(seconds=most)
    assert installation.count("SymblSlot") == 0

    installation.clock.advance(wait + timedelta(seconds=1))
    installation.run()

    request = installation.request(request.recording_id)
    assert (request.status, len(request.attempts)) == (JobStatus.SCHEDULED, 2)


def test_a_refused_recording_fails_with_the_engines_reason(installation: Installation, symbl: SymblStandIn) -> None:
    """400: given up at once, the slot is free, and the next in line has its turn."""
    symbl.on(SUBMIT_PATH, Answer(400, {"message": '"url" must be a valid uri'}))

    request = submitted(installation)

    assert request.status is JobStatus.FAILED
    assert request.error is not None
    assert (request.error.failure_class, "must be a valid uri" in request.error.reason) == ("recording", True)
    assert (installation.count("SymblSlot"), dispatch_tasks(installation)) == (0, [timedelta(0)])
    shown = installation.get(f"/{request.recording_id}").get_json()
    assert "must be a valid uri" in shown["request"]["error"]["reason"]


def test_a_refused_account_stops_dispatch_and_keeps_the_queue(installation: Installation, symbl: SymblStandIn) -> None:
    """401: nothing fails, nothing is sent, and after a rest it goes on by itself."""
    symbl.on(TOKEN_PATH, Answer(401, {"message": "wrong pair"}))
    first = submitted(installation)
    installation.clock.advance(timedelta(seconds=1))
    second = installation.add(a_wav(seed=2), {"company": "Acme"}).get_json()["id"]

    assert [delivery.status for delivery in installation.run()] == [200]
    assert first.status is installation.request(second).status is JobStatus.PENDING
    assert installation.request(second).attempts == ()
    assert symbl.received(SUBMIT_PATH) == []

    symbl.on(TOKEN_PATH, Answer(body={"accessToken": "t", "expiresIn": 86400})).on(SUBMIT_PATH, ACCEPTED)
    installation.clock.advance(timedelta(minutes=6))
    installation.run()
    assert installation.request(first.recording_id).status is JobStatus.SCHEDULED
    assert installation.request(second).status is JobStatus.SCHEDULED


def test_a_claim_whose_task_vanished_is_sent_after_all(installation: Installation, symbl: SymblStandIn) -> None:
    """The sweep creates the task again, under a name that is not taken."""
    symbl.on(SUBMIT_PATH, ACCEPTED)
    recording = installation.add(a_wav(), {"company": "Acme"}).get_json()["id"]
    installation.run(Stage.DISPATCH)
    (lost,) = installation.tasks.tasks("submit-job")
    installation.services.tasks._client.delete_task(name=lost.name)

    installation.clock.advance(timedelta(minutes=2))
    assert installation.sweep() == {"tasks_recreated": 1}
    installation.run()

    assert installation.request(recording).status is JobStatus.SCHEDULED
    assert len(symbl.received(SUBMIT_PATH)) == 1


def test_a_job_that_the_engine_does_not_tell_of_is_asked_about(installation: Installation, symbl: SymblStandIn) -> None:
    """Each look that finds it working waits longer for the next; what the engine says is taken over."""
    symbl.on(SUBMIT_PATH, ACCEPTED).on("/v1/job/j-1", Answer(body={"id": "j-1", "status": "in_progress"}))
    request = submitted(installation)
    assert request.next_check_at == installation.clock() + timedelta(seconds=60)

    waits = []
    for _ in range(4):
        assert request.next_check_at is not None
        installation.clock.now = request.next_check_at
        assert installation.sweep() == {"jobs_asked_about": 1}
        request = installation.request(request.recording_id)
        assert request.next_check_at is not None
        waits.append(request.next_check_at - installation.clock())

    assert request.status is JobStatus.IN_PROGRESS
    assert waits == sorted(waits)
    assert waits[-1] > waits[0]


def test_a_job_that_failed_unheard_is_settled_by_the_sweep(installation: Installation, symbl: SymblStandIn) -> None:
    """With the engine's reason, and its slot free."""
    symbl.on(SUBMIT_PATH, ACCEPTED)
    request = submitted(installation)
    failed = Answer(body={"id": "j-1", "status": "failed"}, headers=(("X-Job-Error", "no speech in it"),))
    symbl.on("/v1/job/j-1", failed)

    installation.clock.advance(timedelta(minutes=2))
    installation.sweep()
    installation.run()

    request = installation.request(request.recording_id)
    assert (request.status, request.error and request.error.reason) == (JobStatus.FAILED, "no speech in it")
    assert installation.count("SymblSlot") == 0
