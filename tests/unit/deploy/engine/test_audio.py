from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest

from deploy.engine.analysis.audio import RATE, decoded
from deploy.engine.errors import AnalysisFailed

SECONDS = 2.0


def tone(path: Path, *, codec: str, rate: int, channels: int = 2, seconds: float = SECONDS) -> Path:
    """A recording with 440 Hz on the first channel, silence on the second."""
    count = int(rate * seconds)
    sine = (0.5 * np.sin(2 * np.pi * 440 * np.arange(count) / rate)).astype(np.float32)
    rows = np.stack([sine, np.zeros_like(sine)][:channels])
    layout = "stereo" if channels == 2 else "mono"
    with av.open(str(path), "w") as container:
        stream = cast("av.AudioStream", container.add_stream(codec, rate=rate, layout=layout))
        resampler = av.AudioResampler(format=stream.format.name, layout=layout, rate=rate)
        frame = av.AudioFrame.from_ndarray(rows, format="fltp", layout=layout)
        frame.sample_rate = rate
        fifo = av.AudioFifo()
        for part in resampler.resample(frame):
            fifo.write(part)
        while (piece := fifo.read(stream.frame_size or 1024, partial=True)) is not None:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def loudness(path: Path, *, per_channel: bool = True) -> tuple[list[float], float]:
    """The root mean square of each channel, and the length in seconds."""
    with decoded(path, per_channel=per_channel, max_duration_s=3600) as rows:
        return [float(np.sqrt(np.mean(np.square(row[:])))) for row in rows], len(rows[0]) / RATE


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.wav", "pcm_s16le", 8000),
        ("b.wav", "pcm_mulaw", 8000),
        ("c.mp3", "libmp3lame", 16000),
        ("d.flac", "flac", 44100),
        ("e.ogg", "libopus", 48000),
        ("f.m4a", "aac", 8000),
    ],
)
def test_every_format_of_the_samples_is_decoded_by_channel(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    """Whatever the container and the rate, the voice stays on its channel and in its time."""
    levels, length = loudness(tone(tmp_path / name, codec=codec, rate=rate))
    assert levels[0] == pytest.approx(0.354, abs=0.03)
    assert levels[1] < 0.01
    assert length == pytest.approx(SECONDS, abs=0.2)


def test_a_mix_is_the_mean_of_the_channels(tmp_path: Path) -> None:
    levels, _ = loudness(tone(tmp_path / "a.wav", codec="pcm_s16le", rate=8000), per_channel=False)
    assert levels == [pytest.approx(0.177, abs=0.02)]


def test_a_mono_recording_has_one_channel(tmp_path: Path) -> None:
    levels, _ = loudness(tone(tmp_path / "a.wav", codec="pcm_s16le", rate=8000, channels=1))
    assert len(levels) == 1


@pytest.mark.parametrize(
    "content",
    [b"This is a letter, not a call.", b"", b"RIFF\x00\x00\x00\x00WAVE", b"\x00" * 5000, b"<html></html>" * 50],
)
def test_what_is_no_recording_fails_with_a_reason(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(content)
    with pytest.raises(AnalysisFailed, match=r"no recording in a known format|no audio"):
        loudness(path)


def test_a_picture_without_sound_fails(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(AnalysisFailed, match="no audio stream"):
        loudness(path)


def test_a_recording_over_the_limit_fails(tmp_path: Path) -> None:
    path = tone(tmp_path / "a.wav", codec="pcm_s16le", rate=8000)
    with pytest.raises(AnalysisFailed, match="longer than"), decoded(path, per_channel=True, max_duration_s=1.5):
        pass


def test_nothing_is_left_beside_the_recording(tmp_path: Path) -> None:
    """The decoded samples are gone when they have been used."""
    loudness(tone(tmp_path / "a.wav", codec="pcm_s16le", rate=8000))
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
