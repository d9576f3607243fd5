"""A request may leave a job that still runs: its slot stays taken, and what is paid for is not thrown away."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from common.model.intelligence import ResultsState
from common.model.job import FailureClass, ReplayStage
from common.model.lifecycle import JobStatus, Maker
from common.model.tasks import Stage
from common.model.webhook import signature
from tests.factories import a_wav
from tests.symbl_stand_in import SUBMIT_PATH, Answer, Fault

if TYPE_CHECKING:
    from common.model.job import SymblAsyncRequest
    from tests.integration.pipeline.installation import Installation
    from tests.symbl_stand_in import SymblStandIn

SECRET = "new-webhook-secret"
NOTHING = Answer(body={"conversations": []})
SHAPES = {
    "messages": {"messages": []},
    "topics": {"topics": []},
    "trackers": [],
    "questions": {"questions": []},
    "action-items": {"actionItems": []},
    "follow-ups": {"followUps": []},
    "entities": {"entities": []},
    "analytics": {"metrics": [], "members": []},
    "summary": {"summary": []},
}


def accepted(number: int) -> Answer:
    """The engine's 201 with the ids of job `number`."""
    return Answer(201, {"conversationId": f"c-{number}", "jobId": f"j-{number}"})


def says(symbl: SymblStandIn, job: int, status: str) -> None:
    """How the engine's job stands from now on; a completed one has empty results."""
    symbl.on(f"/v1/job/j-{job}", Answer(body={"id": f"j-{job}", "status": status}))
    if status == "completed":
        for path, shape in SHAPES.items():
            symbl.on(f"/v1/conversations/c-{job}/{path}", Answer(body=shape))


def listed(symbl: SymblStandIn, **conversations: str) -> None:
    """The engine lists these conversations, each with the attempt that made it."""
    rows = [
        {"id": id_.replace("_", "-"), "name": "x", "metadata": {"attemptId": a}} for id_, a in conversations.items()
    ]
    symbl.on("/v1/conversations", Answer(body={"conversations": rows}))


def add(installation: Installation, seed: int = 0) -> str:
    recording: str = installation.add(a_wav(seed=seed), {"company": "Acme"}).get_json()["id"]
    return recording


def news(installation: Installation, request: SymblAsyncRequest, attempt_id: str, job: int, status: str) -> None:
    """The engine's webhook for one attempt."""
    path = f"/{request.id}/{attempt_id}/{signature(SECRET, request.id, attempt_id)}"
    assert installation.webhook(path, {"id": f"j-{job}", "status": status}).status_code == 200


def replay(installation: Installation, recording: str, stage: ReplayStage = ReplayStage.SUBMIT) -> int:
    """Have it run again; the status of the answer."""
    order = {"reason": "the engine was mended", "from_stage": stage.value}
    path = f"/api/v1/recordings/{recording}:replay"
    return installation.apps["recordings"].test_client().post(path, json=order).status_code


def pass_time(installation: Installation, minutes: float) -> dict[str, int]:
    """Time passes, the sweep runs, and so does what it has queued."""
    installation.clock.advance(timedelta(minutes=minutes))
    found = installation.sweep()
    installation.run()
    return found


@pytest.fixture
def stuck(installation: Installation, symbl: SymblStandIn) -> str:
    """A recording whose job was given up as stuck, while the engine goes on saying that it works on it."""
    installation.configure(SYMBL_API_URL=symbl.url, JOB_LIMIT_S="60")
    symbl.on(SUBMIT_PATH, accepted(1), accepted(2))
    says(symbl, 1, "in_progress")
    recording = add(installation)
    installation.run()
    assert pass_time(installation, 2)["given_up"] == 1
    return recording


