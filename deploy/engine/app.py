"""The HTTP surface: Symbl's paths, statuses and bodies over an engine."""

import json
import re
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, abort, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from deploy.engine import conversation as views
from deploy.engine import rsql
from deploy.engine.errors import BadRequest, NotFound, NotServed, Refused
from deploy.engine.instants import iso
from deploy.engine.listing import read_page
from deploy.engine.store import ACTIVE, JobStatus, Member
from deploy.engine.submission import read_member, read_metadata, read_submission, read_transcript_request

if TYPE_CHECKING:
    from deploy.engine.engine import Engine

Json = dict[str, Any]
MAX_BODY_BYTES = 1024**2
OPEN_PATHS = ("/oauth2/token:generate", "/health", "/ready")
#: Fields of a message that are left out unless the query asks for them.
_ON_REQUEST = {"words": "verbose", "sentiment": "sentiment"}
#: What Symbl served and the engine does not: a path that matches is answered with 501 and the sentence.
NOT_SERVED = [
    (r"process/audio(/\d+)?", "Uploading the audio itself is not served: give its URL to /v1/process/audio/url."),
    (r"process/video(/.*)?", "Video is not served."),
    (r"process/text(/.*)?", "Text conversations are not served."),
    (r"manage/.*", "The Management API is not served: send trackers with the recording."),
    (r"conversations/(\d+/)?experiences(/.*)?", "Pre-built pages are not served."),
    (r"conversations/\d+/callscore(/status)?", "Call scores are not served."),
    (r"conversations/\d+/lm-insights(/status)?", "Insights by a language model are not served."),
    (r"insights/.*", "Insights by a language model are not served."),
    (r"conversations/\d+/insights", "The combined insights are not served: ask for each kind."),
    (r"conversations/\d+/intents", "Intents are not served."),
    (r"conversations/\d+/speakers", "Speaker events are not served."),
    (r"conversations/\d+/bookmarks(-summary|/.*)?", "Bookmarks are not served."),
]


