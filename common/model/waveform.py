"""A recording's waveform: the lowest and the highest sample of each of 600 stretches, by channel. Pure.

It costs decoding the whole recording, so that it is made when somebody first looks, and only of recordings that can be
decoded while they wait.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta  # the Datastore codec reads the annotations
from typing import TYPE_CHECKING

from common.model.recording import RecordingId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from common.model.conversation import ConversationMetadata

BINS = 600
#: Decoding an hour takes seconds; beyond these nobody should wait, nor should a function be kept.
MAX_DURATION = timedelta(hours=2)
MAX_BYTES = 200 * 1024 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Waveform:
    """600 pairs of lowest and highest sample for each channel, one channel after the other; a byte has -128 to 127."""

    recording_id: RecordingId
    channels: int
    peaks: bytes
    made_at: datetime

    def of_channel(self, channel: int) -> list[tuple[int, int]]:
        """The pairs of one channel, counted from 0."""
        values = [byte - 256 if byte > 127 else byte for byte in self.peaks[channel * 2 * BINS :][: 2 * BINS]]  # noqa: PLR2004  # two's complement
        return list(zip(values[::2], values[1::2], strict=True))


def may_have_waveform(conversation: ConversationMetadata) -> bool:
    """Whether it is short and small enough."""
    return timedelta(0) < conversation.duration <= MAX_DURATION and conversation.size <= MAX_BYTES


class Peaks:
    """Adds up one channel; remembers 600 pairs and nothing else, however long the recording is."""

    def __init__(self, *, samples: int) -> None:
        """`samples`: how many there are in all, as far as is known."""
        self._samples = max(samples, 1)
        self._lows = [0] * BINS
        self._highs = [0] * BINS
        self._heard = 0

    def add(self, samples: Sequence[int]) -> None:
        """The next samples, 16 bits each; what comes after the last stretch is not drawn."""
        at = 0
        while at < len(samples):
            number = self._heard * BINS // self._samples
            if number >= BINS:
                return
            end = -(-(number + 1) * self._samples // BINS)  # the first sample of the next stretch
            part = samples[at : at + max(end - self._heard, 1)]
            low, high = min(part), max(part)
            self._lows[number] = min(self._lows[number], low)
            self._highs[number] = max(self._highs[number], high)
            at += len(part)
            self._heard += len(part)

    def packed(self) -> bytes:
        """As `Waveform.peaks` has them."""
        return bytes((value >> 8) & 0xFF for pair in zip(self._lows, self._highs, strict=True) for value in pair)
