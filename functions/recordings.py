"""Stage 1: recordings come in, by event or by API, along one path; and are found again.

`functions._intake` is the path in, `functions._reading` shows them; here is who calls for what.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

import functions_framework
from werkzeug.exceptions import NotFound as NoRoute
from werkzeug.routing import Map, Rule

from common import log
from common.bootstrap import services
from common.errors import Problem, Rejected, TooLarge
from common.model.answers import recording_answer
from common.model.deletion import deletion_reason
from common.model.intake import MAX_UPLOAD_BYTES, AddOutcome
from common.model.listing import list_query
from common.model.recording import details_from, details_from_json
from common.model.replay import BulkReplayOrder, ReplayOrder, order_from_json
from common.model.transcript import RENDERINGS, as_json
from functions import _edge
from functions._delete import Deleter, deletion_answer, gone_if_deleted
from functions._facets import FacetReader, facets_answer
from functions._intake import Intake, expect_company, too_large
from functions._reading import Reading
from functions._reindex import Reindexer
from functions._replay import Replayer
from functions._sharing import Sharing, share_order

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

    import flask
    from cloudevents.http import CloudEvent
    from flask.typing import ResponseReturnValue
    from werkzeug.datastructures import FileStorage

    from common.model.recording import RecordingId

_ROUTES = Map([
    Rule("/api/v1/recordings", endpoint="list", methods=["GET"]),
    Rule("/api/v1/recordings", endpoint="add", methods=["POST"]),
    Rule("/api/v1/recordings:replay", endpoint="replay_many", methods=["POST"]),
    Rule("/api/v1/recordings:reindex", endpoint="reindex", methods=["POST"]),
    Rule("/api/v1/recordings/<recording_id>:replay", endpoint="replay", methods=["POST"]),
    Rule("/api/v1/recordings/<recording_id>:share", endpoint="share", methods=["POST"]),
    Rule("/api/v1/recordings/<recording_id>", endpoint="get", methods=["GET"]),
    Rule("/api/v1/recordings/<recording_id>", endpoint="delete", methods=["DELETE"]),
    Rule("/api/v1/recordings/<recording_id>/transcript", endpoint="transcript", methods=["GET"]),
    Rule("/api/v1/recordings/<recording_id>/transcript.<rendering>", endpoint="transcript", methods=["GET"]),
])  # fmt: skip


@_edge.public_function
def recordings(request: flask.Request) -> ResponseReturnValue:
    """Entry point of /api/v1/recordings."""
    endpoint, arguments = _ROUTES.bind_to_environ(request.environ).match()
    recording_id = arguments.get("recording_id")
    with log.context(recording=recording_id), gone_if_deleted(lambda: services().deletions, recording_id):
        return _VIEWS[endpoint](request, **arguments)


def _get(_: flask.Request, recording_id: RecordingId) -> ResponseReturnValue:
    return _edge.json_answer(_reading().one(recording_id))


def _transcript(_: flask.Request, recording_id: RecordingId, rendering: str | None = None) -> ResponseReturnValue:
    if rendering is not None and rendering not in RENDERINGS:
        raise NoRoute(f"a transcript comes as JSON, or as .{', .'.join(RENDERINGS)}")
    turns = _reading().turns(recording_id)
    return _edge.json_answer(as_json(turns)) if rendering is None else _edge.text_answer(RENDERINGS[rendering], turns)


def _delete(request: flask.Request, recording_id: RecordingId) -> ResponseReturnValue:
    """200 with what was kept of it; the same call again goes on where this one was stopped."""
    reason = deletion_reason(request.args)
    s = services()
    deleter = Deleter(deletions=s.deletions, audio=s.audio, engine=s.engine, clock=s.clock)
    return _edge.json_answer(deletion_answer(deleter.delete(recording_id, by=_edge.caller(), reason=reason)))


def _replay_many(request: flask.Request) -> ResponseReturnValue:
    order = order_from_json(BulkReplayOrder, _edge.json_body(request))
    return _edge.json_answer(_replayer().many(order).as_json())


def _reindex(request: flask.Request) -> ResponseReturnValue:
    """One page; the answer's `next_page_token` leads to the next."""
    try:
        given = json.loads(_edge.json_body(request) or b"{}")
    except (ValueError, RecursionError):
        given = None
    token = given.get("page_token") if isinstance(given, dict) else None
    if not isinstance(given, dict) or set(given) - {"page_token"} or not isinstance(token, str | None):
        raise Rejected([Problem("body", 'must be a JSON object, empty or with "page_token"')])
    s = services()
    count, cursor = Reindexer(recordings=s.recordings, requests=s.requests, results=s.results, index=s.search).page(
        token
    )
    return _edge.json_answer({"reindexed": count} | ({"next_page_token": cursor} if cursor else {}))


