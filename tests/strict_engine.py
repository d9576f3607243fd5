"""An engine that counts: it works when told to, and remembers every job that it was ever given."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from common.model.job import AttemptId
from common.model.lifecycle import JobStatus
from common.ports import Accepted, Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from common.model.intelligence import Rows, SectionKind
    from common.ports import Submission


@dataclasses.dataclass
class Job:
    """One accepted submission."""

    id: str
    attempt_id: AttemptId
    request_id: str
    status: JobStatus = JobStatus.SCHEDULED


@dataclasses.dataclass(frozen=True)
class News:
    """A webhook that is to be delivered."""

    request_id: str
    attempt_id: AttemptId
    job_id: str
    status: JobStatus


class StrictEngine:
    """SpeechIntelligence without a wire."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def prepare(self) -> None:
        """Its token never ends."""

    def submit(self, submission: Submission) -> Accepted:
        """Accept; an attempt that comes twice is a mistake of ours whatever has happened."""
        assert submission.attempt_id not in {job.attempt_id for job in self.jobs}, "the same attempt was sent twice"
        job = Job(f"job-{len(self.jobs) + 1}", submission.attempt_id, submission.request_id)
        self.jobs.append(job)
        return Accepted(conversation_id=f"of-{job.id}", job_id=job.id)

    def work(self) -> list[News]:
        """Take every job one step further; the news of it."""
        news = []
        for job in self.jobs:
            if job.status.is_terminal:
                continue
            job.status = JobStatus.IN_PROGRESS if job.status is JobStatus.SCHEDULED else JobStatus.COMPLETED
            news.append(News(job.request_id, job.attempt_id, job.id, job.status))
        return news

    def job_status(self, job_id: str) -> JobStatus | None:
        """How a job stands."""
        return next((job.status for job in self.jobs if job.id == job_id), None)

    def verdict(self, job_id: str) -> Verdict:  # noqa: ARG002  # none fails
        """Nothing fails here."""
        return Verdict(reason=None, exchange=None)

    def find_conversation(self, attempt_id: AttemptId, *, since: datetime, now: datetime) -> str | None:  # noqa: ARG002
        """The conversation that an attempt made."""
        return next((f"of-{job.id}" for job in self.jobs if job.attempt_id == attempt_id), None)

    def section(self, section: SectionKind, conversation_id: str) -> Rows | None:
        """Empty rows; no summary while the job runs."""
        job = next(job for job in self.jobs if f"of-{job.id}" == conversation_id)
        return None if section.name == "summary" and not job.status.is_terminal else ()
