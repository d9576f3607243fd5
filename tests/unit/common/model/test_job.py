"""The life of a request: what may follow what, and that no history breaks the rules."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from common.model.intelligence import SECTION_NAMES, ResultsState, Section, SectionState
from common.model.job import FailureClass, SymblAsyncRequest
from common.model.lifecycle import RANK, TRANSITIONS, IllegalTransition, JobStatus, Maker
from common.model.tasks import collect_task
from tests.factories import LATER, NOW, a_job, a_pending_job, an_error, ended_badly

if TYPE_CHECKING:
    from collections.abc import Callable

ACTIVE = {JobStatus.SUBMITTING, JobStatus.SCHEDULED, JobStatus.IN_PROGRESS}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(JobStatus, JobStatus)))
def test_the_table_decides_which_status_follows_and_by_whose_hand(before: JobStatus, after: JobStatus) -> None:
    """Every arrow of the table is walked by its makers, every other one is refused to everybody."""
    job = a_job(before)

    for maker in Maker:
        if maker in TRANSITIONS.get((before, after), ()):
            moved = job._moved(after, by=maker, now=LATER, why="test", next_check_at=None, event_id="e")
            line = moved.timeline[-1]
            assert (moved.status, line.before, line.after, line.by, line.event_id) == (after, before, after, maker, "e")
        else:
            with pytest.raises(IllegalTransition):
                job._moved(after, by=maker, now=LATER, why="test", next_check_at=None)


def test_a_webhook_ends_nothing_and_whatever_is_left_can_be_left_again() -> None:
    """Anybody who has its URL could say that a job is done; and no status but completed is a dead end."""
    assert not [after for (_, after), makers in TRANSITIONS.items() if Maker.WEBHOOK in makers and after.is_terminal]
    assert {before for before, _ in TRANSITIONS if before} == set(JobStatus) - {JobStatus.COMPLETED}


def test_a_slot_is_held_in_exactly_the_active_states() -> None:
    """Those that the engine counts, or may count, among our jobs."""
    assert {status for status in JobStatus if a_job(status).slot is not None} == ACTIVE
    assert {status for status in JobStatus if status.is_terminal} == {JobStatus.COMPLETED, JobStatus.FAILED}


def test_only_the_current_unsent_attempt_may_be_sent() -> None:
    """Once marked, never again; and never an older attempt."""
    fresh = a_job(JobStatus.SUBMITTING, sent=False)

    assert fresh.may_be_sent("attempt-1")
    assert not fresh.may_be_sent("attempt-0")
    assert not fresh.marked_sent(now=NOW, next_check_at=NOW).may_be_sent("attempt-1")


@pytest.mark.parametrize("status", [JobStatus.SCHEDULED, JobStatus.IN_PROGRESS])
def test_an_answer_after_its_webhook_fills_what_is_blank_and_sets_the_next_look(status: JobStatus) -> None:
    """The rule of 40 % counts from the answer, whichever of the two was stored first."""
    told = a_job(JobStatus.SUBMITTING).reported(status, by=Maker.COLLECT, now=NOW, why="webhook", next_check_at=NOW)

    job = told.accepted(conversation_id="c", job_id="j", now=LATER, next_check_at=LATER + timedelta(hours=1))

    assert (job.status, job.conversation_id, job.job_id) == (status, "c", "j")
    assert job.next_check_at == LATER + timedelta(hours=1)


def test_an_answer_after_the_end_leaves_the_next_look_alone() -> None:
    """What is owed then is the collection."""
    ended = a_job(JobStatus.COMPLETED)

    again = ended.accepted(conversation_id="c", job_id="j", now=LATER, next_check_at=LATER)
    assert again.next_check_at == ended.next_check_at


def test_a_new_attempt_starts_afresh() -> None:
    """Ids of the one before are gone from the request, and stay in its attempts."""
    job = (
        a_job(JobStatus.SUBMITTING)
        .told_job_id("attempt-1", "j")
        .put_back(FailureClass.NOT_ACCEPTED, why="429", by=Maker.SUBMIT, now=NOW, available_at=LATER)
    )
    assert not job.may_be_claimed(NOW)
    assert job.may_be_claimed(LATER)

    job = job.claimed("attempt-2", slot=4, now=LATER, next_check_at=LATER)

    assert (job.slot, job.job_id, job.conversation_id, job.submitted_at) == (4, None, None, None)
    assert [(a.id, a.told_job_id, a.ended) for a in job.attempts] == [
        ("attempt-1", "j", "429"),
        ("attempt-2", None, None),
    ]


def test_the_first_name_of_a_job_stays() -> None:
    """A forged one changes nothing, and what a webhook says is never taken for the engine's own answer."""
    job = a_job(JobStatus.SCHEDULED)
    assert job.told_job_id("attempt-1", "another") == job

    unanswered = a_job(JobStatus.SUBMITTING).told_job_id("attempt-1", "j")
    assert (unanswered.job_id, unanswered.attempts[-1].told_job_id) == (None, "j")
    assert unanswered.told_job_id("attempt-1", "another") == unanswered
    assert unanswered.told_job_id("attempt-0", "j") == unanswered


