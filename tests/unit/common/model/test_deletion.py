"""What a deletion owes, when it is looked at again, and what is forgotten on the way."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Rejected
from common.model.deletion import (
    MAX_REASON_CHARS,
    STRAGGLERS,
    DeletedRecording,
    Duty,
    NotDeletable,
    deleted_recording,
    deletion_reason,
    gone,
)
from common.model.job import FailureClass, SymblAsyncRequest
from common.model.lifecycle import JobStatus, Maker
from tests.factories import NOW, a_conversation, a_job

AT_ONCE = tuple(duty for duty in Duty if duty is not Duty.LAST_LOOK)


def deleted(request: SymblAsyncRequest | None = None, *, by: str = "ann@acme.example") -> DeletedRecording:
    return deleted_recording(a_conversation(), request, by=by, reason="ticket 4711", now=NOW)


@pytest.mark.parametrize("status", list(JobStatus))
def test_only_what_holds_no_slot_can_be_deleted(status: JobStatus) -> None:
    """The engine's end of a job is learned through the request."""
    if status.holds_slot:
        with pytest.raises(NotDeletable, match=f"its analysis is {status}"):
            deleted(a_job(status))
    else:
        assert deleted(a_job(status)).owed == tuple(Duty)


def test_a_quarantined_slot_keeps_it() -> None:
    """It was given up; the engine may still count its job."""
    job = a_job(JobStatus.IN_PROGRESS)
    stuck = dataclasses.replace(job.attempts[-1], may_run=True)
    job = dataclasses.replace(job, status=JobStatus.FAILED, attempts=(stuck,))

    with pytest.raises(NotDeletable, match="when the engine has ended"):
        deleted(job)


def test_every_conversation_that_may_be_at_the_engine_is_owed() -> None:
    """Those that are known by their id; those of attempts whose answer was lost by the attempt; no others."""
    lost = a_job(JobStatus.SUBMITTING, attempt_id="lost").put_back(
        FailureClass.UNKNOWN, why="no trace", by=Maker.SWEEP, now=NOW, available_at=NOW
    )
    refused = (
        lost.claimed("refused", slot=0, now=NOW, next_check_at=NOW)
        .marked_sent(now=NOW, next_check_at=NOW)
        .put_back(FailureClass.NOT_ACCEPTED, why="429", by=Maker.SUBMIT, now=NOW, available_at=NOW)
    )
    unsent = refused.claimed("unsent", slot=0, now=NOW, next_check_at=NOW).put_back(
        FailureClass.NOT_ACCEPTED, why="no token", by=Maker.SUBMIT, now=NOW, available_at=NOW
    )

    assert [attempt.id for attempt in deleted(unsent).attempts] == ["lost"]
    assert deleted(a_job(JobStatus.COMPLETED)).conversations == ("conversation-1",)
    assert deleted(a_job(JobStatus.COMPLETED)).attempts == ()


@given(st.lists(st.tuples(st.sets(st.sampled_from(list(Duty))), st.integers(1, 3600))))
def test_whatever_is_done_when_nothing_owed_is_without_a_look_to_come(
    looks: list[tuple[set[Duty], int]],
) -> None:
    """A duty is never owed again once it is done; what leads to it is kept exactly as long."""
    row, now = deleted(a_job(JobStatus.COMPLETED)), NOW
    for done, seconds in looks:
        now += timedelta(seconds=seconds)
        before = set(row.owed)
        row = row.fulfilled(done & set(row.due(now)), now=now)
        assert set(row.owed) <= before
        assert (row.next_check_at is None) == (row.owed == ()) == (row.finished_at is not None)
        assert row.next_check_at is None or row.next_check_at > now or row.owed == (Duty.LAST_LOOK,)
        assert (row.object_name is None) == (Duty.AUDIO not in row.owed)
        assert (row.conversations == ()) == (Duty.CONVERSATIONS not in row.owed)


def test_the_last_look_is_due_when_all_that_was_under_way_has_ended() -> None:
    """And not before, however often somebody looks."""
    row = deleted().fulfilled(AT_ONCE, now=NOW)

    assert (row.owed, row.next_check_at) == ((Duty.LAST_LOOK,), NOW + STRAGGLERS)
    assert row.due(NOW + STRAGGLERS - timedelta(seconds=1)) == ()
    assert row.due(NOW + STRAGGLERS) == (Duty.LAST_LOOK,)


def test_what_fails_is_tried_again_with_longer_and_longer_rests() -> None:
    """Up to half an hour."""
    row, now, rests = deleted(), NOW, []
    for _ in range(12):
        row = row.fulfilled((), now=now)
        assert row.next_check_at is not None
        rests.append(row.next_check_at - now)
        now = row.next_check_at

    assert rests == sorted(rests)
    assert (rests[0], rests[-1]) == (timedelta(minutes=1), timedelta(minutes=30))


@pytest.mark.parametrize(("by", "who"), [("ann@acme.example", "Ask ann@acme.example"), ("token", "Ask whoever runs")])
def test_whoever_asks_is_told_when_and_whom_to_ask(by: str, who: str) -> None:
    """The reason is for the audit."""
    told = str(gone(deleted(by=by)))

    assert "2026-03-01 at 12:00 UTC" in told
    assert who in told
    assert "ticket" not in told


@pytest.mark.parametrize(
    "given_", [{}, {"reason": "  "}, {"reason": "x" * (MAX_REASON_CHARS + 1)}, {"reason": "x", "y": "z"}]
)
def test_a_deletion_has_a_reason_and_nothing_else(given_: dict[str, str]) -> None:
    """What is wrong is named."""
    with pytest.raises(Rejected) as refused:
        deletion_reason(given_)

    assert [problem.field for problem in refused.value.problems] == (["y"] if "y" in given_ else ["reason"])
