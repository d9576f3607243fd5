"""The HTTP surface: Symbl's paths, statuses and bodies over an engine."""

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from deploy.engine import conversation as views
from deploy.engine import rsql
from deploy.engine.errors import BadRequest, NotFound, NotServed, Refused
from deploy.engine.instants import iso
from deploy.engine.listing import read_page
from deploy.engine.store import JobStatus, Member
from deploy.engine.submission import read_member, read_metadata, read_submission, read_transcript_request

if TYPE_CHECKING:
    from deploy.engine.engine import Engine

MAX_BODY_BYTES = 1024**2
OPEN_PATHS = ("/oauth2/token:generate", "/health", "/ready")
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
#: What Symbl served and the engine does not; a path is answered with 501 and the sentence.
NOT_SERVED = {
    "/v1/process/audio": "Uploading the audio itself is not served: give its URL to /v1/process/audio/url.",
    "/v1/process/audio/<conversation_id>": "Uploading the audio itself is not served: give its URL to /v1/process/audio/url.",
    "/v1/process/video": "Video is not served.",
    "/v1/process/video/<path:rest>": "Video is not served.",
    "/v1/process/text": "Text conversations are not served.",
    "/v1/process/text/<path:rest>": "Text conversations are not served.",
    "/v1/manage/<path:rest>": "The Management API is not served: send trackers with the recording.",
    "/v1/conversations/<conversation_id>/experiences": "Pre-built pages are not served.",
    "/v1/conversations/<conversation_id>/experiences/<path:rest>": "Pre-built pages are not served.",
    "/v1/conversations/experiences/<path:rest>": "Pre-built pages are not served.",
    "/v1/conversations/<conversation_id>/callscore": "Call scores are not served.",
    "/v1/conversations/<conversation_id>/callscore/status": "Call scores are not served.",
    "/v1/conversations/<conversation_id>/lm-insights": "Insights by a language model are not served.",
    "/v1/conversations/<conversation_id>/lm-insights/status": "Insights by a language model are not served.",
    "/v1/conversations/<conversation_id>/insights": "The combined insights are not served: ask for each kind.",
    "/v1/conversations/<conversation_id>/intents": "Intents are not served.",
    "/v1/conversations/<conversation_id>/speakers": "Speaker events are not served.",
    "/v1/conversations/<conversation_id>/bookmarks": "Bookmarks are not served.",
    "/v1/conversations/<conversation_id>/bookmarks/<path:rest>": "Bookmarks are not served.",
    "/v1/conversations/<conversation_id>/bookmarks-summary": "Bookmarks are not served.",
}


