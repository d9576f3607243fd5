"""The timeline of a call: who spoke when and in what mood, silences, marks and topics, all on one clock. Pure.

It is drawn from the transcript, so that it is there without the audio. Places are percent of the call's length. What
may be stretched (lanes, the line of the mood) is paths in a box of 1000 units; what must not be (marks, words) stands
at a percentage by itself.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Protocol

from common.model.recording import Role
from common.model.transcript import clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

UNITS = 1000  #: the width of stretched boxes
MOOD_HEIGHT = 200
LONG_SILENCE_S = 5.0
#: Marks closer than a finger are one: 24 px of a picture that is nominally so wide, on a desk and on a phone.
TARGET_PX = 24
WIDE_PX, NARROW_PX = 960, 260
_SHORTEST_OVERLAP_S = 0.3
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_MOST_TICKS = 7
_MOOD_POINTS = 120
_LEAST_BANDWIDTH_S = 4.0
_LETTER_PX = 6.5
_LEAST_BAND = 0.6  #: percent


class Said(Protocol):
    """One turn, as far as a picture needs it."""

    @property
    def name(self) -> str:
        """Who speaks."""

    @property
    def role(self) -> Role:
        """Whose voice it is."""

    @property
    def start(self) -> float:
        """Seconds from the recording's beginning."""

    @property
    def end(self) -> float:
        """Likewise."""

    @property
    def polarity(self) -> float | None:
        """From -1 to 1."""

    @property
    def tone(self) -> str | None:
        """The word for it."""

    @property
    def link(self) -> str:
        """The address that plays it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lane:
    """One role's speech: a path for each colour, in a box of 1000 x 1."""

    name: str
    role: Role
    paths: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of time, in percent, and what it is, in words."""

    x: float
    width: float
    words: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mark:
    """Something that was found at a moment; `kind` is tracker, action-item, follow-up or question."""

    kind: str
    at: float
    words: str
    link: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cluster:
    """Marks too close to be told apart, at the place of the first of them."""

    x: float
    marks: tuple[Mark, ...]

    @property
    def kind(self) -> str:
        """What it is drawn as: the kind that matters most."""
        return min((mark.kind for mark in self.marks), key=KINDS.index)

    @property
    def link(self) -> str:
        """Where its first mark leads."""
        return self.marks[0].link

    @property
    def words(self) -> str:
        """Each of them."""
        return "; ".join(f"{clock(mark.at)} {mark.words}" for mark in self.marks)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Band:
    """A stretch in which a topic is spoken of; `label` is empty where the next one comes too soon."""

    x: float
    width: float
    text: str
    label: str
    tone: str
    link: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tick:
    """A round moment."""

    x: float
    text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Theme:
    """A topic and the turns in which it is spoken of, in order."""

    text: str
    tone: str
    turns: tuple[Said, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timeline:
    """Everything that is drawn; `mood` is a path in a box of 1000 x 200, empty where no customer's mood is known."""

    duration: float
    lanes: tuple[Lane, ...]
    silences: tuple[Span, ...]
    overlaps: tuple[Span, ...]
    mood: str
    bands: tuple[Band, ...]
    wide: tuple[Cluster, ...]
    narrow: tuple[Cluster, ...]
    ticks: tuple[Tick, ...]

    @property
    def length(self) -> str:
        """The whole, as a clock shows it."""
        return clock(self.duration)


#: Kinds of marks, the one that matters most first.
KINDS = ("tracker", "action-item", "follow-up", "question")
_LANES: Mapping[Role, str] = {Role.AGENT: "Agent", Role.CUSTOMER: "Customer", Role.OTHER: "Others"}


def timeline_of(
    turns: Sequence[Said], *, duration: float, marks: Iterable[Mark] = (), themes: Iterable[Theme] = ()
) -> Timeline | None:
    """The picture of a call of `duration` seconds; None where nothing was said in it. Turns are in order of time."""
    if not turns or duration <= 0:
        return None
    found = sorted(marks, key=lambda mark: mark.at)
    return Timeline(
        duration=duration,
        lanes=tuple(_lanes(turns, duration)),
        silences=tuple(_silences(turns, duration)),
        overlaps=tuple(_overlaps(turns, duration)),
        mood=mood_path([turn for turn in turns if turn.role is Role.CUSTOMER], duration),
        bands=tuple(_bands(themes, duration)),
        wide=clusters(found, duration, width_px=WIDE_PX),
        narrow=clusters(found, duration, width_px=NARROW_PX),
        ticks=tuple(ticks(duration)),
    )


def clusters(marks: Sequence[Mark], duration: float, *, width_px: int) -> tuple[Cluster, ...]:
    """The marks, those together that are less than a finger behind the first; in order, none lost."""
    closest = 100 * TARGET_PX / width_px
    grouped: list[list[Mark]] = []
    for mark in marks:
        if grouped and _percent(mark.at, duration) - _percent(grouped[-1][0].at, duration) < closest:
            grouped[-1].append(mark)
        else:
            grouped.append([mark])
    return tuple(Cluster(x=_percent(group[0].at, duration), marks=tuple(group)) for group in grouped)


