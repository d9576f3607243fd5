"""Symbl's requests and answers as plain values; does no I/O.

Shapes: Symbl's reference documentation of 2022 with the changes that its Go SDK 0.3.7 and its Snowflake sample show
up to 2024. Where they disagree both are read: `id` and `jobId`, old and new entities, payloads with members left out.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import pydantic

from common.errors import (
    AccountRefused,
    CalltrackError,
    NotAccepted,
    OutcomeUnknown,
    RefusedByEngine,
    Throttled,
    TryLater,
    UnreadableAnswer,
)
from common.model import intelligence as rows
from common.model.business_ux import BusinessUX
from common.model.lifecycle import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from common.model.conversation import ConversationMetadata
    from common.model.recording import Speaker
    from common.ports import Submission

#: Keys under which a submission names itself in the conversation's metadata (string values of up to 128 characters).
ATTEMPT_KEY = "attemptId"
REQUEST_KEY = "requestId"
_TELEPHONE_RATE_HZ = 8000
#: Whatever a `Retry-After` says, the queue is tried again after this.
_LONGEST_ADVICE = timedelta(hours=1)

#: Where each section is read: path below the conversation, and query.
SECTION_PATHS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "messages": ("messages", {"verbose": "true", "sentiment": "true"}),
    "topics": ("topics", {"sentiment": "true"}),
    "trackers": ("trackers", {}),
    "questions": ("questions", {}),
    "action_items": ("action-items", {}),
    "follow_ups": ("follow-ups", {}),
    "entities": ("entities", {}),
    "analytics": ("analytics", {}),
    "summary": ("summary", {}),
}


# What we send


def audio_url_body(submission: Submission) -> dict[str, object]:
    """The JSON body of POST /v1/process/audio/url. Everything that has disputed defaults is said explicitly."""
    conversation = submission.conversation
    body: dict[str, object] = {
        "url": submission.url,
        # The attempt's id stands in the name too: an engine that drops metadata can still be searched by name.
        "name": f"{conversation.name} [{submission.attempt_id}]",
        "webhookUrl": submission.webhook_url,
        "languageCode": conversation.language_code,
        "confidenceThreshold": submission.confidence_threshold,
        "timezoneOffset": conversation.timezone_offset,
        "startTime": instant(conversation.started_at),
        "mode": "phone" if conversation.sample_rate <= _TELEPHONE_RATE_HZ else "default",
        "detectPhrases": True,
        "detectEntities": True,
        "enableSummary": True,
        "enableAllTrackers": False,
        "trackers": [{"name": t.name, "vocabulary": list(t.vocabulary)} for t in submission.trackers],
        "customVocabulary": list(conversation.custom_vocabulary),
        "metadata": {ATTEMPT_KEY: submission.attempt_id, REQUEST_KEY: submission.request_id},
    }
    body.update(_speaker_separation(conversation))
    return {key: value for key, value in body.items() if value != []}


def _speaker_separation(conversation: ConversationMetadata) -> dict[str, object]:
    """Per channel where each speaker has one, else diarization; never both, since diarization would win."""
    if conversation.separate_channels:
        return {
            "enableSeparateRecognitionPerChannel": True,
            "channelMetadata": [
                {"channel": speaker.channel, "speaker": _named(speaker)} for speaker in conversation.speakers
            ],
        }
    if conversation.number_of_speakers > 1:
        return {"enableSpeakerDiarization": True, "diarizationSpeakerCount": conversation.number_of_speakers}
    return {}


def _named(speaker: Speaker) -> dict[str, str]:
    return {"name": speaker.name} | ({"email": speaker.email} if speaker.email else {})


def conversation_search(attempt_id: str, *, since: datetime, now: datetime) -> dict[str, str]:
    """The query of GET /v1/conversations that finds what an attempt made.

    The listing is by the conversation's start, which may be the call's own time or that of processing: the range is
    left wide, and the filter decides.
    """
    return {
        "limit": "10",
        "startTime": instant(min(since, now) - timedelta(days=3650)),
        "endTime": instant(now + timedelta(days=1)),
        "filter": f"conversation.metadata.{ATTEMPT_KEY}=={attempt_id}",
    }


def instant(value: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, as the API writes it."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def experience_body(ux: BusinessUX | None) -> dict[str, object]:
    """The JSON body of POST /v1/conversations/{id}/experiences: the page of text, in the company's look.

    `summaryURLExpiresIn` is in seconds and 0 means never. A font is the name of one of Google's: the first is sent.
    """
    given = ux or BusinessUX(company="")
    color = {
        "background": given.color_background,
        "topicsFilter": given.color_topics_filter,
        "insightsFilter": given.color_insights_filter,
    }
    family = (given.font_family or "").split(",")[0].strip(" \"'")
    life = given.summary_url_expires_in
    body: dict[str, object] = {
        "name": "verbose-text-summary",
        "logo": given.logo,
        "favicon": given.favicon,
        "color": {name: value for name, value in color.items() if value},
        "font": {"family": family} if family else None,
        "summaryURLExpiresIn": int(life.total_seconds()) if life else 0,
        "readOnly": given.read_only,
    }
    return {name: value for name, value in body.items() if value not in (None, {})}


# What we are answered


class Token(pydantic.BaseModel):
    """POST /oauth2/token:generate. `expires_in` is what is left of a token that may be hours old."""

    value: str = pydantic.Field(alias="accessToken", min_length=1)
    expires_in: float = pydantic.Field(alias="expiresIn", gt=0)


class AcceptedJob(pydantic.BaseModel):
    """201 of the async calls."""

    conversation_id: str = pydantic.Field(alias="conversationId", min_length=1, max_length=128)
    job_id: str = pydantic.Field(alias="jobId", min_length=1, max_length=128)


def submission_error(status: int, said: str, retry_after: str | None) -> CalltrackError:
    """What an answer other than 201 to a submission means; `said` is its `message`."""
    text = f"{status}: {said}"
    if status == 429:  # noqa: PLR2004
        return Throttled(text, retry_after=_seconds(retry_after))
    if status in {401, 403, 404, 405}:  # the last two: no such path at SYMBL_API_URL, whatever the recording
        return AccountRefused(text)
    if status in {408, 425}:  # it never had the whole request
        return NotAccepted(text)
    if 400 <= status < 500:  # noqa: PLR2004
        return RefusedByEngine(text)
    return OutcomeUnknown(text)


def read_error(status: int, said: str) -> CalltrackError:
    """What a bad answer to a read means: nothing is at stake, so all but our credentials' fault is tried again."""
    text = f"{status}: {said}"
    return AccountRefused(text) if status in {401, 403} else TryLater(text)


