"""A recording: the stored object, what its bytes say, and what its sender told us.

The sender's words arrive in three ways (API body, object metadata, side file), and are validated here, in one way.
"""

from __future__ import annotations

import base64
import dataclasses
import enum
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta  # pydantic reads the annotations
from typing import Annotated, Any, Literal, Self

import pydantic

from common.errors import Problem, Rejected

MAX_SPEAKERS = 10
#: What Symbl's asynchronous API could transcribe (its documentation of 2022, "Supported languages").
LANGUAGES = (
    "en-US", "en-GB", "en-AU", "en-IE", "en-IN", "en-ZA", "ru-RU", "fr-CA", "fr-FR", "de-DE",
    "it-IT", "nl-NL", "ja-JP", "es-US", "es-ES", "ar-SA", "hi-IN", "pt-BR", "pt-PT", "fa-IR",
)  # fmt: skip
#: Object names that are never audio: folders, and the files that travel beside a recording.
SIDE_FILE_SUFFIX = ".metadata.json"
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}")

RecordingId = str


def recording_id(bucket: str, name: str, generation: int) -> RecordingId:
    """Follows from what is stored (20 characters of a-z2-7), so that a repeated event finds the same recording."""
    digest = hashlib.sha256(f"{bucket}/{name}#{generation}".encode()).digest()
    return base64.b32encode(digest)[:20].decode().lower()


def object_name_of(uri: str) -> str:
    """The name in gs://bucket/name."""
    return uri.removeprefix("gs://").partition("/")[2]


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoredObject:
    """One generation of an object in Cloud Storage; `md5` is base64 as Cloud Storage gives it, None if it has none."""

    bucket: str
    name: str
    generation: int
    size: int
    content_type: str | None
    md5: str | None
    created_at: datetime
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def recording_id(self) -> RecordingId:
        """The id of the recording that this is."""
        return recording_id(self.bucket, self.name, self.generation)

    @property
    def uri(self) -> str:
        """Where it is, as gs://bucket/name."""
        return f"gs://{self.bucket}/{self.name}"

    @property
    def file_name(self) -> str:
        """The last part of its name."""
        return self.name.rsplit("/", 1)[-1]

    @property
    def may_be_audio(self) -> bool:
        """Whether it is worth a look: folders, side files and empty placeholders are not."""
        return not self.name.endswith(("/", SIDE_FILE_SUFFIX))


@dataclasses.dataclass(frozen=True, kw_only=True)
class AudioProperties:
    """What the bytes say, whatever their name or headers claim."""

    duration: timedelta
    channels: int
    sample_rate: int
    codec: str


class Role(enum.StrEnum):
    """Whose voice it is."""

    AGENT = "agent"
    CUSTOMER = "customer"
    OTHER = "other"


class Direction(enum.StrEnum):
    """Who called whom, seen from the company."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Priority(enum.StrEnum):
    """Live calls go before a backfill."""

    LIVE = "live"
    BACKFILL = "backfill"


def _rfc_3339(value: object) -> object:
    if (isinstance(value, str) and not _DATE_TIME.match(value)) or not isinstance(value, (str, datetime)):
        raise ValueError("is not a date-time of RFC 3339; write it as 2026-03-01T12:00:00-05:00")
    return value


def _email(value: str) -> str:
    local, at, domain = value.partition("@")
    if not (local and at and "." in domain and " " not in value):
        raise ValueError("is not an e-mail address; write it as name@example.com")
    return value.strip().lower()


def _language(value: str) -> str:
    for known in LANGUAGES:
        if value.lower() == known.lower():
            return known
    raise ValueError(f"{value!r} is not supported; use one of {', '.join(LANGUAGES)}")


Text = Annotated[str, pydantic.StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
#: Indexed, or part of a key: Datastore takes 1,500 bytes, and a character may have four.
Name = Annotated[str, pydantic.StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Email = Annotated[str, pydantic.AfterValidator(_email), pydantic.WithJsonSchema({"type": "string", "format": "email"})]
Language = Annotated[
    str, pydantic.AfterValidator(_language), pydantic.WithJsonSchema({"type": "string", "enum": list(LANGUAGES)})
]
TimezoneOffset = Annotated[int, pydantic.Field(ge=-12 * 60, le=14 * 60, strict=True)]  #: minutes from UTC
Vocabulary = Annotated[tuple[Text, ...], pydantic.Field(max_length=500)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Speaker:
    """Somebody on the recording; `channel` counts from 1 and is None where voices share one."""

    name: str
    email: str | None = None
    role: Role = Role.OTHER
    channel: int | None = None


def speaker_among(speakers: Iterable[Speaker], *, email: str | None, name: str | None) -> Speaker | None:
    """Who of the named speakers an engine's speaker is: by e-mail, else by name."""
    known = tuple(speakers)
    by_email = (speaker for speaker in known if email and speaker.email == email.lower())
    by_name = (speaker for speaker in known if name and speaker.name == name)
    return next(by_email, None) or next(by_name, None)


