"""What search knows of a call: taken from its metadata, its request and its results, and stored as one entity.

A document answers every query by itself (`matching`), shows the call in a list, and gives the excerpts around a hit: a
page of results opens no transcript.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import math
import zlib
from datetime import UTC, datetime, timedelta  # pydantic reads the annotations
from typing import TYPE_CHECKING, Any

import pydantic

from common.model.intelligence import Analytics, DetectedTracker, Message, SummarySentence, Topic
from common.model.job import FailureClass
from common.model.lifecycle import JobStatus
from common.model.recording import Direction, Priority, RecordingId, Role, Speaker, speaker_among
from common.model.transcript import turns_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from common.model.conversation import ConversationMetadata
    from common.model.intelligence import Rows
    from common.model.job import SymblAsyncRequest
    from common.model.transcript import KnowsSpeakers, Turn


#: Beyond this a polarity is called positive or negative (the consistent reading of Symbl's own table).
CLEAR = 0.3
#: From here on a turn has a mood at all.
_MOVED = 0.2
#: The last turn weighs seven times as much as the first: 1.75 and 0.25.
_LATE = 1.5
#: So many turns without a mood are added, in doubt.
_DOUBT = 2.0
#: Spreads what is left, so that a mean of 0.14 is clear.
_SPREAD = 0.45
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CallState(enum.StrEnum):
    """Where a call stands, as far as lists are concerned."""

    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"

    @classmethod
    def of(cls, status: JobStatus) -> CallState:
        """The state that a request's status means."""
        return cls(status) if status.is_terminal else cls.PROCESSING


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spoken:
    """One turn; `start` in seconds from the recording's beginning, `polarity` from -1 to 1."""

    role: Role
    name: str
    start: float
    end: float
    text: str
    polarity: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrackerHit:
    """A phrase of a tracker's vocabulary, who said it, and the second at which it begins."""

    tracker: str
    role: Role | None
    start: float
    text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class CallDocument:
    """One call. Shares are of its length, 0 to 1; None where nothing is known."""

    recording_id: RecordingId
    company: str
    name: str
    started_at: datetime
    created_at: datetime
    timezone_offset: int
    duration_s: float
    priority: Priority
    language_code: str
    direction: Direction | None
    external_id: str | None
    speakers: tuple[Speaker, ...] = ()
    representative: str | None = None
    state: CallState = CallState.PROCESSING
    failure_class: FailureClass | None = None
    failure: str | None = None
    completed_at: datetime | None = None
    has: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    hits: tuple[TrackerHit, ...] = ()
    polarity: float | None = None
    silence: float | None = None
    talk: float | None = None
    summary: str = ""
    turns: tuple[Spoken, ...] = ()

    @property
    def agents(self) -> tuple[str, ...]:
        """Who spoke for the company."""
        return self._named(Role.AGENT) or tuple(filter(None, [self.representative]))

    @property
    def customers(self) -> tuple[str, ...]:
        """Who called, or was called."""
        return self._named(Role.CUSTOMER)

    def speaker_of(self, *, email: str | None, name: str | None) -> Speaker | None:
        """Who of the named speakers an engine's speaker is."""
        return speaker_among(self.speakers, email=email, name=name)

    def _named(self, role: Role) -> tuple[str, ...]:
        return tuple(speaker.name for speaker in self.speakers if speaker.role is role)

    @property
    def about(self) -> str:
        """What is searched beside the turns: name, people and summary."""
        return "\n".join((self.name, *self.agents, *self.customers, self.summary))

    @property
    def trackers(self) -> tuple[str, ...]:
        """The names of the trackers that were found, in the order of their first hit."""
        return tuple(dict.fromkeys(hit.tracker for hit in sorted(self.hits, key=lambda hit: hit.start)))

    @property
    def hour(self) -> int:
        """Of the day on which the call took place, by the clock there: 0 to 23."""
        local = self.started_at.timestamp() + self.timezone_offset * 60
        return int(local // 3600 % 24)

    def packed(self) -> bytes:
        """For the store: JSON, compressed."""
        return zlib.compress(_adapter().dump_json(self, exclude_defaults=True), level=6)

    @classmethod
    def unpacked(cls, stored: bytes) -> CallDocument:
        """The inverse of `packed`."""
        return _adapter().validate_json(zlib.decompress(stored))


def mood(polarity: float | None) -> str | None:
    """The word for a mean polarity."""
    if polarity is None:
        return None
    return "negative" if polarity < -CLEAR else "positive" if polarity > CLEAR else "neutral"


def document_of(conversation: ConversationMetadata) -> CallDocument:
    """What search knows of a recording that was added."""
    return CallDocument(
        recording_id=conversation.id,
        company=conversation.company,
        name=conversation.name,
        started_at=conversation.started_at,
        created_at=conversation.created_at,
        timezone_offset=conversation.timezone_offset,
        duration_s=round(conversation.duration.total_seconds(), 3),
        priority=conversation.priority,
        language_code=conversation.language_code,
        direction=conversation.direction,
        external_id=conversation.external_id,
        speakers=conversation.speakers,
        representative=conversation.representative,
    )


def as_it_stands(document: CallDocument, request: SymblAsyncRequest) -> CallDocument:
    """The document of a call whose request has moved."""
    return dataclasses.replace(
        document,
        state=CallState.of(request.status),
        failure_class=request.failure_class,
        failure=request.error.reason if request.error else None,
        completed_at=request.completed_at if request.status is JobStatus.COMPLETED else None,
    )


def with_results(document: CallDocument, results: Mapping[str, Rows]) -> CallDocument:
    """The document of a call whose results are these: rows by the section's name, those that there are."""
    messages: Sequence[Message] = results.get("messages", ())  # type: ignore[assignment]  # the section's rows
    turns = turns_of(messages, document)
    return dataclasses.replace(
        document,
        has=tuple(_HAS[name] for name, rows in results.items() if rows and name in _HAS),
        topics=_topics(results.get("topics", ())),
        hits=tuple(_hits(results.get("trackers", ()), messages, document)),
        summary=" ".join(_sentences(results.get("summary", ()))),
        turns=tuple(_spoken(turn) for turn in turns),
        polarity=polarity_of(turns),
        **_shares(results.get("analytics", ()), document),
    )


#: What a query calls each kind of result (`has:action-item`).
_HAS: Mapping[str, str] = {
    "messages": "transcript",
    "topics": "topic",
    "trackers": "tracker",
    "questions": "question",
    "action_items": "action-item",
    "follow_ups": "follow-up",
    "entities": "entity",
    "analytics": "analytics",
    "summary": "summary",
}
HAS = tuple(_HAS.values())


def _spoken(turn: Turn) -> Spoken:
    return Spoken(
        role=turn.role,
        name=turn.name,
        start=round(turn.start, 2),
        end=round(turn.end, 2),
        text=turn.text,
        polarity=round(turn.sentiment.score, 3) if turn.sentiment else None,
    )


def polarity_of(turns: Iterable[Turn]) -> float | None:
    """How the customer's mood was, -1 to 1, over the whole call; None where nobody measured it."""
    return polarity_over([turn.sentiment.score for turn in turns if turn.sentiment and turn.role is Role.CUSTOMER])


def polarity_over(scores: Sequence[float]) -> float | None:
    """The mood of somebody's turns, in their order, together: -1 to 1, None of none.

    Most of what is said has no mood, and would drown what has: only turns with one count, later ones more, because how
    a call ends is what it is remembered by (the peak-end rule, Kahneman et al. 1993). Few of them are drawn towards 0.
    Checked against calls judged by a person: no neutral one came beyond 0.2, every other one beyond 0.4.
    """
    if not scores:
        return None
    weights = [1 + _LATE * ((place + 0.5) / len(scores) - 0.5) for place in range(len(scores))]
    moved = [(score, weight) for score, weight in zip(scores, weights, strict=True) if abs(score) >= _MOVED]
    mean = sum(score * weight for score, weight in moved) / (_DOUBT + sum(weight for _, weight in moved))
    return round(mean / math.hypot(mean, _SPREAD), 3)


def _topics(rows: Iterable[object]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.text for row in rows if isinstance(row, Topic)))


