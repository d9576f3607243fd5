"""SymblAsyncRequest: the life of one submission as a value, and the pure changes that it goes through.

Every change returns a new value; the request store runs it in a transaction and keeps the slots in step with it.
"""

from __future__ import annotations

import dataclasses
import enum
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from common.errors import Exchange
from common.model import schedule
from common.model.intelligence import SETTLED, ResultsState, Section, SectionState, results_state
from common.model.lifecycle import RANK, IllegalTransition, JobStatus, Maker, expect_allowed
from common.model.recording import Priority, RecordingId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

RequestId = str
AttemptId = str
SlotNumber = int


class FailureClass(enum.StrEnum):
    """What kind of failure it was; `common.model.failures` says what is done about each."""

    NOT_ACCEPTED = "not_accepted"  #: the engine certainly has no job: out of reach, throttled, refusing the account
    UNKNOWN = "unknown"  #: it was sent, and nothing tells what became of it
    STUCK = "stuck"  #: the engine has worked on it for longer than anybody waits
    RECORDING = "recording"  #: this recording cannot be analysed as it is
    DEFECT = "defect"  #: an answer or a state that we do not understand


@dataclasses.dataclass(frozen=True, kw_only=True)
class JobError:
    """What went wrong, for a person.

    `reason` as told by whoever knows it, `check` what to look at first, `exchange` what was said last to the engine.
    """

    failure_class: FailureClass
    reason: str
    check: str
    exchange: Exchange | None = None


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
    proves: bool = False  #: the one submission that is let through to see whether our credentials are good again
    sent_at: datetime | None = None
    submitted_at: datetime | None = None
    conversation_id: str | None = None
    job_id: str | None = None  #: from the engine's answer
    told_job_id: str | None = None  #: from a webhook: a hint, since whoever has the URL could have sent it
    may_run: bool = False  #: the engine may count a job of it among our active ones
    exchange: Exchange | None = None  #: the submission whose outcome is not known
    ended: str | None = None  #: why this attempt is over; None while it runs
    ended_as: FailureClass | None = None

    def age(self, now: datetime) -> timedelta | None:
        """How long the engine has had it; None while it has not been sent."""
        since = self.submitted_at or self.sent_at
        return now - since if since else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Transition:
    """One line of the timeline; `event_id` is the webhook delivery that brought it about."""

    at: datetime
    before: JobStatus | None
    after: JobStatus
    why: str
    by: Maker | None = None  #: None in rows that are older than this field
    attempt_id: AttemptId | None = None
    event_id: str | None = None


class Place(NamedTuple):
    """Whose slot it is. Quarantined: the request has left the attempt, the engine may still count its job."""

    attempt_id: AttemptId
    quarantined: bool


MAX_KEPT_ATTEMPTS = 20
MAX_KEPT_TRANSITIONS = 100
_FIRST_TRANSITIONS = 10


def request_id_of(recording_id: RecordingId) -> RequestId:
    """The id of a recording's request."""
    return f"{recording_id}-1"


