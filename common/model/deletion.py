"""Deletion of a recording: what is left of it, and what is still owed until nothing else is.

The first commit of a deletion takes away everything by which the recording could be found, and leaves a
DeletedRecording that says what is owed. Whoever comes by fulfils it: the call that deletes, the same call again, or the
sweep. Every duty may be done twice.
"""

from __future__ import annotations

import dataclasses
import enum
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from common.errors import Conflict, Gone, Problem, Rejected
from common.model import schedule
from common.model.job import AttemptId, FailureClass
from common.model.recording import RecordingId

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from common.model.conversation import ConversationMetadata
    from common.model.job import SymblAsyncRequest

MAX_REASON_CHARS = 500
#: Whoever had read the recording before it was deleted is at its end by then: no function and no task runs as long.
STRAGGLERS = timedelta(minutes=15)


class NotDeletable(Conflict):
    """The engine has, or may have, a job of it; the message says what to wait for."""

    reason = "NOT_DELETABLE"


class Duty(enum.StrEnum):
    """Something that is still there of a deleted recording."""

    ROWS = "rows"  #: results, and deliveries of webhooks
    AUDIO = "audio"  #: the object in the bucket, and the file with its sender's words beside it
    DUPLICATES = "duplicates"  #: objects with the same audio, which were rejected for its sake
    CONVERSATIONS = "conversations"  #: what the engine keeps
    LAST_LOOK = "last_look"  #: rows and duplicates once more, when all that was under way has ended


@dataclasses.dataclass(frozen=True, kw_only=True)
class SentAttempt:
    """An attempt whose conversation is not known, if there is one: the engine is asked for it."""

    id: AttemptId
    claimed_at: datetime


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeletedRecording:
    """Who deleted it, when and why; what leads to the rest is forgotten as the rest goes."""

    id: RecordingId
    company: str
    deleted_at: datetime
    by: str
    reason: str
    owed: tuple[Duty, ...] = tuple(Duty)
    next_check_at: datetime | None = None  #: when the sweep goes on with it; None: nothing is owed
    tries: int = 0  #: looks after which something was still owed that might have been done
    finished_at: datetime | None = None
    object_name: str | None = None  #: while the audio is owed
    generation: int | None = None
    conversations: tuple[str, ...] = ()  #: while they are owed
    attempts: tuple[SentAttempt, ...] = ()  #: likewise

    def due(self, now: datetime) -> tuple[Duty, ...]:
        """What can be done now."""
        early = now < self.deleted_at + STRAGGLERS
        return tuple(duty for duty in self.owed if not (early and duty is Duty.LAST_LOOK))

    def fulfilled(self, duties: Collection[Duty], *, now: datetime) -> DeletedRecording:
        """After a look that has done these; when to look again follows from what is left."""
        left = tuple(duty for duty in self.owed if duty not in duties)
        known = dataclasses.replace(self, owed=left)
        if Duty.AUDIO not in left:
            known = dataclasses.replace(known, object_name=None, generation=None)
        if Duty.CONVERSATIONS not in left:
            known = dataclasses.replace(known, conversations=(), attempts=())
        if known.due(now):
            return dataclasses.replace(
                known, tries=self.tries + 1, next_check_at=now + schedule.wait_after(self.tries + 1)
            )
        if left:
            return dataclasses.replace(known, next_check_at=self.deleted_at + STRAGGLERS)
        return dataclasses.replace(known, next_check_at=None, finished_at=self.finished_at or now)


def deleted_recording(
    conversation: ConversationMetadata,
    request: SymblAsyncRequest | None,
    *,
    by: str,
    reason: str,
    now: datetime,
) -> DeletedRecording:
    """What the first commit leaves of a recording.

    Raises:
        NotDeletable: while a slot is taken for its sake. The slot is free when the engine is known to be done, and only
            the request leads to that answer.
    """
    if request is not None and request.places:
        raise NotDeletable(f"Recording {conversation.id} cannot be deleted yet: {_why_not(request)}.")
    attempts = request.attempts if request else ()
    conversations = [attempt.conversation_id for attempt in attempts] + [request.conversation_id if request else None]
    return DeletedRecording(
        id=conversation.id,
        company=conversation.company,
        deleted_at=now,
        by=by,
        reason=reason,
        next_check_at=now + schedule.wait_after(0),
        object_name=conversation.object_name,
        generation=conversation.generation,
        conversations=tuple(dict.fromkeys(filter(None, conversations))),
        attempts=tuple(
            SentAttempt(id=attempt.id, claimed_at=attempt.claimed_at)
            for attempt in attempts
            if attempt.sent_at and not attempt.conversation_id and attempt.ended_as is not FailureClass.NOT_ACCEPTED
        ),
    )


def _why_not(request: SymblAsyncRequest) -> str:
    if request.status.holds_slot:
        return (
            f"its analysis is {request.status}; delete it when that has ended. A job that does not end is given up in "
            "time"
        )
    return "it was given up while the engine may still work on it; delete it when the engine has ended its job"


def gone(deleted: DeletedRecording) -> Gone:
    """What everybody is told who asks for it."""
    who = deleted.by if "@" in deleted.by else "whoever runs this installation"
    return Gone(
        f"Recording {deleted.id} was deleted with all its results, on {deleted.deleted_at:%Y-%m-%d at %H:%M} UTC by "
        f"{deleted.by}. Ask {who} about it; the reason is kept.",
        reason="DELETED",
    )


def deletion_reason(given: Mapping[str, str]) -> str:
    """The reason among the parameters of a deletion, which has no others.

    Raises:
        Rejected: where it is missing or too long, or anything else is there.
    """
    problems = [
        Problem(name, "is not a known parameter; the only one is reason") for name in sorted(set(given) - {"reason"})
    ]
    reason = given.get("reason", "").strip()
    if not 0 < len(reason) <= MAX_REASON_CHARS:
        problems.append(Problem("reason", f"must say why it is deleted, in 1 to {MAX_REASON_CHARS} characters"))
    if problems:
        raise Rejected(problems)
    return reason
