"""What is served, as OpenAPI 3.1: one table of operations; `GET /openapi.json` answers with it.

Bodies are the models that validate them. Answers are written down here as strictly as they are given: no field more,
and none less but those that Symbl leaves out, too. What the settings decide (shapes, statuses) is told as decided.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from deploy.engine.experiences import MediaUpdate, PageWish
from deploy.engine.settings import EngineSettings
from deploy.engine.submission import (
    JSON_IN_QUERY,
    MemberUpdate,
    MetadataUpdate,
    Submission,
    TranscriptRequest,
    UrlSubmission,
)
from deploy.engine.tokens import Credentials
from deploy.engine.trackers import PatchStep, TrackerBody, TrackerReplacement
from deploy.engine.uploads import CONTENT_TYPES

Json = dict[str, Any]
Method = Literal["get", "post", "put", "patch", "delete"]
_MODELS: tuple[type[BaseModel], ...] = (
    Credentials, UrlSubmission, Submission, MetadataUpdate, MemberUpdate, TranscriptRequest, PageWish, MediaUpdate,
    TrackerBody, TrackerReplacement, PatchStep,
)  # fmt: skip

# Schemas of answers

TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}
BOOLEAN: Json = {"type": "boolean"}
COUNT: Json = {"type": "integer", "minimum": 0}
SHARE: Json = {"type": "number", "minimum": 0, "maximum": 1}
INSTANT: Json = {"type": "string", "format": "date-time", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}
DECIMAL_ID: Json = {"type": "string", "pattern": r"^\d+$"}
UUID: Json = {"type": "string", "format": "uuid"}
STATUS: Json = {"enum": ["scheduled", "in_progress", "completed", "failed"]}


def record(required: Mapping[str, Json], **optional: Json) -> Json:
    """An object with these fields and no others."""
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


def many(item: Json) -> Json:
    """An array of these."""
    return {"type": "array", "items": item}


def either(*schemas: Json) -> Json:
    """One of these."""
    return {"anyOf": list(schemas)}


def ref(name: str) -> Json:
    """A schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


NOTHING = record({})
_SPAN = {"startTime": INSTANT, "endTime": INSTANT, "timeOffset": NUMBER, "duration": NUMBER}
_REFERENCE = {"id": DECIMAL_ID, "text": TEXT, "offset": {"type": "integer"}}
_INSIGHT = {"id": DECIMAL_ID, "text": TEXT, "score": SHARE, "messageIds": many(DECIMAL_ID)}