def test_a_request_that_is_given_up_has_the_reason_and_is_owed_nothing() -> None:
    """A person reads it; the sweep has nothing more to do with it."""
    job = ended_badly(a_job(JobStatus.IN_PROGRESS), now=LATER)

    assert (job.status, job.results, job.error, job.next_check_at) == (
        JobStatus.FAILED,
        ResultsState.FAILED,
        an_error(),
        None,
    )


def test_every_task_of_a_request_has_a_name_of_its_own() -> None:
    """Names stay taken for 24 h: a task created again after the job has moved on must not get an old one."""
    job = a_job(JobStatus.IN_PROGRESS)
    names = []
    for step in range(4):
        job = job.task_recreated(next_check_at=NOW)
        names.append(collect_task(job).name)
        if step == 1:
            job = job.reported(
                JobStatus.COMPLETED, by=Maker.COLLECT, now=NOW, why="the engine said so", next_check_at=NOW
            )

    assert len(set(names)) == len(names)


def test_a_task_created_again_and_again_is_looked_for_less_and_less() -> None:
    """The count of looks, which the back-off follows, goes up until something happens."""
    job = a_job(JobStatus.SCHEDULED)
    again = job.task_recreated(next_check_at=NOW).task_recreated(next_check_at=NOW)

    assert again.checks == job.checks + 2
    assert again.reported(JobStatus.IN_PROGRESS, by=Maker.COLLECT, now=NOW, why="news", next_check_at=NOW).checks == 0


def test_sections_are_merged_and_what_is_stored_stays_stored() -> None:
    """Complete only with all of the catalogue; then nothing is owed."""
    job = a_job(JobStatus.COMPLETED)
    stored = [Section(name=name, state=SectionState.STORED, count=1) for name in SECTION_NAMES]
    partial = job.collected(stored[:3], next_check_at=LATER)
    worse = partial.collected([Section(name=SECTION_NAMES[0], state=SectionState.ERROR)], next_check_at=LATER)
    absent = Section(name=SECTION_NAMES[-1], state=SectionState.ABSENT)
    whole = worse.collected([*stored[3:-1], absent], next_check_at=LATER)

    assert (partial.results, partial.next_check_at, partial.checks) == (ResultsState.PARTIAL, LATER, 1)
    assert worse.sections == partial.sections
    assert (whole.results, whole.next_check_at, whole.checks) == (ResultsState.COMPLETE, None, 0)
    assert job.collected([Section(name="topics", state=SectionState.NOT_READY)], next_check_at=LATER).results == (
        ResultsState.WAITING
    )


def test_the_age_of_a_submission_counts_from_the_answer_or_else_from_the_sending() -> None:
    """None while nothing was sent."""
    ages = [
        a_job(status, sent=sent).attempts[-1].age(LATER)
        for status, sent in ((JobStatus.SUBMITTING, False), (JobStatus.SUBMITTING, True), (JobStatus.SCHEDULED, True))
    ]
    assert ages == [None, LATER - NOW, LATER - NOW]