def _list(request: flask.Request) -> ResponseReturnValue:
    s = services()
    query = list_query(request.args, now=s.clock())
    answer = _reading().page(query)
    if query.facets:
        reader = FacetReader(index=s.search, requests=s.requests, statistics=s.statistics)
        answer["facets"] = facets_answer(reader.read(query.asked, query.facets, now=s.clock()))
    return _edge.json_answer(answer)


def _add(request: flask.Request) -> ResponseReturnValue:
    """201 with the recording; 200 with the first one where the company has the same audio already."""
    if (request.content_length or 0) > MAX_UPLOAD_BYTES:
        raise TooLarge([Problem("audio", too_large("the request"))])
    outcome = _add_multipart(request) if request.mimetype == "multipart/form-data" else _add_json(request)
    shown = recording_answer(*outcome.stored) if outcome.stored else _reading().basic(outcome.recording_id)
    answer = _edge.json_answer(shown, 201 if outcome.created else 200)
    answer.headers["Location"] = f"/api/v1/recordings/{outcome.recording_id}"
    return answer


def _replay(request: flask.Request, recording_id: RecordingId) -> ResponseReturnValue:
    _replayer().one(recording_id, order_from_json(ReplayOrder, _edge.json_body(request)))
    return _edge.json_answer(_reading().basic(recording_id))


def _share(request: flask.Request, recording_id: RecordingId) -> ResponseReturnValue:
    order = share_order(_edge.json_body(request))
    shared = Sharing.of_services().share(recording_id, with_transcript=order.transcript)
    return _edge.json_answer(shared.as_json)


def _add_multipart(request: flask.Request) -> AddOutcome:
    audio: FileStorage | None = request.files.get("audio")
    if audio is None:
        raise Rejected([Problem("audio", "is missing; send the recording as a file part named 'audio'")])
    words = request.files.get("metadata")
    said = words.stream.read() if words else request.form.get("metadata", "{}")
    return _intake().add_upload(
        cast("BinaryIO", audio.stream),
        file_name=audio.filename or "recording",
        content_type=audio.mimetype,
        details=details_from_json(said),
    )


def _add_json(request: flask.Request) -> AddOutcome:
    try:
        given = json.loads(request.get_data())
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise Rejected(
            [Problem("body", "must be multipart/form-data with 'audio' and 'metadata', or a JSON object with 'url'")]
        )
    url = given.pop("url", None)
    if not isinstance(url, str):
        raise Rejected([Problem("url", "is missing; give gs://bucket/object or an http(s):// URL")])
    # The details stand beside `url`, or together in `metadata` as they do in a multipart body.
    details = details_from(given.pop("metadata") if "metadata" in given and len(given) == 1 else given)
    expect_company(details)
    if url.startswith("gs://"):
        return _intake().add_object(url, details=details)
    with services().fetcher.fetch(url) as fetched:
        return _intake().add_url(fetched, url=url, details=details)


_VIEWS: Mapping[str, Callable[..., ResponseReturnValue]] = {
    "list": _list,
    "add": _add,
    "get": _get,
    "delete": _delete,
    "transcript": _transcript,
    "replay": _replay,
    "replay_many": _replay_many,
    "share": _share,
    "reindex": _reindex,
}


@functions_framework.cloud_event
def ingest_recording(event: CloudEvent) -> None:
    """Entry point of the bucket's finalize events.

    What it does depends only on the object that the bucket really has: a forged event can at most repeat an ingest.
    """
    s = services()
    try:
        bucket, name, generation = _object_named_in(event.get_data())
    except Rejected as error:  # repeating it would not help
        log.defect("event_unusable", error)
        return
    with log.context(object=f"gs://{bucket}/{name}", cloud_event=event["id"]):
        if bucket != s.settings.recordings_bucket:
            log.warning("event_of_another_bucket", expected=s.settings.recordings_bucket)
            return
        _intake().ingest_object(name, generation)


def _object_named_in(data: object) -> tuple[str, str, int]:
    """Bucket, name and generation of a StorageObjectData, whose whole numbers are strings.

    Raises:
        Rejected: where it is none.
    """
    given = data if isinstance(data, dict) else {}
    bucket, name, generation = given.get("bucket"), given.get("name"), str(given.get("generation", ""))
    if not isinstance(bucket, str) or not isinstance(name, str) or not generation.isdigit():
        raise Rejected([Problem("data", "must be a StorageObjectData with bucket, name and generation")])
    return bucket, name, int(generation)


def _intake() -> Intake:
    s = services()
    return Intake(
        recordings=s.recordings,
        companies=s.companies,
        intake=s.intake,
        audio=s.audio,
        tasks=s.tasks,
        clock=s.clock,
        new_id=s.new_id,
    )


def _replayer() -> Replayer:
    s = services()
    return Replayer(
        requests=s.requests, index=s.search, engine=s.engine, tasks=s.tasks, clock=s.clock, by=_edge.caller()
    )


def _reading() -> Reading:
    s = services()
    return Reading(recordings=s.recordings, requests=s.requests, results=s.results, index=s.search)
