"""SymblAsyncRequest: the life of one submission, as data (statuses, who follows whom) and pure changes.

Every change returns a new value; the request store runs it in a transaction and keeps the slot in step with it.
"""

from __future__ import annotations

import dataclasses
import enum
from datetime import datetime
from typing import TYPE_CHECKING

from common.model.intelligence import SETTLED, ResultsState, Section, SectionState, results_state
from common.model.recording import Priority, RecordingId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

RequestId = str
AttemptId = str
SlotNumber = int


class JobStatus(enum.StrEnum):
    """Where a job stands. TRANSITIONS has the arrows, the README the picture."""

    PENDING = "pending"  #: waits for a slot
    SUBMITTING = "submitting"  #: holds a slot; the submission is under way, or its outcome is not known yet
    SCHEDULED = "scheduled"  #: holds a slot; the engine has accepted it
    IN_PROGRESS = "in_progress"  #: holds a slot; the engine works on it
    COMPLETED = "completed"  #: the engine is done, the slot is free; results are collected apart from this
    FAILED = "failed"  #: given up; `error` says why

    @property
    def holds_slot(self) -> bool:
        """Whether the engine counts it, or may count it, among our active jobs."""
        return self in {JobStatus.SUBMITTING, JobStatus.SCHEDULED, JobStatus.IN_PROGRESS}

    @property
    def is_terminal(self) -> bool:
        """Whether nothing follows, unless somebody replays it."""
        return self in {JobStatus.COMPLETED, JobStatus.FAILED}


#: What may follow what. Within an attempt the rank only rises; `pending` is entered again only by a new attempt.
TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.PENDING: frozenset({JobStatus.SUBMITTING, JobStatus.FAILED}),
    JobStatus.SUBMITTING: frozenset(
        {JobStatus.PENDING, JobStatus.SCHEDULED, JobStatus.IN_PROGRESS, JobStatus.COMPLETED, JobStatus.FAILED}
    ),
    JobStatus.SCHEDULED: frozenset({JobStatus.IN_PROGRESS, JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.PENDING}),
    JobStatus.IN_PROGRESS: frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.PENDING}),
    JobStatus.COMPLETED: frozenset(),
    JobStatus.FAILED: frozenset({JobStatus.PENDING, JobStatus.COMPLETED}),  # only by a replay
}
RANK: Mapping[JobStatus, int] = {status: rank for rank, status in enumerate(JobStatus)}


class FailureClass(enum.StrEnum):
    """What kind of failure it was; `common.model.failures` says what is done about each."""

    NOT_ACCEPTED = "not_accepted"  #: the engine certainly has no job: out of reach, throttled, refusing the account
    UNKNOWN = "unknown"  #: it was sent, and nothing tells what became of it
    RECORDING = "recording"  #: this recording cannot be analysed as it is
    DEFECT = "defect"  #: an answer or a state that we do not understand


@dataclasses.dataclass(frozen=True, kw_only=True)
class JobError:
    """What went wrong, for a person: `reason` as told by whoever knows it, `check` what to look at first."""

    failure_class: FailureClass
    reason: str
    check: str


class ReplayStage(enum.StrEnum):
    """From where on a replay runs again."""

    SUBMIT = "submit"  #: from the queue on, with a new attempt
    COLLECT = "collect"  #: the engine is done with it: what is missing of the results is fetched again


