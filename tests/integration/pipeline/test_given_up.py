"""What ends a request that only ever meets passing faults: a budget, with a reason that a person can act on."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

from common.model.job import FailureClass
from common.model.lifecycle import JobStatus
from common.model.tasks import Stage
from tests.factories import a_wav
from tests.symbl_stand_in import SUBMIT_PATH, Answer, Fault, refusing_url

if TYPE_CHECKING:
    from common.model.job import SymblAsyncRequest
    from tests.integration.pipeline.installation import Installation
    from tests.symbl_stand_in import SymblStandIn

ACCEPTED = Answer(201, {"conversationId": "c-1", "jobId": "j-1"})
NOTHING = Answer(body={"conversations": []})


def submitted(installation: Installation) -> SymblAsyncRequest:
    """Add a recording, let it be dispatched and submitted once; where it stands then."""
    recording = installation.add(a_wav(), {"company": "Acme"}).get_json()["id"]
    installation.run(Stage.DISPATCH)
    installation.run(Stage.SUBMIT)
    return installation.request(recording)


def test_an_engine_that_stays_away_is_given_up_after_the_budget(installation: Installation) -> None:
    """Until then it waits; then it fails as not accepted, says for how long, and holds no slot."""
    installation.configure(SYMBL_API_URL=refusing_url(), RETRY_NOT_ACCEPTED_H="2")
    refused = submitted(installation)
    recording = refused.recording_id
    assert (refused.status, refused.refused_since) == (JobStatus.PENDING, installation.clock())

    # Identity tokens bind the test's clock to the hour; so the refusals are made older instead.
    earlier = installation.clock() - timedelta(hours=2)
    installation.services.requests.change(refused.id, lambda r: dataclasses.replace(r, refused_since=earlier))
    installation.clock.advance(timedelta(seconds=10))
    installation.run()

    request = installation.request(recording)
    assert request.status is JobStatus.FAILED
    assert request.error is not None
    assert request.error.failure_class is FailureClass.NOT_ACCEPTED
    assert request.error.reason.startswith("not accepted for 2 h, last: ")
    assert "SYMBL_API_URL" in request.error.check
    assert installation.count("SymblSlot") == 0


def test_silence_after_silence_is_given_up_when_the_budget_is_spent(
    installation: Installation, symbl: SymblStandIn
) -> None:
    """One second try is allowed here; the third would be one paid job too many."""
    installation.configure(SYMBL_API_URL=symbl.url, RETRY_UNKNOWN_OUTCOMES="1")
    symbl.on(SUBMIT_PATH, Fault.RESET)
    symbl.on("/v1/conversations", NOTHING)
    recording = submitted(installation).recording_id

    for found in ("ambiguous_resubmits", "given_up"):
        installation.clock.advance(timedelta(minutes=15))
        assert installation.sweep()[found] == 1
        installation.run()

    request = installation.request(recording)
    assert (request.status, request.attempts_made, request.unknown_outcomes) == (JobStatus.FAILED, 2, 1)
    assert request.error is not None
    assert request.error.failure_class is FailureClass.UNKNOWN
    assert len(symbl.received(SUBMIT_PATH)) == 2
    assert installation.count("SymblSlot") == 0


def test_a_job_that_the_engine_has_lost_is_sent_again_and_counted(
    installation: Installation, symbl: SymblStandIn
) -> None:
    """404 twice, and no conversation of the attempt: the slot is not held for ever."""
    symbl.on(SUBMIT_PATH, ACCEPTED)
    symbl.on("/v1/job/j-1", Answer(404, {"message": "Job not found"}))
    symbl.on("/v1/conversations", NOTHING)
    recording = submitted(installation).recording_id
    assert installation.request(recording).status is JobStatus.SCHEDULED

    installation.clock.advance(timedelta(minutes=2))
    assert installation.sweep() == {"jobs_asked_about": 1, "jobs_unknown_to_the_engine": 1}
    assert installation.request(recording).status is JobStatus.SCHEDULED
    installation.clock.advance(timedelta(minutes=10))
    assert installation.sweep()["ambiguous_resubmits"] == 1

    request = installation.request(recording)
    assert (request.status, request.unknown_outcomes) == (JobStatus.PENDING, 1)
    installation.run()
    assert len(symbl.received(SUBMIT_PATH)) == 2
    assert installation.request(recording).status is JobStatus.SCHEDULED


def test_a_lost_job_whose_conversation_is_there_keeps_its_slot(installation: Installation, symbl: SymblStandIn) -> None:
    """The engine does know the attempt: sending it again would pay twice."""
    symbl.on(SUBMIT_PATH, ACCEPTED)
    symbl.on("/v1/job/j-1", Answer(404, {"message": "Job not found"}))
    request = submitted(installation)
    listing = [{"id": "c-1", "name": "x", "metadata": {"attemptId": request.attempts[0].id}}]
    symbl.on("/v1/conversations", Answer(body={"conversations": listing}))

    for _ in range(4):
        installation.clock.advance(timedelta(minutes=4))
        installation.sweep()

    assert len(symbl.received(SUBMIT_PATH)) == 1
    assert installation.request(request.recording_id).slot == request.slot
