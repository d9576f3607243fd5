"""The transcript of a call as a page shows it: what the reader asks of it, and the turns that answer. Pure."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from common.model.intelligence import ActionItem, DetectedTracker, FollowUp, Question
from common.model.recording import Role
from common.model.search.query import EVERYTHING, Node
from common.model.transcript import clock
from functions.pages import marking
from functions.pages.timeline import LONG_SILENCE_S
from functions.pages.words import Mood, mood

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from common.model.intelligence import Rows
    from common.model.transcript import Turn

#: From three hours or so many turns on, a page shows a quarter of an hour at a time: it must stay light.
LONG_CALL_S = 3 * 3600
MANY_TURNS = 350
PART_S = 900
_POSITION = re.compile(r"(?:(?:(\d{1,2}):)?(\d{1,3}):)?(\d{1,6}(?:\.\d{1,3})?)")
_TONES = ("negative", "positive")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reading:
    """What a reader asks of a call's page; `filter` and `order_by` are those of the list that led here."""

    position: float | None = None
    find: str = ""
    speaker: Role | None = None
    tone: str = ""
    tracker: str = ""
    filter: str = ""
    order_by: str = ""
    asked: Node = EVERYTHING

    @property
    def context(self) -> dict[str, str]:
        """Parameters that go along wherever the reader goes on this page, or to the calls beside it."""
        return {name: value for name, value in (("filter", self.filter), ("order_by", self.order_by)) if value}

    @property
    def lens(self) -> dict[str, str]:
        """Parameters by which some turns are shown and others are not."""
        chosen = {"speaker": str(self.speaker or ""), "sentiment": self.tone, "tracker": self.tracker}
        return {name: value for name, value in chosen.items() if value}

    def to(self, position: float, anchor: str, **kept: str) -> str:
        """The address of a moment on this page."""
        return f"?{urlencode({**self.context, **kept, 't': position_text(position)})}#{anchor}"


def reading_of(given: Mapping[str, str], *, asked: Node = EVERYTHING) -> Reading:
    """What the parameters of a page say; what makes no sense is left aside, since a mangled link still leads here."""
    speaker = given.get("speaker", "")
    tone = given.get("sentiment", "")
    return Reading(
        position=position_of(given.get("t")),
        find=" ".join(given.get("find", "").split())[:200],
        speaker=Role(speaker) if speaker in set(Role) else None,
        tone=tone if tone in _TONES else "",
        tracker=given.get("tracker", ""),
        filter=given.get("filter", "").strip(),
        order_by=given.get("order_by", "").strip(),
        asked=asked,
    )


def position_of(text: str | None) -> float | None:
    """The seconds of a `?t=`: 83.5, 1:23.5 or 0:01:23.5; None where it is none of these."""
    found = _POSITION.fullmatch(text or "")
    if not found:
        return None
    hours, minutes, seconds = found.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)


def position_text(seconds: float) -> str:
    """A position as `?t=` takes it: seconds, to the millisecond."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".")


@dataclasses.dataclass(frozen=True)
class Tag:
    """Something that the analysis found in a turn: a tracker by its name, a question, an action item, a follow-up."""

    kind: str
    text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class TurnView:
    """One turn; `number` counts from 1, `silence` is the pause before it where it is a long one."""

    number: int
    start: float
    end: float
    name: str
    role: Role
    text: str
    pieces: tuple[tuple[str, bool], ...]  #: the text, cut where something was looked for
    polarity: float | None
    mood: Mood | None
    is_current: bool
    silence: float | None
    link: str
    tags: tuple[Tag, ...] = ()

    @property
    def anchor(self) -> str:
        """Its place on the page."""
        return f"turn-{self.number}"

    @property
    def position(self) -> str:
        """Its beginning in seconds, as `?t=` takes it."""
        return position_text(self.start)

    @property
    def tone(self) -> str | None:
        """The word for its mood."""
        return self.mood.tone if self.mood else None

    @property
    def is_hit(self) -> bool:
        """Whether something in it was looked for."""
        return any(hit for _, hit in self.pieces)


def turn_views(said: Sequence[Turn], reading: Reading, tags: Mapping[str, tuple[Tag, ...]]) -> tuple[TurnView, ...]:
    """All turns; the current one is the last that has begun at the reader's position."""
    starts = [round(turn.start, 3) for turn in said]  # as links give them
    position = reading.position
    current = None if position is None else sum(start <= position for start in starts) - 1
    heard_until = itertools.accumulate((turn.end for turn in said), max, initial=0.0)
    marks = marking.typed(reading.find) if reading.find else marking.asked(reading.asked)
    return tuple(
        TurnView(
            number=index + 1,
            start=turn.start,
            end=turn.end,
            name=turn.name,
            role=turn.role,
            text=turn.text,
            pieces=marking.pieces(turn.text, marks(turn.role, turn.text)),
            polarity=turn.sentiment.score if turn.sentiment else None,
            mood=mood(turn.sentiment.score) if turn.sentiment else None,
            is_current=index == current,
            silence=turn.start - quiet_since if turn.start - quiet_since >= LONG_SILENCE_S else None,
            link=reading.to(turn.start, f"turn-{index + 1}"),
            tags=tags.get(turn.message_id, ()),
        )
        for index, (turn, quiet_since) in enumerate(zip(said, heard_until, strict=False))
    )


