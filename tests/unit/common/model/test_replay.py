"""Replays: what may be run again, and that nothing which has been is lost by it."""

from __future__ import annotations

import dataclasses
import itertools
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from common.errors import Rejected
from common.model.intelligence import SECTION_NAMES, ResultsState, Section, SectionState
from common.model.job import FailureClass, ReplayStage
from common.model.lifecycle import TRANSITIONS, IllegalTransition, JobStatus, Maker
from common.model.replay import (
    MAX_COUNT,
    MAX_REASON_CHARS,
    MAX_REPLAYS,
    BulkReplayOrder,
    NotReplayable,
    ReplayOrder,
    expect_replayable,
    is_under_way,
    order_from_json,
)
from common.model.search.query import Equals, Facet, conditions
from common.model.tasks import collect_task, owed
from tests.factories import LATER, NOW, a_job, a_pending_job, an_error, ended_badly

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from common.model.job import SymblAsyncRequest

SUBMIT, COLLECT = ReplayStage.SUBMIT, ReplayStage.COLLECT


def replayed(
    job: SymblAsyncRequest, from_stage: ReplayStage = SUBMIT, *, now: datetime = LATER, reason: str = "mended"
) -> SymblAsyncRequest:
    expect_replayable(job, from_stage)
    return job.replayed(from_stage, by="ops@acme.example", reason=reason, now=now, next_check_at=now)


def sections(*names: str, state: SectionState = SectionState.STORED) -> list[Section]:
    return [Section(name=name, state=state, at=NOW) for name in names]


def test_a_failed_request_waits_for_a_slot_again() -> None:
    """As a new one does; what went wrong is in its history, and its attempts are kept."""
    failed = a_job(JobStatus.FAILED)

    again = replayed(failed)

    assert (again.status, again.error, again.failure_class) == (JobStatus.PENDING, None, None)
    assert (again.results, again.completed_at, again.next_check_at) == (ResultsState.WAITING, None, None)
    assert not again.may_be_claimed(NOW)
    assert again.may_be_claimed(LATER)
    assert again.attempts == failed.attempts
    assert again.timeline[:-1] == failed.timeline
    (replay,) = again.replays
    assert (replay.at, replay.by, replay.reason, replay.from_stage, replay.error) == (
        LATER,
        "ops@acme.example",
        "mended",
        SUBMIT,
        an_error(),
    )


def test_a_replay_has_the_patience_of_a_first_try() -> None:
    """What was counted until the request was given up does not end the next try at its first fault."""
    tried = a_job(JobStatus.SUBMITTING).put_back(
        FailureClass.NOT_ACCEPTED, why="429", by=Maker.SUBMIT, now=NOW, available_at=NOW
    )
    tried = tried.claimed("attempt-2", slot=1, now=NOW, next_check_at=NOW)
    tried = ended_badly(
        tried.put_back(FailureClass.UNKNOWN, why="reset", by=Maker.SWEEP, now=NOW, available_at=NOW), now=NOW
    )

    again = replayed(dataclasses.replace(tried, refused_since=NOW))

    assert (again.unknown_outcomes, again.refused_since) == (0, None)


def test_the_class_of_a_failure_stands_beside_it() -> None:
    """So that a list can be asked for it."""
    assert a_job(JobStatus.FAILED).failure_class is FailureClass.RECORDING
    assert a_job(JobStatus.COMPLETED).failure_class is None


def test_missing_results_are_fetched_again_and_the_others_kept() -> None:
    """A section that was given up is tried once more, by a task with a name of its own."""
    done = a_job(JobStatus.COMPLETED).collected(
        [
            *sections(*SECTION_NAMES[:-2]),
            *sections(SECTION_NAMES[-2], state=SectionState.ABSENT),
            *sections(SECTION_NAMES[-1], state=SectionState.ERROR),
        ],
        next_check_at=NOW,
    )

    again = replayed(done, COLLECT)

    assert (again.status, again.results, again.next_check_at) == (JobStatus.COMPLETED, ResultsState.PARTIAL, LATER)
    assert [section.name for section in again.sections] == list(SECTION_NAMES[:-2])
    assert again.completed_at == done.completed_at
    task = owed(again)
    assert task is not None
    assert task.name != collect_task(done).name


def test_a_job_that_was_given_up_and_came_to_its_end_is_collected() -> None:
    """Its conversation is known, so nothing is paid for twice."""
    given_up = ended_badly(a_job(JobStatus.IN_PROGRESS), an_error("silent for a day"), now=NOW)

    again = replayed(given_up, COLLECT)

    assert (again.status, again.completed_at, again.results) == (JobStatus.COMPLETED, LATER, ResultsState.WAITING)
    assert owed(again) == collect_task(again)


