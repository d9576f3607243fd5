from pathlib import Path

import numpy as np
import pytest

from deploy.engine.analysis.audio import RATE, decoded
from deploy.engine.errors import AnalysisFailed
from tests.recordings import Rows, encoded, silent_film, stretch

SECONDS = 2


def tone(path: Path, *, channels: int = 2) -> Path:
    """A recording with 440 Hz on the first channel, silence on the second."""
    sine = (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE * SECONDS) / RATE)).astype(np.float32)
    return encoded(path, np.stack([sine, np.zeros_like(sine)][:channels]), codec="pcm_s16le", rate=8000)


def loudness(path: Path, *, per_channel: bool = True) -> tuple[list[float], float]:
    """The root mean square of each channel, and the length in seconds."""
    with decoded(path, per_channel=per_channel, max_duration_s=3600) as rows:
        return [float(np.sqrt(np.mean(np.square(row[:])))) for row in rows], len(rows[0]) / RATE


#: Symbl's list (mp3, wav, amr, aac, ac3, aiff, flac, ogg, opus, wma, m4a; video: mp4), in the codings that telephony
#: uses, and what browsers record. AMR has one channel at 8 kHz, and no more of the voice than its outline.
FORMATS = [
    ("call.wav", "pcm_s16le", 44100, 2),
    ("mulaw.wav", "pcm_mulaw", 8000, 2),
    ("alaw.wav", "pcm_alaw", 8000, 2),
    ("adpcm.wav", "adpcm_ms", 8000, 2),
    ("g722.wav", "g722", 16000, 1),
    ("call.mp3", "libmp3lame", 16000, 2),
    ("call.aac", "aac", 16000, 2),
    ("call.m4a", "aac", 8000, 2),
    ("lossless.m4a", "alac", 16000, 2),
    ("call.ac3", "ac3", 48000, 2),
    ("call.aiff", "pcm_s16be", 22050, 2),
    ("call.flac", "flac", 48000, 2),
    ("call.ogg", "libopus", 48000, 2),
    ("call.opus", "libopus", 48000, 2),
    ("call.webm", "libopus", 48000, 2),
    ("call.wma", "wmav2", 44100, 2),
    ("call.amr", "libopencore_amrnb", 8000, 1),
    ("film.mp4", "aac", 44100, 2),
    ("film.mov", "aac", 44100, 1),
]
STRETCH_S = 9.0


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """Both sides of the beginning of a sample call."""
    return stretch("plumbing-support.flac", STRETCH_S, tmp_path_factory.mktemp("call"))


def alike(heard: Rows, said: Rows) -> float:
    """How well the loudness in each 20 ms agrees, moved by up to 0.12 s: some codecs begin early or late."""

    def outline(samples: Rows) -> Rows:
        steps = samples[: len(samples) // 320 * 320].reshape(-1, 320)
        return np.sqrt(np.mean(np.square(steps), axis=1))

    one, other = outline(heard), outline(said)
    count = min(len(one), len(other)) - 6
    pairs = [(one[lag : lag + count], other[:count]) for lag in range(7)]
    pairs += [(one[:count], other[lag : lag + count]) for lag in range(7)]
    return max(float(np.corrcoef(np.stack(pair)).min()) for pair in pairs)


@pytest.mark.parametrize(("name", "codec", "rate", "channels"), FORMATS)
def test_every_format_is_decoded_by_channel(
    call: Rows, tmp_path: Path, name: str, codec: str, rate: int, channels: int
) -> None:
    """Whatever the container, the codec and the rate, each voice stays on its channel, in its time and as loud."""
    rows = call if channels == 2 else call.mean(axis=0, keepdims=True)
    path = encoded(tmp_path / name, rows, codec=codec, rate=rate, film=name.startswith("film"))
    with decoded(path, per_channel=True, max_duration_s=60) as found:
        assert len(found) == channels
        for row, original in zip(found, rows, strict=True):
            assert len(row) / RATE == pytest.approx(STRETCH_S, abs=0.15)
            assert alike(row[:], original) > 0.95
            assert np.sqrt(np.mean(row[:] ** 2)) == pytest.approx(np.sqrt(np.mean(original**2)), rel=0.15, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "codec"), [("call.mp3", "libmp3lame"), ("call.wav", "pcm_s16le"), ("call.ogg", "libopus")]
)
def test_of_a_recording_cut_short_what_is_there_is_decoded(call: Rows, tmp_path: Path, name: str, codec: str) -> None:
    """Its header says more than there is: an upload that broke off."""
    path = encoded(tmp_path / name, call, codec=codec, rate=48000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with decoded(path, per_channel=True, max_duration_s=60) as rows:
        assert len(rows) == 2
        assert len(rows[0]) / RATE == pytest.approx(STRETCH_S / 2, abs=1)


def test_a_recording_without_its_index_fails_with_a_reason(call: Rows, tmp_path: Path) -> None:
    """An M4A has its index at the end: cut short, nothing of it can be read."""
    path = encoded(tmp_path / "call.m4a", call, codec="aac", rate=16000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(AnalysisFailed, match="no recording in a known format"):
        loudness(path)


def test_damage_costs_no_more_than_its_place(call: Rows, tmp_path: Path) -> None:
    path = encoded(tmp_path / "call.mp3", call, codec="libmp3lame", rate=16000)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = b"\xa5" * 2000
    path.write_bytes(content)
    with decoded(path, per_channel=True, max_duration_s=60) as rows:
        assert STRETCH_S - 2 < len(rows[0]) / RATE < STRETCH_S + 0.2


def test_a_mix_is_the_mean_of_the_channels(tmp_path: Path) -> None:
    levels, _ = loudness(tone(tmp_path / "a.wav"), per_channel=False)
    assert levels == [pytest.approx(0.177, abs=0.02)]


def test_a_mono_recording_has_one_channel(tmp_path: Path) -> None:
    levels, _ = loudness(tone(tmp_path / "a.wav", channels=1))
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
    with pytest.raises(AnalysisFailed, match="no audio stream"):
        loudness(silent_film(tmp_path / "film.mp4"))


def test_a_recording_over_the_limit_fails(tmp_path: Path) -> None:
    path = tone(tmp_path / "a.wav")
    with pytest.raises(AnalysisFailed, match="longer than"), decoded(path, per_channel=True, max_duration_s=1.5):
        pass


def test_nothing_is_left_beside_the_recording(tmp_path: Path) -> None:
    """The decoded samples are gone when they have been used."""
    loudness(tone(tmp_path / "a.wav"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