def says_unknown_conversation(body: bytes) -> bool:
    """Whether a refused DELETE means that there is nothing to delete: Symbl documents the words, not the status."""
    return "does not exist" in message(body)


def token_error(status: int, said: str) -> CalltrackError:
    """What a refused token means: nothing was sent."""
    text = f"token:generate answered {status}: {said}"
    return AccountRefused(text) if status in {400, 401, 403} else NotAccepted(text)


def experience_error(status: int, said: str) -> CalltrackError:
    """What a refused page means: nothing is at stake."""
    text = f"{status}: {said}"
    return RefusedByEngine(text) if status in {400, 409, 413, 422} else read_error(status, said)


def message(body: bytes) -> str:
    """What a refusal says: its `message`, else all of it. It may be long, and repeat what nobody else may read."""
    try:
        said = json.loads(body).get("message")
    except (ValueError, AttributeError, RecursionError):
        said = None
    return str(said) if said else body.decode(errors="replace")


def token(body: bytes) -> Token:
    """The answer of token:generate."""
    return _parse(Token, body)


def accepted(body: bytes) -> AcceptedJob:
    """The 201 of a submission."""
    return _parse(AcceptedJob, body)


def job_status(body: bytes) -> JobStatus:
    """The answer of GET /v1/job/{id}."""
    status = _parse(_Job, body).status
    try:
        return JobStatus(status)
    except ValueError:
        raise UnreadableAnswer(f"unknown job status {status[:40]!r}") from None


