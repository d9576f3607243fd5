"""The body of `process/audio/url`, validated as Symbl did: with Joi's sentences and Joi's conversions.

Fields, defaults and limits: Symbl's Async Audio URL reference (2022 and 2024 editions). Joi turns `"true"` into true
and `"2"` into 2, refuses an explicit null and an empty string, and names a field by its path in double quotes.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic_core import ErrorDetails

from deploy.engine.errors import BadRequest
from deploy.engine.instants import parse_instant

ENGLISH = ("en-US", "en-GB", "en-AU", "en-IE", "en-IN", "en-ZA")
OTHER_LANGUAGES = (
    "ru-RU", "fr-CA", "fr-FR", "de-DE", "it-IT", "nl-NL", "ja-JP", "es-US", "es-ES", "ar-SA", "hi-IN", "pt-BR",
    "pt-PT", "fa-IR",
)  # fmt: skip
IN_QUERY = ("enableSpeakerDiarization", "diarizationSpeakerCount", "webhookUrl")
MAX_METADATA_VALUE = 128

Model = TypeVar("Model", bound=BaseModel)


def _converted_boolean(value: object) -> object:
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value


def _converted_number(value: object) -> object:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _converted_integer(value: object) -> object:
    number = _converted_number(value)
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _absolute_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ValueError("must be a valid uri with a scheme matching the http|https pattern")
    return value


def _served_language(value: str) -> str:
    if value in OTHER_LANGUAGES:
        raise ValueError(f"is {value}, which this engine's speech model does not know; it serves {', '.join(ENGLISH)}")
    if value not in ENGLISH:
        raise ValueError(f"must be one of [{', '.join(ENGLISH + OTHER_LANGUAGES)}]")
    return value


def _iso_date(value: str) -> str:
    try:
        parse_instant(value)
    except ValueError:
        raise ValueError("must be in ISO 8601 date format") from None
    return value


Text = Annotated[str, StringConstraints(min_length=1)]
Boolean = Annotated[bool, BeforeValidator(_converted_boolean)]
Url = Annotated[Text, AfterValidator(_absolute_url)]
Metadata = dict[str, Annotated[str, StringConstraints(max_length=MAX_METADATA_VALUE)]]


class _Body(BaseModel):
    """Fields that nobody documented are ignored, as Symbl's newer fields were by its older servers."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class Speaker(_Body):
    """Who talks on a channel."""

    name: Text | None = None
    email: Text | None = None


class ChannelSpeaker(_Body):
    """One entry of `channelMetadata`; channels count from 1."""

    channel: Annotated[int, BeforeValidator(_converted_integer), Field(ge=1)]
    speaker: Speaker = Speaker()


class TrackerSpec(_Body):
    """A tracker sent inline."""

    name: Text
    vocabulary: Annotated[list[Text], Field(min_length=1)]


class CustomEntity(_Body):
    """A custom entity of the 2022 reference."""

    customType: Text  # noqa: N815 - Symbl's spelling
    text: Text
    value: Text | None = None


class Features(_Body):
    """Features that finish after the job; none of them is served yet, their reads say so."""

    featureList: list[Text] = []  # noqa: N815 - Symbl's spelling
    callScore: dict[str, Any] = {}  # noqa: N815 - Symbl's spelling


class Submission(_Body):
    """One recording as it was sent in; JSON names throughout, because that is what it is dumped to and read from."""

    url: Url
    name: Text | None = None
    webhookUrl: Url | None = None  # noqa: N815 - Symbl's spelling, here and below
    customVocabulary: list[Text] = []  # noqa: N815
    confidenceThreshold: Annotated[float, BeforeValidator(_converted_number), Field(ge=0.5, le=1.0)] = 0.5  # noqa: N815
    detectPhrases: Boolean = False  # noqa: N815
    detectEntities: Boolean = False  # noqa: N815
    entities: list[CustomEntity] = []
    languageCode: Annotated[str, AfterValidator(_served_language)] = "en-US"  # noqa: N815
    mode: Literal["default", "phone"] = "default"
    enableSeparateRecognitionPerChannel: Boolean = False  # noqa: N815
    channelMetadata: list[ChannelSpeaker] = []  # noqa: N815
    enableSpeakerDiarization: Boolean = False  # noqa: N815
    diarizationSpeakerCount: (  # noqa: N815
        Annotated[int, BeforeValidator(_converted_integer), Field(ge=1, le=20)] | None
    ) = None
    trackers: list[TrackerSpec] = []
    enableAllTrackers: Boolean = False  # noqa: N815
    enableSummary: Boolean = False  # noqa: N815
    features: Features = Features()
    conversationType: Literal["sales", "general"] = "general"  # noqa: N815
    metadata: Metadata = {}
    startTime: Annotated[str, AfterValidator(_iso_date)] | None = None  # noqa: N815
    timezoneOffset: (  # noqa: N815
        Annotated[int, BeforeValidator(_converted_integer), Field(ge=-14 * 60, le=14 * 60)]
    ) = 0
    parentRefs: Boolean = False  # noqa: N815
    sentiment: Boolean = False

    @property
    def per_channel(self) -> bool:
        """One speaker per channel. Diarization, where both are asked for, wins, as with Symbl."""
        return self.enableSeparateRecognitionPerChannel and not self.enableSpeakerDiarization


