"""A recording's waveform, made when somebody first looks and kept from then on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from common.errors import NotFound
from common.model.waveform import Waveform, may_have_waveform
from common.ports import AudioStore, RecordingStore, WaveformStore

if TYPE_CHECKING:
    from common.model.conversation import ConversationMetadata
    from common.model.recording import RecordingId


@dataclasses.dataclass(frozen=True, kw_only=True)
class Waveforms:
    """Two lookups where it is known; else the recording is read and decoded once."""

    recordings: RecordingStore
    audio: AudioStore
    kept: WaveformStore
    peaks: Callable[..., list[bytes]]  #: (content, duration=...) -> 600 pairs for each channel
    clock: Callable[[], datetime]

    def of(self, recording_id: RecordingId) -> tuple[ConversationMetadata, Waveform]:
        """The recording and its waveform.

        Raises:
            NotFound: no such recording; or its audio is gone, too long, or cannot be decoded.
        """
        conversation = self.recordings.get(recording_id)
        if conversation is None:
            raise NotFound(f"there is no call {recording_id!r}")
        if not may_have_waveform(conversation):
            raise NotFound("the recording is too long or too large for a waveform")
        return conversation, self.kept.get(recording_id) or self._made(conversation)

    def _made(self, conversation: ConversationMetadata) -> Waveform:
        name = conversation.recording_url.removeprefix(f"gs://{self.audio.bucket}/")
        stored = self.audio.find(name, conversation.generation)
        if stored is None:
            raise NotFound("the recording is gone")
        with self.audio.open(stored) as content:
            found = self.peaks(content, duration=conversation.duration)
        made = Waveform(recording_id=conversation.id, channels=len(found), peaks=b"".join(found), made_at=self.clock())
        self.kept.put(made)
        return made