def build_app(engine: "Engine") -> Flask:
    """The WSGI application over *engine*."""
    app = Flask("deploy.engine", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.before_request(lambda: _authenticate(engine))
    app.register_error_handler(Refused, _refusal)
    app.register_error_handler(HTTPException, _http_error)
    _add_service(app, engine)
    _add_jobs(app, engine)
    _add_conversations(app, engine)
    _add_intelligence(app, engine)
    for path, sentence in NOT_SERVED.items():
        app.add_url_rule(path, endpoint=f"not served: {path}", view_func=_not_served(sentence), methods=_METHODS)
    return app


# What holds for every call


def _authenticate(engine: "Engine") -> None:
    if request.path in OPEN_PATHS:
        return
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    engine.tokens.check(token.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key"))


def _refusal(error: Refused) -> ResponseReturnValue:
    body: dict[str, Any] = {"message": str(error)}
    return jsonify({"statusCode": error.status, **body} if error.status == 429 else body), error.status  # noqa: PLR2004


def _http_error(error: HTTPException) -> ResponseReturnValue:
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


def _not_served(sentence: str) -> Any:  # noqa: ANN401 - a view of whatever path variables
    def view(**_: str) -> ResponseReturnValue:
        raise NotServed(f"{sentence} This engine speaks the part of Symbl's contract that docs/engine.md lists.")

    return view


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
            engine.store.put_conversation(dataclasses.replace(conversation, metadata=metadata))
        return {"id": conversation_id, "metadata": metadata}

    @app.delete("/v1/conversations/<conversation_id>")
    def delete_conversation(conversation_id: str) -> ResponseReturnValue:
        engine.delete(conversation_id)
        return {"message": "successfully deleted the conversation"}

    @app.get("/v1/conversations/<conversation_id>/members")
    def list_members(conversation_id: str) -> ResponseReturnValue:
        return _marked(engine, {"members": views.overview(engine.store.conversation(conversation_id))["members"]})

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
    path = "/v1/conversations/<conversation_id>"

    def marked(body: Any) -> Response:  # noqa: ANN401 - any JSON
        return _marked(engine, body)

    def result(conversation_id: str, kind: str) -> Any:  # noqa: ANN401 - any JSON
        engine.store.conversation(conversation_id)
        return engine.store.result(conversation_id, kind)

    def items(conversation_id: str, kind: str) -> list[dict[str, Any]]:
        if _wanted("redact") or "exclude" in request.args:
            raise NotServed("Redaction is not served: nothing was taken out, so nothing is answered.")
        found: list[dict[str, Any]] = result(conversation_id, kind) or []
        return found

    @app.get(f"{path}/messages")
    def read_messages(conversation_id: str) -> ResponseReturnValue:
        kept = {name for name, wanted in (("words", _wanted("verbose")), ("sentiment", _wanted("sentiment"))) if wanted}
        return marked(
            {"messages": [_without({"words", "sentiment"} - kept, m) for m in items(conversation_id, "messages")]}
        )

    @app.get(f"{path}/topics")
    def read_topics(conversation_id: str) -> ResponseReturnValue:
        if "customTopicVocabulary" in request.args:
            raise NotServed("customTopicVocabulary is not served: topics are what the speakers talk about most.")
        sentiment, parents = _wanted("sentiment"), _wanted("parentRefs")
        topics = [
            _without(
                set() if sentiment else {"sentiment"}, {**topic, "parentRefs": topic["parentRefs"] if parents else []}
            )
            for topic in items(conversation_id, "topics")
        ]
        return marked({"topics": topics})

    def add_list(name: str, key: str) -> None:
        def view(conversation_id: str) -> ResponseReturnValue:
            return marked({key: items(conversation_id, key)})

        app.add_url_rule(f"{path}/{name}", endpoint=name, view_func=view)

    for name, key in (("questions", "questions"), ("action-items", "actionItems"), ("follow-ups", "followUps")):
        add_list(name, key)

    @app.get(f"{path}/entities")
    def read_entities(conversation_id: str) -> ResponseReturnValue:
        found = items(conversation_id, "entities")
        legacy = engine.settings.entities_shape == "legacy"
        return marked({"entities": views.legacy_entities(found) if legacy else found})

    @app.get(f"{path}/analytics")
    def read_analytics(conversation_id: str) -> ResponseReturnValue:
        return marked(result(conversation_id, "analytics") or {"metrics": [], "members": []})

    @app.get(f"{path}/trackers")
    @app.get(f"{path}/trackers-detected")
    def read_trackers(conversation_id: str) -> ResponseReturnValue:
        return marked(items(conversation_id, "trackers"))

    @app.get(f"{path}/summary")
    def read_summary(conversation_id: str) -> ResponseReturnValue:
        found = items(conversation_id, "summary")
        if {job.status for job in engine.store.jobs_of(conversation_id)} & {JobStatus.SCHEDULED, JobStatus.IN_PROGRESS}:
            raise NotFound("The summary is not ready: the conversation is still being processed.")
        if not found and not engine.store.parts(conversation_id):
            raise NotFound("There is no summary: the conversation could not be processed.")
        return marked({"summary": found})

    @app.post(f"{path}/transcript")
    def write_transcript(conversation_id: str) -> ResponseReturnValue:
        wish = read_transcript_request(_body())
        return marked(views.transcript(items(conversation_id, "messages"), wish))


def _without(names: set[str], item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in names}
