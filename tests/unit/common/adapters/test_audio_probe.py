"""What a recording's bytes say, whatever its name claims."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.adapters.audio_probe import probe
from common.errors import Rejected
from tests.factories import SampleCall, a_wav, sample_calls

if TYPE_CHECKING:
    from common.model.recording import AudioProperties

CODECS = {"mp3": "mp3/mp3float", "ogg": "ogg/opus", "m4a": "mov/aac", "flac": "flac/flac"}


def probed(content: bytes) -> AudioProperties:
    return probe(io.BytesIO(content), size=len(content))


@pytest.mark.parametrize("call", sample_calls(), ids=lambda call: call.path.name)
def test_each_sample_call_is_what_its_ground_truth_says(call: SampleCall) -> None:
    """Length, channels and codec; an encoder may pad a frame or two."""
    found = probed(call.path.read_bytes())

    assert found.duration.total_seconds() == pytest.approx(call.truth["duration_s"], abs=0.3)
    assert found.channels == call.truth["channels"]
    kind = call.path.suffix.lstrip(".")
    assert found.codec == CODECS.get(kind) or (kind == "wav" and found.codec.startswith("wav/pcm_"))


@pytest.mark.parametrize("channels", [1, 2])
def test_mono_and_stereo_are_told_apart(channels: int) -> None:
    """Half a second at 16 kHz."""
    found = probed(a_wav(seconds=0.5, channels=channels, rate=16000))

    assert (found.channels, found.sample_rate, found.duration) == (channels, 16000, timedelta(seconds=0.5))


@pytest.mark.parametrize("name", ["billing-dispute.mp3", "cancellation-retention.wav", "office-supply-sales.wav",
                                  "dental-scheduling.ogg"])  # fmt: skip
def test_half_a_file_has_half_the_length(name: str) -> None:
    """What the header claims is not there: billing and the rule of 40 % go by what is."""
    (call,) = (call for call in sample_calls() if call.path.name == name)
    content = call.path.read_bytes()

    found = probed(content[: len(content) // 2])

    assert found.duration.total_seconds() == pytest.approx(call.truth["duration_s"] / 2, rel=0.05)


@pytest.mark.parametrize(
    ("content", "mend"),
    [
        (b"", "is empty"),
        (b"dear sir or madam, " * 100, "not a readable recording"),
        (b"<html><body>404</body></html>", "not a readable recording"),
        (bytes(5000), "not a readable recording"),
        (a_wav()[:20], "not a readable recording"),
        (a_wav(seconds=0), "no length"),
    ],
    ids=["empty", "text", "html", "zeros", "header cut", "no frames"],
)
def test_what_is_no_recording_is_refused_with_the_mend(content: bytes, mend: str) -> None:
    """Even if it is called .wav."""
    with pytest.raises(Rejected) as caught:
        probed(content)

    assert caught.value.problems[0].field == "audio"
    assert mend in caught.value.problems[0].detail


def test_a_moov_that_never_came_is_refused() -> None:
    """Half an M4A cannot be played at all."""
    (call,) = (call for call in sample_calls() if call.path.suffix == ".m4a")
    content = call.path.read_bytes()

    with pytest.raises(Rejected):
        probed(content[: len(content) // 2])


@given(st.binary(min_size=1, max_size=300), st.sampled_from([b"", b"RIFF", b"ID3", b"OggS", b"fLaC", a_wav()[:44]]))
def test_any_bytes_are_either_a_recording_or_refused(noise: bytes, head: bytes) -> None:
    """Never another error."""
    try:
        found = probed(head + noise)
    except Rejected as rejected:
        assert rejected.problems[0].field == "audio"  # noqa: PT017
    else:
        assert found.duration > timedelta(0)
