"""The HTTP surface: Symbl's paths, statuses and bodies over an engine."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.routing import BaseConverter

from deploy.engine import conversation as views
from deploy.engine import rsql
from deploy.engine.edge import Json, authenticate, json_body, marked, report_errors, wanted
from deploy.engine.errors import BadRequest, NotFound, NotServed, TooLarge
from deploy.engine.experiences import PAGES, add_experiences
from deploy.engine.instants import iso
from deploy.engine.listing import read_page
from deploy.engine.openapi import document
from deploy.engine.store import ACTIVE, Job, JobStatus, Member
from deploy.engine.submission import (
    read_member,
    read_metadata,
    read_submission,
    read_transcript_request,
    read_upload,
)
from deploy.engine.trackers import add_trackers
from deploy.engine.uploads import check_content_type

if TYPE_CHECKING:
    from deploy.engine.engine import Engine

MAX_BODY_BYTES = 1024**2
OPEN_PATHS = ("/oauth2/token:generate", "/health", "/ready", "/openapi.json")
#: Fields of a message that are left out unless the query asks for them.
_ON_REQUEST = {"words": "verbose", "sentiment": "sentiment"}


def build_app(engine: "Engine") -> Flask:
    """The WSGI application over *engine*."""
    app = Flask("deploy.engine", static_folder=None, template_folder=str(Path(__file__).with_name("pages")))
    app.url_map.converters["not_url"] = _NotUrl
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.before_request(lambda: None if _is_open(request.path) else authenticate(engine))
    report_errors(app, engine.settings)
    _add_service(app, engine)
    _add_submissions(app, engine)
    _add_jobs(app, engine)
    _add_conversations(app, engine)
    _add_intelligence(app, engine)
    add_trackers(app, engine)
    add_experiences(app, engine)
    return app


def _is_open(path: str) -> bool:
    """Whether *path* needs no token: a page's address is its own secret."""
    return path in OPEN_PATHS or path.startswith(PAGES)


# Service


def _add_service(app: Flask, engine: "Engine") -> None:
    @app.get("/health")
    def health() -> ResponseReturnValue:
        return {"status": "ok"}

    @app.get("/ready")
    def ready() -> ResponseReturnValue:
        state = engine.state()
        return state, 200 if state["ready"] else 503

    @app.get("/openapi.json")
    def describe() -> ResponseReturnValue:
        return document(engine.settings, engine.settings.public_url or request.host_url.rstrip("/"))

    @app.post("/oauth2/token:generate")
    def generate_token() -> ResponseReturnValue:
        return engine.tokens.generate(json_body())


# Submissions and jobs


class _NotUrl(BaseConverter):
    """An id; `url` is a path of its own, with methods of its own."""

    regex = "(?!url$)[^/]+"


def _add_submissions(app: Flask, engine: "Engine") -> None:
    @app.post("/v1/process/audio/url")
    @app.put("/v1/process/audio/url/<conversation_id>")
    def submit_audio(conversation_id: str | None = None) -> ResponseReturnValue:
        submission = read_submission(json_body(), request.args, engine.settings)
        return _both_ids(engine.accept(submission, conversation_id))

    @app.post("/v1/process/audio")
    @app.put("/v1/process/audio/<not_url:conversation_id>")
    def upload_audio(conversation_id: str | None = None) -> ResponseReturnValue:
        most = engine.settings.max_upload_bytes
        if (request.content_length or 0) > most:
            raise TooLarge(f"The recording has more than {most} bytes (ENGINE_MAX_UPLOAD_BYTES).")
        request.max_content_length = most + 1  # one that a stream must not reach
        check_content_type(request.mimetype)
        submission = read_upload(request.args, engine.settings)
        return _both_ids(engine.accept_audio(submission, request.stream, conversation_id))


def _both_ids(job: Job) -> ResponseReturnValue:
    return {"conversationId": job.conversation_id, "jobId": job.id}, 201


def _add_jobs(app: Flask, engine: "Engine") -> None:
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
        return marked(engine, views.overview(engine.store.conversation(conversation_id)))

    @app.put("/v1/conversations/<conversation_id>")
    def update_conversation(conversation_id: str) -> ResponseReturnValue:
        metadata = read_metadata(json_body())
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
        given = read_member(json_body())
        if given.id != member_id:
            raise BadRequest(f'"id" must be {member_id}, the member of the path')
        engine.analyst.update_member(conversation_id, Member(given.id, given.name, given.email))
        return {
            "message": f"Member with id: {member_id} for conversationId: {conversation_id} updated successfully! "
            "The update should be reflected in all messages and insights along with this conversation"
        }


# Conversation intelligence


def _add_intelligence(app: Flask, engine: "Engine") -> None:
    for kind, read in _READS.items():
        app.add_url_rule(f"/v1/conversations/<conversation_id>/{kind}", kind, _reading(engine, read))

    @app.post("/v1/conversations/<conversation_id>/transcript")
    def write_transcript(conversation_id: str) -> ResponseReturnValue:
        wish = read_transcript_request(json_body())
        messages = _items(engine, conversation_id, "messages")
        return marked(engine, views.transcript(messages, wish, srt_payload=engine.settings.srt_payload))


def _reading(engine: "Engine", read: "Reader") -> Callable[[str], Response]:
    def answer(conversation_id: str) -> Response:
        found = marked(engine, read(engine, conversation_id))
        if read is _summary:
            found.headers["X-Summary"] = "extractive"  # Symbl's was written by a language model
        return found

    return answer


def _members(engine: "Engine", conversation_id: str) -> Json:
    return {"members": views.overview(engine.store.conversation(conversation_id))["members"]}


def _messages(engine: "Engine", conversation_id: str) -> Json:
    left_out = {field for field, parameter in _ON_REQUEST.items() if not wanted(parameter)}
    messages = _with_phrases(engine, _items(engine, conversation_id, "messages"))
    return {"messages": [_without(left_out, message) for message in messages]}


def _topics(engine: "Engine", conversation_id: str) -> Json:
    if "customTopicVocabulary" in request.args:
        raise NotServed("customTopicVocabulary is not served: topics are what the speakers talk about most.")
    left_out = set() if wanted("sentiment") else {"sentiment"}
    no_parents: Json = {} if wanted("parentRefs") else {"parentRefs": []}
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
    return lambda engine, conversation_id: {key: _with_phrases(engine, _items(engine, conversation_id, key))}


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
    if wanted("redact") or "exclude" in request.args:
        raise NotServed("Redaction is not served: nothing would be taken out, so nothing is answered.")
    found: list[Json] = _result(engine, conversation_id, kind) or []
    return found


def _with_phrases(engine: "Engine", items: list[Json]) -> list[Json]:
    """The items with their phrases in the shape of the settings."""
    if engine.settings.phrases_shape == "objects":
        return items
    return [
        item | {"phrases": [phrase["text"] for phrase in item["phrases"]]} if "phrases" in item else item
        for item in items
    ]


def _without(names: Collection[str], item: Json) -> Json:
    return {name: value for name, value in item.items() if name not in names}