def test_a_job_that_never_ends_is_given_up_and_its_slot_stays_taken(installation: Installation, stuck: str) -> None:
    """The reason is for a person, with what the engine said; the engine counts the job, and so do we."""
    request = installation.request(stuck)
    lease = installation.services.slots.leases()[0]

    assert (request.status, request.failure_class) == (JobStatus.FAILED, FailureClass.STUCK)
    assert request.error is not None
    assert request.error.exchange is not None
    assert request.error.reason == "the engine has said in_progress for 0.0333 h"
    assert "GET /v1/job/j-1" in request.error.exchange.request
    assert '"in_progress"' in (request.error.exchange.answer or "")
    assert (lease.request_id, lease.quarantined_at) == (request.id, installation.clock())
    assert request.timeline[-1].by is Maker.SWEEP


def test_a_quarantined_slot_counts_until_the_engine_says_that_the_job_has_failed(
    installation: Installation, symbl: SymblStandIn, stuck: str
) -> None:
    """Its cap is ours too: with one slot in quarantine, a new recording has one less."""
    report = installation.call_internal("dispatch_jobs").get_json()
    assert (report["cap"], report["free_slots"]) == (5, 4)

    assert pass_time(installation, 1)["slots_quarantined"] == 1
    assert installation.count("SymblSlot") == 1
    says(symbl, 1, "failed")
    pass_time(installation, 5)

    request = installation.request(stuck)
    assert (request.status, request.failure_class, request.next_check_at) == (
        JobStatus.FAILED,
        FailureClass.STUCK,
        None,
    )
    assert installation.count("SymblSlot") == 0


def test_a_stuck_job_that_completes_after_all_completes_its_recording(
    installation: Installation, symbl: SymblStandIn, stuck: str
) -> None:
    """What was paid for is taken, whoever tells of it first."""
    says(symbl, 1, "completed")
    request = installation.request(stuck)
    news(installation, request, request.attempts[0].id, 1, "completed")
    installation.run()

    request = installation.request(stuck)
    assert (request.status, request.results, request.error) == (JobStatus.COMPLETED, ResultsState.COMPLETE, None)
    assert (request.timeline[-1].by, request.timeline[-1].event_id is None) == (Maker.COLLECT, False)
    assert installation.count("SymblSlot") == 0


def test_a_job_in_quarantine_that_the_engine_forgets_frees_its_slot(
    installation: Installation, symbl: SymblStandIn, stuck: str
) -> None:
    """404 twice in a row and no conversation: so an operator frees a slot by deleting the conversation."""
    symbl.on("/v1/job/j-1", Answer(404, {"message": "Job not found"}))
    symbl.on("/v1/conversations", NOTHING)
    pass_time(installation, 2)
    assert installation.count("SymblSlot") == 1
    assert pass_time(installation, 4)["slots_released"] == 1

    assert installation.count("SymblSlot") == 0
    assert installation.request(stuck).next_check_at is None


def test_a_replay_of_a_stuck_recording_waits_for_the_end_of_its_job(
    installation: Installation, symbl: SymblStandIn, stuck: str
) -> None:
    """It is at the engine: a second submission would be paid for twice. Once it has failed there, it is sent again."""
    assert replay(installation, stuck) == 409
    says(symbl, 1, "failed")

    assert replay(installation, stuck) == 200
    installation.run()

    request = installation.request(stuck)
    assert (request.status, request.conversation_id, request.attempts_made) == (JobStatus.SCHEDULED, "c-2", 2)
    assert len(symbl.received(SUBMIT_PATH)) == 2