def ticks(duration: float) -> Iterable[Tick]:
    """At most seven round moments and the beginning; none so close to the end that its words would stick out."""
    step = next((step for step in _STEPS_S if duration / step <= _MOST_TICKS), math.ceil(duration / _MOST_TICKS))
    for number in range(int(duration // step) + 1):
        x = _percent(number * step, duration)
        if x <= 97:  # noqa: PLR2004  # half a label
            yield Tick(x=x, text=clock(number * step))


def mood_path(said: Sequence[Said], duration: float) -> str:
    """The polarity around each moment: turns weighted by their length and, by a Gaussian kernel, their distance.

    Where nobody whose mood is known has spoken for three bandwidths there is no line.
    """
    known = [
        ((turn.start + turn.end) / 2, max(turn.end - turn.start, 0.1), turn.polarity)
        for turn in said
        if turn.polarity is not None
    ]
    bandwidth = max(_LEAST_BANDWIDTH_S, duration / 40)
    parts: list[str] = []
    drawing = False
    first = 0  # turns lie in order: those before are too far away for good
    for number in range(_MOOD_POINTS + 1):
        at = duration * number / _MOOD_POINTS
        while first < len(known) and known[first][0] < at - 3 * bandwidth:
            first += 1
        mean = _mean_around(at, known[first:], bandwidth)
        if mean is None:
            drawing = False
            continue
        x = round(UNITS * number / _MOOD_POINTS)
        parts.append(f"{'L' if drawing else 'M'}{x} {round(MOOD_HEIGHT / 2 * (1 - min(max(mean, -1), 1)))}")
        drawing = True
    return "".join(parts)


def _mean_around(at: float, known: Iterable[tuple[float, float, float]], bandwidth: float) -> float | None:
    """Of turns as middle, length and score, in order."""
    weight = total = 0.0
    for middle, length, score in known:
        if middle > at + 3 * bandwidth:
            break
        mass = length * math.exp(-(((at - middle) / bandwidth) ** 2) / 2)
        weight += mass
        total += mass * score
    return total / weight if weight else None


def _percent(at: float, duration: float) -> float:
    return round(min(max(100 * at / duration, 0), 100), 2)


def _span(start: float, end: float, duration: float, words: str) -> Span:
    x = _percent(start, duration)
    return Span(x=x, width=round(_percent(end, duration) - x, 2), words=words)


def _lanes(turns: Sequence[Said], duration: float) -> Iterable[Lane]:
    present = {turn.role for turn in turns}
    for role, name in _LANES.items():
        if role in present or (role is not Role.OTHER and present != {Role.OTHER}):
            yield Lane(name=name, role=role, paths=_paths([turn for turn in turns if turn.role is role], duration))


def _paths(said: Sequence[Said], duration: float) -> tuple[tuple[str, str], ...]:
    """Rectangles on whole units; what touches in one colour is one of them."""
    runs: dict[str, list[list[int]]] = {}
    for turn in said:
        first = min(max(int(turn.start / duration * UNITS), 0), UNITS - 1)
        last = min(max(math.ceil(turn.end / duration * UNITS), first + 1), UNITS)
        of_class = runs.setdefault(turn.tone if turn.tone in {"positive", "negative"} else "plain", [])
        if of_class and first <= of_class[-1][1]:
            of_class[-1][1] = max(of_class[-1][1], last)
        else:
            of_class.append([first, last])
    return tuple(
        (name, "".join(f"M{first} 0h{last - first}v1h-{last - first}z" for first, last in of_class))
        for name, of_class in sorted(runs.items(), reverse=True)  # the plain ones lie below
    )


def _silences(turns: Sequence[Said], duration: float) -> Iterable[Span]:
    heard_until = 0.0
    for start, end in [*((turn.start, turn.end) for turn in turns), (duration, duration)]:
        if start - heard_until >= LONG_SILENCE_S and heard_until < duration:
            words = f"{start - heard_until:.0f} s of silence from {clock(heard_until)}"
            yield _span(heard_until, start, duration, words)
        heard_until = max(heard_until, end)


def _overlaps(turns: Sequence[Said], duration: float) -> Iterable[Span]:
    for start, end in overlaps_of(turns):
        yield _span(start, end, duration, f"Both speak at {clock(start)}")


def overlaps_of(turns: Sequence[Said]) -> Iterable[tuple[float, float]]:
    """When somebody begins while another still speaks, for 0.3 s at least: from when until when both are heard."""
    speaking: list[Said] = []
    for turn in turns:
        speaking = [other for other in speaking if other.end > turn.start]
        until = max((min(other.end, turn.end) for other in speaking if other.name != turn.name), default=0.0)
        if until - turn.start >= _SHORTEST_OVERLAP_S:
            yield turn.start, until
        speaking.append(turn)


def _bands(themes: Iterable[Theme], duration: float) -> Iterable[Band]:
    """The topics with the most turns, each over its runs of turns; where two would lie over each other, the greater."""
    taken: list[tuple[float, float]] = []
    bands: list[Band] = []
    for theme in sorted(themes, key=lambda theme: -len(theme.turns)):
        for run in _runs(theme.turns, duration):
            x = _percent(run[0].start, duration)
            width = round(max(_percent(max(turn.end for turn in run), duration) - x, _LEAST_BAND), 2)
            x = round(min(x, 100 - width), 2)
            if any(x < end and start < x + width for start, end in taken):
                continue
            taken.append((x, x + width))
            bands.append(Band(x=x, width=width, text=theme.text, label="", tone=theme.tone, link=run[0].link))
    bands.sort(key=lambda band: band.x)
    for band, end in zip(bands, [*(band.x for band in bands[1:]), 100.0], strict=False):
        fits = len(band.text) * _LETTER_PX + 8 <= WIDE_PX * (end - band.x) / 100
        yield dataclasses.replace(band, label=band.text if fits else "")


def _runs(turns: Sequence[Said], duration: float) -> Iterable[list[Said]]:
    """Turns that follow each other within a fiftieth of the call."""
    run: list[Said] = []
    for turn in turns:
        if run and turn.start - run[-1].end > duration / 50:
            yield run
            run = []
        run.append(turn)
    if run:
        yield run
