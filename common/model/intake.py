"""What may become of an object on its way in: added, already known, or rejected with the mend."""

from __future__ import annotations

import dataclasses
from datetime import datetime

from common.errors import Problem
from common.model.conversation import ConversationMetadata
from common.model.job import SymblAsyncRequest
from common.model.recording import RecordingId, object_name_of

#: Key under which an object carries its sender's words. Cloud Storage allows 8 KiB of custom metadata in all,
#: fake-gcs-server keeps an object's attributes in an extended attribute of its file, which ext4 limits to 4 KiB.
DETAILS_KEY = "calltrack-metadata"
MAX_OBJECT_METADATA_BYTES = 2 * 1024
#: A request to a function may have 32 MiB (Cloud Run's limit for HTTP/1).
MAX_UPLOAD_BYTES = 32 * 1024 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class AddOutcome:
    """`recording_id` is the new one, or the one that has the same bytes."""

    recording_id: RecordingId
    created: bool
    stored: tuple[ConversationMetadata, SymblAsyncRequest] | None = dataclasses.field(default=None, compare=False)
    """What this very call has stored, for its answer."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RejectedObject:
    """An object in the bucket that is not analysed, and what its sender can do about it."""

    id: RecordingId
    recording_url: str
    generation: int
    rejected_at: datetime
    reason: str
    problems: tuple[Problem, ...] = ()
    duplicate_of: RecordingId | None = None

    @property
    def object_name(self) -> str:
        """The name of the object in the bucket."""
        return object_name_of(self.recording_url)