def build_app(engine: "Engine") -> Flask:
    """The WSGI application over *engine*."""
    app = Flask("deploy.engine", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.before_request(lambda: None if request.path in OPEN_PATHS else authenticate(engine))
    report_errors(app)
    _add_service(app, engine)
    _add_jobs(app, engine)
    _add_conversations(app, engine)
    _add_intelligence(app, engine)
    return app


# What holds for every call


def report_errors(app: Flask) -> None:
    """Answer with `{"message": …}` and the right status whatever *app* refuses."""
    app.register_error_handler(Refused, _refusal)
    app.register_error_handler(HTTPException, _http_error)


def authenticate(engine: "Engine") -> None:
    """Let the request pass whose token is good.

    Raises:
        Unauthorized: it has none, or another.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    engine.tokens.check(token.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key"))


def _refusal(error: Refused) -> ResponseReturnValue:
    body: Json = {"message": str(error)}
    return jsonify({"statusCode": error.status, **body} if error.status == 429 else body), error.status  # noqa: PLR2004


def _http_error(error: HTTPException) -> ResponseReturnValue:
    for path, sentence in NOT_SERVED if error.code in {404, 405} else ():
        if re.fullmatch(f"/v1/{path}", request.path):
            return _refusal(NotServed(f"{sentence} docs/engine.md lists what is."))
    return jsonify({"message": error.description or error.name}), error.code or 500


def _body() -> object:
    try:
        body: object = json.loads(request.get_data())
    except ValueError as error:
        raise BadRequest(f"The body is not JSON: {error}") from None
    return body


def _marked(engine: "Engine", body: Any) -> Response:  # noqa: ANN401 - any JSON
    """An answer that says which engine found what it tells."""
    answer = jsonify(body)
    answer.headers["X-Analysis-Engine"] = engine.listener.name
    return answer


def _wanted(name: str) -> bool:
    """A boolean of the query, false unless given."""
    value = request.args.get(name, "false").lower()
    if value not in {"true", "false"}:
        raise BadRequest(f'"{name}" must be a boolean')
    return value == "true"


# Service


def _add_service(app: Flask, engine: "Engine") -> None:
    @app.get("/health")
    def health() -> ResponseReturnValue:
        return {"status": "ok"}

    @app.get("/ready")
    def ready() -> ResponseReturnValue:
        state = engine.state()
        return state, 200 if state["ready"] else 503

    @app.post("/oauth2/token:generate")
    def generate_token() -> ResponseReturnValue:
        return engine.tokens.generate(_body())


# Jobs


def _add_jobs(app: Flask, engine: "Engine") -> None:
    @app.post("/v1/process/audio/url")
    def submit_audio() -> ResponseReturnValue:
        return _accepted()

    @app.put("/v1/process/audio/url/<conversation_id>")
    def append_audio(conversation_id: str) -> ResponseReturnValue:
        return _accepted(conversation_id)

    def _accepted(conversation_id: str | None = None) -> ResponseReturnValue:
        job = engine.accept(read_submission(_body(), request.args), conversation_id)
        return {"conversationId": job.conversation_id, "jobId": job.id}, 201

    @app.get("/v1/job/<job_id>")
    def read_job(job_id: str) -> ResponseReturnValue:
        job = engine.store.job(job_id)
        headers = {"X-Job-Error": _one_line(job.error)} if job.error else {}
        return {"id": job.id, "status": job.status}, 200, headers

    @app.get("/v1/job/<job_id>/details")
    def read_job_details(job_id: str) -> ResponseReturnValue:
        job = engine.store.job(job_id)
        return {
            "id": job.id,
            "status": job.status,
            "conversationId": job.conversation_id,
            "acceptedAt": iso(job.accepted_at),
            "endedAt": iso(job.ended_at) if job.ended_at else None,
            "starts": job.starts,
            "reason": job.error,
            "provenance": job.provenance,
        }


def _one_line(text: str) -> str:
    """Fit for a header: one line of Latin-1."""
    return " ".join(text.split()).encode("latin-1", "replace").decode("latin-1")


# Conversations


def _add_conversations(app: Flask, engine: "Engine") -> None:
    @app.get("/v1/conversations")
    def list_conversations() -> ResponseReturnValue:
        page = read_page(request.args, engine.clock())
        found = engine.store.conversations(start=page.start, end=page.end, descending=page.descending)
        comparisons = rsql.parse(page.filter) if page.filter else []
        passing = [c for c in found if all(comparison.holds(c) for comparison in comparisons)]
        return {"conversations": [views.overview(c) for c in passing[page.offset : page.offset + page.limit]]}

    @app.get("/v1/conversations/<conversation_id>")
    def read_conversation(conversation_id: str) -> ResponseReturnValue:
        return _marked(engine, views.overview(engine.store.conversation(conversation_id)))

    @app.put("/v1/conversations/<conversation_id>")
    def update_conversation(conversation_id: str) -> ResponseReturnValue:
        metadata = read_metadata(_body())
        with engine.store.transaction():
            conversation = engine.store.conversation(conversation_id)
            metadata = {**conversation.metadata, **metadata}
            engine.store.put_metadata(conversation_id, metadata)
        return {"id": conversation_id, "metadata": metadata}

    @app.delete("/v1/conversations/<conversation_id>")
    def delete_conversation(conversation_id: str) -> ResponseReturnValue:
        engine.delete(conversation_id)
        return {"message": "successfully deleted the conversation"}

    @app.put("/v1/conversations/<conversation_id>/members/<member_id>")
    def update_member(conversation_id: str, member_id: str) -> ResponseReturnValue:
        given = read_member(_body())
        if given.id != member_id:
            raise BadRequest(f'"id" must be {member_id}, the member of the path')
        engine.analyst.update_member(conversation_id, Member(given.id, given.name, given.email))
        return {
            "message": f"Member with id: {member_id} for conversationId: {conversation_id} updated successfully! "
            "The update should be reflected in all messages and insights along with this conversation"
        }


# Conversation intelligence


def _add_intelligence(app: Flask, engine: "Engine") -> None:
    @app.get("/v1/conversations/<conversation_id>/<kind>")
    def read_intelligence(conversation_id: str, kind: str) -> ResponseReturnValue:
        read = _READS.get(kind)
        if read is None:
            abort(404)
        return _marked(engine, read(engine, conversation_id))

    @app.post("/v1/conversations/<conversation_id>/transcript")
    def write_transcript(conversation_id: str) -> ResponseReturnValue:
        wish = read_transcript_request(_body())
        return _marked(engine, views.transcript(_items(engine, conversation_id, "messages"), wish))


def _members(engine: "Engine", conversation_id: str) -> Json:
    return {"members": views.overview(engine.store.conversation(conversation_id))["members"]}


def _messages(engine: "Engine", conversation_id: str) -> Json:
    left_out = {field for field, parameter in _ON_REQUEST.items() if not _wanted(parameter)}
    return {"messages": [_without(left_out, message) for message in _items(engine, conversation_id, "messages")]}


def _topics(engine: "Engine", conversation_id: str) -> Json:
    if "customTopicVocabulary" in request.args:
        raise NotServed("customTopicVocabulary is not served: topics are what the speakers talk about most.")
    left_out = set() if _wanted("sentiment") else {"sentiment"}
    no_parents: Json = {} if _wanted("parentRefs") else {"parentRefs": []}
    topics = _items(engine, conversation_id, "topics")
    return {"topics": [{**_without(left_out, topic), **no_parents} for topic in topics]}


def _entities(engine: "Engine", conversation_id: str) -> Json:
    found = _items(engine, conversation_id, "entities")
    legacy = engine.settings.entities_shape == "legacy"
    return {"entities": views.legacy_entities(found) if legacy else found}


def _summary(engine: "Engine", conversation_id: str) -> Json:
    found = _items(engine, conversation_id, "summary")
    jobs = engine.store.jobs_of(conversation_id)
    if any(job.status in ACTIVE for job in jobs):
        raise NotFound("The summary is not ready: the conversation is still being processed.")
    if all(job.status is JobStatus.FAILED for job in jobs):
        raise NotFound("There is no summary: the conversation could not be processed.")
    return {"summary": found}


def _analytics(engine: "Engine", conversation_id: str) -> Json:
    return _result(engine, conversation_id, "analytics") or {"metrics": [], "members": []}


def _trackers(engine: "Engine", conversation_id: str) -> list[Json]:
    return _items(engine, conversation_id, "trackers")


def _list_of(key: str) -> "Reader":
    return lambda engine, conversation_id: {key: _items(engine, conversation_id, key)}


Reader = Callable[["Engine", str], Json | list[Json]]
#: What `GET /v1/conversations/{id}/<kind>` answers with; trackers, alone, are a bare array.
_READS: dict[str, Reader] = {
    "members": _members,
    "messages": _messages,
    "topics": _topics,
    "questions": _list_of("questions"),
    "action-items": _list_of("actionItems"),
    "follow-ups": _list_of("followUps"),
    "entities": _entities,
    "analytics": _analytics,
    "trackers": _trackers,
    "trackers-detected": _trackers,
    "summary": _summary,
}


def _result(engine: "Engine", conversation_id: str, kind: str) -> Any:  # noqa: ANN401 - any JSON
    engine.store.conversation(conversation_id)
    return engine.store.result(conversation_id, kind)


def _items(engine: "Engine", conversation_id: str, kind: str) -> list[Json]:
    """A list of results, empty before anything was analysed."""
    if _wanted("redact") or "exclude" in request.args:
        raise NotServed("Redaction is not served: nothing would be taken out, so nothing is answered.")
    found: list[Json] = _result(engine, conversation_id, kind) or []
    return found


def _without(names: Collection[str], item: Json) -> Json:
    return {name: value for name, value in item.items() if name not in names}
