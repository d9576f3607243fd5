"""Recordings as they are sent in, by URL with a body or as they are with a query, validated with Joi's sentences.

Fields, defaults and limits: Symbl's Async Audio URL reference (2022 and 2024 editions). URL calls take parameters in
the body, uploads in the query, with arrays and objects in JSON.
"""

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, ValidationInfo

from deploy.engine.instants import parse_instant
from deploy.engine.joi import BODY, Boolean, Integer, Number, Text, Url, as_object, validated

if TYPE_CHECKING:
    from werkzeug.datastructures import MultiDict

    from deploy.engine.settings import EngineSettings

ENGLISH = ("en-US", "en-GB", "en-AU", "en-IE", "en-IN", "en-ZA")
OTHER_LANGUAGES = (
    "ru-RU", "fr-CA", "fr-FR", "de-DE", "it-IT", "nl-NL", "ja-JP", "es-US", "es-ES", "ar-SA", "hi-IN", "pt-BR",
    "pt-PT", "fa-IR",
)  # fmt: skip
#: What older clients put in the query of a URL call.
IN_QUERY = ("enableSpeakerDiarization", "diarizationSpeakerCount", "webhookUrl", "enableSummary")
#: What stands in the query of an upload in JSON.
JSON_IN_QUERY = ("customVocabulary", "entities", "channelMetadata", "trackers", "features", "metadata")
MAX_METADATA_VALUE = 128
#: How many speakers a mix is taken to have where nobody says: a call has two ends.
USUAL_SPEAKERS = 2


def languages(model: str) -> tuple[str, ...]:
    """The languages that a speech model knows: those whose names end with ".en" were trained on English alone."""
    return ENGLISH if model.endswith(".en") else ENGLISH + OTHER_LANGUAGES


def _served_language(value: str, info: ValidationInfo) -> str:
    """Which are served is up to the model: whoever reads a request says so."""
    if value not in ENGLISH + OTHER_LANGUAGES:
        raise ValueError(f"must be one of [{', '.join(ENGLISH + OTHER_LANGUAGES)}]")
    served = (info.context or {}).get("languages", ENGLISH + OTHER_LANGUAGES)
    if value not in served:
        raise ValueError(f"is {value}, which this engine's speech model does not know; it serves {', '.join(served)}")
    return value


def _iso_date(value: str) -> str:
    try:
        parse_instant(value)
    except ValueError:
        raise ValueError("must be in ISO 8601 date format") from None
    return value


def _not_too_low(value: float, info: ValidationInfo) -> float:
    """The documents disagree on where confidence begins: whoever reads a request says so."""
    lowest = (info.context or {}).get("min_confidence", 0)
    if value < lowest:
        raise ValueError(f"must be greater than or equal to {lowest:g}")
    return value


Metadata = dict[str, Annotated[str, StringConstraints(max_length=MAX_METADATA_VALUE)]]


class _Body(BaseModel):
    model_config = BODY


class Speaker(_Body):
    """Who talks on a channel."""

    name: Text | None = None
    email: Text | None = None


class ChannelSpeaker(_Body):
    """One entry of `channelMetadata`; channels count from 1."""

    channel: Annotated[Integer, Field(ge=1)]
    speaker: Speaker = Speaker()


