"""Recordings for a soak: minutes of silence in a few kilobytes, each with bytes and words of its own."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import itertools
import json
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from deploy.local.samples import CALLS, DIRECTORY

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

COMPANIES = ("Northside Plumbing", "Lakeview Dental", "Clearwave Internet")
_RATE = 8000
_TAG = "recording 00000"
_TURNS_OF_EACH = 6


@dataclasses.dataclass(frozen=True)
class SoakRecording:
    """What its sender sends, and what the engine is to hear in it."""

    name: str
    audio: bytes = dataclasses.field(repr=False)
    metadata: dict[str, Any]
    transcript: dict[str, Any] = dataclasses.field(repr=False)


def soak_recordings(count: int, *, minutes: tuple[int, int], chance: random.Random) -> list[SoakRecording]:
    """Recordings of all companies in turn, each so many whole minutes long; one in four may wait for the others."""
    words = itertools.cycle(_conversations())
    return [_recording(number, chance.randint(*minutes), next(words)) for number in range(count)]


def write_transcripts(recordings: list[SoakRecording], directory: Path) -> None:
    """Where the engine's replay analyzer looks for them."""
    directory.mkdir(parents=True)
    for recording in recordings:
        (directory / f"{recording.name}.json").write_text(json.dumps(recording.transcript))


def _recording(number: int, minutes: int, turns: list[dict[str, Any]]) -> SoakRecording:
    name = f"soak-{number:05}"
    audio = _silence(minutes).replace(_TAG.encode(), f"recording {number:05}".encode())
    return SoakRecording(
        name=name,
        audio=audio,
        metadata={
            "company": COMPANIES[number % len(COMPANIES)],
            "name": f"Call {number}",
            "language_code": "en-US",
            "number_of_speakers": 2,
            "external_id": name,
            "priority": "backfill" if number % 4 == 3 else "live",
        },
        transcript={"sha256": hashlib.sha256(audio).hexdigest(), "duration_s": 60.0 * minutes, "turns": turns},
    )


@functools.cache
def _silence(minutes: int) -> bytes:
    """FLAC in the longest frames that there are, with a comment that is replaced by another of its length."""
    content = io.BytesIO()
    samples = np.zeros((1, 60 * minutes * _RATE), dtype=np.int16)
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate = _RATE
    with av.open(content, "w", format="flac") as container:
        container.metadata["comment"] = _TAG
        stream = container.add_stream("flac", rate=_RATE, layout="mono", options={"frame_size": "65535"})
        for part in (frame, None):
            container.mux(stream.encode(part))
    return content.getvalue()


def _conversations() -> Iterator[list[dict[str, Any]]]:
    """The beginnings of the sample calls, on one channel."""
    for name in CALLS:
        turns = json.loads((DIRECTORY / f"{name}.json").read_text())["turns"][:_TURNS_OF_EACH]
        yield [{"channel": "mono", "start": t["start"], "end": t["end"], "text": t["text"]} for t in turns]