def answer_schemas(settings: EngineSettings) -> dict[str, Json]:
    """Every named schema of an answer, in the shapes of *settings*."""
    phrase = TEXT if settings.phrases_shape == "strings" else ref("Phrase")
    new_entity = record(
        {
            "id": DECIMAL_ID,
            "type": TEXT,
            "subType": TEXT,
            "category": {"enum": ["Managed", "Custom"]},
            "matches": many(
                record(
                    {
                        "detectedValue": TEXT,
                        "value": TEXT,
                        "messageRefs": many(record({**_REFERENCE, "startTime": INSTANT, "endTime": INSTANT})),
                    }
                )
            ),
        }
    )
    old_entity = record(
        {"type": TEXT, "value": TEXT, "text": TEXT, "messageRefs": many(record(_REFERENCE))}, customType=TEXT
    )
    srt = {"content": TEXT, "contentType": {"const": "text/srt"}}
    as_string = record({"payload": TEXT, "contentType": {"enum": ["text/markdown", "text/srt"]}})
    task = {
        **_INSIGHT,
        "entities": many(
            record(
                {"type": TEXT, "text": TEXT, "offset": {"type": "integer"}, "value": either(TEXT, {"type": "object"})}
            )
        ),
        "phrases": many(phrase),
        "from": either(ref("User"), NOTHING),
        "definitive": BOOLEAN,
        "assignee": either(ref("Member"), record({"name": TEXT}), NOTHING),
    }
    return {
        "Error": record({"message": TEXT}, statusCode={"type": "integer"}),
        "Token": record({"accessToken": TEXT, "expiresIn": COUNT}),
        "Accepted": record({"conversationId": DECIMAL_ID, "jobId": UUID}),
        "Job": record({"id": UUID, "status": STATUS}),
        "JobDetails": record(
            {
                "id": UUID, "status": STATUS, "conversationId": DECIMAL_ID, "acceptedAt": INSTANT,
                "endedAt": either(INSTANT, {"type": "null"}), "starts": COUNT, "reason": {"type": ["string", "null"]},
                "provenance": {"type": "object"},
            }
        ),
        "Member": record({"id": UUID, "name": TEXT}, email=TEXT),
        "User": record({"id": UUID, "name": TEXT}, userId=TEXT),
        "Sentiment": record(
            {
                "polarity": record({"score": {"type": "number", "minimum": -1, "maximum": 1}}),
                "suggested": {"enum": ["negative", "neutral", "positive"]},
            }
        ),
        "Phrase": record({"type": {"const": "action_phrase"}, "text": TEXT}),
        "Metadata": {"type": "object", "additionalProperties": TEXT},
        "Conversation": record(
            {
                "id": DECIMAL_ID, "type": {"const": "meeting"}, "name": TEXT, "startTime": INSTANT, "endTime": INSTANT,
                "members": many(ref("Member")), "metadata": ref("Metadata"),
            }
        ),
        "Word": record({"word": TEXT, **_SPAN, "score": SHARE}, speakerTag=COUNT),
        "Message": record(
            {
                "id": DECIMAL_ID, "text": TEXT, "from": either(ref("Member"), NOTHING), **_SPAN,
                "conversationId": DECIMAL_ID, "phrases": many(phrase),
            },
            sentiment=ref("Sentiment"),
            words=many(ref("Word")),
        ),
        "Topic": record(
            {
                **_INSIGHT, "type": {"const": "topic"},
                "parentRefs": many(record({"type": {"const": "topic"}, "text": TEXT})),
            },
            sentiment=ref("Sentiment"),
        ),
        "Question": record({**_INSIGHT, "type": {"const": "question"}, "from": either(ref("User"), NOTHING)}),
        "ActionItem": record({**task, "type": {"const": "action_item"}}, dueBy=INSTANT),
        "FollowUp": record({**task, "type": {"const": "follow_up"}}, dueBy=INSTANT),
        "Entity": old_entity if settings.entities_shape == "legacy" else new_entity,
        "DetectedTracker": record(
            {
                "id": TEXT, "name": TEXT,
                "matches": many(
                    record(
                        {
                            "type": {"const": "vocabulary"}, "value": TEXT, "messageRefs": many(record(_REFERENCE)),
                            "insightRefs": many(record({**_REFERENCE, "type": TEXT})),
                        }
                    )
                ),
            }
        ),
        "Analytics": record(
            {
                "metrics": many(
                    record(
                        {
                            "type": {"enum": ["total_silence", "total_talk_time", "total_overlap"]},
                            "percent": NUMBER, "seconds": NUMBER,
                        }
                    )
                ),
                "members": many(ref("MemberAnalytics")),
            }
        ),
        "MemberAnalytics": record(
            {
                "id": UUID, "name": TEXT, "pace": record({"wpm": NUMBER}),
                "talkTime": record({"percentage": NUMBER, "seconds": NUMBER}),
                "listenTime": record({"percentage": NUMBER, "seconds": NUMBER}),
                "overlap": either(
                    record(
                        {
                            "overlapDuration": NUMBER,
                            "overlappingMembers": many(
                                record({"id": UUID, "name": TEXT, "percent": NUMBER, "seconds": NUMBER}, userId=TEXT)
                            ),
                        }
                    ),
                    NOTHING,
                ),
            },
            userId=TEXT,
        ),
        "Sentence": record({"id": DECIMAL_ID, "text": TEXT, "messageRefs": many(record({"id": DECIMAL_ID}))}),
        "Transcript": record(
            {
                "transcript": as_string
                if settings.srt_payload == "string"
                else either(
                    record({"payload": TEXT, "contentType": {"const": "text/markdown"}}),
                    record({"payload": record(srt)}),
                )
            }
        ),
        "Tracker": record(
            {
                "id": DECIMAL_ID, "name": TEXT, "description": TEXT, "categories": many(TEXT), "languages": many(TEXT),
                "vocabulary": many(TEXT), "createdOn": INSTANT, "updatedOn": INSTANT,
            }
        ),
        "Deleted": record({"id": DECIMAL_ID, "type": {"const": "tracker"}, "deleted": {"const": True}}),
        "Page": record({"name": {"enum": ["verbose-text-summary", "audio-summary", "video-summary"]}, "url": TEXT}),
        "Readiness": record(
            {
                "ready": BOOLEAN, "analyzer": TEXT, "engine": TEXT,
                "queue": record({"activeJobs": COUNT, "maxActiveJobs": COUNT, "webhooks": COUNT}),
            },
            reason=TEXT,
        ),
    }  # fmt: skip