class TrackerSpec(_Body):
    """A tracker sent inline; *id* is that of the account's tracker, where it is one."""

    id: Text | None = None
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
    """One recording as it was sent in; JSON names throughout, because that is what it is dumped to and read from.

    *url* is empty where the audio itself was sent.
    """

    url: str = ""
    name: Text | None = None
    webhookUrl: Url | None = None  # noqa: N815 - Symbl's spelling, here and below
    customVocabulary: list[Text] = []  # noqa: N815
    confidenceThreshold: Annotated[Number, AfterValidator(_not_too_low), Field(ge=0, le=1.0)] = 0.5  # noqa: N815
    detectPhrases: Boolean = False  # noqa: N815
    detectEntities: Boolean = False  # noqa: N815
    entities: list[CustomEntity] = []
    languageCode: Annotated[str, AfterValidator(_served_language)] = "en-US"  # noqa: N815
    mode: Literal["default", "phone"] = "default"
    enableSeparateRecognitionPerChannel: Boolean = False  # noqa: N815
    channelMetadata: list[ChannelSpeaker] = []  # noqa: N815
    enableSpeakerDiarization: Boolean = False  # noqa: N815
    diarizationSpeakerCount: (  # noqa: N815
        Annotated[Integer, Field(ge=1, le=20)] | None
    ) = None
    trackers: list[TrackerSpec] = []
    enableAllTrackers: Boolean = False  # noqa: N815
    enableSummary: Boolean = False  # noqa: N815
    features: Features = Features()
    conversationType: Literal["sales", "general"] = "general"  # noqa: N815
    metadata: Metadata = {}
    startTime: Annotated[str, AfterValidator(_iso_date)] | None = None  # noqa: N815
    timezoneOffset: (  # noqa: N815
        Annotated[Integer, Field(ge=-14 * 60, le=14 * 60)]
    ) = 0
    parentRefs: Boolean = False  # noqa: N815
    sentiment: Boolean = False

    @property
    def per_channel(self) -> bool:
        """One speaker per channel. Diarization, where both are asked for, wins, as with Symbl."""
        return self.enableSeparateRecognitionPerChannel and not self.enableSpeakerDiarization

    @property
    def english(self) -> bool:
        """Whether the rules that find questions, tasks and the like can read what is said."""
        return self.languageCode in ENGLISH

    @property
    def speakers(self) -> int | None:
        """How many voices to tell apart in the mix of all channels, or None where that is not asked for."""
        return (self.diarizationSpeakerCount or USUAL_SPEAKERS) if self.enableSpeakerDiarization else None


class UrlSubmission(Submission):
    """A recording that is to be fetched."""

    url: Url


def read_submission(body: object, query: "MultiDict[str, str]", settings: "EngineSettings") -> Submission:
    """Validate a body; what older clients put in *query* counts where the body does not have it.

    Raises:
        BadRequest: with one sentence per field that is wrong.
    """
    fields = {**{name: query[name] for name in IN_QUERY if name in query}, **as_object(body)}
    return _read(UrlSubmission, fields, settings)


def read_upload(query: "MultiDict[str, str]", settings: "EngineSettings") -> Submission:
    """Validate the query of an upload.

    Raises:
        BadRequest: with one sentence per field that is wrong.
    """
    fields = {name: _from_query(name, query.getlist(name)) for name in Submission.model_fields if name in query}
    fields.pop("url", None)
    return _read(Submission, fields, settings)


def _read(model: type[Submission], fields: dict[str, Any], settings: "EngineSettings") -> Submission:
    submission = validated(
        model,
        fields,
        drop_nulls=settings.null_fields == "ignore",
        context={"min_confidence": settings.min_confidence, "languages": languages(settings.model)},
    )
    defaults = {"detectEntities": settings.detect_entities, "enableAllTrackers": settings.all_trackers}
    unsaid = {name: value for name, value in defaults.items() if name not in submission.model_fields_set}
    return submission.model_copy(update=unsaid)


def _from_query(name: str, values: list[str]) -> object:
    if name not in JSON_IN_QUERY:
        return values[-1]
    try:
        return json.loads(values[-1])
    except (ValueError, RecursionError):
        return values if name == "customVocabulary" else values[-1]


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
    return validated(MetadataUpdate, as_object(body)).metadata


def read_member(body: object) -> MemberUpdate:
    """The member as it is to be."""
    return validated(MemberUpdate, as_object(body))


def read_transcript_request(body: object) -> TranscriptRequest:
    """How the transcript is wanted."""
    return validated(TranscriptRequest, as_object(body))