def found_conversation(body: bytes, attempt_id: str) -> str | None:
    """The conversation in a listing that names `attempt_id`; the filter is not trusted."""
    for conversation in _parse(_Conversations, body).conversations:
        if conversation.metadata.get(ATTEMPT_KEY) == attempt_id or f"[{attempt_id}]" in conversation.name:
            return conversation.id
    return None


def section_rows(name: str, body: bytes) -> rows.Rows:
    """The rows of one section."""
    return _PARSERS[name](body)


def experience_url(body: bytes) -> str:
    """The address of a page of the engine's own. Whoever has it can read the call."""
    return _parse(_Experience, body).url


def _seconds(text: str | None) -> timedelta | None:
    if not text or not (text.isascii() and text.isdigit()):
        return None
    return timedelta(seconds=min(float(text), _LONGEST_ADVICE.total_seconds()))


def _parse(model: Any, body: bytes) -> Any:  # noqa: ANN401  # the model's own type
    try:
        return pydantic.TypeAdapter(model).validate_json(body)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UnreadableAnswer(f"{getattr(model, '__name__', model)}: {where}: {first['msg']}") from None


class _Wire(pydantic.BaseModel):
    """Members that are not known are ignored; ids may come as numbers."""

    model_config = pydantic.ConfigDict(extra="ignore", coerce_numbers_to_str=True, populate_by_name=True)


def _empty(value: object) -> object:
    return value if value is not None else {}


class _Experience(_Wire):
    url: Annotated[str, pydantic.StringConstraints(pattern=r"^https?://[^\s\"'<>]{1,4000}$")]


class _Job(_Wire):
    status: str


class _Conversation(_Wire):
    id: str
    name: str = ""
    metadata: Annotated[dict[str, Any], pydantic.BeforeValidator(_empty)] = {}


class _Conversations(_Wire):
    conversations: list[_Conversation]


class _Person(_Wire):
    id: str | None = None
    name: str | None = None
    #: `userId` in insights and analytics, `email` everywhere else.
    email: str | None = pydantic.Field(default=None, validation_alias=pydantic.AliasChoices("email", "userId"))

    def row(self) -> rows.Person:
        return rows.Person(id=self.id, name=self.name, email=self.email)


_Someone = Annotated[_Person, pydantic.BeforeValidator(_empty)]


class _Polarity(_Wire):
    score: float = 0.0


class _Sentiment(_Wire):
    polarity: _Polarity
    suggested: str = "neutral"


def _sentiment(given: _Sentiment | None) -> rows.Sentiment | None:
    return rows.Sentiment(score=given.polarity.score, label=given.suggested) if given else None


class _Word(_Wire):
    word: str
    time_offset: float = pydantic.Field(alias="timeOffset", default=0.0)
    duration: float = 0.0
    score: float | None = None


class _Message(_Wire):
    id: str
    text: str
    speaker: _Someone = pydantic.Field(alias="from", default=_Person())
    start_time: datetime = pydantic.Field(alias="startTime")
    end_time: datetime = pydantic.Field(alias="endTime")
    time_offset: float = pydantic.Field(alias="timeOffset")
    duration: float
    sentiment: _Sentiment | None = None
    phrases: list[Any] = []
    words: list[_Word] = []

    def row(self) -> rows.Message:
        return rows.Message(
            id=self.id,
            text=self.text,
            speaker=self.speaker.row(),
            start=self.time_offset,
            duration=self.duration,
            start_time=self.start_time,
            end_time=self.end_time,
            sentiment=_sentiment(self.sentiment),
            phrases=_phrases(self.phrases),
            words=tuple(
                rows.Word(text=word.word, start=word.time_offset, duration=word.duration, score=word.score)
                for word in self.words
            ),
        )


def _phrases(given: list[Any]) -> tuple[str, ...]:
    """Objects with a `text` in the documentation, plain strings in the Go SDK."""
    return tuple(str(phrase.get("text", "")) if isinstance(phrase, dict) else str(phrase) for phrase in given)


class _ParentRef(_Wire):
    text: str = ""


