"""What the analysis says of a call, each claim with the turns that prove it, and what was not said. Pure."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from common.model.conversation import ConversationMetadata
from common.model.intelligence import (
    ActionItem,
    DetectedEntity,
    DetectedTracker,
    MessageRef,
    Person,
    Question,
    SectionState,
    SummarySentence,
    Topic,
)
from common.model.lifecycle import JobStatus
from common.model.recording import Role
from common.model.search.stems import folded_words
from common.model.transcript import clock
from functions.pages.timeline import Mark, Theme, overlaps_of
from functions.pages.transcript import TurnView
from functions.pages.words import MISSING, Mood, label, moment, mood, percent, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from common.model.company import CompanyDefaults
    from common.model.intelligence import Analytics, Rows
    from common.model.job import SymblAsyncRequest

#: A tracker whose name has this word is something that must be said.
_MUST_BE_SAID = "disclosure"
BLOCKS: Mapping[str, str] = {
    "summary": "Summary",
    "trackers": "Trackers",
    "topics": "Topics",
    "action_items": "Action items",
    "follow_ups": "Follow-ups",
    "questions": "Questions",
    "entities": "Entities",
}


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
    """One section of results; `note` says why there are no claims, `absent` what the company looks for in vain."""

    name: str
    title: str
    claims: tuple[Claim, ...]
    note: str
    absent: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Disclosure:
    """Something that an agent must say: the first turn in which it was found, None where it was not."""

    name: str
    turn: TurnView | None

    @property
    def is_said(self) -> bool:
        """Whether the agent said it; from a customer's mouth it does not count."""
        return self.turn is not None and self.turn.role is not Role.CUSTOMER


@dataclasses.dataclass(frozen=True, kw_only=True)
class Share:
    """One speaker's part of the conversation."""

    name: str
    role: Role
    talk: str
    talk_percent: float
    pace: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure of the whole conversation, how it is counted, and the turn that it is about."""

    name: str
    value: str
    counted: str
    turn: TurnView | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Balance:
    """Who talked how much; silence, overlap and the like."""

    shares: tuple[Share, ...]
    figures: tuple[Figure, ...]


@dataclasses.dataclass(frozen=True)
class Evidence:
    """Turns rows of results into claims, marks and themes that point at turns."""

    conversation: ConversationMetadata
    turns: Mapping[str, TurnView]  #: by message id

    def claims(self, rows: Rows) -> Iterable[Claim]:
        """The claims of one section."""
        for row in rows:
            match row:
                case Topic():
                    turns = self.of(row.message_ids)
                    yield Claim(text=row.text, mood=_mood_of(row, turns), turns=turns)
                case SummarySentence() | Question() | ActionItem():
                    turns = self.of(row.message_ids)
                    yield Claim(text=row.text, notes=tuple(self._notes(row)), turns=turns)
                case DetectedTracker():
                    yield self._tracker(row)
                case DetectedEntity():
                    name = label(row.sub_type or row.type)
                    yield Claim(text=name, parts=self._parts((m.value, m.message_refs) for m in row.matches))

    def marks(self, results: Mapping[str, Rows]) -> Iterable[Mark]:
        """Where trackers, action items, follow-ups and questions are, each in each of its turns."""
        for name, kind in (("action_items", "action-item"), ("follow_ups", "follow-up"), ("questions", "question")):
            for row in results.get(name, ()):
                assert isinstance(row, (Question, ActionItem))  # noqa: S101  # the section's rows
                for turn in self.of(row.message_ids):
                    yield Mark(kind=kind, at=turn.start, words=f"{kind.replace('-', ' ')}: {row.text}", link=turn.link)
        for row in results.get("trackers", ()):
            assert isinstance(row, DetectedTracker)  # noqa: S101  # likewise
            for match in row.matches:
                for turn in self.of(ref.message_id for ref in match.message_refs):
                    words = f"{row.name}: {match.value}"
                    yield Mark(kind="tracker", at=turn.start, words=words, link=turn.link)

    def themes(self, rows: Rows) -> Iterable[Theme]:
        """The topics with the turns in which they are spoken of."""
        for row in rows:
            if isinstance(row, Topic) and (turns := self.of(row.message_ids)):
                found = _mood_of(row, turns)
                yield Theme(text=row.text, tone=found.tone if found else "neutral", turns=turns)

    def of(self, ids: Iterable[str]) -> tuple[TurnView, ...]:
        """The turns that these messages are, each once and in order."""
        found = {id_: self.turns[id_] for id_ in ids if id_ in self.turns}
        return tuple(sorted(found.values(), key=lambda turn: turn.number))

    def _notes(self, row: SummarySentence | Question | ActionItem) -> Iterable[str]:
        if isinstance(row, Question) and row.asked_by.name:
            yield f"asked by {self._name(row.asked_by)}"
        if isinstance(row, ActionItem):
            if row.assignee.name or row.assignee.email:
                yield f"for {self._name(row.assignee)}"
            if row.due_by:
                yield f"due {moment(row.due_by, self.conversation.timezone_offset).day}"

    def _tracker(self, row: DetectedTracker) -> Claim:
        times = sum(len(match.message_refs) for match in row.matches)
        voices = dict.fromkeys(
            turn.name for match in row.matches for turn in self.of(ref.message_id for ref in match.message_refs)
        )
        notes = (f"{plural(times, 'time')}{', by ' if voices else ''}{', '.join(voices)}",)
        return Claim(text=row.name, notes=notes, parts=self._parts((m.value, m.message_refs) for m in row.matches))

    def _parts(self, matches: Iterable[tuple[str, tuple[MessageRef, ...]]]) -> tuple[Claim, ...]:
        refs: dict[str, list[str]] = {}
        for value, found_in in matches:
            refs.setdefault(value, []).extend(ref.message_id for ref in found_in)
        return tuple(Claim(text=value, turns=self.of(ids)) for value, ids in refs.items())

    def _name(self, person: Person) -> str:
        known = self.conversation.speaker_of(email=person.email, name=person.name)
        return known.name if known else person.name or person.email or MISSING


def _mood_of(topic: Topic, turns: Sequence[TurnView]) -> Mood | None:
    """The engine's; where it gives none, the mean of the turns."""
    if topic.sentiment:
        return mood(topic.sentiment.score)
    scores = [turn.polarity for turn in turns if turn.polarity is not None]
    return mood(sum(scores) / len(scores)) if scores else None


