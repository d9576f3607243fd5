"""Replays: what somebody may ask to have run again, and when that makes sense."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar

import pydantic

from common.errors import Conflict, Problem, Rejected
from common.model.intelligence import SECTION_NAMES, SectionState
from common.model.job import ReplayStage, SymblAsyncRequest
from common.model.lifecycle import JobStatus
from common.model.listing import ListQuery, list_query
from common.model.recording import problems_of
from common.model.search.query import And, Equals, Facet, Node

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

MAX_REASON_CHARS = 500
#: Somebody who replays the same recording more often has not mended its cause; the history must fit the entity too.
MAX_REPLAYS = 50
#: One transaction each, well within the time of one call.
MAX_COUNT = 200

Order = TypeVar("Order", bound="ReplayOrder")


class NotReplayable(Conflict):
    """It cannot be run again, or not from there; the message says why."""

    reason = "NOT_REPLAYABLE"


def _with_reason(schema: dict[str, Any]) -> None:
    """The reason has an empty default only so that one message tells of all that is wrong with it."""
    schema["required"] = ["reason"]
    del schema["properties"]["reason"]["default"]


class ReplayOrder(pydantic.BaseModel):
    """What somebody asks for: why, from where on, and whether it is only a question."""

    model_config = pydantic.ConfigDict(
        extra="forbid",
        frozen=True,
        str_strip_whitespace=True,
        json_schema_extra=_with_reason,
        defer_build=True,
    )

    reason: Annotated[
        str, pydantic.WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_REASON_CHARS})
    ] = ""
    from_stage: ReplayStage = ReplayStage.SUBMIT
    validate_only: pydantic.StrictBool = False

    @pydantic.model_validator(mode="after")
    def _says_why(self) -> Self:
        if not 0 < len(self.reason) <= MAX_REASON_CHARS:
            raise ValueError(f"reason: must say why it is run again, in 1 to {MAX_REASON_CHARS} characters")
        return self


class BulkReplayOrder(ReplayOrder):
    """The same of every recording that `filter` finds, at most `max_count` of them in one call."""

    filter: str = ""
    max_count: Annotated[int, pydantic.Field(ge=1, le=MAX_COUNT, strict=True)] = 100
    page_token: str | None = None

    def query(self, *, now: datetime, narrowed: Callable[[Node], Node] = lambda asked: asked) -> ListQuery:
        """The recordings to look at: one page of the list, of what the caller may see.

        Raises:
            Rejected: where the filter is no filter, or would find what cannot be replayed.
        """
        given = {"filter": self.filter, "page_size": str(self.max_count)}
        query = list_query(
            given | ({"page_token": self.page_token} if self.page_token else {}), now=now, narrowed=narrowed
        )
        parts = query.asked.parts if isinstance(query.asked, And) else (query.asked,)
        if not any(_names(part, _STATUSES[self.from_stage]) for part in parts):
            wanted = " or ".join(f"status:{status}" for status in _STATUSES[self.from_stage])
            raise Rejected([Problem("filter", f"must say {wanted}, or a failure_class, to replay from this stage")])
        return query


def _names(part: Node, statuses: Collection[JobStatus]) -> bool:
    """Whether a condition leaves only calls that ended in one of these ways."""
    if not isinstance(part, Equals):
        return False
    return part.facet is Facet.FAILURE_CLASS or (part.facet in {Facet.STATUS, Facet.IS} and part.value in statuses)


_STATUSES = {
    ReplayStage.SUBMIT: (JobStatus.FAILED,),
    ReplayStage.COLLECT: (JobStatus.FAILED, JobStatus.COMPLETED),
}


def order_from_json(model: type[Order], body: bytes) -> Order:
    """As `order_from`, of a request's body."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        given = None
    return order_from(model, given)


def order_from(model: type[Order], given: object) -> Order:
    """Validate what somebody asks for (decoded JSON, or the fields of a form).

    Raises:
        Rejected: naming every field that is unknown, missing or wrong, with the mend.
    """
    if not isinstance(given, dict):
        raise Rejected([Problem("body", 'must be a JSON object, such as {"reason": "the engine was mended"}')])
    try:
        return model.model_validate(given)
    except pydantic.ValidationError as error:
        raise Rejected(problems_of(error, model=model)) from None


def is_under_way(request: SymblAsyncRequest, from_stage: ReplayStage) -> bool:
    """Whether the latest replay was this one, and has not come to an end yet."""
    if not request.replays or request.replays[-1].from_stage is not from_stage:
        return False
    if from_stage is ReplayStage.SUBMIT:
        return not request.status.is_terminal
    tried = (section.at for section in request.sections if section.at is not None)
    return request.status is JobStatus.COMPLETED and not any(at > request.replays[-1].at for at in tried)


def expect_replayable(request: SymblAsyncRequest, from_stage: ReplayStage) -> None:
    """Raise NotReplayable, with the reason, where there is nothing to run again from there."""
    if why := _why_not(request, from_stage):
        raise NotReplayable(f"Recording {request.recording_id} cannot be replayed from {from_stage}: {why}.")


def _why_not(request: SymblAsyncRequest, from_stage: ReplayStage) -> str | None:
    if not request.status.is_terminal:
        return f"it is {request.status}, so nothing has failed yet"
    if len(request.replays) >= MAX_REPLAYS:
        return f"it was replayed {MAX_REPLAYS} times; mend the cause, then add the recording again"
    if from_stage is ReplayStage.SUBMIT:
        return None if request.status is JobStatus.FAILED else "its analysis is completed; collect fetches its results"
    if request.conversation_id is None:
        return "the engine has no conversation of it that is known here; submit analyses it anew"
    stored = {section.name for section in request.sections if section.state is SectionState.STORED}
    return "none of its results are missing" if stored >= set(SECTION_NAMES) else None
