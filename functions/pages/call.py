"""What the page of a call shows, brought together: timeline, transcript, findings, and how it got here. Pure."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

from common.model.recording import Role
from common.model.transcript import turns_of
from functions.pages import findings, trail
from functions.pages.findings import Balance, Block, Disclosure, Evidence
from functions.pages.timeline import Timeline, timeline_of
from functions.pages.trail import AttemptView, Expectation, Failure, Step
from functions.pages.transcript import Reading, TranscriptView, TurnView, tags_of, transcript_view, turn_views
from functions.pages.words import MISSING, Moment, Mood, Status, label, length, moment, mood_over, plural, status_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from common.model.conversation import ConversationMetadata
    from common.model.intelligence import Analytics, Message, Rows
    from common.model.job import SymblAsyncRequest
    from functions.pages.trail import Surroundings


@dataclasses.dataclass(frozen=True, kw_only=True)
class CallView:
    """Everything that the page of a call shows, except for the audio."""

    id: str
    name: str
    reading: Reading
    status: Status
    started: Moment
    facts: tuple[tuple[str, str], ...]
    customer_mood: Mood | None
    timeline: Timeline | None
    transcript: TranscriptView
    transcript_note: str
    disclosures: tuple[Disclosure, ...]
    blocks: tuple[Block, ...]
    balance: Balance | None
    balance_note: str
    steps: tuple[Step, ...]
    attempts_made: str
    attempts: tuple[AttemptView, ...]
    expected: Expectation | None
    failure: Failure | None
    provenance: tuple[tuple[str, str], ...]
    is_deletable: bool

    @property
    def turns(self) -> tuple[TurnView, ...]:
        """Those that are shown."""
        return self.transcript.turns

    @property
    def has_results(self) -> bool:
        """Whether there is anything to show beside the recording; if not, one sentence says why, not one a section."""
        return bool(self.transcript.total or self.balance or any(block.claims for block in self.blocks))


def call_view(
    conversation: ConversationMetadata,
    request: SymblAsyncRequest | None,
    results: Mapping[str, Rows],
    *,
    around: Surroundings,
    reading: Reading | None = None,
) -> CallView:
    """The page of a call as somebody reads it."""
    reading = reading or Reading()
    messages = cast("tuple[Message, ...]", results.get("messages", ()))
    analytics = cast("tuple[Analytics, ...]", results.get("analytics", ()))
    said = turns_of(messages, conversation)
    turns = turn_views(said, reading, tags_of(results))
    evidence = Evidence(conversation, {turn.message_id: view for turn, view in zip(said, turns, strict=True)})
    duration = conversation.duration.total_seconds()
    note_of = findings.notes(request)
    settled = around.defaults if findings.is_stored(request, "trackers") else None
    return CallView(
        id=conversation.id,
        name=conversation.name,
        reading=reading,
        status=status_of(request),
        started=moment(conversation.started_at, conversation.timezone_offset),
        facts=tuple(_facts(conversation)),
        customer_mood=mood_over(turn.sentiment for turn in said if turn.role is Role.CUSTOMER),
        timeline=timeline_of(
            turns,
            duration=duration,
            marks=evidence.marks(results),
            themes=evidence.themes(results.get("topics", ())),
        ),
        transcript=transcript_view(turns, reading, duration=duration),
        transcript_note=note_of("messages", empty="No speech was found in this recording."),
        disclosures=tuple(findings.disclosures(results, evidence, settled)),
        blocks=tuple(findings.blocks(results, evidence, note_of, settled)),
        balance=findings.balance(analytics[0], conversation, turns) if analytics and analytics[0].members else None,
        balance_note=note_of("analytics"),
        steps=tuple(trail.steps(conversation, request)),
        attempts_made=plural(request.attempts_made if request else 0, "attempt"),
        attempts=tuple(trail.attempts(conversation, request, around.webhooks)),
        expected=trail.expectation(conversation, request, around),
        failure=trail.failure(conversation, request),
        provenance=tuple(trail.provenance(conversation, request, around)),
        is_deletable=request is None or not request.places,
    )


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
