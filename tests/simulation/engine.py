"""The engine: it takes jobs, works when told to, fails when told to, and remembers all that it was ever asked."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from common.errors import (
    AccountRefused,
    NotAccepted,
    OutcomeUnknown,
    RefusedByEngine,
    Throttled,
    TryLater,
    UnreadableAnswer,
)
from common.model.job import AttemptId, RequestId
from common.model.lifecycle import JobStatus
from common.ports import Accepted, Verdict
from tests.simulation.calls import MADE_HERE, Fate

if TYPE_CHECKING:
    from collections.abc import Callable

    from common.model.intelligence import Rows, SectionKind
    from common.ports import Submission
    from tests.simulation.calls import Gate

#: A POST that timed out here may be accepted there until then. Together with the longest submission (200 s) and the
#: longest lag of the conversations this is less than what the product takes as "it would have been found by now".
LATEST_ACCEPTANCE = timedelta(seconds=120)
LONGEST_LAG = timedelta(seconds=240)
PAUSE = timedelta(minutes=1)


@dataclasses.dataclass
class Job:
    """One accepted submission; its conversation can be found from `visible_at` on."""

    id: str
    conversation_id: str
    attempt_id: AttemptId
    request_id: RequestId
    webhook_url: str
    visible_at: datetime
    status: JobStatus = JobStatus.SCHEDULED
    forgotten: bool = False
    conversation_forgotten: bool = False

    @property
    def active(self) -> bool:
        """Whether the engine counts it."""
        return not self.status.is_terminal and not self.forgotten

    def __repr__(self) -> str:
        return f"<{self.id} of {self.attempt_id}, {self.status}>"


@dataclasses.dataclass(frozen=True)
class News:
    """A webhook that is to be delivered."""

    webhook_url: str
    job_id: str
    status: JobStatus

    def __repr__(self) -> str:
        return f"<{self.job_id} is {self.status}>"


class SimulatedEngine:
    """The account's jobs. `own_cap` is how many it takes at once, None for any number."""

    def __init__(
        self, clock: Callable[[], datetime], *, own_cap: int | None = None, lag: timedelta = timedelta()
    ) -> None:
        self.jobs: list[Job] = []
        self.news: list[News] = []
        self.posts: list[Submission] = []
        self.on_their_way: list[tuple[datetime, Submission]] = []
        self._clock = clock
        self._own_cap = own_cap
        self._lag = lag

    @property
    def active(self) -> list[Job]:
        """What it counts against the account."""
        return [job for job in self.jobs if job.active]

    # What happens there

    def advance(self, job: Job, status: JobStatus) -> None:
        """Take a job one step on; the news of it waits for somebody to deliver it."""
        job.status = status
        self.news.append(News(job.webhook_url, job.id, status))

    def accept_late(self, *, until: datetime | None = None) -> None:
        """Accept what timed out on our side; `until` leaves what may still be later."""
        for due, submission in list(self.on_their_way):
            if until is None or due <= until:
                self.on_their_way.remove((due, submission))
                if not self._is_full():
                    self._accept(submission)

    def finish_all(self) -> None:
        """Every job comes to its end; nobody is told."""
        self.accept_late()
        for job in self.active:
            job.status = JobStatus.COMPLETED

    # What it is asked

    def submit(self, submission: Submission, fate: Fate) -> Accepted:
        """A POST; an attempt that comes twice is a mistake of ours whatever has happened."""
        assert submission.attempt_id not in {post.attempt_id for post in self.posts}, (
            f"{submission.attempt_id} was sent twice"
        )
        self.posts.append(submission)
        if fate is Fate.LATE:
            self.on_their_way.append((self._clock() + LATEST_ACCEPTANCE, submission))
        if fate in {Fate.FAILS, Fate.LATE}:
            raise OutcomeUnknown(MADE_HERE)
        if fate is Fate.NOT_ACCEPTED:
            raise NotAccepted(MADE_HERE)
        if fate is Fate.ACCOUNT_REFUSED:
            raise AccountRefused(MADE_HERE)
        if fate is Fate.REFUSED:
            raise RefusedByEngine(MADE_HERE)
        if fate in {Fate.THROTTLED, Fate.THROTTLED_FOR_A_MINUTE} or self._is_full():
            raise Throttled(MADE_HERE, retry_after=PAUSE if fate is Fate.THROTTLED_FOR_A_MINUTE else None)
        job = self._accept(submission)
        if fate is Fate.ANSWER_LOST:
            raise OutcomeUnknown(MADE_HERE)
        return Accepted(conversation_id=job.conversation_id, job_id=job.id)

    def job_status(self, job_id: str) -> JobStatus | None:
        """How a job stands."""
        return next((job.status for job in self.jobs if job.id == job_id and not job.forgotten), None)

    def find_conversation(self, attempt_id: AttemptId) -> str | None:
        """The conversation that an attempt made, once it can be found."""
        now = self._clock()
        return next(
            (
                job.conversation_id
                for job in self.jobs
                if job.attempt_id == attempt_id and job.visible_at <= now and not job.conversation_forgotten
            ),
            None,
        )

    def section(self, section: SectionKind, conversation_id: str) -> Rows | None:
        """Empty rows; no summary while the job runs, nor after it failed."""
        job = next((job for job in self.jobs if job.conversation_id == conversation_id), None)
        if job is None or job.conversation_forgotten:
            return None
        return None if section.name == "summary" and job.status is not JobStatus.COMPLETED else ()

    def delete_conversation(self, conversation_id: str) -> None:
        """Forget it."""
        for job in self.jobs:
            job.conversation_forgotten |= job.conversation_id == conversation_id

    def _is_full(self) -> bool:
        return self._own_cap is not None and len(self.active) >= self._own_cap

    def _accept(self, submission: Submission) -> Job:
        number = len(self.jobs) + 1
        job = Job(
            id=f"job-{number}",
            conversation_id=f"conversation-{number}",
            attempt_id=submission.attempt_id,
            request_id=submission.request_id,
            webhook_url=submission.webhook_url,
            visible_at=self._clock() + self._lag,
        )
        self.jobs.append(job)
        self.advance(job, JobStatus.SCHEDULED)
        return job


