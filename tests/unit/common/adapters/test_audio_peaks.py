"""Peaks of real recordings."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest

from common.adapters.audio_peaks import peaks
from common.errors import NotFound
from common.model.waveform import BINS, Waveform
from tests.factories import NOW, SampleCall, a_wav, sample_calls


def heard(content: bytes, seconds: float) -> Waveform:
    found = peaks(io.BytesIO(content), duration=timedelta(seconds=seconds))
    return Waveform(recording_id="r", channels=len(found), peaks=b"".join(found), made_at=NOW)


@pytest.mark.parametrize("call", sample_calls(), ids=lambda call: call.path.suffix)
def test_who_speaks_is_heard_on_their_channel(call: SampleCall) -> None:
    """In each format: a channel is loud in its speaker's turns, and quiet where the other speaks alone."""
    waveform = heard(call.path.read_bytes(), call.truth["duration_s"])

    assert waveform.channels == 2
    for channel, side in enumerate(("left", "right")):
        pairs = waveform.of_channel(channel)

        def loudness(turn: dict[str, float], pairs: list[tuple[int, int]] = pairs) -> int:
            first, last = (int(turn[end] / call.truth["duration_s"] * BINS) for end in ("start", "end"))
            return max(high - low for low, high in pairs[first : last + 1])

        own = [loudness(turn) for turn in call.truth["turns"] if turn["channel"] == side]
        others = [loudness(turn) for turn in call.truth["turns"] if turn["channel"] != side]
        assert sorted(own)[len(own) // 2] > 4 * sorted(others)[len(others) // 2]


def test_one_channel_is_one_channel() -> None:
    """Half a second of mono."""
    assert heard(a_wav(seconds=0.5, channels=1, rate=16000), 0.5).channels == 1


def test_half_a_file_gives_what_could_be_decoded() -> None:
    """A cut upload is seen as far as it goes."""
    call = next(call for call in sample_calls() if call.path.suffix == ".wav")
    content = call.path.read_bytes()

    pairs = heard(content[: len(content) // 2], call.truth["duration_s"]).of_channel(0)

    assert any(high for _, high in pairs[: BINS // 2])
    assert not any(high for _, high in pairs[BINS // 2 + 3 :])


@pytest.mark.parametrize("content", [b"", b"dear sir or madam, " * 100, a_wav(seconds=0)])
def test_what_is_no_recording_has_no_peaks(content: bytes) -> None:
    """It is said, and nothing is made up."""
    with pytest.raises(NotFound):
        peaks(io.BytesIO(content), duration=timedelta(seconds=1))