def test_an_earlier_attempt_that_completes_first_wins(installation: Installation, symbl: SymblStandIn) -> None:
    """Its answer was lost and it was nowhere to be found, so it was sent again; then the first one completes.

    The second is still under way at the engine: its slot is quarantined until it ends, and its results change nothing.
    """
    symbl.on(SUBMIT_PATH, Fault.RESET, accepted(2))
    symbl.on("/v1/conversations", NOTHING)
    says(symbl, 2, "in_progress")
    recording = add(installation)
    installation.run()
    assert pass_time(installation, 15)["ambiguous_resubmits"] == 1
    request = installation.request(recording)
    first, second = request.attempts
    assert (request.status, request.conversation_id) == (JobStatus.SCHEDULED, "c-2")

    listed(symbl, c_1=first.id, c_2=second.id)
    says(symbl, 1, "completed")
    news(installation, request, first.id, 1, "completed")
    installation.run()

    request = installation.request(recording)
    assert (request.status, request.conversation_id, request.results) == (
        JobStatus.COMPLETED,
        "c-1",
        ResultsState.COMPLETE,
    )
    assert [(lease.attempt_id, lease.quarantined_at is None) for lease in installation.services.slots.leases()] == [
        (second.id, False)
    ]

    says(symbl, 2, "completed")
    pass_time(installation, 2)
    request = installation.request(recording)
    assert (request.conversation_id, request.next_check_at) == ("c-1", None)
    assert installation.count("SymblSlot") == 0


def test_an_attempt_that_was_never_sent_leaves_nothing_behind(installation: Installation, symbl: SymblStandIn) -> None:
    """The first attempt completes while the second has its slot and no more: its task then finds nothing to do."""
    symbl.on(SUBMIT_PATH, Fault.RESET, accepted(2))
    symbl.on("/v1/conversations", NOTHING)
    recording = add(installation)
    installation.run()
    installation.clock.advance(timedelta(minutes=15))
    installation.sweep()
    installation.run(Stage.DISPATCH)
    request = installation.request(recording)
    first, second = request.attempts

    listed(symbl, c_1=first.id)
    says(symbl, 1, "completed")
    news(installation, request, first.id, 1, "completed")
    installation.run(Stage.COLLECT)
    installation.run()

    request = installation.request(recording)
    assert (request.status, request.conversation_id, second.sent_at) == (JobStatus.COMPLETED, "c-1", None)
    assert installation.count("SymblSlot") == 0
    assert len(symbl.received(SUBMIT_PATH)) == 1


@pytest.mark.parametrize("status", ["in_progress", "completed"])
def test_a_replay_looks_first_whether_an_unknown_attempt_is_at_the_engine(
    installation: Installation, symbl: SymblStandIn, status: str
) -> None:
    """Given up as unknown; found since. Nothing is sent again, and what is completed is fetched."""
    installation.configure(SYMBL_API_URL=symbl.url, RETRY_UNKNOWN_OUTCOMES="0")
    symbl.on(SUBMIT_PATH, Fault.RESET)
    symbl.on("/v1/conversations", NOTHING)
    recording = add(installation)
    installation.run()
    assert pass_time(installation, 15)["given_up"] == 1
    error = installation.request(recording).error
    assert error is not None
    assert error.exchange is not None
    assert error.exchange.request.startswith("POST /v1/process/audio/url")

    listed(symbl, c_1=installation.request(recording).attempts[0].id)
    if status == "completed":
        says(symbl, 1, status)
    assert replay(installation, recording) == 409
    installation.run()

    request = installation.request(recording)
    assert (request.status is JobStatus.COMPLETED) == (status == "completed")
    assert len(symbl.received(SUBMIT_PATH)) == 1


def test_a_false_job_id_from_a_webhook_ends_nothing(installation: Installation, symbl: SymblStandIn) -> None:
    """The answer was lost, and a webhook to its URL names another recording's job, which has completed."""
    symbl.on(SUBMIT_PATH, accepted(1), Fault.RESET)
    says(symbl, 1, "completed")
    add(installation, seed=1)
    installation.run()
    recording = add(installation, seed=2)
    installation.run()
    request = installation.request(recording)
    listed(symbl, c_9=request.attempts[0].id)

    news(installation, request, request.attempts[0].id, 1, "completed")
    installation.run()

    request = installation.request(recording)
    assert request.status is JobStatus.SUBMITTING
    assert installation.count("SymblSlot") == 2
    symbl.on("/v1/conversations/c-9/summary", Answer(body={"summary": []}))
    for path, shape in SHAPES.items():
        symbl.on(f"/v1/conversations/c-9/{path}", Answer(body=shape))
    pass_time(installation, 5)
    request = installation.request(recording)
    assert (request.status, request.conversation_id) == (JobStatus.COMPLETED, "c-9")