# The table


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path. *answers* are schemas by status, beside those that its other fields entail."""

    method: Method
    path: str
    summary: str
    answers: Mapping[int, Json]
    body: type[BaseModel] | Json | None = None
    audio: bool = False
    page: bool = False
    query: Sequence[Json] = ()
    errors: Sequence[int] = ()
    open: bool = False


def parameter(name: str, schema: Json) -> Json:
    """A parameter of the query, which may be left out."""
    return {"name": name, "in": "query", "schema": schema}


_CONVERSATION = "/v1/conversations/{conversationId}"
_SECRECY = (parameter("redact", BOOLEAN), parameter("exclude", TEXT))
_OLD, _NEW = "/v1/manage/tracker", "/v1/manage/trackers"


def _read(kind: str, schema: Json, *query: Json, secret: bool = True, missing: Sequence[int] = ()) -> Operation:
    return Operation(
        method="get",
        path=f"{_CONVERSATION}/{kind}",
        summary=f"Read {kind} of a conversation",
        answers={200: schema},
        query=(*query, *_SECRECY) if secret else query,
        errors=(400, 501, *missing) if secret else missing,
    )


def _uploads() -> tuple[Json, ...]:
    """The fields of a submission as parameters of the query; those in JSON say so."""
    fields = Submission.model_json_schema(ref_template="#/components/schemas/{model}")["properties"]
    return tuple(
        {"name": name, "in": "query", "content": {"application/json": {"schema": schema}}}
        if name in JSON_IN_QUERY
        else parameter(name, _without_null(schema))
        for name, schema in fields.items()
        if name != "url"
    )


def operations(settings: EngineSettings) -> tuple[Operation, ...]:
    """Everything that is served."""
    made = settings.created_status
    accepted = {201: ref("Accepted")}
    tracker, trackers = record({"tracker": ref("Tracker")}), record({"trackers": many(ref("Tracker"))})
    batch = {"type": "array", "items": ref("TrackerBody"), "minItems": 1}
    submitting = (409, 429) if settings.async_conflict == "active_url" else (429,)
    return (
        Operation(method="get", path="/health", summary="Alive", answers={200: record({"status": TEXT})}, open=True),
        Operation(
            method="get",
            path="/ready",
            summary="Able to analyse, and how much is waiting",
            answers={200: ref("Readiness"), 503: ref("Readiness")},
            open=True,
        ),
        Operation(
            method="get", path="/openapi.json", summary="This description", answers={200: {"type": "object"}}, open=True
        ),
        Operation(
            method="post",
            path="/oauth2/token:generate",
            summary="The account's token, with the seconds left",
            answers={200: ref("Token")},
            body=Credentials,
            errors=(401,),
            open=True,
        ),
        Operation(
            method="post",
            path="/v1/process/audio/url",
            summary="Send in a recording by its URL",
            answers=accepted,
            body=UrlSubmission,
            errors=submitting,
        ),
        Operation(
            method="put",
            path="/v1/process/audio/url/{conversationId}",
            summary="Append a recording by its URL",
            answers=accepted,
            body=UrlSubmission,
            errors=submitting,
        ),
        Operation(
            method="post",
            path="/v1/process/audio",
            summary="Send in a recording itself",
            answers=accepted,
            audio=True,
            query=_uploads(),
            errors=(429,),
        ),
        Operation(
            method="put",
            path="/v1/process/audio/{conversationId}",
            summary="Append a recording itself",
            answers=accepted,
            audio=True,
            query=_uploads(),
            errors=(429,),
        ),
        Operation(method="get", path="/v1/job/{jobId}", summary="Where a job stands", answers={200: ref("Job")}),
        Operation(
            method="get", path="/v1/job/{jobId}/details", summary="All of a job", answers={200: ref("JobDetails")}
        ),
        Operation(
            method="get",
            path="/v1/conversations",
            summary="List conversations",
            answers={200: record({"conversations": many(ref("Conversation"))})},
            query=(
                parameter("limit", {"type": "integer", "minimum": 0, "maximum": 65536}),
                parameter("offset", {"type": "integer", "minimum": 0, "maximum": 65536}),
                parameter("order", {"enum": ["asc", "desc"]}),
                parameter("sort", {"const": "conversation.startTime"}),
                parameter("startTime", {"type": "string", "format": "date-time"}),
                parameter("endTime", {"type": "string", "format": "date-time"}),
                parameter("filter", TEXT),
            ),
            errors=(400,),
        ),
        Operation(method="get", path=_CONVERSATION, summary="Read a conversation", answers={200: ref("Conversation")}),
        Operation(
            method="put",
            path=_CONVERSATION,
            summary="Add to the metadata of a conversation",
            answers={200: record({"id": TEXT, "metadata": ref("Metadata")})},
            body=MetadataUpdate,
        ),
        Operation(
            method="delete",
            path=_CONVERSATION,
            summary="Forget a conversation",
            answers={200: record({"message": TEXT})},
        ),
        _read("members", record({"members": many(ref("Member"))}), secret=False),
        _read(
            "messages",
            record({"messages": many(ref("Message"))}),
            parameter("verbose", BOOLEAN),
            parameter("sentiment", BOOLEAN),
        ),
        _read(
            "topics",
            record({"topics": many(ref("Topic"))}),
            parameter("sentiment", BOOLEAN),
            parameter("parentRefs", BOOLEAN),
        ),
        _read("questions", record({"questions": many(ref("Question"))})),
        _read("action-items", record({"actionItems": many(ref("ActionItem"))})),
        _read("follow-ups", record({"followUps": many(ref("FollowUp"))})),
        _read("entities", record({"entities": many(ref("Entity"))})),
        _read("analytics", ref("Analytics"), secret=False),
        _read("trackers", many(ref("DetectedTracker"))),
        _read("trackers-detected", many(ref("DetectedTracker"))),
        _read("summary", record({"summary": many(ref("Sentence"))}), missing=(404,)),
        Operation(
            method="put",
            path=f"{_CONVERSATION}/members/{{memberId}}",
            summary="Change a member",
            answers={200: record({"message": TEXT})},
            body=MemberUpdate,
            errors=(404,),
        ),
        Operation(
            method="post",
            path=f"{_CONVERSATION}/transcript",
            summary="Write a transcript",
            answers={200: ref("Transcript")},
            body=TranscriptRequest,
            query=_SECRECY,
            errors=(501,),
        ),
        Operation(
            method="post",
            path=f"{_CONVERSATION}/experiences",
            summary="Make a page about a conversation",
            answers={made: ref("Page")},
            body=PageWish,
            errors=(501,),
        ),
        Operation(
            method="put",
            path=f"{_CONVERSATION}/experiences/url",
            summary="Change what the pages of a conversation play",
            answers={200: record({"url": TEXT})},
            body=MediaUpdate,
        ),
        Operation(
            method="get",
            path="/v1/conversations/experiences/insights/details/{conversationId}",
            summary="Make a page as it comes",
            answers={200: record({"url": TEXT})},
            query=(parameter("includeCallScore", BOOLEAN),),
            errors=(400, 501),
        ),
        Operation(
            method="get",
            path="/experiences/{address}",
            summary="A page about a conversation",
            answers={},
            page=True,
            open=True,
        ),
        Operation(
            method="get",
            path=_NEW,
            summary="List trackers",
            answers={200: trackers},
            query=(parameter("name", TEXT),),
            errors=(429,),
        ),
        Operation(
            method="post",
            path=_OLD,
            summary="Make a tracker",
            answers={made: tracker},
            body=TrackerBody,
            errors=(409, 429),
        ),
        Operation(
            method="post",
            path=_NEW,
            summary="Make a tracker, or from an array several",
            answers={made: either(tracker, trackers)},
            body=either(ref("TrackerBody"), batch),
            errors=(409, 429),
        ),
        Operation(
            method="post",
            path=f"{_NEW}/bulk",
            summary="Make trackers, all or none",
            answers={made: trackers},
            body=batch,
            errors=(409, 429),
        ),
        *(
            Operation(
                method="get",
                path=f"{path}/{{trackerId}}",
                summary="Read a tracker",
                answers={200: tracker},
                errors=(404, 429),
            )
            for path in (_OLD, _NEW)
        ),
        Operation(
            method="put",
            path=f"{_OLD}/{{trackerId}}",
            summary="Replace a tracker",
            answers={200: tracker},
            body=TrackerReplacement,
            errors=(404, 409, 429),
        ),
        Operation(
            method="patch",
            path=f"{_NEW}/{{trackerId}}",
            summary="Change a tracker step by step",
            answers={200: tracker},
            body={"type": "array", "items": ref("PatchStep"), "minItems": 1},
            errors=(404, 409, 429),
        ),
        *(
            Operation(
                method="delete",
                path=f"{path}/{{trackerId}}",
                summary="Forget a tracker",
                answers={200: ref("Deleted")},
                errors=(404, 429),
            )
            for path in (_OLD, _NEW)
        ),
    )


# The document


def document(settings: EngineSettings, base_url: str) -> Json:
    """The whole description; *base_url* is where the engine is reached."""
    paths: dict[str, Json] = {}
    for operation in operations(settings):
        paths.setdefault(operation.path, {})[operation.method] = _described(operation, settings)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "calltrack engine",
            "version": "1",
            "description": "Symbl's contract for recordings, answered by analysis on this machine. "
            "Paths of Symbl that are not described here answer 501 and say what to do instead.",
        },
        "servers": [{"url": base_url}],
        "security": [{"bearer": []}, {"key": []}],
        "paths": paths,
        "components": {
            "schemas": {**_body_schemas(), **answer_schemas(settings)},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
    }


def _described(operation: Operation, settings: EngineSettings) -> Json:
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}} for name in names
    ]
    described: Json = {
        "operationId": f"{operation.method} {operation.path}",
        "summary": operation.summary,
        "parameters": [*in_path, *operation.query],
        "responses": _responses(operation, names, settings),
    }
    if operation.open:
        described["security"] = []
    content = _request_content(operation)
    if content:
        described["requestBody"] = {"required": True, "content": content}
    return described


def _request_content(operation: Operation) -> Json:
    if operation.audio:
        return {kind: {"schema": {}} for kind in (*CONTENT_TYPES, "application/octet-stream")}
    if operation.body is None:
        return {}
    schema = operation.body if isinstance(operation.body, dict) else ref(operation.body.__name__)
    return {"application/json": {"schema": schema}}


def _responses(operation: Operation, names: Sequence[str], settings: EngineSettings) -> Json:
    if operation.page:
        texts = {200: "The page", 404: "There is no such page", 410: "It has expired, or its conversation was deleted"}
        return {str(status): _response(text, TEXT, "text/html") for status, text in texts.items()}
    errors = set(operation.errors)
    errors |= {400, 413} if operation.body is not None or operation.audio else set()
    errors |= set() if operation.open else {401}
    errors |= {settings.unknown_conversation_status} if "conversationId" in names else set()
    errors |= {settings.unknown_job_status} if "jobId" in names else set()
    answers = dict(operation.answers)
    for status in errors:
        answers[status] = either(answers[status], ref("Error")) if status in answers else ref("Error")
    return {
        str(status): _response(HTTPStatus(status).phrase, schema, "application/json")
        for status, schema in sorted(answers.items())
    }


def _response(text: str, schema: Json, kind: str) -> Json:
    return {"description": text, "content": {kind: {"schema": schema}}}


def _body_schemas() -> dict[str, Json]:
    """The models that validate bodies, and what they are made of."""
    _, schemas = models_json_schema(
        [(model, "validation") for model in _MODELS], ref_template="#/components/schemas/{model}"
    )
    found: dict[str, Json] = {name: _without_null(schema) for name, schema in schemas["$defs"].items()}
    return found


def _without_null(schema: Any) -> Any:  # noqa: ANN401 - any JSON
    """The schema without the nulls that pydantic takes and Joi refuses: a field is there, or it is not."""
    if isinstance(schema, list):
        return [_without_null(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: _without_null(value) for name, value in schema.items() if (name, value) != ("default", None)}
    branches = [branch for branch in kept.get("anyOf", []) if branch != {"type": "null"}]
    if len(branches) == 1:
        del kept["anyOf"]
        return {**branches[0], **kept}
    return kept