class AnyHistory(RuleBasedStateMachine):
    """Stages act on what they read; reports are early, late, repeated and out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.job = a_pending_job()
        self.now = NOW
        self.ranks = [RANK[self.job.status]]

    def _becomes(self, change: Callable[[SymblAsyncRequest], SymblAsyncRequest]) -> None:
        before = self.job
        self.now += timedelta(seconds=1)
        self.job = change(before)
        if before.status.is_terminal:
            assert self.job.status is before.status
            assert self.job.timeline == before.timeline
        if self.job.attempts and before.attempts and self.job.attempts[-1].id == before.attempts[-1].id:
            if self.job.status is not JobStatus.PENDING:
                assert RANK[self.job.status] >= RANK[before.status] or before.status is JobStatus.PENDING
            assert self.job.attempts[:-1] == before.attempts[:-1]

    @precondition(lambda self: self.job.may_be_claimed(self.now + timedelta(seconds=1)))
    @rule(slot=st.integers(0, 4))
    def claim(self, slot: int) -> None:
        attempt = f"attempt-{len(self.job.attempts) + 1}"
        self._becomes(lambda j: j.claimed(attempt, slot=slot, now=self.now, next_check_at=self.now))

    @precondition(lambda self: self.job.attempt is not None and self.job.may_be_sent(self.job.attempt.id))
    @rule()
    def send(self) -> None:
        self._becomes(lambda j: j.marked_sent(now=self.now, next_check_at=self.now))

    @precondition(lambda self: self.job.attempt is not None and self.job.attempt.sent_at is not None)
    @rule(number=st.integers(1, 2))
    def answer(self, number: int) -> None:
        self._becomes(
            lambda j: j.accepted(conversation_id="c", job_id=f"j{number}", now=self.now, next_check_at=self.now)
        )

    @precondition(lambda self: self.job.attempt is not None and self.job.attempt.sent_at is not None)
    @rule(status=st.sampled_from([*JobStatus][2:5]))
    def report(self, status: JobStatus) -> None:
        before = self.job
        self._becomes(
            lambda j: j.reported(status, by=Maker.COLLECT, now=self.now, why="webhook", next_check_at=self.now)
        )
        repeated = self.job.reported(status, by=Maker.COLLECT, now=self.now, why="webhook", next_check_at=self.now)
        assert repeated == self.job
        if RANK[status] <= RANK[before.status]:
            assert self.job == before

    @precondition(lambda self: self.job.status.holds_slot)
    @rule(failure_class=st.sampled_from([FailureClass.NOT_ACCEPTED, FailureClass.UNKNOWN]))
    def put_back(self, failure_class: FailureClass) -> None:
        self._becomes(
            lambda j: j.put_back(failure_class, why="no", by=Maker.SWEEP, now=self.now, available_at=self.now)
        )

    @precondition(lambda self: self.job.status.holds_slot)
    @rule()
    def fail(self) -> None:
        self._becomes(lambda j: ended_badly(j, now=self.now))

    @rule(change=st.sampled_from(["told", "looked", "recreated"]))
    def look(self, change: str) -> None:
        if not self.job.attempts:
            return
        changes: dict[str, Callable[[SymblAsyncRequest], SymblAsyncRequest]] = {
            "told": lambda j: j.told_job_id(j.attempts[-1].id, "j9"),
            "looked": lambda j: j.looked_at(next_check_at=self.now),
            "recreated": lambda j: j.task_recreated(next_check_at=self.now),
        }
        self._becomes(changes[change])

    @invariant()
    def a_slot_is_held_exactly_while_active(self) -> None:
        assert (self.job.slot is not None) == (self.job.status in ACTIVE)

    @invariant()
    def the_timeline_tells_every_step(self) -> None:
        lines = self.job.timeline
        assert lines[-1].after is self.job.status
        assert all(a.after is b.before for a, b in itertools.pairwise(lines))
        assert all(line.by in TRANSITIONS[line.before, line.after] for line in lines)

    @invariant()
    def completed_has_a_time(self) -> None:
        assert (self.job.completed_at is not None) == self.job.status.is_terminal


AnyHistory.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestAnyHistory = AnyHistory.TestCase