@pytest.mark.parametrize("status", [status for status in JobStatus if not status.is_terminal])
@pytest.mark.parametrize("from_stage", ReplayStage)
def test_what_has_not_ended_is_not_replayed(status: JobStatus, from_stage: ReplayStage) -> None:
    """Neither by the rule, nor by the change itself."""
    with pytest.raises(NotReplayable, match=f"it is {status}"):
        expect_replayable(a_job(status), from_stage)
    with pytest.raises(IllegalTransition):
        a_job(status).replayed(from_stage, by="x", reason="y", now=LATER, next_check_at=LATER)


def _many_times() -> SymblAsyncRequest:
    job = a_job(JobStatus.FAILED)
    for _ in range(MAX_REPLAYS):
        job = ended_badly(replayed(job), now=LATER)
    return job


@pytest.mark.parametrize(
    ("job", "from_stage", "why"),
    [
        (a_job(JobStatus.COMPLETED), SUBMIT, "collect fetches its results"),
        (a_job(JobStatus.FAILED), COLLECT, "no conversation of it"),
        (a_job(JobStatus.COMPLETED).collected(sections(*SECTION_NAMES), next_check_at=NOW), COLLECT, "none of its"),
        (_many_times(), SUBMIT, f"replayed {MAX_REPLAYS} times"),
    ],
)
def test_a_refusal_says_why(job: SymblAsyncRequest, from_stage: ReplayStage, why: str) -> None:
    """And what may be done instead."""
    with pytest.raises(NotReplayable, match=why):
        expect_replayable(job, from_stage)


def test_a_replay_from_the_queue_is_under_way_until_it_ends() -> None:
    """Through every status, for the stage that was asked for alone."""
    job = replayed(a_job(JobStatus.FAILED))
    claimed = job.claimed("attempt-2", slot=1, now=LATER, next_check_at=LATER)

    assert not is_under_way(a_job(JobStatus.FAILED), SUBMIT)
    assert is_under_way(job, SUBMIT)
    assert not is_under_way(job, COLLECT)
    assert is_under_way(claimed, SUBMIT)
    assert not is_under_way(ended_badly(claimed, now=LATER), SUBMIT)


def test_a_collection_is_under_way_until_it_was_tried() -> None:
    """A second order right after the first changes nothing; one after a look in vain asks again."""
    done = a_job(JobStatus.COMPLETED).collected(sections("messages"), next_check_at=NOW)
    again = replayed(done, COLLECT)
    tried = again.collected(
        [Section(name="topics", state=SectionState.NOT_READY, at=LATER + timedelta(seconds=1))], next_check_at=LATER
    )

    assert is_under_way(again, COLLECT)
    assert not is_under_way(tried, COLLECT)
    expect_replayable(tried, COLLECT)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "reason"),
        ({"reason": "  "}, "reason"),
        ({"reason": "x" * (MAX_REASON_CHARS + 1)}, "reason"),
        ({"reason": None}, "reason"),
        ({"reason": "x", "from_stage": "dispatch"}, "from_stage"),
        ({"reason": "x", "validate_only": "yes"}, "validate_only"),
        ({"reason": "x", "resaon": "x"}, "resaon"),
        ([], "body"),
    ],
)
def test_an_order_that_cannot_be_used_names_the_field(given: object, field: str) -> None:
    """With the mend."""
    with pytest.raises(Rejected) as rejected:
        order_from_json(ReplayOrder, json.dumps(given).encode())
    assert [problem.field for problem in rejected.value.problems] == [field]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"max_count": 0}, "max_count"),
        ({"max_count": MAX_COUNT + 1}, "max_count"),
        ({"max_count": "5"}, "max_count"),
        ({"page_token": "mine"}, "page_token"),
        ({"filter": ""}, "filter"),
        ({"filter": "company:Acme"}, "filter"),
        ({"filter": "status:completed"}, "filter"),
        ({"filter": "status:failed sort:age"}, "filter"),
        ({"filter": "failure_class:bad luck"}, "filter"),
    ],
)
def test_a_bulk_order_must_find_what_can_be_replayed(given: dict[str, object], field: str) -> None:
    """A filter that is too wide, or none, never runs everything again."""
    with pytest.raises(Rejected) as rejected:
        order_from_json(
            BulkReplayOrder, json.dumps({"reason": "x", "filter": "status:failed", **given}).encode()
        ).query(now=NOW)
    assert [problem.field for problem in rejected.value.problems] == [field]