def test_after_a_refusal_of_our_credentials_one_submission_goes_first(
    installation: Installation, symbl: SymblStandIn
) -> None:
    """Three wait; the rest is over; one is claimed, refused, and the others stay. Then one succeeds, and all follow."""
    symbl.on("/oauth2/token:generate", Answer(401, {"message": "no"}))
    symbl.on(SUBMIT_PATH, accepted(1), accepted(2), accepted(3))
    for seed in range(3):
        add(installation, seed=seed)
    installation.run()
    account = installation.services.account.get()
    assert (account.unproven, account.rests_until(installation.clock())) == (
        True,
        installation.clock() + timedelta(minutes=5),
    )
    asked = len(symbl.received("/oauth2/token:generate"))

    pass_time(installation, 6)
    assert len(symbl.received("/oauth2/token:generate")) == asked + 1

    symbl.on("/oauth2/token:generate", Answer(200, {"accessToken": "t", "expiresIn": 86400}))
    pass_time(installation, 6)
    installation.clock.advance(timedelta(seconds=1))
    installation.run()
    account = installation.services.account.get()
    assert (account.unproven, account.rests_until(installation.clock())) == (False, None)
    assert len(symbl.received(SUBMIT_PATH)) == 3


def test_a_section_that_never_comes_right_is_given_up_and_can_be_fetched_again(
    installation: Installation, symbl: SymblStandIn
) -> None:
    """The others are there all along; its last error is told, and a replay of the collection tries again."""
    installation.configure(SYMBL_API_URL=symbl.url, RETRY_RESULTS_H="1")
    symbl.on(SUBMIT_PATH, accepted(1))
    recording = add(installation)
    installation.run()
    says(symbl, 1, "completed")
    symbl.on("/v1/conversations/c-1/topics", Answer(500, b"out of order"))
    request = installation.request(recording)
    news(installation, request, request.attempts[0].id, 1, "completed")
    installation.run()
    assert installation.request(recording).results is ResultsState.PARTIAL

    # Identity tokens bind the test's clock to the hour; so the end of the job is made older instead.
    earlier = installation.clock() - timedelta(hours=2)
    installation.services.requests.change(request.id, lambda r: dataclasses.replace(r, completed_at=earlier))
    pass_time(installation, 3)
    request = installation.request(recording)
    assert (request.status, request.results, request.next_check_at) == (
        JobStatus.COMPLETED,
        ResultsState.FAILED,
        None,
    )
    missing = installation.get(f"/{recording}").get_json()["results"]["missing"]
    assert [section["section"] for section in missing] == ["topics"]
    assert "500" in missing[0]["why"]

    symbl.on("/v1/conversations/c-1/topics", Answer(body={"topics": []}))
    assert replay(installation, recording, ReplayStage.COLLECT) == 200
    installation.run()
    assert installation.request(recording).results is ResultsState.COMPLETE


def test_an_engine_that_stays_silent_costs_a_sweep_a_few_questions(
    installation: Installation, symbl: SymblStandIn
) -> None:
    """Three unanswered ones, and the rest have their turn at the next sweep; nothing fails because of it."""
    symbl.on(SUBMIT_PATH, *(accepted(number) for number in range(1, 6)))
    for number in range(1, 6):
        symbl.on(f"/v1/job/j-{number}", Fault.RESET)
        add(installation, seed=number)
    installation.run()
    installation.clock.advance(timedelta(minutes=3))

    found = [installation.sweep(), installation.sweep()]

    assert [(run["jobs_asked_about"], run["unanswered"], run.get("not_asked", 0)) for run in found] == [
        (3, 3, 2),
        (2, 2, 0),
    ]
    assert installation.sweep() == {}
    for number in range(1, 6):
        says(symbl, number, "in_progress")
    installation.clock.advance(timedelta(minutes=2))
    assert installation.sweep()["jobs_asked_about"] == 5