class SpeakerGiven(pydantic.BaseModel):
    """Somebody on the recording, as its sender names them."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, defer_build=True)

    name: Text
    email: Email | None = None
    role: Role = Role.OTHER
    channel: Annotated[int, pydantic.Field(ge=1, le=MAX_SPEAKERS, strict=True)] | None = None


class RecordingDetails(pydantic.BaseModel):
    """What the sender says of a recording: the fields, their types and limits, as the API documents them.

    None means that the sender did not say; a company's defaults, then the audio itself, fill such gaps.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, defer_build=True)

    company: Name | None = None
    name: Text | None = None
    service_type: Text | None = None
    representative: Text | None = None
    external_id: Name | None = None
    direction: Direction | None = None
    started_at: Annotated[pydantic.AwareDatetime, pydantic.BeforeValidator(_rfc_3339)] | None = None
    timezone_offset: TimezoneOffset | None = None
    language_code: Language | None = None
    custom_vocabulary: Vocabulary | None = None
    number_of_speakers: Annotated[int, pydantic.Field(ge=1, le=MAX_SPEAKERS, strict=True)] | None = None
    separate_channels: pydantic.StrictBool | None = None
    speakers: Annotated[tuple[SpeakerGiven, ...], pydantic.Field(max_length=MAX_SPEAKERS)] | None = None
    confidence_threshold: Annotated[float, pydantic.Field(ge=0.5, le=1.0, strict=True, allow_inf_nan=False)] | None = (
        None
    )
    priority: Priority | None = None
    allow_duplicate: pydantic.StrictBool | None = None

    @pydantic.model_validator(mode="after")
    def _one_speaker_a_channel(self) -> Self:
        channels = [speaker.channel for speaker in self.speakers or () if speaker.channel is not None]
        if len(channels) != len(set(channels)):
            raise ValueError("speakers: two speakers have the same channel; give each channel to one of them")
        if self.number_of_speakers is not None and self.speakers and len(self.speakers) > self.number_of_speakers:
            raise ValueError(
                f"number_of_speakers: is {self.number_of_speakers}, but {len(self.speakers)} speakers are named; "
                "raise it or leave it out"
            )
        return self


def details_from(given: object) -> RecordingDetails:
    """Validate what a sender gave (the decoded JSON).

    Raises:
        Rejected: naming every field that is unknown, missing or wrong, with the mend.
    """
    if not isinstance(given, dict):
        raise Rejected([Problem("metadata", f"must be a JSON object, not {_kind(given)}")])
    try:
        # Through JSON, so that a list or a date may be spelled only as JSON spells it.
        return RecordingDetails.model_validate_json(json.dumps(given))
    except pydantic.ValidationError as error:
        raise Rejected(problems_of(error)) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise Rejected([Problem("metadata", f"is not JSON: {error}")]) from None


def details_from_json(text: str | bytes) -> RecordingDetails:
    """As `details_from`, of JSON text."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Rejected([Problem("metadata", f"is not JSON: {error}")]) from None
    return details_from(given)


def problems_of(
    error: pydantic.ValidationError,
    *,
    model: type[pydantic.BaseModel] = RecordingDetails,
    part: type[pydantic.BaseModel] = SpeakerGiven,
) -> list[Problem]:
    """What pydantic found, in our words, by the field's name as the sender wrote it.

    `model` was validated and `part` is what its lists are made of: their fields are suggested for an unknown one.
    """
    return [_problem(item, model=model, part=part) for item in error.errors(include_url=False)]


def _problem(
    item: Any,  # noqa: ANN401  # pydantic's ErrorDetails
    *,
    model: type[pydantic.BaseModel],
    part: type[pydantic.BaseModel],
) -> Problem:
    where = ".".join(str(part) for part in item["loc"])
    message: str = item["msg"].removeprefix("Value error, ").replace("Input should", "must", 1)
    if item["type"] == "timezone_aware":
        message = "must say its offset from UTC, as 2026-03-10T09:14:00-05:00 does"
    if item["type"] == "json_invalid":  # half of a surrogate pair: JSON can spell it, Unicode has no such text
        return Problem("metadata", f"is not JSON: {message}")
    if item["type"] == "extra_forbidden":
        known = (model if len(item["loc"]) == 1 else part).model_fields
        return Problem(where, f"is not a known field{_suggestion(str(item['loc'][-1]), tuple(known))}")
    if not where:  # a rule over several fields: its message begins with the one to change
        where, _, message = message.partition(": ")
        return Problem(where, message)
    if item["type"] == "missing":
        return Problem(where, "is missing")
    return Problem(where, f"{message[0].lower()}{message[1:]} (got {_short(item['input'])})")


def _suggestion(unknown: str, known: tuple[str, ...]) -> str:
    import difflib  # noqa: PLC0415  # only for a sender's mistake

    close = difflib.get_close_matches(unknown, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known fields: {', '.join(known)}"


def _short(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004


def _kind(value: object) -> str:
    names: dict[type, Literal["a list", "text", "a number", "null"]] = {list: "a list", str: "text", int: "a number"}
    return names.get(type(value), "null" if value is None else type(value).__name__)