def recording_of(request_id: RequestId) -> RecordingId:
    """The recording whose request it is."""
    return request_id.rpartition("-")[0]


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
    started_at: datetime | None = None  #: when the call began: with the recording's id it makes the key of its index
    day: str | None = None  #: the day of the call by the clock there, ISO: whose statistics it counts in
    next_check_at: datetime | None = None  #: when the sweep owes it a look; None: nothing is owed
    checks: int = 0  #: looks in vain since the last change, for the back-off
    generation: int = 0  #: how often a lost task was created again; only rises, since a task's name stays taken
    attempts: tuple[Attempt, ...] = ()  #: the latest ones, at most MAX_KEPT_ATTEMPTS beside those that may run
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
        added = Transition(at=now, before=None, after=JobStatus.PENDING, by=Maker.INGEST, why="recording added")
        return cls(
            id=request_id_of(recording_id),
            recording_id=recording_id,
            company=company,
            priority=priority,
            status=JobStatus.PENDING,
            created_at=now,
            available_at=now,
            timeline=(added,),
        )

    def of_call(self, *, started_at: datetime, day: str) -> SymblAsyncRequest:
        """With what leads from it to its call's index and statistics."""
        return dataclasses.replace(self, started_at=started_at, day=day)

    # What is asked of it

    @property
    def attempt(self) -> Attempt | None:
        """The latest try."""
        return self.attempts[-1] if self.attempts else None

    @property
    def slot(self) -> SlotNumber | None:
        """The slot that its latest attempt holds now."""
        return self.attempts[-1].slot if self.status.holds_slot else None

    @property
    def quarantined(self) -> tuple[Attempt, ...]:
        """The attempts that it has left and that the engine may still count as active."""
        left = self.attempts[:-1] if self.status.holds_slot else self.attempts
        return tuple(attempt for attempt in left if attempt.may_run)

    @property
    def places(self) -> Mapping[SlotNumber, Place]:
        """Every slot that is taken because of it: the leases there must be, no more and no fewer."""
        taken = {attempt.slot: Place(attempt.id, quarantined=True) for attempt in self.quarantined}
        if self.slot is not None:
            taken[self.slot] = Place(self.attempts[-1].id, quarantined=False)
        return taken

    @property
    def collecting_since(self) -> datetime | None:
        """From when on results have been waited for: the end of the job, or a later replay of the collection."""
        asked = [replay.at for replay in self.replays if replay.from_stage is ReplayStage.COLLECT]
        return max([self.completed_at, *asked[-1:]]) if self.completed_at else None

    def is_current(self, attempt_id: AttemptId) -> bool:
        """Whether this is the latest attempt."""
        return self.attempt is not None and self.attempt.id == attempt_id

    def attempt_of(self, attempt_id: AttemptId) -> Attempt | None:
        """One of the attempts that are kept."""
        return next((attempt for attempt in self.attempts if attempt.id == attempt_id), None)

    def may_be_claimed(self, now: datetime) -> bool:
        """Whether it waits for a slot, and its turn has come."""
        return self.status is JobStatus.PENDING and self.available_at <= now

    def may_be_sent(self, attempt_id: AttemptId) -> bool:
        """Whether nobody has sent, nor may be sending, this attempt."""
        return self.status is JobStatus.SUBMITTING and self.is_current(attempt_id) and self.attempts[-1].sent_at is None

    # What happens to it

    def claimed(
        self, attempt_id: AttemptId, *, slot: SlotNumber, now: datetime, next_check_at: datetime, proves: bool = False
    ) -> SymblAsyncRequest:
        """Hold `slot` for a new attempt; nothing has been sent yet."""
        attempt = Attempt(id=attempt_id, slot=slot, claimed_at=now, proves=proves)
        return dataclasses.replace(
            self,
            attempts=_kept_attempts((*self.attempts, attempt)),
            attempts_made=self.attempts_made + 1,
            conversation_id=None,
            job_id=None,
            submitted_at=None,
        )._moved(JobStatus.SUBMITTING, by=Maker.DISPATCH, now=now, why="slot claimed", next_check_at=next_check_at)

    def marked_sent(self, *, now: datetime, next_check_at: datetime) -> SymblAsyncRequest:
        """From here on somebody may have sent it: no second POST of this attempt, whatever happens."""
        sent = self._with_attempt(sent_at=now, may_run=True)
        return dataclasses.replace(sent, next_check_at=next_check_at, checks=0)

    def accepted(
        self, *, conversation_id: str, job_id: str, now: datetime, next_check_at: datetime
    ) -> SymblAsyncRequest:
        """The engine's 201 to the latest attempt.

        A webhook may have been quicker: then it fills what is blank, and times the next look. Where the request has
        left the attempt meanwhile, only the attempt keeps the ids: by them the sweep can ask about its job.
        """
        known = self._with_attempt(submitted_at=now, conversation_id=conversation_id, job_id=job_id)
        if not self.status.holds_slot:
            return known
        known = dataclasses.replace(known, conversation_id=conversation_id, job_id=job_id, submitted_at=now)
        if known.status is not JobStatus.SUBMITTING:
            return dataclasses.replace(known, next_check_at=next_check_at)
        return known._moved(
            JobStatus.SCHEDULED, by=Maker.SUBMIT, now=now, why="accepted by the engine", next_check_at=next_check_at
        )

    def unanswered(self, attempt_id: AttemptId, exchange: Exchange | None) -> SymblAsyncRequest:
        """It was sent and nothing tells what became of it: what was said is kept for whoever gives it up."""
        return self._with_attempt(attempt_id, exchange=exchange)

    def recovered(
        self, *, conversation_id: str, by: Maker, now: datetime, next_check_at: datetime
    ) -> SymblAsyncRequest:
        """The answer was lost, but the engine knows this attempt: keep its conversation and go on as if accepted."""
        known = dataclasses.replace(
            self._with_attempt(conversation_id=conversation_id, submitted_at=self.submitted_at or now),
            conversation_id=conversation_id,
            submitted_at=self.submitted_at or now,
            next_check_at=next_check_at,
        )
        if known.status is not JobStatus.SUBMITTING:
            return known
        why = "found among the engine's conversations"
        return known._moved(JobStatus.SCHEDULED, by=by, now=now, why=why, next_check_at=next_check_at)

    def put_back(
        self, failure_class: FailureClass, *, why: str, by: Maker, now: datetime, available_at: datetime
    ) -> SymblAsyncRequest:
        """Nothing runs at the engine, as far as can be known: free the slot and wait for another turn."""
        unknown = failure_class is FailureClass.UNKNOWN
        ended = self._with_attempt(ended=why, ended_as=failure_class, may_run=False)
        return dataclasses.replace(
            ended._moved(JobStatus.PENDING, by=by, now=now, why=why, next_check_at=None),
            available_at=available_at,
            unknown_outcomes=self.unknown_outcomes + unknown,
            refused_since=None if unknown else self.refused_since or now,
        )

    def reported(
        self,
        status: JobStatus,
        *,
        by: Maker,
        now: datetime,
        why: str,
        next_check_at: datetime | None,
        event_id: str | None = None,
    ) -> SymblAsyncRequest:
        """What the engine says of the latest attempt's job. Late and repeated words change nothing."""
        if not self.status.holds_slot or RANK[status] <= RANK[self.status]:
            return self
        known = self._with_attempt(may_run=False) if status.is_terminal else self
        moved = known._moved(status, by=by, now=now, why=why, next_check_at=next_check_at, event_id=event_id)
        return dataclasses.replace(moved, completed_at=now) if status is JobStatus.COMPLETED else moved

    def told_job_id(self, attempt_id: AttemptId, job_id: str) -> SymblAsyncRequest:
        """A webhook names the job of an attempt. The first name stays, the engine's own answer is better than any."""
        attempt = self.attempt_of(attempt_id)
        if attempt is None or attempt.told_job_id or attempt.job_id:
            return self
        return self._with_attempt(attempt_id, told_job_id=job_id)

    def failed(
        self,
        error: JobError,
        *,
        by: Maker,
        now: datetime,
        next_check_at: datetime | None = None,
        event_id: str | None = None,
    ) -> SymblAsyncRequest:
        """Give it up; a person reads `error`. A job that is stuck goes on at the engine: its slot stays taken."""
        stuck = error.failure_class is FailureClass.STUCK
        ended = self._with_attempt(
            ended=error.reason, ended_as=error.failure_class, may_run=stuck and self.attempts[-1].may_run
        )
        return dataclasses.replace(
            ended._moved(
                JobStatus.FAILED, by=by, now=now, why=error.reason, next_check_at=next_check_at, event_id=event_id
            ),
            error=error,
            failure_class=error.failure_class,
            completed_at=now,
            results=ResultsState.FAILED,
        )

    def completed_by(
        self,
        attempt_id: AttemptId,
        *,
        conversation_id: str,
        now: datetime,
        next_check_at: datetime,
        event_id: str | None = None,
    ) -> SymblAsyncRequest:
        """The job of an attempt that the request had left is done after all, and is paid for: its results are taken.

        Unless the request is completed already. An attempt that is under way is left in its turn.
        """
        over = self.attempt_over(attempt_id, now=now)
        if self.status is JobStatus.COMPLETED:
            return over
        attempt = self.attempt_of(attempt_id)
        assert attempt is not None  # noqa: S101  # whoever asked about it has read it here
        why = "the engine has completed an attempt that was given up"
        moved = over._with_attempt(attempt_id, conversation_id=conversation_id)._moved(
            JobStatus.COMPLETED, by=Maker.COLLECT, now=now, why=why, next_check_at=next_check_at, event_id=event_id
        )
        return dataclasses.replace(
            moved,
            conversation_id=conversation_id,
            job_id=attempt.job_id,
            submitted_at=attempt.submitted_at or attempt.sent_at,
            completed_at=now,
            error=None,
            failure_class=None,
            results=results_state(()),
            sections=(),
        )

    def attempt_over(self, attempt_id: AttemptId, *, now: datetime) -> SymblAsyncRequest:
        """The engine does not count an attempt that the request had left: its slot is free."""
        over = self._with_attempt(attempt_id, may_run=False)
        if over == self or self.status.holds_slot:
            return over
        collecting = self.status is JobStatus.COMPLETED and self.results in OWED_RESULTS
        return over if collecting else dataclasses.replace(over, next_check_at=over._look_at(None, now))

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
        look_at = next_check_at if collecting else self._look_at(None, now)
        stays = collecting and self.status is JobStatus.COMPLETED
        moved = self
        if not stays:
            why = f"replayed by {by}: {reason}"
            moved = self._moved(again, by=Maker.REPLAY, now=now, why=why, next_check_at=look_at)
        if collecting:  # whoever asks for it has heard from the engine that the job is done
            moved = moved._with_attempt(may_run=False)
        sections = tuple(section for section in self.sections if collecting and section.state is SectionState.STORED)
        return dataclasses.replace(
            moved,
            available_at=now,
            next_check_at=look_at,
            checks=0,
            generation=self.generation + 1,
            completed_at=self.completed_at if stays else now if collecting else None,
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

    def owed_nothing(self) -> SymblAsyncRequest:
        """There is nothing left to look at."""
        return dataclasses.replace(self, next_check_at=None, checks=0)

    def task_recreated(self, *, next_check_at: datetime) -> SymblAsyncRequest:
        """A task that was owed has vanished; the next one has a name of its own."""
        return dataclasses.replace(
            self, generation=self.generation + 1, next_check_at=next_check_at, checks=self.checks + 1
        )

    def collected(self, sections: Iterable[Section], *, next_check_at: datetime) -> SymblAsyncRequest:
        """Take over the sections that were collected now; the others stay as they are."""
        merged = {section.name: section for section in self.sections}
        for section in sections:
            before = merged.get(section.name)
            if before is None or before.state not in SETTLED or section.state in SETTLED:
                merged[section.name] = section
        kept = tuple(merged.values())
        state = results_state(kept)
        collecting = state in OWED_RESULTS
        return dataclasses.replace(
            self,
            sections=kept,
            results=state,
            next_check_at=next_check_at if collecting or self.quarantined else None,
            checks=self.checks + 1 if collecting else 0,
        )

    # How it changes

    def _with_attempt(self, attempt_id: AttemptId | None = None, **changes: object) -> SymblAsyncRequest:
        """One attempt changed, the latest by default."""
        which = attempt_id or (self.attempts[-1].id if self.attempts else None)
        attempts = tuple(
            dataclasses.replace(attempt, **changes) if attempt.id == which else attempt  # type: ignore[arg-type]  # its own fields
            for attempt in self.attempts
        )
        return dataclasses.replace(self, attempts=attempts)

    def _moved(
        self,
        status: JobStatus,
        *,
        by: Maker,
        now: datetime,
        why: str,
        next_check_at: datetime | None,
        event_id: str | None = None,
    ) -> SymblAsyncRequest:
        expect_allowed(self.status, status, by=by)
        line = Transition(
            at=now,
            before=self.status,
            after=status,
            by=by,
            why=why,
            attempt_id=self.attempt.id if self.attempt else None,
            event_id=event_id,
        )
        taken = status in {JobStatus.SCHEDULED, JobStatus.IN_PROGRESS, JobStatus.COMPLETED}
        moved = dataclasses.replace(
            self,
            status=status,
            timeline=_kept_lines((*self.timeline, line)),
            checks=0,
            refused_since=None if taken else self.refused_since,
        )
        return dataclasses.replace(moved, next_check_at=moved._look_at(next_check_at, now))

    def _look_at(self, wanted: datetime | None, now: datetime) -> datetime | None:
        """As wanted; where nothing else is owed, a quarantined job is asked about all the same."""
        return wanted or (now + schedule.wait_after(0) if self.quarantined else None)


#: While they stand like this, something is still to be fetched.
OWED_RESULTS = frozenset({ResultsState.WAITING, ResultsState.PARTIAL})


def _kept_attempts(attempts: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    """The latest ones, and whatever may still run: a slot is counted by it."""
    older = attempts[:-MAX_KEPT_ATTEMPTS]
    return (*(attempt for attempt in older if attempt.may_run), *attempts[-MAX_KEPT_ATTEMPTS:])


def _kept_lines(timeline: tuple[Transition, ...]) -> tuple[Transition, ...]:
    """How it began and what happened lately: weeks of refusals must not outgrow an entity."""
    if len(timeline) <= MAX_KEPT_TRANSITIONS:
        return timeline
    return timeline[:_FIRST_TRANSITIONS] + timeline[_FIRST_TRANSITIONS - MAX_KEPT_TRANSITIONS :]