def read_submission(body: object, query: Mapping[str, str]) -> Submission:
    """Validate a body; what older clients put in *query* counts where the body does not have it.

    Raises:
        BadRequest: with one sentence per field that is wrong.
    """
    fields = _object(body)
    return _validated(Submission, {**{name: query[name] for name in IN_QUERY if name in query}, **fields})


class MetadataUpdate(_Body):
    """The body of `PUT /v1/conversations/{id}`."""

    metadata: Metadata


class MemberUpdate(_Body):
    """The body of `PUT /v1/conversations/{id}/members/{memberId}`."""

    id: Text
    name: Text
    email: Text | None = None


class PhraseMarks(_Body):
    """Which phrases a transcript marks."""

    highlightOnlyInsightKeyPhrases: Boolean = False  # noqa: N815
    highlightAllKeyPhrases: Boolean = False  # noqa: N815


class TranscriptRequest(_Body):
    """The body of `POST /v1/conversations/{id}/transcript`."""

    contentType: Literal["text/markdown", "text/srt"]  # noqa: N815
    createParagraphs: Boolean = False  # noqa: N815
    phrases: PhraseMarks = PhraseMarks()
    showSpeakerSeparation: Boolean = False  # noqa: N815


def read_metadata(body: object) -> dict[str, str]:
    """The metadata to put on a conversation."""
    return _validated(MetadataUpdate, _object(body)).metadata


def read_member(body: object) -> MemberUpdate:
    """The member as it is to be."""
    return _validated(MemberUpdate, _object(body))


def read_transcript_request(body: object) -> TranscriptRequest:
    """How the transcript is wanted."""
    return _validated(TranscriptRequest, _object(body))


def _object(body: object) -> Mapping[str, object]:
    if not isinstance(body, dict):
        raise BadRequest('"value" must be of type object')
    return body


def _validated(model: type[Model], fields: Mapping[str, object]) -> Model:
    complaints = [f'"{path}" must not be null' for path in _nulls(fields)]
    if complaints:
        raise BadRequest(". ".join(complaints))
    try:
        return model.model_validate(fields)
    except ValidationError as invalid:
        raise BadRequest(". ".join(_sentence(error) for error in invalid.errors())) from None


def _nulls(value: object, path: str = "") -> Sequence[str]:
    if value is None:
        return [path]
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in _nulls(item, f"{path}.{key}" if path else str(key))]
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in _nulls(item, f"{path}[{index}]")]
    return []


_SENTENCES = {
    "missing": "is required",
    "string_type": "must be a string",
    "bool_type": "must be a boolean",
    "float_type": "must be a number",
    "int_type": "must be an integer",
    "list_type": "must be an array",
    "dict_type": "must be of type object",
    "model_type": "must be of type object",
    "model_attributes_type": "must be of type object",
    "string_too_short": "is not allowed to be empty",
    "string_too_long": "length must be less than or equal to {max_length} characters long",
    "too_short": "must contain at least {min_length} items",
    "greater_than_equal": "must be greater than or equal to {ge}",
    "less_than_equal": "must be less than or equal to {le}",
    "literal_error": "must be one of [{expected}]",
    "value_error": "{error}",
}


def _sentence(error: ErrorDetails) -> str:
    path = ""
    for step in error["loc"]:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    template = _SENTENCES.get(error["type"])
    return f'"{path}" {template.format(**_limits(error)) if template else error["msg"]}'


def _limits(error: ErrorDetails) -> dict[str, Any]:
    limits = error.get("ctx", {})
    if "expected" in limits:  # pydantic writes 'a', 'b' or 'c'; Joi a, b, c
        limits = {"expected": limits["expected"].replace("'", "").replace(" or ", ", ")}
    return limits
