"""What a listener hears in a recording: words and stretches of voice, per channel, in seconds from its beginning."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

Span = tuple[float, float]


@dataclasses.dataclass(frozen=True, slots=True)
class Word:
    """A word as it is written, punctuation attached; *score* is how sure the recogniser is, 0 to 1."""

    text: str
    start: float
    end: float
    score: float


@dataclasses.dataclass(frozen=True, slots=True)
class Track:
    """One speaker's share. *channel* counts from 1, as do voices told apart; 0 is a mix: nobody knows who speaks."""

    channel: int
    words: tuple[Word, ...]
    speech: tuple[Span, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Heard:
    """A whole recording."""

    duration: float
    tracks: tuple[Track, ...]

    def as_json(self) -> dict[str, Any]:
        """For the store; words as rows, because there are many."""
        return {
            "duration": self.duration,
            "tracks": [
                {
                    "channel": track.channel,
                    "words": [[w.text, w.start, w.end, w.score] for w in track.words],
                    "speech": track.speech,
                }
                for track in self.tracks
            ],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The inverse of `as_json`."""
        return cls(
            duration=data["duration"],
            tracks=tuple(
                Track(
                    channel=track["channel"],
                    words=tuple(Word(*row) for row in track["words"]),
                    speech=tuple((start, end) for start, end in track["speech"]),
                )
                for track in data["tracks"]
            ),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """How a recording is to be heard."""

    per_channel: bool
    #: How many voices, at most, to tell apart in the mix; None leaves it a mix.
    speakers: int | None = None
    #: Words that are likely to be said.
    vocabulary: tuple[str, ...] = ()
    #: As in ISO 639-1.
    language: str = "en"


class Listener(Protocol):
    """Turns audio into words. One is shared by all workers."""

    @property
    def name(self) -> str:
        """What answers are marked with, such as `local-whisper-tiny.en@1a5afae06a4d`."""

    def ready(self) -> str | None:
        """None if recordings can be analysed, else what is missing and the mend. Loads what is needed."""

    def hear(self, audio: Path, sha256: str, wish: Wish, *, progress: Callable[[Heard], None]) -> Heard:
        """Listen to a recording; *progress* is handed what has been heard so far, track by track.

        Raises:
            AnalysisFailed: the recording cannot be analysed.
        """


def total(spans: Sequence[Span]) -> float:
    """The length of all *spans* together."""
    return sum(end - start for start, end in spans)
