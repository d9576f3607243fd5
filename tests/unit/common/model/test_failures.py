"""Every class of failure has its treatment, its budget, and its line in the operators' table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.config import Settings
from common.model.failures import TREATMENTS, Budgets, given_up
from common.model.job import MAX_KEPT_ATTEMPTS, MAX_KEPT_TRANSITIONS, FailureClass, SymblAsyncRequest
from common.model.lifecycle import JobStatus, Maker
from tests.factories import a_pending_job

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BUDGETS = Budgets(not_accepted_for=timedelta(hours=72), unknown_outcomes=2)
DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "failures.md"


def refused(request: SymblAsyncRequest, at: datetime, failure_class: FailureClass) -> SymblAsyncRequest:
    """One attempt, claimed, sent and put back."""
    attempt = f"attempt-{request.attempts_made}"
    claimed = request.claimed(attempt, slot=0, now=at, next_check_at=at)
    return claimed.marked_sent(now=at, next_check_at=at).put_back(
        failure_class, why="no", by=Maker.SUBMIT, now=at, available_at=at
    )


def test_every_class_has_a_treatment() -> None:
    assert set(TREATMENTS) == set(FailureClass)


def test_every_budget_is_a_setting() -> None:
    budgets = {treatment.budget.lower() for treatment in TREATMENTS.values() if treatment.budget}
    assert budgets <= set(Settings.model_fields)


def test_the_operators_table_says_the_same() -> None:
    """docs/failures.md has one row per class, with the same words."""
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    assert len(rows) == len(TREATMENTS)
    for failure_class, treatment in TREATMENTS.items():
        row = next(row for row in rows if row.startswith(f"| `{failure_class.value}` |"))
        for words in (treatment.means, treatment.slot, treatment.then, treatment.check, treatment.budget or "at once"):
            assert words in row


@pytest.mark.parametrize("failure_class", [FailureClass.RECORDING, FailureClass.DEFECT])
def test_what_cannot_succeed_is_given_up_at_once(failure_class: FailureClass) -> None:
    """With its class, the reason, and what a person should check."""
    error = given_up(a_pending_job(), failure_class, "400: no", now=NOW, budgets=BUDGETS)
    assert error is not None
    assert (error.failure_class, error.reason, error.check) == (
        failure_class,
        "400: no",
        TREATMENTS[failure_class].check,
    )


def test_an_engine_away_for_a_day_fails_nothing() -> None:
    """Hundreds of refusals within the budget only wait; past it the request says for how long."""
    request = a_pending_job()
    for hour in range(71):
        at = NOW + timedelta(hours=hour)
        assert given_up(request, FailureClass.NOT_ACCEPTED, "no connection", now=at, budgets=BUDGETS) is None
        request = refused(request, at, FailureClass.NOT_ACCEPTED)

    error = given_up(
        request, FailureClass.NOT_ACCEPTED, "no connection", now=NOW + timedelta(hours=73), budgets=BUDGETS
    )

    assert error is not None
    assert error.reason == "not accepted for 73 h, last: no connection"


def test_an_acceptance_starts_the_budget_anew() -> None:
    """What counts is how long it has been refused without a break."""
    request = refused(a_pending_job(), NOW, FailureClass.NOT_ACCEPTED)
    assert request.refused_since == NOW
    claimed = request.claimed("b", slot=1, now=NOW, next_check_at=NOW)
    accepted = claimed.accepted(conversation_id="1", job_id="j", now=NOW, next_check_at=NOW)
    assert accepted.refused_since is None


def test_a_third_unknown_outcome_is_one_too_many() -> None:
    """Each may have been paid for: two more tries, then a person decides."""
    request = a_pending_job()
    for _ in range(2):
        assert given_up(request, FailureClass.UNKNOWN, "silence", now=NOW, budgets=BUDGETS) is None
        request = refused(request, NOW, FailureClass.UNKNOWN)
    error = given_up(request, FailureClass.UNKNOWN, "silence", now=NOW, budgets=BUDGETS)
    assert error is not None
    assert error.reason == "the outcome was unknown 3 times, last: silence"
    assert request.unknown_outcomes == 2


@given(refusals=st.integers(min_value=0, max_value=300))
def test_refusals_without_end_do_not_outgrow_an_entity(refusals: int) -> None:
    """Attempts and timeline are bounded; the count of attempts and the beginning of the story are kept."""
    request = a_pending_job()
    beginning = request.timeline[0]
    for number in range(refusals):
        request = refused(request, NOW + timedelta(minutes=number), FailureClass.NOT_ACCEPTED)
    assert request.attempts_made == refusals
    assert len(request.attempts) == min(refusals, MAX_KEPT_ATTEMPTS)
    assert len(request.timeline) <= MAX_KEPT_TRANSITIONS
    assert request.timeline[0] == beginning
    assert request.status is JobStatus.PENDING