def tags_of(results: Mapping[str, Rows]) -> Mapping[str, tuple[Tag, ...]]:
    """What was found in which message."""
    found: dict[str, dict[Tag, None]] = {}
    for row in itertools.chain.from_iterable(results.values()):
        match row:
            case DetectedTracker():
                tag, ids = Tag("tracker", row.name), [ref.message_id for m in row.matches for ref in m.message_refs]
            case FollowUp():
                tag, ids = Tag("follow-up", "Follow-up"), list(row.message_ids)
            case ActionItem():
                tag, ids = Tag("action-item", "Action item"), list(row.message_ids)
            case Question():
                tag, ids = Tag("question", "Question"), list(row.message_ids)
            case _:
                continue
        for id_ in ids:
            found.setdefault(id_, {})[tag] = None
    return {id_: tuple(tags) for id_, tags in found.items()}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """One way to show fewer turns, or all of them."""

    text: str
    count: int
    link: str
    is_chosen: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """Turns in which something was looked for; `number` counts from 1, and is None where the reader is at none."""

    count: int
    number: int | None
    before: TurnView | None
    after: TurnView | None
    links: tuple[str, str]  #: of these two


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """A quarter of an hour of a very long call."""

    text: str
    link: str
    is_shown: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class TranscriptView:
    """The turns that are shown, out of how many, and the ways to others."""

    turns: tuple[TurnView, ...]
    total: int
    choices: tuple[Choice, ...]
    found: Found | None
    parts: tuple[Part, ...]

    @property
    def is_whole(self) -> bool:
        """Whether every turn is on the page."""
        return len(self.turns) == self.total


def transcript_view(turns: Sequence[TurnView], reading: Reading, *, duration: float) -> TranscriptView:
    """The part of the call in which the reader is, through the chosen lens."""
    parts = tuple(_parts(turns, reading, duration=duration))
    shown = [turn for turn in turns if _through(turn, reading)]
    if parts:
        number = _part_of(reading.position or 0.0)
        shown = [turn for turn in shown if _part_of(turn.start) == number]
    return TranscriptView(
        turns=tuple(shown),
        total=len(turns),
        choices=tuple(_choices(turns, reading)),
        found=_found(turns, reading),
        parts=parts,
    )


def _through(turn: TurnView, reading: Reading) -> bool:
    return (
        (reading.speaker is None or turn.role is reading.speaker)
        and (not reading.tone or turn.tone == reading.tone)
        and (not reading.tracker or Tag("tracker", reading.tracker) in turn.tags)
    )


def _choices(turns: Sequence[TurnView], reading: Reading) -> Iterable[Choice]:
    """All turns; then by speaker, by mood and by tracker, as far as there are any."""

    def choice(text: str, count: int, lens: dict[str, str]) -> Choice:
        given = urlencode({**reading.context, **lens})
        return Choice(text=text, count=count, link=f"?{given}#transcript", is_chosen=reading.lens == lens)

    roles = Counter(turn.role for turn in turns)
    tones = Counter(turn.tone for turn in turns)
    trackers = Counter(tag.text for turn in turns for tag in turn.tags if tag.kind == "tracker")
    yield choice("All turns", len(turns), {})
    if len(roles) > 1:
        yield from (choice(role.capitalize(), roles[role], {"speaker": role}) for role in Role if roles[role])
    for tone, sign in zip(_TONES, "▼▲", strict=True):
        if tones[tone]:
            yield choice(f"{sign} {tone.capitalize()}", tones[tone], {"sentiment": tone})
    for name, count in trackers.items():
        yield choice(f"◆ {name}", count, {"tracker": name})


def _found(turns: Sequence[TurnView], reading: Reading) -> Found | None:
    hits = [turn for turn in turns if turn.is_hit]
    if not hits and not reading.find:
        return None
    here = next((turn.number for turn in turns if turn.is_current), 0)
    before = next((turn for turn in reversed(hits) if turn.number < here), None)
    after = next((turn for turn in hits if turn.number > here), None)
    kept = {"find": reading.find} if reading.find else {}
    before_link, after_link = (reading.to(turn.start, turn.anchor, **kept) if turn else "" for turn in (before, after))
    return Found(
        count=len(hits),
        number=next((n for n, turn in enumerate(hits, start=1) if turn.number == here), None),
        before=before,
        after=after,
        links=(before_link, after_link),
    )


def _parts(turns: Sequence[TurnView], reading: Reading, *, duration: float) -> Iterable[Part]:
    is_long = duration >= LONG_CALL_S or (len(turns) > MANY_TURNS and duration > PART_S)
    if not turns or not is_long:
        return
    shown = _part_of(reading.position or 0.0)
    for number in range(_part_of(max(duration, turns[-1].start)) + 1):
        yield Part(
            text=clock(number * PART_S),
            link=reading.to(number * PART_S, "transcript", **reading.lens),
            is_shown=number == shown,
        )


def _part_of(seconds: float) -> int:
    return int(max(seconds, 0) // PART_S)
