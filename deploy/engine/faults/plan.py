"""The switches, as an operator writes them; `docs/engine.md` has the table.

[{"fault": "webhook_dropped", "rate": 0.1}, {"fault": "error_answer", "status": 503, "on": "submissions", "next": 2}]
"""

import dataclasses
import itertools
import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

Moment = Literal["before", "after"]
#: Of a call that was answered: as it should be, or with 429 because the cap is reached.
AnswerMoment = Literal["after", "throttled"]
CallKind = Literal["submissions", "reads", "tokens", "others"]
Status = Literal["scheduled", "in_progress", "completed", "failed"]


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """What may be struck: a call, a webhook or a job, of a conversation where one is known by then.

    *key* tells it from others of its sort, for switches that count per target.
    """

    key: str
    name: str | None = None
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    status: str | None = None
    path: str = ""
    kind: CallKind = "others"
    moment: Moment | AnswerMoment = "before"


class Switch(BaseModel):
    """In force from the moment it is set, *for_s* seconds or until it is lifted."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    for_s: float | None = Field(None, gt=0)

    def matches(self, target: Target) -> bool:  # noqa: ARG002 - narrowed by subclasses
        """Whether *target* is of those that may be struck."""
        return True


class Fault(Switch):
    """A switch that strikes some: at a rate, the next n, the first n of each target, by name or metadata."""

    rate: float = Field(1, ge=0, le=1)
    skip: int = Field(0, ge=0)
    next: int | None = Field(None, ge=1)
    each: int | None = Field(None, ge=1)
    name: str | None = None
    metadata: dict[str, str] = {}

    def matches(self, target: Target) -> bool:
        """Whether *target* is of those that may be struck; a target of no conversation has no name."""
        named = self.name is None or fnmatchcase(target.name or "", self.name)
        return named and self.metadata.items() <= target.metadata.items()


# Webhooks


class WebhookFault(Fault):
    """Strikes the delivery of a webhook; *status* narrows it to one that tells that status."""

    status: Status | None = None

    def matches(self, target: Target) -> bool:
        """Whether the delivery may be struck."""
        return self.status in {None, target.status} and super().matches(target)


class WebhookDropped(WebhookFault):
    """Taken for delivered, never sent."""

    fault: Literal["webhook_dropped"]


class WebhookDuplicated(WebhookFault):
    """Sent *times* times in a row."""

    fault: Literal["webhook_duplicated"]
    times: int = Field(2, ge=2, le=100)


class WebhookReordered(WebhookFault):
    """Held until a later one of its job has been sent, *hold_s* seconds at most."""

    fault: Literal["webhook_reordered"]
    hold_s: float = Field(30, gt=0)


class WebhookDelayed(WebhookFault):
    """Sent *by_s* seconds late, and those of its job after it perhaps before it."""

    fault: Literal["webhook_delayed"]
    by_s: float = Field(gt=0)


class WebhookForged(WebhookFault):
    """Preceded by another that is not true: the status told of another job, or another status of this job."""

    fault: Literal["webhook_forged"]
    how: Literal["other_job", "false_status"] = "other_job"


class WebhookBody(WebhookFault):
    """Sent with a body that no receiver can use; a receiver that refuses it gets the webhook again."""

    fault: Literal["webhook_body"]
    how: Literal["too_large", "bad_json"] = "bad_json"
    size: int = Field(2 * 1024**2, ge=1, le=64 * 1024**2)


class WebhookKey(WebhookFault):
    """Names its job by another key than `ENGINE_WEBHOOK_KEY`."""

    fault: Literal["webhook_key"]
    key: Literal["id", "jobId", "both"]


# Calls


class CallFault(Fault):
    """Strikes a call; *on* narrows it by what is asked for, *path* by a pattern (`*/topics`)."""

    on: CallKind | Literal["all"] = "all"
    path: str | None = None

    def matches(self, target: Target) -> bool:
        """Whether the call may be struck."""
        asked = self.on in {"all", target.kind}
        on_path = self.path is None or fnmatchcase(target.path, self.path)
        return asked and on_path and super().matches(target)


class Unanswered(CallFault):
    """Strikes *before* the engine hears of the call, or *after* the call has succeeded: its answer is lost."""

    when: Moment = "before"

    def matches(self, target: Target) -> bool:
        """Whether the call may be struck at this moment of it."""
        return self.when == target.moment and super().matches(target)


class ErrorAnswer(Unanswered):
    """Answered with an error."""

    fault: Literal["error_answer"]
    status: Literal[400, 401, 403, 404, 429, 500, 502, 503, 504]
    retry_after_s: int | None = Field(None, ge=0)


class ConnectionLost(Unanswered):
    """Not answered: the connection ends without a byte, by a reset or as if all had been said."""

    fault: Literal["connection_closed"]
    how: Literal["reset", "closed"] = "reset"


class NoAnswer(Unanswered):
    """Not answered: the connection stays open, without a byte, until the client has waited long enough."""

    fault: Literal["no_answer"]
    when: Moment = "after"


class RetryAfter(CallFault):
    """The engine's own 429, over its cap, says when to come back."""

    fault: Literal["retry_after"]
    on: Literal["submissions"] = "submissions"
    retry_after_s: int = Field(ge=0)

    def matches(self, target: Target) -> bool:
        """Whether the call was refused because of the cap."""
        return target.moment == "throttled" and super().matches(target)


