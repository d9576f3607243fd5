"""Ask the engine how the job of one attempt stands: the step that collect, sweep and replay have in common."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from common.model.intelligence import SECTIONS
from common.model.lifecycle import JobStatus
from common.ports import RequestStore, SpeechIntelligence

if TYPE_CHECKING:
    from datetime import datetime

    from common.model.job import Attempt, SymblAsyncRequest

_SUMMARY = next(section for section in SECTIONS if section.name == "summary")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Standing:
    """What the engine says: `status` None where it knows no such job, or nothing tells; its conversation if known."""

    status: JobStatus | None
    conversation_id: str | None

    @property
    def has_ended(self) -> bool:
        """Whether the engine counts it among our active jobs no more."""
        return self.status is not None and self.status.is_terminal


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inquiry:
    """Who is asked. Every answer is got with our own credentials: what a webhook says is only a hint where to look."""

    requests: RequestStore
    engine: SpeechIntelligence

    def about(self, request: SymblAsyncRequest, attempt: Attempt, *, now: datetime) -> Standing:
        """How the job of `attempt` stands.

        By the id of the engine's own answer, where that came. Where it was lost, or the engine knows no such job any
        more, the attempt's conversation is searched for, and its summary tells the end: it is 404 while the job runs. A
        job id that only a webhook has named is believed where there is a conversation of this attempt, and no other
        request was given that id.

        Raises:
            TryLater, AccountRefused, UnreadableAnswer: as the engine's answers have it.
        """
        if attempt.job_id:
            status = self.engine.job_status(attempt.job_id)
            if status is not None or attempt.conversation_id is None:
                return Standing(status=status, conversation_id=attempt.conversation_id)
        found = self.engine.find_conversation(attempt.id, since=attempt.claimed_at, now=now)
        if found is None:
            return Standing(status=None, conversation_id=None)
        if self.engine.section(_SUMMARY, found) is not None:
            return Standing(status=JobStatus.COMPLETED, conversation_id=found)
        return Standing(status=None if attempt.job_id else self._as_told(request, attempt), conversation_id=found)

    def _as_told(self, request: SymblAsyncRequest, attempt: Attempt) -> JobStatus | None:
        if attempt.told_job_id is None or self.requests.owner_of_job(attempt.told_job_id) not in {None, request.id}:
            return None
        return self.engine.job_status(attempt.told_job_id)