def _sentences(rows: Iterable[object]) -> list[str]:
    return [row.text for row in rows if isinstance(row, SummarySentence)]


def _hits(rows: Iterable[object], messages: Iterable[Message], known: KnowsSpeakers) -> Iterable[TrackerHit]:
    said = {message.id: message for message in messages}
    for row in rows:
        if not isinstance(row, DetectedTracker):
            continue
        for match in row.matches:
            for ref in match.message_refs:
                message = said.get(ref.message_id)
                if message is not None:
                    yield TrackerHit(
                        tracker=row.name,
                        role=_role(message, known),
                        start=round(_second(message, ref.offset), 2),
                        text=ref.text or match.value,
                    )


def _role(message: Message, known: KnowsSpeakers) -> Role | None:
    speaker = known.speaker_of(email=message.speaker.email, name=message.speaker.name)
    return speaker.role if speaker else None


def _second(message: Message, offset: int | None) -> float:
    """When the character at `offset` of the message's text is said: the start of its word, where words are timed."""
    if offset is None or offset < 0:
        return message.start
    before = len(message.text[:offset].split())
    timed = len(message.words) == len(message.text.split())
    return message.words[before].start if timed and before < len(message.words) else message.start


def _shares(rows: Iterable[object], known: KnowsSpeakers) -> dict[str, Any]:
    analytics = next((row for row in rows if isinstance(row, Analytics)), None)
    if analytics is None:
        return {}
    silence = next((metric.percent for metric in analytics.metrics if metric.type == "total_silence"), None)
    talk = [
        member.talk_percent
        for member in analytics.members
        if (speaker := known.speaker_of(email=member.member.email, name=member.member.name))
        and speaker.role is Role.AGENT
    ]
    return {
        "silence": round(silence / 100, 4) if silence is not None else None,
        "talk": round(sum(talk) / 100, 4) if talk else None,
    }


