"""What the summary page of a call shows to readers outside of the company: no e-mails, trackers, ids or links. Pure."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

from common.model.conversation import ConversationMetadata
from common.model.intelligence import ActionItem, Analytics, Message, Question, SummarySentence, Topic
from common.model.recording import Role
from common.model.transcript import Turn, turns_of
from functions.pages.look import Look
from functions.pages.site import origin_of
from functions.pages.words import Moment, Mood, label, length, moment, mood, mood_over, percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from common.model.business_ux import BusinessUX
    from common.model.intelligence import Person, Rows
    from common.model.share import ShareLink


_USUAL = Look()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Brand:
    """Whose page it is."""

    name: str
    logo: str | None = None
    favicon: str | None = None
    look: Look = _USUAL

    @classmethod
    def of(cls, company: str, row: BusinessUX | None) -> Brand:
        """A company's, whether or not it has settled how its pages look."""
        if row is None:
            return cls(name=company)
        return cls(name=row.display_name or company, logo=row.logo, favicon=row.favicon, look=Look.of(row))

    @property
    def stylesheet(self) -> dict[str, str]:
        """The parameters of its stylesheet's address."""
        return {name: value for name, value in dataclasses.asdict(self.look).items() if value}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Participant:
    """Somebody on the call; `talk` is a share of it, `mood` that of all that they said."""

    name: str
    role: Role
    talk: str | None
    mood: Mood | None

    @property
    def role_name(self) -> str:
        """As a word; nothing where it says nothing."""
        return "" if self.role is Role.OTHER else label(self.role)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Insight:
    """A question, an action item or a follow-up."""

    kind: str
    text: str
    note: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Said:
    """One turn of the transcript."""

    name: str
    role: Role
    start: float
    text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class SummaryView:
    """Everything that the page shows."""

    name: str
    started: Moment
    length: str
    participants: tuple[Participant, ...]
    summary: tuple[str, ...]
    topics: tuple[str, ...]
    insights: tuple[Insight, ...]
    turns: tuple[Said, ...] | None  #: None: the link does not show it
    expires: Moment | None

    @property
    def is_ready(self) -> bool:
        """Whether the analysis has said anything yet."""
        return bool(self.summary or self.topics or self.insights or self.participants)


def summary_view(conversation: ConversationMetadata, results: Mapping[str, Rows], link: ShareLink) -> SummaryView:
    """The page of a call, as far as `link` shows it."""
    offset = conversation.timezone_offset
    said = turns_of(cast("tuple[Message, ...]", results.get("messages", ())), conversation)
    people = _People(conversation)
    return SummaryView(
        name=conversation.name,
        started=moment(conversation.started_at, offset),
        length=length(conversation.duration),
        participants=tuple(_participants(said, results.get("analytics", ()), people)),
        summary=tuple(row.text for row in results.get("summary", ()) if isinstance(row, SummarySentence)),
        topics=tuple(dict.fromkeys(row.text for row in results.get("topics", ()) if isinstance(row, Topic))),
        insights=tuple(_insights(results, people, offset)),
        turns=tuple(_said(turn) for turn in said) if link.with_transcript else None,
        expires=moment(link.expires_at, offset) if link.expires_at else None,
    )


def policy(brand: Brand, embedders: Sequence[str]) -> dict[str, str]:
    """What the page may load (its stylesheets, the company's logo and favicon) and who may show it in a frame."""
    images = sorted({origin_of(image) for image in (brand.logo, brand.favicon) if image})
    return {
        "script-src": "'none'",
        "img-src": " ".join(["'self'", *images]),
        "connect-src": "'none'",
        "form-action": "'none'",
        "frame-ancestors": " ".join(embedders) or "'none'",
    }


@dataclasses.dataclass(frozen=True)
class _People:
    """Names that outsiders may read."""

    conversation: ConversationMetadata

    def name(self, person: Person) -> str | None:
        known = self.conversation.speaker_of(email=person.email, name=person.name)
        return public_name(known.name if known else person.name)

    def role(self, person: Person) -> Role:
        known = self.conversation.speaker_of(email=person.email, name=person.name)
        return known.role if known else Role.OTHER


def public_name(name: str | None) -> str | None:
    """A name; None where there is none but an address."""
    return name if name and "@" not in name else None


def _participants(said: Sequence[Turn], analytics: Rows, people: _People) -> Iterable[Participant]:
    rows = [row for row in analytics if isinstance(row, Analytics)]
    talk = {people.name(member.member): member.talk_percent for row in rows for member in row.members}
    speakers: dict[tuple[str, Role], list[Turn]] = {}
    for turn in said:
        speakers.setdefault((public_name(turn.name) or "Speaker", turn.role), []).append(turn)
    for (name, role), turns in speakers.items():
        share = talk.get(name)
        yield Participant(
            name=name,
            role=role,
            talk=None if share is None else percent(share),
            mood=mood_over(turn.sentiment for turn in turns),
        )


def _insights(results: Mapping[str, Rows], people: _People, offset: int) -> Iterable[Insight]:
    for section, kind in (("questions", "Question"), ("action_items", "Action item"), ("follow_ups", "Follow-up")):
        for row in results.get(section, ()):
            if isinstance(row, Question):
                name = people.name(row.asked_by)
                yield Insight(kind=kind, text=row.text, note=f"asked by {name}" if name else "")
            elif isinstance(row, ActionItem):
                name = people.name(row.assignee)
                notes = [f"for {name}"] if name else []
                notes += [f"due {moment(row.due_by, offset).day}"] if row.due_by else []
                yield Insight(kind=kind, text=row.text, note=" · ".join(notes))


def _said(turn: Turn) -> Said:
    return Said(name=public_name(turn.name) or "Speaker", role=turn.role, start=turn.start, text=turn.text)


def sample_view() -> SummaryView:
    """An invented call, to show a look on: one of everything."""
    people = (("Ana Brooks", Role.AGENT, 58.0, 0.12), ("Carl Meyer", Role.CUSTOMER, 36.0, 0.41))
    return SummaryView(
        name="Order of toner (a sample)",
        started=moment(datetime(2026, 3, 10, 14, 5, tzinfo=UTC), 0),
        length=length(timedelta(minutes=4, seconds=12)),
        participants=tuple(
            Participant(name=name, role=role, talk=percent(talk), mood=mood(score))
            for name, role, talk, score in people
        ),
        summary=("Carl Meyer asked for four toner cartridges.", "Ana Brooks offered delivery by Thursday."),
        topics=("Toner", "Delivery date", "Invoice"),
        insights=(
            Insight(kind="Question", text="Can you deliver by Thursday?", note="asked by Carl Meyer"),
            Insight(kind="Action item", text="I will send you the invoice today.", note="for Ana Brooks"),
            Insight(kind="Follow-up", text="Let us speak again next week.", note="due 17 Mar 2026"),
        ),
        turns=(
            Said(name="Ana Brooks", role=Role.AGENT, start=0.0, text="Good afternoon, how may I help?"),
            Said(name="Carl Meyer", role=Role.CUSTOMER, start=3.2, text="I need four toner cartridges."),
        ),
        expires=None,
    )