@dataclasses.dataclass(frozen=True, kw_only=True)
class Replay:
    """One time that somebody had it run again; `error` is the one that it had until then."""

    at: datetime
    by: str
    reason: str
    from_stage: ReplayStage
    error: JobError | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try to have the recording analysed; `sent_at` None means that nothing was sent."""

    id: AttemptId
    slot: SlotNumber
    claimed_at: datetime
    sent_at: datetime | None = None
    submitted_at: datetime | None = None
    conversation_id: str | None = None
    job_id: str | None = None
    ended: str | None = None  #: why this attempt is over; None while it runs
    ended_as: FailureClass | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Transition:
    """One line of the timeline."""

    at: datetime
    before: JobStatus | None
    after: JobStatus
    why: str
    attempt_id: AttemptId | None = None


MAX_KEPT_ATTEMPTS = 20
MAX_KEPT_TRANSITIONS = 100
_FIRST_TRANSITIONS = 10


class IllegalTransition(Exception):  # noqa: N818
    """A change that the table does not allow: a defect of ours."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SymblAsyncRequest:
    """The request for one recording's analysis, from `pending` to results."""

    id: RequestId
    recording_id: RecordingId
    company: str
    priority: Priority
    status: JobStatus
    created_at: datetime
    available_at: datetime  #: not to be claimed before; the queue is read in this order
    next_check_at: datetime | None = None  #: when the sweep owes it a look; None: nothing is owed
    checks: int = 0  #: looks in vain since the last change, for the back-off
    generation: int = 0  #: how often a lost task was created again; only rises, since a task's name stays taken
    attempts: tuple[Attempt, ...] = ()  #: the latest ones, at most MAX_KEPT_ATTEMPTS
    attempts_made: int = 0  #: all of them
    unknown_outcomes: int = 0  #: attempts that were repeated although the first may have been accepted
    refused_since: datetime | None = None  #: since when the engine has refused each attempt; None: it has not
    conversation_id: str | None = None
    job_id: str | None = None
    submitted_at: datetime | None = None
    completed_at: datetime | None = None
    error: JobError | None = None
    failure_class: FailureClass | None = None  #: the error's, beside it for lists
    results: ResultsState = ResultsState.WAITING
    sections: tuple[Section, ...] = ()
    timeline: tuple[Transition, ...] = ()
    replays: tuple[Replay, ...] = ()

    @classmethod
    def pending(
        cls, recording_id: RecordingId, *, company: str, priority: Priority, now: datetime
    ) -> SymblAsyncRequest:
        """A new request; it waits for a slot."""
        return cls(
            id=f"{recording_id}-1",
            recording_id=recording_id,
            company=company,
            priority=priority,
            status=JobStatus.PENDING,
            created_at=now,
            available_at=now,
            timeline=(Transition(at=now, before=None, after=JobStatus.PENDING, why="recording added"),),
        )

    # What is asked of it

    @property
    def attempt(self) -> Attempt | None:
        """The latest try."""
        return self.attempts[-1] if self.attempts else None

    @property
    def slot(self) -> SlotNumber | None:
        """The slot it holds now."""
        return self.attempts[-1].slot if self.status.holds_slot else None

    def is_current(self, attempt_id: AttemptId) -> bool:
        """Whether this is the latest attempt."""
        return self.attempt is not None and self.attempt.id == attempt_id

    def may_be_claimed(self, now: datetime) -> bool:
        """Whether it waits for a slot, and its turn has come."""
        return self.status is JobStatus.PENDING and self.available_at <= now

    def may_be_sent(self, attempt_id: AttemptId) -> bool:
        """Whether nobody has sent, nor may be sending, this attempt."""
        return self.status is JobStatus.SUBMITTING and self.is_current(attempt_id) and self.attempts[-1].sent_at is None

    # What happens to it

    def claimed(
        self, attempt_id: AttemptId, *, slot: SlotNumber, now: datetime, next_check_at: datetime
    ) -> SymblAsyncRequest:
        """Hold `slot` for a new attempt; nothing has been sent yet."""
        attempt = Attempt(id=attempt_id, slot=slot, claimed_at=now)
        return dataclasses.replace(
            self,
            attempts=(*self.attempts, attempt)[-MAX_KEPT_ATTEMPTS:],
            attempts_made=self.attempts_made + 1,
            conversation_id=None,
            job_id=None,
            submitted_at=None,
        )._moved(JobStatus.SUBMITTING, now=now, why="slot claimed", next_check_at=next_check_at)

    def marked_sent(self, *, now: datetime, next_check_at: datetime) -> SymblAsyncRequest:
        """From here on somebody may have sent it: no second POST of this attempt, whatever happens."""
        return dataclasses.replace(self._with_attempt(sent_at=now), next_check_at=next_check_at, checks=0)

    def accepted(
        self, *, conversation_id: str, job_id: str, now: datetime, next_check_at: datetime
    ) -> SymblAsyncRequest:
        """The engine's 201. A webhook may have been quicker: then it fills what is blank, and times the next look."""
        known = dataclasses.replace(
            self._with_attempt(submitted_at=now, conversation_id=conversation_id, job_id=job_id),
            conversation_id=conversation_id,
            job_id=job_id,
            submitted_at=now,
        )
        if known.status is JobStatus.SUBMITTING:
            return known._moved(JobStatus.SCHEDULED, now=now, why="accepted by the engine", next_check_at=next_check_at)
        return dataclasses.replace(known, next_check_at=next_check_at) if known.status.holds_slot else known

    def recovered(self, *, conversation_id: str, now: datetime, next_check_at: datetime) -> SymblAsyncRequest:
        """The answer was lost, but the engine knows this attempt: keep its conversation and go on as if accepted."""
        known = dataclasses.replace(
            self._with_attempt(conversation_id=conversation_id, submitted_at=self.submitted_at or now),
            conversation_id=conversation_id,
            submitted_at=self.submitted_at or now,
            next_check_at=next_check_at,
        )
        if known.status is not JobStatus.SUBMITTING:
            return known
        return known._moved(
            JobStatus.SCHEDULED, now=now, why="found among the engine's conversations", next_check_at=next_check_at
        )

    def put_back(
        self, failure_class: FailureClass, *, why: str, now: datetime, available_at: datetime
    ) -> SymblAsyncRequest:
        """Nothing runs at the engine, as far as can be known: free the slot and wait for another turn."""
        unknown = failure_class is FailureClass.UNKNOWN
        ended = self._with_attempt(ended=why, ended_as=failure_class)
        return dataclasses.replace(
            ended._moved(JobStatus.PENDING, now=now, why=why, next_check_at=None),
            available_at=available_at,
            unknown_outcomes=self.unknown_outcomes + unknown,
            refused_since=None if unknown else self.refused_since or now,
        )

    def reported(
        self, status: JobStatus, *, now: datetime, why: str, next_check_at: datetime | None
    ) -> SymblAsyncRequest:
        """What the engine says of the current attempt's job. Late and repeated words change nothing."""
        if not self.status.holds_slot or RANK[status] <= RANK[self.status]:
            return self
        moved = self._moved(status, now=now, why=why, next_check_at=next_check_at)
        return dataclasses.replace(moved, completed_at=now) if status is JobStatus.COMPLETED else moved

    def told_job_id(self, job_id: str) -> SymblAsyncRequest:
        """A webhook named the job before the answer of the submission was stored."""
        return self if self.job_id else dataclasses.replace(self._with_attempt(job_id=job_id), job_id=job_id)

    def failed(self, error: JobError, *, now: datetime) -> SymblAsyncRequest:
        """Give it up; a person reads `error`."""
        ended = self._with_attempt(ended=error.reason, ended_as=error.failure_class) if self.attempts else self
        return dataclasses.replace(
            ended._moved(JobStatus.FAILED, now=now, why=error.reason, next_check_at=None),
            error=error,
            failure_class=error.failure_class,
            completed_at=now,
            results=ResultsState.FAILED,
        )

    def replayed(
        self, from_stage: ReplayStage, *, by: str, reason: str, now: datetime, next_check_at: datetime
    ) -> SymblAsyncRequest:
        """Run it again; `common.model.replay` says when that may be. What has been stays in its histories.

        `next_check_at` is for a collection, whose task may get lost; what waits for a slot is owed no look.
        """
        if not self.status.is_terminal:
            raise IllegalTransition(f"{self.id}: replayed while it is {self.status}")
        collecting = from_stage is ReplayStage.COLLECT
        again = JobStatus.COMPLETED if collecting else JobStatus.PENDING
        look_at = next_check_at if collecting else None
        moved = self
        if not (collecting and self.status is JobStatus.COMPLETED):
            moved = self._moved(again, now=now, why=f"replayed by {by}: {reason}", next_check_at=look_at)
        sections = tuple(section for section in self.sections if collecting and section.state is SectionState.STORED)
        return dataclasses.replace(
            moved,
            available_at=now,
            next_check_at=look_at,
            checks=0,
            generation=self.generation + 1,
            completed_at=moved.completed_at if moved is self else now if collecting else None,
            error=None,
            failure_class=None,
            unknown_outcomes=0,
            refused_since=None,
            results=results_state(sections),
            sections=sections,
            replays=(
                *self.replays,
                Replay(at=now, by=by, reason=reason, from_stage=from_stage, error=self.error),
            ),
        )

    def looked_at(self, *, next_check_at: datetime) -> SymblAsyncRequest:
        """The sweep looked and nothing had changed."""
        return dataclasses.replace(self, next_check_at=next_check_at, checks=self.checks + 1)

    def task_recreated(self, *, next_check_at: datetime) -> SymblAsyncRequest:
        """A task that was owed has vanished; the next one has a name of its own."""
        return dataclasses.replace(
            self, generation=self.generation + 1, next_check_at=next_check_at, checks=self.checks + 1
        )

    def collected(self, sections: Iterable[Section], *, next_check_at: datetime | None) -> SymblAsyncRequest:
        """Take over the sections that were collected now; the others stay as they are."""
        merged = {section.name: section for section in self.sections}
        for section in sections:
            before = merged.get(section.name)
            if before is None or before.state not in SETTLED or section.state in SETTLED:
                merged[section.name] = section
        kept = tuple(merged.values())
        state = results_state(kept)
        owed = None if state in {ResultsState.COMPLETE, ResultsState.FAILED} else next_check_at
        return dataclasses.replace(
            self, sections=kept, results=state, next_check_at=owed, checks=self.checks + 1 if owed else 0
        )

    # How it changes

    def _with_attempt(self, **changes: object) -> SymblAsyncRequest:
        latest = dataclasses.replace(self.attempts[-1], **changes)  # type: ignore[arg-type]  # names of Attempt's fields
        return dataclasses.replace(self, attempts=(*self.attempts[:-1], latest))

    def _moved(
        self, status: JobStatus, *, now: datetime, why: str, next_check_at: datetime | None
    ) -> SymblAsyncRequest:
        if status not in TRANSITIONS[self.status]:
            raise IllegalTransition(f"{self.id}: {self.status} -> {status} ({why})")
        line = Transition(
            at=now, before=self.status, after=status, why=why, attempt_id=self.attempt.id if self.attempt else None
        )
        taken = status in {JobStatus.SCHEDULED, JobStatus.IN_PROGRESS, JobStatus.COMPLETED}
        return dataclasses.replace(
            self,
            status=status,
            timeline=_kept((*self.timeline, line)),
            next_check_at=next_check_at,
            checks=0,
            refused_since=None if taken else self.refused_since,
        )


def _kept(timeline: tuple[Transition, ...]) -> tuple[Transition, ...]:
    """How it began and what happened lately: weeks of refusals must not outgrow an entity."""
    if len(timeline) <= MAX_KEPT_TRANSITIONS:
        return timeline
    return timeline[:_FIRST_TRANSITIONS] + timeline[_FIRST_TRANSITIONS - MAX_KEPT_TRANSITIONS :]


def submission_age(request: SymblAsyncRequest, now: datetime) -> timedelta | None:
    """How long the engine has had it; None while it has not been sent."""
    attempt = request.attempt
    since = attempt and (attempt.submitted_at or attempt.sent_at)
    return now - since if since else None