class _Topic(_Wire):
    id: str
    text: str
    score: float | None = None
    message_ids: list[str] = pydantic.Field(alias="messageIds", default=[])
    sentiment: _Sentiment | None = None
    parent_refs: list[_ParentRef] = pydantic.Field(alias="parentRefs", default=[])

    def row(self) -> rows.Topic:
        return rows.Topic(
            id=self.id,
            text=self.text,
            score=self.score,
            message_ids=tuple(self.message_ids),
            sentiment=_sentiment(self.sentiment),
            parents=tuple(parent.text for parent in self.parent_refs),
        )


class _Question(_Wire):
    id: str
    text: str
    score: float | None = None
    message_ids: list[str] = pydantic.Field(alias="messageIds", default=[])
    speaker: _Someone = pydantic.Field(alias="from", default=_Person())

    def row(self) -> rows.Question:
        return rows.Question(
            id=self.id,
            text=self.text,
            score=self.score,
            message_ids=tuple(self.message_ids),
            asked_by=self.speaker.row(),
        )


class _TaskEntity(_Wire):
    type: str = ""
    text: str = ""
    value: Any = None

    def row(self) -> rows.TaskEntity:
        value = self.value if isinstance(self.value, str) or self.value is None else json.dumps(self.value)
        return rows.TaskEntity(type=self.type, text=self.text, value=value)


class _Insight(_Wire):
    id: str
    text: str
    score: float | None = None
    message_ids: list[str] = pydantic.Field(alias="messageIds", default=[])
    speaker: _Someone = pydantic.Field(alias="from", default=_Person())
    assignee: _Someone = _Person()
    definitive: bool | None = None
    due_by: datetime | None = pydantic.Field(alias="dueBy", default=None)
    phrases: list[Any] = []
    entities: list[_TaskEntity] = []

    def row_as(self, row_type: type[rows.ActionItem]) -> rows.ActionItem:
        return row_type(
            id=self.id,
            text=self.text,
            score=self.score,
            message_ids=tuple(self.message_ids),
            said_by=self.speaker.row(),
            assignee=self.assignee.row(),
            definitive=self.definitive,
            due_by=self.due_by,
            phrases=_phrases(self.phrases),
            entities=tuple(entity.row() for entity in self.entities),
        )


class _MessageRef(_Wire):
    id: str
    text: str | None = None
    offset: int | None = None

    def row(self) -> rows.MessageRef:
        return rows.MessageRef(message_id=self.id, text=self.text, offset=self.offset)


class _EntityMatch(_Wire):
    value: str = pydantic.Field(validation_alias=pydantic.AliasChoices("detectedValue", "value"))
    message_refs: list[_MessageRef] = pydantic.Field(alias="messageRefs", default=[])

    def row(self) -> rows.EntityMatch:
        return rows.EntityMatch(value=self.value, message_refs=tuple(ref.row() for ref in self.message_refs))


class _Entity(_Wire):
    """Both shapes: the new one has `matches`, the old one is a match itself."""

    type: str
    sub_type: str | None = pydantic.Field(alias="subType", default=None)
    custom_type: str | None = pydantic.Field(alias="customType", default=None)
    category: str | None = None
    matches: list[_EntityMatch] | None = None
    text: str = ""
    value: Any = None
    message_refs: list[_MessageRef] = pydantic.Field(alias="messageRefs", default=[])

    def row(self) -> rows.DetectedEntity:
        matches = self.matches
        if matches is None:
            matches = [_EntityMatch(value=str(self.text or self.value), message_refs=self.message_refs)]
        return rows.DetectedEntity(
            type=self.type,
            sub_type=self.sub_type or self.custom_type,
            category=self.category,
            matches=tuple(match.row() for match in matches),
        )


class _TrackerMatch(_Wire):
    type: str = "vocabulary"
    value: str = ""
    message_refs: list[_MessageRef] = pydantic.Field(alias="messageRefs", default=[])
    insight_refs: list[_MessageRef] = pydantic.Field(alias="insightRefs", default=[])

    def row(self) -> rows.TrackerMatch:
        return rows.TrackerMatch(
            type=self.type,
            value=self.value,
            message_refs=tuple(ref.row() for ref in self.message_refs),
            insight_refs=tuple(ref.row() for ref in self.insight_refs),
        )


class _Tracker(_Wire):
    id: str = ""
    name: str
    matches: list[_TrackerMatch] = []

    def row(self) -> rows.DetectedTracker:
        return rows.DetectedTracker(id=self.id, name=self.name, matches=tuple(match.row() for match in self.matches))


