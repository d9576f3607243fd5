"""Results: one row type per conversation API, the catalogue of them, and what a recording still lacks."""

from __future__ import annotations

import dataclasses
import enum
import json
from datetime import datetime  # the Datastore codec reads the annotations
from typing import TYPE_CHECKING, Annotated

import pydantic

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclasses.dataclass(frozen=True, kw_only=True)
class Person:
    """A speaker or an assignee as the engine names them; any part may be missing."""

    id: str | None = None
    name: str | None = None
    email: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sentiment:
    """`score` from -1 to 1; `label` is the engine's suggestion: negative, neutral or positive."""

    score: float
    label: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Word:
    """`start` and `duration` in seconds of the recording; `score` is the recogniser's confidence, 0 to 1."""

    text: str
    start: float
    duration: float
    score: float | None = None


def _unpacked(words: object) -> object:
    """Words are stored as one JSON text: a long call has tens of thousands."""
    return json.loads(words) if isinstance(words, str) else words


@dataclasses.dataclass(frozen=True, kw_only=True)
class Message:
    """One utterance; `start` and `duration` in seconds from the recording's beginning."""

    id: str
    text: str
    speaker: Person
    start: float
    duration: float
    start_time: datetime
    end_time: datetime
    sentiment: Sentiment | None = None
    phrases: tuple[str, ...] = ()
    words: Annotated[tuple[Word, ...], pydantic.BeforeValidator(_unpacked)] = dataclasses.field(
        default=(), metadata={"json": True}
    )

    @property
    def end(self) -> float:
        """Seconds from the recording's beginning."""
        return self.start + self.duration


@dataclasses.dataclass(frozen=True, kw_only=True)
class Topic:
    """What was talked about; `score` from 0 to 1, `parents` the broader topics."""

    id: str
    text: str
    score: float | None
    message_ids: tuple[str, ...]
    sentiment: Sentiment | None = None
    parents: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """Something that was asked, and by whom."""

    id: str
    text: str
    score: float | None
    message_ids: tuple[str, ...]
    asked_by: Person = dataclasses.field(default_factory=Person)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskEntity:
    """A person, date or other thing named inside an action item; `value` is JSON where the engine gives an object."""

    type: str
    text: str
    value: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ActionItem:
    """Something that somebody takes on or is given to do."""

    id: str
    text: str
    score: float | None
    message_ids: tuple[str, ...]
    said_by: Person = dataclasses.field(default_factory=Person)
    assignee: Person = dataclasses.field(default_factory=Person)
    definitive: bool | None = None
    due_by: datetime | None = None
    phrases: tuple[str, ...] = ()
    entities: tuple[TaskEntity, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class FollowUp(ActionItem):
    """A later contact that was announced; the same shape as an action item."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MessageRef:
    """Where something was found; `offset` in characters of the message's text, -1 where it is similar, not exact."""

    message_id: str
    text: str | None = None
    offset: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class EntityMatch:
    """A value as it was said, and where."""

    value: str
    message_refs: tuple[MessageRef, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectedEntity:
    """One type of thing (a person, an amount of money ...) with all its values."""

    type: str
    sub_type: str | None
    category: str | None
    matches: tuple[EntityMatch, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrackerMatch:
    """A phrase of the vocabulary, where it was said, and the insights it stands in."""

    type: str
    value: str
    message_refs: tuple[MessageRef, ...]
    insight_refs: tuple[MessageRef, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectedTracker:
    """A tracker that was found, with every match."""

    id: str
    name: str
    matches: tuple[TrackerMatch, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metric:
    """A share of the whole conversation: total_silence, total_talk_time or total_overlap."""

    type: str
    percent: float
    seconds: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class OverlapWith:
    """How much somebody talked at the same time as another."""

    member_id: str | None
    name: str | None
    percent: float
    seconds: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class MemberAnalytics:
    """One speaker's share; percentages are of the conversation."""

    member: Person
    words_per_minute: float | None
    talk_percent: float
    talk_seconds: float
    listen_percent: float
    listen_seconds: float
    overlap_seconds: float = 0.0
    overlaps: tuple[OverlapWith, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Analytics:
    """Talk, silence, overlap and pace of the conversation; the one row of its section."""

    metrics: tuple[Metric, ...]
    members: tuple[MemberAnalytics, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SummarySentence:
    """One sentence of the summary, and the messages it rests on."""

    id: str
    text: str
    message_ids: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SectionKind:
    """One row of the catalogue: the name in our API, the Datastore kind, the type of its rows."""

    name: str
    kind: str
    row: type


#: Everything that is collected, one entry per conversation API, in the order in which it is fetched.
SECTIONS: tuple[SectionKind, ...] = (
    SectionKind(name="messages", kind="ConversationIntelligenceMessages", row=Message),
    SectionKind(name="topics", kind="ConversationIntelligenceTopics", row=Topic),
    SectionKind(name="trackers", kind="ConversationIntelligenceTrackers", row=DetectedTracker),
    SectionKind(name="questions", kind="ConversationIntelligenceQuestions", row=Question),
    SectionKind(name="action_items", kind="ConversationIntelligenceActionItems", row=ActionItem),
    SectionKind(name="follow_ups", kind="ConversationIntelligenceFollowUps", row=FollowUp),
    SectionKind(name="entities", kind="ConversationIntelligenceEntities", row=DetectedEntity),
    SectionKind(name="analytics", kind="ConversationIntelligenceAnalytics", row=Analytics),
    SectionKind(name="summary", kind="ConversationIntelligenceSummary", row=SummarySentence),
)
SECTION_NAMES: tuple[str, ...] = tuple(section.name for section in SECTIONS)
Rows = tuple[object, ...]


class SectionState(enum.StrEnum):
    """How far one section is."""

    STORED = "stored"
    NOT_READY = "not_ready"  #: the engine has none yet
    ABSENT = "absent"  #: the engine never had one (a summary of a very short call)
    ERROR = "error"  #: the last try failed; it is tried again
    GIVEN_UP = "given_up"  #: it has failed for longer than the budget; a replay of the collection tries again


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """What is known of one section of one conversation."""

    name: str
    state: SectionState
    count: int = 0
    error: str | None = None
    at: datetime | None = None


SETTLED = frozenset({SectionState.STORED, SectionState.ABSENT})


class ResultsState(enum.StrEnum):
    """How complete a recording's results are, apart from its request's status."""

    WAITING = "waiting"
    PARTIAL = "partial"
    COMPLETE = "complete"
    FAILED = "failed"  #: the request failed, or some section never came right


def missing_sections(sections: Iterable[Section]) -> list[SectionKind]:
    """What is still to be fetched."""
    ended = {section.name for section in sections if section.state in SETTLED | {SectionState.GIVEN_UP}}
    return [kind for kind in SECTIONS if kind.name not in ended]


def results_state(sections: Iterable[Section]) -> ResultsState:
    """Complete, or failed, when nothing of the catalogue is still to come."""
    kept = tuple(sections)
    missing = missing_sections(kept)
    if not missing:
        given_up = any(section.state is SectionState.GIVEN_UP for section in kept)
        return ResultsState.FAILED if given_up else ResultsState.COMPLETE
    return ResultsState.WAITING if len(missing) == len(SECTIONS) else ResultsState.PARTIAL