class EngineClient:
    """SpeechIntelligence without a wire; each call goes through a gate."""

    def __init__(self, engine: SimulatedEngine, gate: Gate) -> None:
        self._engine = engine
        self._gate = gate

    def prepare(self) -> None:
        """Its token never ends."""
        fate = self._gate("engine.prepare")
        if fate is Fate.ACCOUNT_REFUSED:
            raise AccountRefused(MADE_HERE)
        if fate is not Fate.WELL:
            raise NotAccepted(MADE_HERE)

    def submit(self, submission: Submission) -> Accepted:
        """POST it."""
        return self._engine.submit(submission, self._gate("engine.submit"))

    def job_status(self, job_id: str) -> JobStatus | None:
        """How a job stands."""
        return None if self._read("engine.job_status") else self._engine.job_status(job_id)

    def verdict(self, job_id: str) -> Verdict:
        """The same for all."""
        self._read("engine.verdict")
        return Verdict(reason=f"{job_id} had nothing to listen to", exchange=None)

    def find_conversation(self, attempt_id: AttemptId, *, since: datetime, now: datetime) -> str | None:  # noqa: ARG002  # all that it has are recent
        """The conversation that an attempt made."""
        self._read("engine.find_conversation")
        return self._engine.find_conversation(attempt_id)

    def section(self, section: SectionKind, conversation_id: str) -> Rows | None:
        """The rows of a section."""
        return None if self._read("engine.section") else self._engine.section(section, conversation_id)

    def delete_conversation(self, conversation_id: str) -> None:
        """Have it forget a conversation."""
        if not self._read("engine.delete_conversation"):
            self._engine.delete_conversation(conversation_id)

    def _read(self, call: str) -> bool:
        """Whether this answer is a false 404."""
        fate = self._gate(call)
        if fate is Fate.FAILS:
            raise TryLater(MADE_HERE)
        if fate is Fate.ACCOUNT_REFUSED:
            raise AccountRefused(MADE_HERE)
        if fate is Fate.RUBBISH:
            raise UnreadableAnswer(MADE_HERE)
        return fate in {Fate.UNKNOWN_JOB, Fate.NOT_READY}