def blocks(
    results: Mapping[str, Rows], evidence: Evidence, note_of: Callable[[str], str], defaults: CompanyDefaults | None
) -> Iterable[Block]:
    """Every section of claims."""
    for name, title in BLOCKS.items():
        rows = results.get(name, ())
        yield Block(
            name=name,
            title=title,
            claims=tuple(evidence.claims(rows)),
            note=note_of(name),
            absent=tuple(_absent(rows, defaults)) if name == "trackers" else (),
        )


def disclosures(
    results: Mapping[str, Rows], evidence: Evidence, defaults: CompanyDefaults | None
) -> Iterable[Disclosure]:
    """What the company wants to be said in each call, by the trackers that it has settled."""
    found = {row.name: row for row in results.get("trackers", ()) if isinstance(row, DetectedTracker)}
    for tracker in defaults.trackers if defaults else ():
        if _MUST_BE_SAID in folded_words(tracker.name):
            matches = found[tracker.name].matches if tracker.name in found else ()
            turns = evidence.of(ref.message_id for match in matches for ref in match.message_refs)
            first = next((turn for turn in turns if turn.role is not Role.CUSTOMER), turns[0] if turns else None)
            yield Disclosure(name=tracker.name, turn=first)


def _absent(rows: Rows, defaults: CompanyDefaults | None) -> Iterable[str]:
    found = {row.name for row in rows if isinstance(row, DetectedTracker)}
    for tracker in defaults.trackers if defaults else ():
        if tracker.name not in found:
            yield tracker.name


def notes(request: SymblAsyncRequest | None) -> Callable[..., str]:
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


def is_stored(request: SymblAsyncRequest | None, name: str) -> bool:
    """Whether a section is there, so that what it does not say was not found."""
    sections = request.sections if request else ()
    return any(section.name == name and section.state is SectionState.STORED for section in sections)


# Who talked how much


_METRICS: Mapping[str, str] = {
    "total_silence": "The time in which nobody speaks, and its share of the recording's length.",
    "total_talk_time": "The time in which somebody speaks, and its share of the recording's length.",
    "total_overlap": "The time in which two speak at once, and its share of the recording's length.",
}


def balance(analytics: Analytics, conversation: ConversationMetadata, turns: Sequence[TurnView]) -> Balance:
    """The engine's shares, and what the turns tell beside them."""
    known = {
        member: conversation.speaker_of(email=member.member.email, name=member.member.name)
        for member in analytics.members
    }
    figures = [
        Figure(
            name=label(metric.type.removeprefix("total_")),
            value=f"{percent(metric.percent)} ({clock(metric.seconds)})",
            counted=_METRICS.get(metric.type, "As the engine counts it."),
        )
        for metric in analytics.metrics
    ]
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
        figures=(*figures, *_monologue(turns), *_interruptions(turns)),
    )


def _monologue(turns: Sequence[TurnView]) -> Iterable[Figure]:
    """The longest stretch of one voice."""
    longest: tuple[float, TurnView] | None = None
    first: TurnView | None = None
    for turn in turns:
        if first is None or turn.name != first.name:
            first = turn
        if longest is None or turn.end - first.start > longest[0]:
            longest = turn.end - first.start, first
    if longest:
        yield Figure(
            name="Longest monologue",
            value=f"{clock(longest[0])}, {longest[1].name}",
            counted="The longest time from one speaker's first word to their last without a turn of anybody else.",
            turn=longest[1],
        )


def _interruptions(turns: Sequence[TurnView]) -> Iterable[Figure]:
    starts = {start for start, _ in overlaps_of(turns)}
    by = Counter(turn.name for turn in turns if turn.start in starts)
    if turns:
        who = ", ".join(f"{name} {count}" for name, count in by.most_common())
        yield Figure(
            name="Interruptions",
            value=f"{sum(by.values())}{f' ({who})' if who else ''}",
            counted="Turns that begin while somebody else still speaks, and go on so for 0.3 s at least.",
        )
