"""Recordings made for a test: a stretch of a sample call in another format, and sounds in which nobody speaks."""

from __future__ import annotations

import wave
from typing import TYPE_CHECKING, cast

import av
import numpy as np
from numpy.typing import NDArray

from deploy.engine.analysis.audio import RATE, decoded
from deploy.engine.settings import REPOSITORY

Rows = NDArray[np.float32]
Sound = NDArray[np.float64]
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

SAMPLES = REPOSITORY / "samples"
_FILM = 32
_FILM_FPS = 5


def stretch(name: str, seconds: float, directory: Path) -> Rows:
    """The first *seconds* of the sample call in that file, [channels, samples] at 16 kHz."""
    copy = directory / name
    copy.write_bytes((SAMPLES / name).read_bytes())
    with decoded(copy, per_channel=True, max_duration_s=600) as rows:
        return np.stack([row[: round(seconds * RATE)] for row in rows])


def encoded(path: Path, rows: Rows, *, codec: str, rate: int, film: bool = False) -> Path:
    """*rows* (at 16 kHz) in the format of the file's name, with *codec* at *rate*, and moving pictures if a *film*."""
    layout = ("mono", "stereo")[len(rows) - 1]
    with av.open(str(path), "w") as container:
        if film:
            pictures = container.add_stream("mpeg4", rate=_FILM_FPS)
            pictures.width, pictures.height, pictures.pix_fmt = _FILM, _FILM, "yuv420p"
        stream = cast("av.AudioStream", container.add_stream(codec, rate=rate, layout=layout))
        if codec.startswith("wma"):
            stream.bit_rate = 64_000  # the one encoder without a default
        resampler = av.AudioResampler(format=stream.format.name, layout=layout, rate=rate)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(rows, np.float32), format="fltp", layout=layout)
        frame.sample_rate = RATE
        fifo = av.AudioFifo()
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            part.pts = None
            fifo.write(part)
        if film:
            for _ in range(round(rows.shape[1] / RATE * _FILM_FPS)):
                container.mux(pictures.encode(av.VideoFrame(_FILM, _FILM, "yuv420p")))
            container.mux(pictures.encode(None))
        while (piece := fifo.read(stream.frame_size or 1024, partial=True)) is not None:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def silent_film(path: Path) -> Path:
    """Moving pictures without a sound track."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = _FILM, _FILM, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(_FILM, _FILM, "yuv420p")))
        container.mux(stream.encode(None))
    return path


def telephone_wav(path: Path, samples: NDArray[np.float64]) -> Path:
    """*samples* from -1 to 1 at 8 kHz, as a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(TELEPHONE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


TELEPHONE = 8000
_SOUND_S = 15
_TIME = np.arange(_SOUND_S * TELEPHONE) / TELEPHONE


def _tones(*frequencies: float) -> Sound:
    waves = [np.sin(2 * np.pi * frequency * _TIME) for frequency in frequencies]
    return np.asarray(np.mean(waves, axis=0) * 0.5)


def _white() -> Sound:
    return np.random.default_rng(7).normal(0, 0.2, len(_TIME))


def _pink() -> Sound:
    spectrum = np.fft.rfft(_white()) / np.sqrt(np.maximum(np.arange(len(_TIME) // 2 + 1), 1))
    pink = np.fft.irfft(spectrum, len(_TIME))
    return np.asarray(pink / np.abs(pink).max() * 0.5)


def _keys() -> Sound:
    pressed = [_tones(*pair) for pair in [(697, 1209), (770, 1336), (852, 1477), (941, 1336)]]
    key = (_TIME / 0.4).astype(int) % len(pressed)
    return np.asarray(np.choose(key, pressed) * (_TIME % 0.4 < 0.2))


def _music() -> Sound:
    """Notes of a string, one every 0.4 s: a burst of noise that circulates and dulls (Karplus and Strong 1983)."""
    generator = np.random.default_rng(7)
    found = np.zeros_like(_TIME)
    for index, frequency in enumerate([261.6, 329.6, 392.0, 523.3, 440.0, 349.2, 293.7, 220.0] * 4):
        burst = generator.uniform(-1, 1, round(TELEPHONE / frequency))
        note = [burst]
        while sum(map(len, note)) < TELEPHONE:
            note.append(0.996 * (note[-1] + np.roll(note[-1], -1)) / 2)
        begin = round(index * 0.4 * TELEPHONE)
        part = np.concatenate(note)[: max(0, len(found) - begin)]
        found[begin : begin + len(part)] += part
    return found / np.abs(found).max() * 0.6


#: What is heard on a line while nobody speaks: 15 s each at 8 kHz, from -1 to 1, made when it is asked for.
SOUNDS: Mapping[str, Callable[[], Sound]] = {
    "silence": lambda: np.zeros_like(_TIME),
    "white noise": _white,
    "pink noise": _pink,
    "mains hum": lambda: _tones(60, 180, 300),
    "ringing, as in the US": lambda: _tones(440, 480) * (_TIME % 6 < 2),  # 2 s on, 4 s off
    "ringing, as in Britain": lambda: _tones(400, 450) * (_TIME % 0.6 < 0.4),
    "engaged": lambda: _tones(480, 620) * (_TIME % 1 < 0.5),
    "keys pressed": _keys,
    "a fax": lambda: _tones(2100),
    "plucked strings": _music,
    "an organ and a drum": lambda: _tones(220, 277.2, 329.6, 440) + (_TIME % 0.5 < 0.05) * _white(),
}
