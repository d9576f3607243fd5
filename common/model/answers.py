"""What the API answers: the shapes, and how rows become them. Pure.

The shapes are types, so that a checker holds the functions below to them, and the API's description is made of them.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, NotRequired, cast, overload

import pydantic
from typing_extensions import TypedDict  # pydantic reads no other before Python 3.12

from common.model.deletion import Duty
from common.model.intelligence import (
    SECTIONS,
    ActionItem,
    Analytics,
    DetectedEntity,
    DetectedTracker,
    FollowUp,
    Message,
    Question,
    ResultsState,
    SectionState,
    SummarySentence,
    Topic,
)
from common.model.job import FailureClass, ReplayStage
from common.model.lifecycle import JobStatus, Maker
from common.model.recording import Direction, Priority, Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.model.conversation import ConversationMetadata
    from common.model.intake import RejectedObject
    from common.model.intelligence import Rows
    from common.model.job import JobError, SymblAsyncRequest

Instant = Annotated[str, pydantic.WithJsonSchema({"type": "string", "format": "date-time"})]


class FieldProblem(TypedDict):
    """One thing that is wrong with what was given, and the mend."""

    field: str
    detail: str


class ProblemAnswer(TypedDict):
    """Every answer that is no success (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str | None
    instance: str
    code: str
    reason: str
    domain: str
    metadata: dict[str, str]
    errors: list[FieldProblem]
    request_id: str
    retryable: bool


ErrorAnswer = TypedDict(
    "ErrorAnswer",
    {
        "class": FailureClass,
        "reason": str,
        "check": str,
        "last_request": str | None,
        "last_answer": str | None,
    },
)


class ReplayAnswer(TypedDict):
    """That somebody had it run again, and what had gone wrong before."""

    at: Instant
    by: str
    reason: str
    from_stage: ReplayStage
    error: ErrorAnswer | None


TransitionAnswer = TypedDict(
    "TransitionAnswer",
    {
        "at": Instant,
        "from": JobStatus | None,
        "to": JobStatus,
        "by": Maker | None,
        "why": str,
        "attempt_id": str | None,
        "event_id": str | None,
    },
)


class RequestAnswer(TypedDict):
    """Where a recording's analysis stands."""

    id: str
    status: JobStatus
    conversation_id: str | None
    job_id: str | None
    attempts: int
    submitted_at: Instant | None
    completed_at: Instant | None
    error: ErrorAnswer | None
    replays: list[ReplayAnswer]
    timeline: list[TransitionAnswer]


class MissingSection(TypedDict):
    """A section of the results that did not come (yet)."""

    section: str
    why: str


class ResultsAnswer(TypedDict):
    """How complete the results are; the sections themselves in the view FULL only."""

    state: ResultsState
    missing: NotRequired[list[MissingSection]]
    messages: NotRequired[list[Message]]
    topics: NotRequired[list[Topic]]
    trackers: NotRequired[list[DetectedTracker]]
    questions: NotRequired[list[Question]]
    action_items: NotRequired[list[ActionItem]]
    follow_ups: NotRequired[list[FollowUp]]
    entities: NotRequired[list[DetectedEntity]]
    analytics: NotRequired[Analytics | None]
    summary: NotRequired[list[SummarySentence]]


class SpeakerAnswer(TypedDict):
    """Somebody on the recording."""

    name: str
    email: str | None
    role: Role
    channel: int | None


class RecordingAnswer(TypedDict):
    """A recording: metadata, where its request stands, and its results."""

    id: str
    file_name: str
    recording_url: str
    duration: float
    channels: int
    sample_rate: int
    codec: str
    size: int
    created_at: Instant
    company: str
    name: str
    service_type: str | None
    representative: str | None
    external_id: str | None
    direction: Direction | None
    started_at: Instant
    timezone_offset: int
    language_code: str
    custom_vocabulary: list[str]
    number_of_speakers: int
    separate_channels: bool
    speakers: list[SpeakerAnswer]
    confidence_threshold: float | None
    priority: Priority
    request: RequestAnswer | None
    results: ResultsAnswer


class ExplainedBranch(TypedDict):
    """One walk of the index: what calls must have, what they must not have, and when they began."""

    required: list[str]
    excluded: list[list[str]]
    since: str | None
    until: str | None


class Explanation(TypedDict):
    """How a list was found, and what that has cost."""

    summary: str
    exact: bool
    decided_by_the_call: list[str]
    branches: list[ExplainedBranch]
    queries: int
    lookups: int
    counts: int
    keys_read: int
    calls_read: int
    requests_read: int
    calls_set_aside: int
    stopped_early: bool


class FacetValueAnswer(TypedDict):
    """A value of a facet: the filter that finds its calls, and how many they are; null where that is not known."""

    value: str
    count: int | None
    count_is_more: NotRequired[bool]
    filter: str


class FacetAnswer(TypedDict):
    """A facet's values, and how many more are known."""

    values: list[FacetValueAnswer]
    left_out: int


class DeletionAnswer(TypedDict):
    """What was kept of a deleted recording; `owed` is what is still there."""

    id: str
    deleted_at: Instant
    by: str
    reason: str
    owed: list[Duty]
    finished_at: Instant | None


class RecordingsPage(TypedDict):
    """Part of a list."""

    recordings: list[RecordingAnswer]
    next_page_token: NotRequired[str]
    total_size: NotRequired[int | None]
    total_size_is_more: NotRequired[bool]
    explanation: NotRequired[Explanation]
    facets: NotRequired[dict[str, FacetAnswer]]


class Reindexed(TypedDict):
    """What one page of a new index was made of."""

    reindexed: int
    next_page_token: NotRequired[str]


class SkippedRecording(TypedDict):
    """A recording that is not replayed, and why."""

    id: str
    reason: str


class BulkReplayAnswer(TypedDict):
    """What became of the recordings of one page."""

    matched: int
    replayed: int
    recordings: list[str]
    skipped: list[SkippedRecording]
    dry_run: bool
    next_page_token: NotRequired[str]


class SharedAnswer(TypedDict):
    """A link to a recording's summary page, for readers outside."""

    url: str
    expires_at: Instant | None
    iframe: str
    allowed_origins: list[str]


class CheckAnswer(TypedDict):
    """How one part of the installation is: what was found, and what to do where that is not well."""

    name: str
    ok: bool
    found: str
    mend: str | None


class Checkup(TypedDict):
    """All of them; `ok` where each is."""

    ok: bool
    checks: list[CheckAnswer]


class RejectionAnswer(TypedDict):
    """An object of the bucket that did not become a recording, with the mend."""

    id: str
    recording_url: str
    generation: str
    rejected_at: Instant
    reason: str
    problems: list[FieldProblem]
    duplicate_of: str | None
    mend: str


class TakenBackAnswer(TypedDict):
    """A link that opens nothing any more."""

    id: str
    taken_back: bool
    expires_at: Instant | None  #: when it would have expired


class AuditEventAnswer(TypedDict):
    """One thing that somebody did."""

    at: Instant
    who: str
    role: str
    action: str
    company: str | None
    recording_id: str | None
    what: str | None
    reason: str | None
    request_id: str


class AuditPage(TypedDict):
    """Events, the latest first."""

    events: list[AuditEventAnswer]
    next_page_token: NotRequired[str]


class Rejections(TypedDict):
    """The latest of them, the latest first."""

    rejections: list[RejectionAnswer]


_SINGLE = frozenset({"analytics"})  #: sections that have one row


def recording_answer(
    conversation: ConversationMetadata, request: SymblAsyncRequest | None, *, results: Mapping[str, Rows] | None = None
) -> RecordingAnswer:
    """A recording: metadata, where its request stands, and the results where they are given (the view FULL)."""
    return {
        "id": conversation.id,
        "file_name": conversation.file_name,
        "recording_url": conversation.recording_url,
        "duration": round(conversation.duration.total_seconds(), 3),
        "channels": conversation.channels,
        "sample_rate": conversation.sample_rate,
        "codec": conversation.codec,
        "size": conversation.size,
        "created_at": instant(conversation.created_at),
        "company": conversation.company,
        "name": conversation.name,
        "service_type": conversation.service_type,
        "representative": conversation.representative,
        "external_id": conversation.external_id,
        "direction": conversation.direction,
        "started_at": instant(conversation.started_at),
        "timezone_offset": conversation.timezone_offset,
        "language_code": conversation.language_code,
        "custom_vocabulary": list(conversation.custom_vocabulary),
        "number_of_speakers": conversation.number_of_speakers,
        "separate_channels": conversation.separate_channels,
        "speakers": [
            {"name": speaker.name, "email": speaker.email, "role": speaker.role, "channel": speaker.channel}
            for speaker in conversation.speakers
        ],
        "confidence_threshold": conversation.confidence_threshold,
        "priority": conversation.priority,
        "request": _request(request) if request else None,
        "results": _results(request, results),
    }


def _request(request: SymblAsyncRequest) -> RequestAnswer:
    return {
        "id": request.id,
        "status": request.status,
        "conversation_id": request.conversation_id,
        "job_id": request.job_id,
        "attempts": request.attempts_made,
        "submitted_at": instant(request.submitted_at),
        "completed_at": instant(request.completed_at),
        "error": _error(request.error),
        "replays": [
            {
                "at": instant(replay.at),
                "by": replay.by,
                "reason": replay.reason,
                "from_stage": replay.from_stage,
                "error": _error(replay.error),
            }
            for replay in request.replays
        ],
        "timeline": [
            {
                "at": instant(line.at),
                "from": line.before,
                "to": line.after,
                "by": line.by,
                "why": line.why,
                "attempt_id": line.attempt_id,
                "event_id": line.event_id,
            }
            for line in request.timeline
        ],
    }


def _error(error: JobError | None) -> ErrorAnswer | None:
    if error is None:
        return None
    return {
        "class": error.failure_class,
        "reason": error.reason,
        "check": error.check,
        "last_request": error.exchange.request if error.exchange else None,
        "last_answer": error.exchange.answer if error.exchange else None,
    }


def _results(request: SymblAsyncRequest | None, results: Mapping[str, Rows] | None) -> ResultsAnswer:
    answer: ResultsAnswer = {"state": request.results if request else ResultsState.WAITING}
    if request:
        answer["missing"] = [
            {"section": section.name, "why": section.error or section.state}
            for section in request.sections
            if section.state in {SectionState.NOT_READY, SectionState.ERROR, SectionState.GIVEN_UP}
        ]
    if results is not None:
        for section in SECTIONS:
            rows = [_row_adapter(section.row).dump_python(row, mode="json") for row in results.get(section.name, ())]
            shown = next(iter(rows), None) if section.name in _SINGLE else rows
            answer |= cast("ResultsAnswer", {section.name: shown})
    return answer


def rejection_answer(row: RejectedObject) -> RejectionAnswer:
    """Why an object did not become a recording, and what its sender can do."""
    if row.duplicate_of:
        mend = f"Nothing, if recording {row.duplicate_of} will do; else send it again with allow_duplicate: true."
    else:
        mend = "Mend what is named in problems, then store the object again."
    return {
        "id": row.id,
        "recording_url": row.recording_url,
        "generation": str(row.generation),  # more digits than a JSON number keeps in every language
        "rejected_at": instant(row.rejected_at),
        "reason": row.reason,
        "problems": [{"field": problem.field, "detail": problem.detail} for problem in row.problems],
        "duplicate_of": row.duplicate_of,
        "mend": mend,
    }


@overload
def instant(value: datetime) -> Instant: ...


@overload
def instant(value: datetime | None) -> Instant | None: ...


def instant(value: datetime | None) -> Instant | None:
    """RFC 3339 in UTC with milliseconds."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@functools.cache
def _row_adapter(row_type: Any) -> pydantic.TypeAdapter[Any]:  # noqa: ANN401
    return pydantic.TypeAdapter(row_type)
