"""What the page of a call shows: turns, claims with the turns that prove them, balance, and how it got here. Pure."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from common.model.conversation import ConversationMetadata
from common.model.intelligence import (
    SECTIONS,
    ActionItem,
    Analytics,
    DetectedEntity,
    DetectedTracker,
    Message,
    MessageRef,
    Person,
    Question,
    SectionState,
    SummarySentence,
    Topic,
)
from common.model.lifecycle import JobStatus
from common.model.recording import Role
from common.model.transcript import clock, turns_of
from functions.pages.words import (
    FAILURES,
    MISSING,
    Moment,
    Mood,
    Status,
    label,
    length,
    mean_mood,
    moment,
    mood,
    percent,
    plural,
    status_of,
    step_of,
    zone,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from common.model.intelligence import Rows
    from common.model.job import SymblAsyncRequest
    from common.model.transcript import Turn

_POSITION = re.compile(r"(?:(?:(\d{1,2}):)?(\d{1,3}):)?(\d{1,6}(?:\.\d{1,3})?)")
_LONG_SILENCE_S = 5.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class TurnView:
    """One turn; `number` counts from 1, `silence` is the pause before it where it is a long one."""

    number: int
    start: float
    end: float
    name: str
    role: Role
    text: str
    mood: Mood | None
    is_current: bool
    silence: float | None

    @property
    def anchor(self) -> str:
        """Its place on the page."""
        return f"turn-{self.number}"

    @property
    def position(self) -> str:
        """Its beginning in seconds, as `?t=` takes it."""
        return position_text(self.start)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim:
    """Something that the analysis says, and the turns that prove it; `parts` are a tracker's or an entity's cases."""

    text: str
    notes: tuple[str, ...] = ()
    mood: Mood | None = None
    turns: tuple[TurnView, ...] = ()
    parts: tuple[Claim, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Block:
    """One section of results; `note` says why there are no claims, where there are none."""

    name: str
    title: str
    claims: tuple[Claim, ...]
    note: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Share:
    """One speaker's part of the conversation."""

    name: str
    role: Role
    talk: str
    talk_percent: float
    pace: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Balance:
    """Who talked how much, and the shares of the whole conversation (silence, overlap)."""

    shares: tuple[Share, ...]
    metrics: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One line of how the call got here."""

    at: Moment
    what: str
    why: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failure:
    """What went wrong, why, since when, what to look at first, and the command that runs it again."""

    what: str
    why: str
    check: str
    asked: str | None  #: the last request to the engine, and what it answered
    answered: str | None
    replay: str
    since: Moment | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class CallView:
    """Everything that the page of a call shows, except for the audio."""

    id: str
    name: str
    status: Status
    started: Moment
    facts: tuple[tuple[str, str], ...]
    customer_mood: Mood | None
    turns: tuple[TurnView, ...]
    transcript_note: str
    blocks: tuple[Block, ...]
    balance: Balance | None
    balance_note: str
    steps: tuple[Step, ...]
    attempts: str
    failure: Failure | None
    provenance: tuple[tuple[str, str], ...]
    is_deletable: bool

    @property
    def has_results(self) -> bool:
        """Whether there is anything to show beside the recording; if not, one sentence says why, not one a section."""
        return bool(self.turns or self.balance or any(block.claims for block in self.blocks))


def call_view(
    conversation: ConversationMetadata,
    request: SymblAsyncRequest | None,
    results: Mapping[str, Rows],
    *,
    position: float | None = None,
) -> CallView:
    """The page of a call; `position` (seconds) marks the turn that is said then."""
    messages = cast("tuple[Message, ...]", results.get("messages", ()))
    said = turns_of(messages, conversation)
    turns = tuple(_turns(said, position))
    evidence = _Evidence(conversation, {turn.message_id: view for turn, view in zip(said, turns, strict=True)})
    analytics = cast("tuple[Analytics, ...]", results.get("analytics", ()))
    note_of = _notes(request)
    return CallView(
        id=conversation.id,
        name=conversation.name,
        status=status_of(request),
        started=moment(conversation.started_at, conversation.timezone_offset),
        facts=tuple(_facts(conversation)),
        customer_mood=mean_mood(turn.sentiment for turn in said if turn.role is Role.CUSTOMER),
        turns=turns,
        transcript_note=note_of("messages", empty="No speech was found in this recording."),
        blocks=tuple(
            Block(name=name, title=title, claims=tuple(evidence.claims(results.get(name, ()))), note=note_of(name))
            for name, title in _BLOCKS.items()
        ),
        balance=_balance(analytics[0], conversation) if analytics and analytics[0].members else None,
        balance_note=note_of("analytics"),
        steps=tuple(_steps(conversation, request)),
        attempts=plural(len(request.attempts), "attempt") if request else plural(0, "attempt"),
        failure=_failure(conversation, request),
        provenance=tuple(_provenance(conversation, request)),
        is_deletable=request is None or not request.places,
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


# The transcript


def _turns(said: Sequence[Turn], position: float | None) -> Iterable[TurnView]:
    starts = [round(turn.start, 3) for turn in said]  # as links give them
    current = None if position is None else sum(start <= position for start in starts) - 1
    heard_until = itertools.accumulate((turn.end for turn in said), max, initial=0.0)
    for index, (turn, quiet_since) in enumerate(zip(said, heard_until, strict=False)):
        silence = turn.start - quiet_since
        yield TurnView(
            number=index + 1,
            start=turn.start,
            end=turn.end,
            name=turn.name,
            role=turn.role,
            text=turn.text,
            mood=mood(turn.sentiment.score) if turn.sentiment else None,
            is_current=index == current,
            silence=silence if silence >= _LONG_SILENCE_S else None,
        )


# Claims

_BLOCKS: Mapping[str, str] = {
    "summary": "Summary",
    "action_items": "Action items",
    "follow_ups": "Follow-ups",
    "trackers": "Trackers",
    "questions": "Questions",
    "topics": "Topics",
    "entities": "Entities",
}


@dataclasses.dataclass(frozen=True)
class _Evidence:
    """Turns rows of results into claims that point at turns."""

    conversation: ConversationMetadata
    turns: Mapping[str, TurnView]  #: by message id

    def claims(self, rows: Rows) -> Iterable[Claim]:
        for row in rows:
            match row:
                case SummarySentence() | Topic() | Question() | ActionItem():
                    yield Claim(
                        text=row.text,
                        notes=tuple(self._notes(row)),
                        mood=mood(row.sentiment.score) if isinstance(row, Topic) and row.sentiment else None,
                        turns=self._turns(row.message_ids),
                    )
                case DetectedTracker():
                    yield self._with_parts(row.name, ((m.value, m.message_refs) for m in row.matches))
                case DetectedEntity():
                    name = label(row.sub_type or row.type)
                    yield self._with_parts(name, ((m.value, m.message_refs) for m in row.matches))

    def _notes(self, row: SummarySentence | Topic | Question | ActionItem) -> Iterable[str]:
        if isinstance(row, Question) and row.asked_by.name:
            yield f"asked by {self._name(row.asked_by)}"
        if isinstance(row, ActionItem):
            if row.assignee.name or row.assignee.email:
                yield f"for {self._name(row.assignee)}"
            if row.due_by:
                yield f"due {moment(row.due_by, self.conversation.timezone_offset).day}"

    def _with_parts(self, name: str, matches: Iterable[tuple[str, tuple[MessageRef, ...]]]) -> Claim:
        refs: dict[str, list[str]] = {}
        for value, found_in in matches:
            refs.setdefault(value, []).extend(ref.message_id for ref in found_in)
        parts = tuple(Claim(text=value, turns=self._turns(ids)) for value, ids in refs.items())
        return Claim(text=name, parts=parts)

    def _turns(self, ids: Iterable[str]) -> tuple[TurnView, ...]:
        found = {id_: self.turns[id_] for id_ in ids if id_ in self.turns}
        return tuple(sorted(found.values(), key=lambda turn: turn.number))

    def _name(self, person: Person) -> str:
        known = self.conversation.speaker_of(email=person.email, name=person.name)
        return known.name if known else person.name or person.email or MISSING


def _notes(request: SymblAsyncRequest | None) -> Callable[..., str]:
    """Why a section has nothing to show, by its name."""
    sections = {section.name: section for section in request.sections} if request else {}

    def note(name: str, *, empty: str = "None were found.") -> str:
        section = sections.get(name)
        if section and section.state is SectionState.STORED:
            return empty
        if section and section.state is SectionState.ABSENT:
            return "The engine has none for this call."
        if section and section.state is SectionState.ERROR:
            return f"Could not be fetched yet and is tried again: {section.error}"
        if section and section.state is SectionState.GIVEN_UP:
            return f"Could not be fetched and was given up; replay it from collect. Last: {section.error}"
        if request and request.status is JobStatus.FAILED:
            return "There is none, since the analysis failed."
        return "Appears here when the analysis is done."

    return note


# Figures


def _facts(conversation: ConversationMetadata) -> Iterable[tuple[str, str]]:
    names = {role: [s.name for s in conversation.speakers if s.role is role] for role in Role}
    yield "Length", length(conversation.duration)
    yield "Company", conversation.company
    yield "Agent", ", ".join(names[Role.AGENT]) or conversation.representative or MISSING
    yield "Customer", ", ".join(names[Role.CUSTOMER]) or MISSING
    if names[Role.OTHER]:
        yield "Others", ", ".join(names[Role.OTHER])
    yield "Direction", label(conversation.direction) if conversation.direction else MISSING
    if conversation.service_type:
        yield "Service", conversation.service_type


def _balance(analytics: Analytics, conversation: ConversationMetadata) -> Balance:
    known = {
        member: conversation.speaker_of(email=member.member.email, name=member.member.name)
        for member in analytics.members
    }
    return Balance(
        shares=tuple(
            Share(
                name=speaker.name if speaker else member.member.name or "Speaker",
                role=speaker.role if speaker else Role.OTHER,
                talk=percent(member.talk_percent),
                talk_percent=member.talk_percent,
                pace=f"{member.words_per_minute:.0f}" if member.words_per_minute else MISSING,
            )
            for member, speaker in known.items()
        ),
        metrics=tuple(
            (label(metric.type.removeprefix("total_")), f"{percent(metric.percent)} ({clock(metric.seconds)})")
            for metric in analytics.metrics
        ),
    )


# How it got here


def _steps(conversation: ConversationMetadata, request: SymblAsyncRequest | None) -> Iterable[Step]:
    offset = conversation.timezone_offset
    for line in request.timeline if request else ():
        yield Step(at=moment(line.at, offset), what=step_of(line.after), why=line.why)
    collected = [section.at for section in request.sections if section.at] if request else []
    if collected and request:
        stored = sum(section.state is SectionState.STORED for section in request.sections)
        yield Step(
            at=moment(max(collected), offset),
            what="Results fetched",
            why=f"{stored} of {len(SECTIONS)} sections stored",
        )


def _failure(conversation: ConversationMetadata, request: SymblAsyncRequest | None) -> Failure | None:
    if request is None or request.error is None:
        return None
    error = request.error
    return Failure(
        what=FAILURES[error.failure_class],
        why=error.reason,
        check=error.check,
        asked=error.exchange.request if error.exchange else None,
        answered=(error.exchange.answer or "Nothing came back.") if error.exchange else None,
        replay=f'./calltrack recordings replay {conversation.id} --reason "..."',
        since=moment(request.completed_at, conversation.timezone_offset) if request.completed_at else None,
    )


def _provenance(conversation: ConversationMetadata, request: SymblAsyncRequest | None) -> Iterable[tuple[str, str]]:
    yield "File", conversation.file_name
    yield "Audio", f"{conversation.codec}, {conversation.sample_rate} Hz, {plural(conversation.channels, 'channel')}"
    yield "Language", conversation.language_code
    yield "Times", zone(conversation.timezone_offset)
    yield "Recording", conversation.id
    yield "Conversation", request.conversation_id if request and request.conversation_id else MISSING
    yield "Job", request.job_id if request and request.job_id else MISSING
