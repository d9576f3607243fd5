"""A transcript for people and programs: turns, and the same as WebVTT, SubRip, plain text and Markdown. Pure."""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from typing_extensions import TypedDict  # pydantic reads no other before Python 3.12

from common.model.intelligence import Sentiment, Word
from common.model.recording import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from common.model.intelligence import Message
    from common.model.recording import Speaker


@dataclasses.dataclass(frozen=True, kw_only=True)
class Turn:
    """What one speaker said at one moment; `start` and `end` in seconds from the recording's beginning."""

    message_id: str
    name: str
    email: str | None
    role: Role
    channel: int | None
    start: float
    end: float
    text: str
    sentiment: Sentiment | None
    words: tuple[Word, ...] = ()


class KnowsSpeakers(Protocol):
    """Whatever has the names of a recording's speakers."""

    def speaker_of(self, *, email: str | None, name: str | None) -> Speaker | None:
        """Who of them an engine's speaker is."""


def turns_of(messages: Iterable[Message], known: KnowsSpeakers) -> list[Turn]:
    """Messages in the order of time, each with the speaker as the recording's metadata names them."""
    return sorted((_turn(message, known) for message in messages), key=lambda turn: (turn.start, turn.end))


def _turn(message: Message, speakers: KnowsSpeakers) -> Turn:
    said_by = message.speaker
    known = speakers.speaker_of(email=said_by.email, name=said_by.name)
    return Turn(
        message_id=message.id,
        name=known.name if known else said_by.name or "Speaker",
        email=known.email if known else said_by.email,
        role=known.role if known else Role.OTHER,
        channel=known.channel if known else None,
        start=message.start,
        end=message.end,
        text=message.text,
        sentiment=message.sentiment,
        words=message.words,
    )


class VoiceAnswer(TypedDict):
    """Who speaks."""

    name: str
    email: str | None
    role: Role


class MoodAnswer(TypedDict):
    """The mood of what is said."""

    score: float
    label: str


class TurnAnswer(TypedDict):
    """What one speaker said at one moment."""

    speaker: VoiceAnswer
    channel: int | None
    start: float
    end: float
    text: str
    sentiment: MoodAnswer | None


class TranscriptAnswer(TypedDict):
    """Everything that was said, in the order of time."""

    turns: list[TurnAnswer]


def as_json(turns: Sequence[Turn]) -> TranscriptAnswer:
    """The API's transcript."""
    return {"turns": [_as_json(turn) for turn in turns]}


def _as_json(turn: Turn) -> TurnAnswer:
    mood = turn.sentiment
    return {
        "speaker": {"name": turn.name, "email": turn.email, "role": turn.role},
        "channel": turn.channel,
        "start": round(turn.start, 3),
        "end": round(turn.end, 3),
        "text": turn.text,
        "sentiment": {"score": mood.score, "label": mood.label} if mood else None,
    }


def as_vtt(turns: Sequence[Turn]) -> str:
    """WebVTT with a voice span per cue (https://www.w3.org/TR/webvtt1/)."""
    cues = [
        f"{_clock(turn.start, '.')} --> {_clock(turn.end, '.')}\n"
        f"<v {_voice(turn.name)}>{html.escape(_line(turn.text), quote=False)}</v>\n"
        for turn in turns
    ]
    return "\n".join(["WEBVTT\n", *cues])


def as_srt(turns: Sequence[Turn]) -> str:
    """SubRip: numbered cues with the speaker before the words."""
    cues = [
        f"{number}\n{_clock(turn.start, ',')} --> {_clock(turn.end, ',')}\n{_line(turn.name)}: {_line(turn.text)}\n"
        for number, turn in enumerate(turns, start=1)
    ]
    return "\n".join(cues)


def as_text(turns: Sequence[Turn]) -> str:
    """One line per turn: [m:ss] Name: words."""
    return "".join(f"[{clock(turn.start)}] {_line(turn.name)}: {_line(turn.text)}\n" for turn in turns)


def as_markdown(turns: Sequence[Turn]) -> str:
    """A paragraph per turn, under the speaker's name and the time; whoever speaks on is not named again."""
    parts = []
    before: str | None = None
    for turn in turns:
        name = _line(turn.name)
        if name != before:
            parts.append(f"**{_plain(name)}** [{clock(turn.start)}]\n")
        parts.append(f"{_plain(_line(turn.text))}\n")
        before = name
    return "\n".join(parts)


@dataclasses.dataclass(frozen=True)
class Rendering:
    """A file that a transcript can be had as."""

    media_type: str
    render: Callable[[Sequence[Turn]], str]


#: By the suffix of the file.
RENDERINGS: Mapping[str, Rendering] = {
    "vtt": Rendering("text/vtt", as_vtt),
    "srt": Rendering("application/x-subrip", as_srt),
    "txt": Rendering("text/plain", as_text),
    "md": Rendering("text/markdown", as_markdown),
}


def clock(seconds: float) -> str:
    """m:ss, or h:mm:ss from an hour on."""
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _clock(seconds: float, mark: str) -> str:
    thousandths = round(max(seconds, 0) * 1000)
    whole, rest = divmod(thousandths, 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{mark}{rest:03d}"


def _line(text: str) -> str:
    """`text` on one line: a blank one would end its cue."""
    return " ".join(text.split())


def _voice(name: str) -> str:
    return " ".join(html.escape(name, quote=False).split()).replace(">", "") or "Speaker"


#: What CommonMark reads as markup anywhere in a line, and what only begins a block
#: (https://spec.commonmark.org/0.31.2/#backslash-escapes).
_MARKUP = re.compile(r"[\\`*_\[\]<>&~|]|^(?:[#+=-]|\d{1,9}(?=[.)]))")


def _plain(line: str) -> str:
    """`line` as Markdown that shows exactly it."""
    return _MARKUP.sub(lambda found: _escaped(found[0]), line)


def _escaped(sign: str) -> str:
    return f"{sign}\\" if sign.isdigit() else f"\\{sign}"