def test_a_bulk_order_reads_its_filter_as_lists_do() -> None:
    """Completed ones may be collected again; a class of failure is enough by itself."""
    collect = BulkReplayOrder(reason="x", from_stage=COLLECT, filter="status:completed company:Acme", max_count=7)
    failures = BulkReplayOrder(reason="x", filter=f"failure_class:{FailureClass.DEFECT}")

    assert set(conditions(collect.query(now=NOW).asked)) == {
        Equals(Facet.STATUS, "completed"),
        Equals(Facet.COMPANY, "Acme"),
    }
    assert collect.query(now=NOW).size == 7
    assert failures.query(now=NOW).asked == Equals(Facet.FAILURE_CLASS, "defect")


class AnyReplays(RuleBasedStateMachine):
    """A request is claimed, fails, completes, is collected and replayed, in any order that the rules allow."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.job = a_pending_job()
        self.errors = 0

    def _tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    @precondition(lambda self: self.job.status is JobStatus.PENDING)
    @rule(slot=st.integers(0, 4))
    def claim_and_send(self, slot: int) -> None:
        now = self._tick()
        attempt = f"attempt-{len(self.job.attempts) + 1}"
        self.job = self.job.claimed(attempt, slot=slot, now=now, next_check_at=now).marked_sent(
            now=now, next_check_at=now
        )

    @precondition(lambda self: self.job.status is JobStatus.SUBMITTING)
    @rule(status=st.sampled_from([JobStatus.IN_PROGRESS, JobStatus.COMPLETED]))
    def answer_and_report(self, status: JobStatus) -> None:
        now = self._tick()
        taken = self.job.accepted(conversation_id="c", job_id="j", now=now, next_check_at=now)
        self.job = taken.reported(status, by=Maker.COLLECT, now=now, why="the engine said so", next_check_at=now)

    @precondition(lambda self: not self.job.status.is_terminal)
    @rule()
    def fail(self) -> None:
        self.errors += 1
        self.job = ended_badly(self.job, an_error(f"error {self.errors}"), now=self._tick())

    @precondition(lambda self: self.job.status is JobStatus.COMPLETED)
    @rule(names=st.sets(st.sampled_from(SECTION_NAMES), min_size=1), state=st.sampled_from(SectionState))
    def collect(self, names: Iterable[str], state: SectionState) -> None:
        now = self._tick()
        found = [Section(name=name, state=state, at=now) for name in names]
        self.job = self.job.collected(found, next_check_at=now)

    @rule(from_stage=st.sampled_from(ReplayStage))
    def replay(self, from_stage: ReplayStage) -> None:
        before = self.job
        try:
            after = replayed(before, from_stage, now=self._tick(), reason=f"reason {len(before.replays)}")
        except NotReplayable:
            return
        assert is_under_way(after, from_stage)
        assert after.slot is None
        assert after.attempts == before.attempts
        assert after.timeline[: len(before.timeline)] == before.timeline
        assert after.replays[:-1] == before.replays
        assert after.replays[-1].error == before.error
        stored = {section for section in before.sections if section.state is SectionState.STORED}
        assert from_stage is SUBMIT or set(after.sections) == stored
        self.job = after

    @invariant()
    def no_error_is_lost(self) -> None:
        kept = [replay.error for replay in self.job.replays] + [self.job.error]
        assert [error.reason for error in kept if error] == [f"error {n + 1}" for n in range(self.errors)]

    @invariant()
    def an_error_stands_exactly_at_a_failure(self) -> None:
        assert (self.job.error is not None) == (self.job.status is JobStatus.FAILED)
        assert self.job.failure_class == (self.job.error and self.job.error.failure_class)

    @invariant()
    def only_legal_arrows_are_walked(self) -> None:
        lines = self.job.timeline
        assert lines[-1].after is self.job.status
        assert all(a.after is b.before for a, b in itertools.pairwise(lines))
        assert all(line.by in TRANSITIONS[line.before, line.after] for line in lines)

    @invariant()
    def an_end_has_its_time(self) -> None:
        assert (self.job.completed_at is not None) == self.job.status.is_terminal

    @invariant()
    def what_is_completed_and_not_complete_is_owed_a_look(self) -> None:
        job = dataclasses.replace(self.job)
        if job.status is JobStatus.COMPLETED:
            open_ = job.results in {ResultsState.WAITING, ResultsState.PARTIAL}
            assert (job.next_check_at is not None) == open_
            assert (owed(job) is not None) == open_


AnyReplays.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestAnyReplays = AnyReplays.TestCase
