"""How a call got here: each step, each attempt, what went wrong, and where everything comes from. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from common.model.company import CompanyDefaults
from common.model.intelligence import SECTIONS, SectionState
from common.model.schedule import OVERDUE_SHARE, Punctuality, overdue_after, punctuality
from common.model.webhook import WebhookEvent
from functions.pages.words import FAILURES, MISSING, Moment, moment, percent, plural, step_of, zone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from common.model.conversation import ConversationMetadata
    from common.model.job import Attempt, SymblAsyncRequest


@dataclasses.dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What is known around a call: what its company settled, what was delivered for it, how this installation is."""

    now: datetime
    floor: timedelta = timedelta(0)  #: no job is asked about before it is this old
    threshold: float | None = None  #: confidence, where the recording has none of its own
    engine: str = ""
    defaults: CompanyDefaults | None = None
    webhooks: Sequence[WebhookEvent] | None = ()  #: None where they could not be read


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
class AttemptView:
    """One try: what happened when, what the engine calls it, what was delivered for it, how it ended."""

    number: int
    slot: int
    claimed: Moment
    sent: Moment | None
    accepted: Moment | None
    conversation_id: str
    job_id: str
    webhooks: tuple[tuple[Moment, str], ...] | None  #: None where they could not be read
    outcome: str
    asked: str | None
    answered: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Expectation:
    """By when a job that is at the engine should be done, and what it means if it is not."""

    by: Moment
    words: str


def steps(conversation: ConversationMetadata, request: SymblAsyncRequest | None) -> Iterable[Step]:
    """Every change of status, and when results came."""
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


def attempts(
    conversation: ConversationMetadata, request: SymblAsyncRequest | None, webhooks: Sequence[WebhookEvent] | None
) -> Iterable[AttemptView]:
    """The tries that are kept, the first of them first."""
    if request is None:
        return
    offset = conversation.timezone_offset
    forgotten = request.attempts_made - len(request.attempts)
    for number, attempt in enumerate(request.attempts, start=1 + max(forgotten, 0)):
        exchange = attempt.exchange
        yield AttemptView(
            number=number,
            slot=attempt.slot,
            claimed=moment(attempt.claimed_at, offset),
            sent=moment(attempt.sent_at, offset) if attempt.sent_at else None,
            accepted=moment(attempt.submitted_at, offset) if attempt.submitted_at else None,
            conversation_id=attempt.conversation_id or MISSING,
            job_id=attempt.job_id or (f"{attempt.told_job_id}, by a webhook" if attempt.told_job_id else MISSING),
            webhooks=None
            if webhooks is None
            else tuple(
                (moment(event.received_at, offset), _news(event))
                for event in webhooks
                if event.attempt_id == attempt.id
            ),
            outcome=_outcome(attempt, request),
            asked=exchange.request if exchange else None,
            answered=(exchange.answer or "Nothing came back.") if exchange else None,
        )


def _news(event: WebhookEvent) -> str:
    return f"{event.status}{f', {event.deliveries} times' if event.deliveries > 1 else ''}"


def _outcome(attempt: Attempt, request: SymblAsyncRequest) -> str:
    if attempt.ended:
        return f"{attempt.ended}{'; the engine may still count it' if attempt.may_run else ''}"
    return step_of(request.status) if request.is_current(attempt.id) else MISSING


def expectation(
    conversation: ConversationMetadata, request: SymblAsyncRequest | None, around: Surroundings
) -> Expectation | None:
    """The rule of 40 %; None while the engine does not have the recording."""
    attempt = request.attempt if request and request.status.holds_slot else None
    since = attempt and (attempt.submitted_at or attempt.sent_at)
    if not since:
        return None
    allowed = overdue_after(conversation.duration, floor=around.floor)
    rule = f"{percent(100 * OVERDUE_SHARE)} of the recording's length, at least {around.floor.total_seconds():.0f} s"
    words = {
        Punctuality.ON_TIME: f"It is on time: {rule}.",
        Punctuality.DUE: f"It takes longer than expected ({rule}), and the engine is asked about it.",
        Punctuality.LATE: f"It is late: expected was {rule}. The engine is asked about it ever more seldom.",
    }[punctuality(around.now - since, allowed)]
    return Expectation(by=moment(since + allowed, conversation.timezone_offset), words=words)


def failure(conversation: ConversationMetadata, request: SymblAsyncRequest | None) -> Failure | None:
    """Why it was given up."""
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


def provenance(
    conversation: ConversationMetadata, request: SymblAsyncRequest | None, around: Surroundings
) -> Iterable[tuple[str, str]]:
    """What the page rests on."""
    added = moment(conversation.created_at, conversation.timezone_offset)
    threshold = conversation.confidence_threshold or around.threshold
    yield "File", conversation.file_name
    yield "Audio", f"{conversation.codec}, {conversation.sample_rate} Hz, {plural(conversation.channels, 'channel')}"
    yield "MD5 of the audio", conversation.content_hash
    yield "Added", f"{added.day}, {added.second}"
    yield "Language", conversation.language_code
    yield "Times", zone(conversation.timezone_offset)
    yield "Engine", around.engine or MISSING
    yield "Confidence from", f"{threshold:.2f}" if threshold else MISSING
    yield "Positive, negative from", "+0.30, \N{MINUS SIGN}0.30"
    yield "Recording", conversation.id
    yield "Conversation", request.conversation_id if request and request.conversation_id else MISSING
    yield "Job", request.job_id if request and request.job_id else MISSING
