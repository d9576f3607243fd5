"""Delete a recording with everything that is kept of it: the step behind DELETE, and the sweep's part in it."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from common import log
from common.adapters.outages import passing_fault
from common.errors import CalltrackError, NotFound
from common.model.answers import instant
from common.model.deletion import DeletedRecording, Duty, deleted_recording, gone
from common.model.recording import SIDE_FILE_SUFFIX, RecordingId
from common.ports import AudioStore, Deletions, SpeechIntelligence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from common.model.answers import DeletionAnswer
    from common.model.conversation import ConversationMetadata
    from common.model.job import SymblAsyncRequest

#: Deletions that one sweep goes on with; and how many in vain before it leaves the others to the next.
BATCH = 50
PATIENCE = 3
#: Raises where a recording is not as it has to be.
Expectation = Callable[["ConversationMetadata", "SymblAsyncRequest | None"], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Deleter:
    """The step's collaborators."""

    deletions: Deletions
    audio: AudioStore
    engine: SpeechIntelligence
    clock: Callable[[], datetime]

    def delete(
        self, recording_id: RecordingId, *, by: str, reason: str, expect: Expectation = lambda *_: None
    ) -> DeletedRecording:
        """Have nothing left of a recording but who deleted it, when and why.

        `expect` refuses, in the transaction, a state that the caller has not read.

        From the first commit on it is found nowhere. What cannot be done now is owed, and the sweep goes on with it; so
        does the same call again.

        Raises:
            NotFound: there is no such recording.
            NotDeletable: the engine has, or may have, a job of it.
        """
        now = self.clock()

        def leave(conversation: ConversationMetadata, request: SymblAsyncRequest | None) -> DeletedRecording:
            expect(conversation, request)
            return deleted_recording(conversation, request, by=by, reason=reason, now=now)

        deleted = self.deletions.begin(recording_id, leave)
        log.event("recording_deleted", recording=recording_id, by=deleted.by)
        return self._go_on(deleted)

    def go_on(self) -> Mapping[str, int]:
        """What the sweep does: fulfil what is owed by now."""
        found: collections.Counter[str] = collections.Counter()
        for deleted in self.deletions.due(now=self.clock(), limit=BATCH):
            with log.context(recording=deleted.id):
                after = self._go_on(deleted)
            found["deletions_finished"] += after.finished_at is not None
            found["deletions_unfinished"] += bool(after.due(self.clock()))
            if found["deletions_unfinished"] >= PATIENCE:
                break
        return +found

    def _go_on(self, deleted: DeletedRecording) -> DeletedRecording:
        due = deleted.due(self.clock())
        if not due:
            return deleted
        done = [duty for duty in due if self._fulfil(duty, deleted)]
        now = self.clock()
        return self.deletions.change(deleted.id, lambda current: current.fulfilled(done, now=now))

    def _fulfil(self, duty: Duty, deleted: DeletedRecording) -> bool:
        """Whether it is done; one that fails keeps neither the others nor other recordings from their turn."""
        try:
            self._do(duty, deleted)
        except Exception as error:  # noqa: BLE001  # whatever it is: what is owed stays owed, and is tried again
            expected = error if isinstance(error, CalltrackError) else passing_fault(error)
            if expected is None:
                log.defect("deletion_broke", error, duty=duty)
            else:
                log.warning("deletion_deferred", duty=duty, error=type(expected).__name__, reason=str(expected))
            return False
        return True

    def _do(self, duty: Duty, deleted: DeletedRecording) -> None:
        match duty:
            case Duty.ROWS:
                self.deletions.delete_rows(deleted.id)
            case Duty.AUDIO if deleted.object_name is not None:
                self._delete_object(deleted.object_name, deleted.generation)
            case Duty.DUPLICATES:
                self._delete_duplicates(deleted)
            case Duty.CONVERSATIONS:
                self._delete_conversations(deleted)
            case Duty.LAST_LOOK:
                self.deletions.delete_rows(deleted.id)
                self._delete_duplicates(deleted)

    def _delete_object(self, name: str, generation: int | None) -> None:
        """The audio, and the file beside it unless a newer object of that name has need of it.

        It is looked for first: not every bucket (the local one is none) knows one generation from another here.
        """
        if self.audio.find(name, generation) is not None:
            self.audio.delete(name, generation)
        if self.audio.find(name) is None:
            self.audio.delete(f"{name}{SIDE_FILE_SUFFIX}")

    def _delete_duplicates(self, deleted: DeletedRecording) -> None:
        """The object first: one that is neither a recording nor rejected is taken in by the next bucket scan."""
        for rejected in self.deletions.duplicates(deleted.id):
            self._delete_object(rejected.object_name, rejected.generation)
            self.deletions.forget_duplicate(rejected)

    def _delete_conversations(self, deleted: DeletedRecording) -> None:
        for conversation_id in deleted.conversations:
            self.engine.delete_conversation(conversation_id)
        for attempt in deleted.attempts:
            found = self.engine.find_conversation(attempt.id, since=attempt.claimed_at, now=self.clock())
            if found is not None:
                self.engine.delete_conversation(found)


@contextlib.contextmanager
def gone_if_deleted(deletions: Callable[[], Deletions], recording_id: RecordingId | None) -> Iterator[None]:
    """Say of a recording that is not there that it was deleted, if it was: one lookup more, where nothing was found.

    Raises:
        Gone: instead of NotFound.
    """
    try:
        yield
    except NotFound as error:
        deleted = deletions().get(recording_id) if recording_id else None
        if deleted is None:
            raise
        raise gone(deleted) from error


def deletion_answer(deleted: DeletedRecording) -> DeletionAnswer:
    """As the API answers it; `owed` is what is still there, and goes without anybody's doing."""
    return {
        "id": deleted.id,
        "deleted_at": instant(deleted.deleted_at),
        "by": deleted.by,
        "reason": deleted.reason,
        "owed": list(deleted.owed),
        "finished_at": instant(deleted.finished_at) if deleted.finished_at else None,
    }