class _Metric(_Wire):
    type: str
    percent: float = 0.0
    seconds: float = 0.0


class _Share(_Wire):
    percentage: float = 0.0
    seconds: float = 0.0


class _Pace(_Wire):
    wpm: float | None = None


class _OverlapMember(_Wire):
    id: str | None = None
    name: str | None = None
    percent: float = 0.0
    seconds: float = 0.0


class _Overlap(_Wire):
    duration: float = pydantic.Field(alias="overlapDuration", default=0.0)
    members: list[_OverlapMember] = pydantic.Field(alias="overlappingMembers", default=[])


class _Member(_Person):
    pace: Annotated[_Pace, pydantic.BeforeValidator(_empty)] = _Pace()
    talk: Annotated[_Share, pydantic.BeforeValidator(_empty)] = pydantic.Field(alias="talkTime", default=_Share())
    listen: Annotated[_Share, pydantic.BeforeValidator(_empty)] = pydantic.Field(alias="listenTime", default=_Share())
    overlap: Annotated[_Overlap, pydantic.BeforeValidator(_empty)] = _Overlap()

    def analytics(self) -> rows.MemberAnalytics:
        return rows.MemberAnalytics(
            member=self.row(),
            words_per_minute=self.pace.wpm,
            talk_percent=self.talk.percentage,
            talk_seconds=self.talk.seconds,
            listen_percent=self.listen.percentage,
            listen_seconds=self.listen.seconds,
            overlap_seconds=self.overlap.duration,
            overlaps=tuple(
                rows.OverlapWith(member_id=o.id, name=o.name, percent=o.percent, seconds=o.seconds)
                for o in self.overlap.members
            ),
        )


class _Analytics(_Wire):
    metrics: list[_Metric]
    members: list[_Member] = []


class _SummaryRef(_Wire):
    id: str


class _SummarySentence(_Wire):
    id: str
    text: str
    message_refs: list[_SummaryRef] = pydantic.Field(alias="messageRefs", default=[])

    def row(self) -> rows.SummarySentence:
        return rows.SummarySentence(id=self.id, text=self.text, message_ids=tuple(ref.id for ref in self.message_refs))


class _Answers(_Wire):
    """The named lists of the conversation API; each call fills one."""

    messages: list[_Message] | None = None
    topics: list[_Topic] | None = None
    questions: list[_Question] | None = None
    action_items: list[_Insight] | None = pydantic.Field(alias="actionItems", default=None)
    follow_ups: list[_Insight] | None = pydantic.Field(alias="followUps", default=None)
    entities: list[_Entity] | None = None
    summary: list[_SummarySentence] | None = None


def _listed(name: str, to_row: Callable[[Any], object]) -> Callable[[bytes], rows.Rows]:
    def parse(body: bytes) -> rows.Rows:
        items = getattr(_parse(_Answers, body), name)
        if items is None:
            raise UnreadableAnswer(f"the answer has no {name}")
        return tuple(to_row(item) for item in items)

    return parse


def _trackers(body: bytes) -> rows.Rows:
    return tuple(tracker.row() for tracker in _parse(list[_Tracker], body))


def _analytics(body: bytes) -> rows.Rows:
    given = _parse(_Analytics, body)
    metrics = tuple(rows.Metric(type=m.type, percent=m.percent, seconds=m.seconds) for m in given.metrics)
    return (rows.Analytics(metrics=metrics, members=tuple(member.analytics() for member in given.members)),)


_PARSERS: Mapping[str, Callable[[bytes], rows.Rows]] = {
    "messages": _listed("messages", lambda item: item.row()),
    "topics": _listed("topics", lambda item: item.row()),
    "trackers": _trackers,
    "questions": _listed("questions", lambda item: item.row()),
    "action_items": _listed("action_items", lambda item: item.row_as(rows.ActionItem)),
    "follow_ups": _listed("follow_ups", lambda item: item.row_as(rows.FollowUp)),
    "entities": _listed("entities", lambda item: item.row()),
    "analytics": _analytics,
    "summary": _listed("summary", lambda item: item.row()),
}