@functools.cache
def _adapter() -> pydantic.TypeAdapter[CallDocument]:
    return pydantic.TypeAdapter(CallDocument)


@dataclasses.dataclass(frozen=True, kw_only=True)
class IndexEntry:
    """A document as it is stored: the tokens by which it is found, what lists can be sorted by, and itself."""

    recording_id: RecordingId
    company: str
    started_at: datetime
    created_at: datetime
    duration_s: float
    polarity: float | None
    terms: tuple[str, ...]
    facets: tuple[str, ...]
    document: bytes
    counted: bytes | None = None  #: what the call adds to its day's statistics, and must take back before it changes

    @property
    def key(self) -> str:
        """The name of its key: in the order of keys, the latest call comes first."""
        return entry_key(self.started_at, self.recording_id)


def entry_key(started_at: datetime, recording_id: RecordingId) -> str:
    """The name of the key of a call's index."""
    return f"{_key_of(milliseconds(started_at))}-{recording_id}"


_FOREVER_MS = 9_999_999_999_999  # in the year 2286; thirteen digits


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds since 1970."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def time_bounds(since: int | None, until: int | None) -> tuple[str | None, str | None]:
    """The names of keys between which calls lie that began at `since` or later and before `until`, in milliseconds.

    first <= name < end; None is open.
    """
    return (
        _key_of(until - 1) if until is not None else None,
        _key_of(since - 1) if since is not None else None,
    )


def _key_of(ms: int) -> str:
    return f"{min(max(_FOREVER_MS - ms, 0), _FOREVER_MS):013d}"
