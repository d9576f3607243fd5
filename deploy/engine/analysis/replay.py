"""A listener that reads a transcript instead of listening: exact, instant, and only for recordings that it knows.

A transcript is a JSON file `{"sha256", "duration_s", "turns": [{"channel": "left"|"right"|"mono", "start", "end",
"text"}]}`, the form of the sample calls' ground truth; `sha256` is the recording's.
"""

import json
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deploy.engine.analysis.heard import Heard, Span, Track, Wish, Word
from deploy.engine.errors import AnalysisFailed

_CHANNELS = {"left": 1, "right": 2, "mono": 1}
_MIX = 0


class Turn(BaseModel):
    """One speaker's uninterrupted words; times in seconds."""

    model_config = ConfigDict(frozen=True)

    channel: Literal["left", "right", "mono"]
    start: Annotated[float, Field(ge=0)]
    end: float
    text: str


class Transcript(BaseModel):
    """What is said in the recording with that SHA-256."""

    model_config = ConfigDict(frozen=True)

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    duration_s: Annotated[float, Field(gt=0)]
    turns: tuple[Turn, ...]


class ReplayListener:
    """Knows the recordings whose transcripts lie in *directory*; files that appear later are found too."""

    name = "local-replay"

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[str, Transcript] = {}
        self._lock = threading.Lock()

    def ready(self) -> str | None:
        """None if the directory can be read."""
        return None if self._directory.is_dir() else f"ENGINE_REPLAY_DIR={self._directory} is no directory"

    def hear(self, audio: Path, sha256: str, wish: Wish, *, progress: Callable[[Heard], None]) -> Heard:
        """The words of the transcript, spread evenly over each turn."""
        del audio, progress  # nothing takes long enough to tell
        transcript = self._transcript(sha256)
        if transcript is None:
            raise AnalysisFailed(
                f"no transcript for the recording with SHA-256 {sha256} in {self._directory}: "
                "the replay analyzer knows only recordings that it was given"
            )
        return Heard(transcript.duration_s, _tracks(transcript.turns, wish))

    def _transcript(self, sha256: str) -> Transcript | None:
        with self._lock:
            if sha256 not in self._known:
                self._known |= {transcript.sha256: transcript for transcript in _transcripts(self._directory)}
            return self._known.get(sha256)


def _transcripts(directory: Path) -> Iterable[Transcript]:
    for path in sorted(directory.glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        if "turns" not in data or "sha256" not in data:
            continue  # scripts and tracker lists lie beside the transcripts
        try:
            yield Transcript.model_validate(data)
        except ValidationError as invalid:
            raise AnalysisFailed(f"the transcript {path.name} is not one: {invalid.errors()[0]['msg']}") from invalid


def _tracks(turns: Iterable[Turn], wish: Wish) -> tuple[Track, ...]:
    """A track per channel, or one of all; voices to be told apart are those of the channels, by who speaks first."""
    by_channel: dict[int, list[Turn]] = {}
    voices: dict[str, int] = {}
    for turn in sorted(turns, key=lambda turn: turn.start):
        if wish.speakers:
            channel = voices.setdefault(turn.channel, min(len(voices) + 1, wish.speakers))
        else:
            channel = _CHANNELS[turn.channel] if wish.per_channel else _MIX
        by_channel.setdefault(channel, []).append(turn)
    return tuple(
        Track(
            channel=channel,
            words=tuple(word for turn in share for word in _spread(turn)),
            speech=_merged([(turn.start, turn.end) for turn in share]),
        )
        for channel, share in sorted(by_channel.items())
    )


def _spread(turn: Turn) -> Iterable[Word]:
    texts = turn.text.split()
    step = (turn.end - turn.start) / max(len(texts), 1)
    for index, text in enumerate(texts):
        start = turn.start + index * step
        yield Word(text=text, start=round(start, 3), end=round(start + step, 3), score=1.0)


def _merged(spans: list[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)