class Altered(CallFault):
    """Strikes the answer of a call that has succeeded."""

    def matches(self, target: Target) -> bool:
        """Whether the answer may be struck."""
        return target.moment == "after" and super().matches(target)


class SlowAnswer(Altered):
    """Worked off at once, answered after *by_s* seconds."""

    fault: Literal["slow_answer"]
    by_s: float = Field(gt=0, le=3600)


class EmptyAnswer(Altered):
    """The right shape with nothing in it, as before anything was analysed."""

    fault: Literal["empty_answer"]
    on: Literal["reads"] = "reads"


class RubbishAnswer(Altered):
    """200 with a page of HTML, with the first half of the JSON, or with JSON of another shape."""

    fault: Literal["rubbish_answer"]
    how: Literal["html", "truncated", "shape"] = "html"


class ShortToken(Altered):
    """The account's token, the one given out, ends *lifetime_s* seconds from now."""

    fault: Literal["short_token"]
    on: Literal["tokens"] = "tokens"
    lifetime_s: int = Field(ge=1)


class WebhookEarly(Altered):
    """`scheduled` is delivered before the submission is answered."""

    fault: Literal["webhook_early"]
    on: Literal["submissions"] = "submissions"


class Away(Switch):
    """Every connection is closed without an answer, and no webhook goes out. What was accepted is worked off."""

    fault: Literal["away"]


# Jobs


class JobStuck(Fault):
    """Stays `in_progress`, or `scheduled`, until it is released; the later parts of its conversation wait for it."""

    fault: Literal["job_stuck"]
    at: Literal["scheduled", "in_progress"] = "in_progress"


class JobFailed(Fault):
    """Ends as `failed` when its turn comes."""

    fault: Literal["job_failed"]
    reason: str = Field("a fault switch made it fail", min_length=1)


AnyFault = Annotated[
    WebhookDropped | WebhookDuplicated | WebhookReordered | WebhookDelayed | WebhookForged | WebhookBody | WebhookKey
    | WebhookEarly | ErrorAnswer | RetryAfter | ConnectionLost | NoAnswer | SlowAnswer | EmptyAnswer | RubbishAnswer
    | ShortToken | Away | JobStuck | JobFailed,
    Field(discriminator="fault"),
]  # fmt: skip


class Plan(BaseModel):
    """Switches in the order in which they are asked, and the seed of everything random in them."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    faults: list[AnyFault] = []
    seed: int = 0


_FAULTS = TypeAdapter(list[AnyFault])


def read_plan(body: object) -> Plan:
    """The plan that a request's body describes.

    Raises:
        ValueError: with one sentence per field that is wrong.
    """
    try:
        return Plan.model_validate(body)
    except ValidationError as invalid:
        raise ValueError(_sentences(invalid, "")) from None


def read_faults(setting: str) -> tuple[AnyFault, ...]:
    """The switches of a setting: a list in JSON, or the name of a file that holds one.

    Raises:
        ValueError: with one sentence per field that is wrong.
    """
    text = setting if setting.lstrip().startswith("[") else _contents(setting)
    try:
        return tuple(_FAULTS.validate_python(json.loads(text)))
    except ValidationError as invalid:
        raise ValueError(_sentences(invalid, "faults")) from None
    except ValueError as error:
        raise ValueError(f"must be a JSON list of switches: {error}") from None


def _contents(name: str) -> str:
    try:
        return Path(name).read_text()
    except (OSError, ValueError) as error:
        raise ValueError(f"must be a JSON list of switches or the name of a file that holds one: {error}") from None


def _sentences(invalid: ValidationError, root: str) -> str:
    return "; ".join(_sentence(error, root) for error in invalid.errors())


def _sentence(error: ErrorDetails, root: str) -> str:
    path, tag = root, ""
    for before, step in itertools.pairwise(("", *error["loc"])):
        if isinstance(before, int):  # the discriminator, which is no step of the path
            tag = str(step)
        elif isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{step}" if path else step
    match error["type"]:
        case "extra_forbidden":
            known = sorted(FIELDS.get(tag, Plan.model_fields))
            return f'"{path}" is no field of {tag or "a plan"}: it has {", ".join(known)}'
        case "union_tag_invalid" | "union_tag_not_found":
            return f'"{path}.fault" must be one of {", ".join(FIELDS)}'
        case "model_type":
            return f'"{path or "plan"}" must be an object'
        case "missing":
            return f'"{path}" is required'
        case _:
            return f'"{path}" {error["msg"].removeprefix("Input ")}'


def _fields() -> dict[str, set[str]]:
    union, _ = get_args(AnyFault)
    return {get_args(kind.model_fields["fault"].annotation)[0]: set(kind.model_fields) for kind in get_args(union)}


#: Which fields each switch has, by its name.
FIELDS = _fields()


def as_json(switch: Switch) -> dict[str, Any]:
    """The switch as it was given."""
    return switch.model_dump(exclude_unset=True)


def name_of(switch: Switch) -> str:
    """What the switch is called in a plan."""
    name: str = as_json(switch)["fault"]
    return name
