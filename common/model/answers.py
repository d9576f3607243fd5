"""How a recording looks in answers of the API, and on pages. Pure."""

from __future__ import annotations

import dataclasses
import functools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pydantic

from common.model.intelligence import SECTIONS, SectionState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.model.conversation import ConversationMetadata
    from common.model.intelligence import Rows
    from common.model.job import JobError, SymblAsyncRequest

_SINGLE = frozenset({"analytics"})  #: sections that have one row


def recording_answer(
    conversation: ConversationMetadata, request: SymblAsyncRequest | None, *, results: Mapping[str, Rows] | None = None
) -> dict[str, object]:
    """A recording: metadata, where its request stands, and the results where they are given (the single read)."""
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
        "speakers": [dataclasses.asdict(speaker) for speaker in conversation.speakers],
        "confidence_threshold": conversation.confidence_threshold,
        "priority": conversation.priority,
        "request": _request(request) if request else None,
        "results": _results(request, results),
    }


def _request(request: SymblAsyncRequest) -> dict[str, object]:
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


def _error(error: JobError | None) -> dict[str, object] | None:
    if error is None:
        return None
    return {
        "class": error.failure_class,
        "reason": error.reason,
        "check": error.check,
        "last_request": error.exchange and error.exchange.request,
        "last_answer": error.exchange and error.exchange.answer,
    }


def _results(request: SymblAsyncRequest | None, results: Mapping[str, Rows] | None) -> dict[str, object]:
    answer: dict[str, object] = {"state": request.results if request else "waiting"}
    if request:
        answer["missing"] = [
            {"section": section.name, "why": section.error or section.state}
            for section in request.sections
            if section.state in {SectionState.NOT_READY, SectionState.ERROR, SectionState.GIVEN_UP}
        ]
    if results is not None:
        for section in SECTIONS:
            rows = [_row_adapter(section.row).dump_python(row, mode="json") for row in results.get(section.name, ())]
            answer[section.name] = next(iter(rows), None) if section.name in _SINGLE else rows
    return answer


def instant(value: datetime | None) -> str | None:
    """RFC 3339 in UTC with milliseconds."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@functools.cache
def _row_adapter(row_type: Any) -> pydantic.TypeAdapter[Any]:  # noqa: ANN401
    return pydantic.TypeAdapter(row_type)
