"""Stage 1: recordings come in, by event or by API, along one path; and are found again.

`functions._intake` is the path in, `functions._reading` shows them, `functions.api.of_recordings` has what may be
asked; here is who calls for what.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode

from common import log
from common.bootstrap import services
from common.errors import Gone, Problem, Rejected, TooLarge
from common.model.access import RoleNeeded
from common.model.answers import instant, recording_answer
from common.model.deletion import deletion_reason
from common.model.intake import MAX_UPLOAD_BYTES, AddOutcome
from common.model.intelligence import ResultsState
from common.model.listing import View, list_query, of_whole_recordings
from common.model.recording import details_from, details_from_json
from common.model.replay import BulkReplayOrder, ReplayOrder, order_from_json
from common.model.transcript import RENDERINGS, as_json
from functions import _audit, _edge
from functions._delete import Deleter, deletion_answer
from functions._facets import FacetReader, facets_answer
from functions._intake import Intake, expect_company, too_large
from functions._reading import Reading
from functions._reindex import Reindexer, reindex_order
from functions._replay import Replayer
from functions._sharing import Sharing, share_order, take_back_order
from functions.api.etags import etag_of_recording, expect_match
from functions.api.idempotency import named_call
from functions.api.of_recordings import OPERATIONS
from functions.api.serving import Api, known_already, tagged

if TYPE_CHECKING:
    from typing import BinaryIO

    import flask
    from cloudevents.http import CloudEvent
    from flask.typing import ResponseReturnValue
    from werkzeug.datastructures import FileStorage

    from common.model.answers import Reindexed, TakenBackAnswer
    from common.model.conversation import ConversationMetadata
    from common.model.job import SymblAsyncRequest
    from common.model.recording import RecordingDetails, RecordingId

#: How long a caller may take to begin reading the audio.
AUDIO_LIFETIME = timedelta(minutes=10)


class AudioGone(Gone):
    """The recording's object is no longer in the bucket."""

    reason = "AUDIO_GONE"


@_edge.public_function
def recordings(request: flask.Request) -> ResponseReturnValue:
    """Entry point of /api/v1/recordings."""
    return _API.answer(request)


# Reading


def _list(request: flask.Request) -> ResponseReturnValue:
    given = request.args.to_dict()
    view = View(given.pop("view", View.BASIC))
    query = list_query(given, now=services().clock(), narrowed=_edge.caller().narrowed)
    if view is View.FULL:
        query = of_whole_recordings(query, asked_size="page_size" in given)
    if view is View.BASIC:
        _audit.say_nothing()
    page = _reading().page(query, view=view)
    if query.facets:
        s = services()
        sees = _edge.caller().sees
        reader = FacetReader(index=s.search, requests=s.requests, statistics=s.statistics, sees=sees)
        page["facets"] = facets_answer(reader.read(query.asked, query.facets, now=s.clock()))
    answer = _edge.json_answer(page)
    if "next_page_token" in page:
        following = urlencode({**request.args.to_dict(), "page_token": page["next_page_token"]})
        url = f"{services().settings.public_base_url}/api/v1/recordings?{following}"
        answer.headers["Link"] = f'<{url}>; rel="next"'
    return answer


def _get(request: flask.Request, recording_id: RecordingId) -> ResponseReturnValue:
    conversation, job = _reading().one(recording_id)
    etag = etag_of_recording(conversation, job)
    if known := known_already(request, etag):  # before its results are read
        return known
    full = View(request.args.get("view", View.FULL)) is View.FULL
    if not full or job is None or job.results is ResultsState.WAITING:
        _audit.say_nothing()
    shown = _reading().whole(conversation, job) if full else recording_answer(conversation, job)
    return tagged(_edge.json_answer(shown), etag)


def _transcript(request: flask.Request, recording_id: RecordingId) -> ResponseReturnValue:
    """As `Accept` prefers; JSON where it does not say."""
    turns = _reading().turns(recording_id)
    suffixes = {form.media_type: suffix for suffix, form in RENDERINGS.items()}
    preferred = request.accept_mimetypes.best_match(["application/json", *suffixes], default="application/json")
    suffix = suffixes.get(str(preferred))
    answer = _edge.text_answer(RENDERINGS[suffix], turns) if suffix else _edge.json_answer(as_json(turns))
    answer.vary.add("Accept")
    return answer


def _transcript_file(_: flask.Request, recording_id: RecordingId, rendering: str) -> ResponseReturnValue:
    return _edge.text_answer(RENDERINGS[rendering], _reading().turns(recording_id))


def _audio(_: flask.Request, recording_id: RecordingId) -> ResponseReturnValue:
    """To the very bytes that were analysed. The URL is a permission: it goes into no log."""
    s = services()
    conversation, _job = _reading().one(recording_id)
    name = conversation.recording_url.removeprefix(f"gs://{s.audio.bucket}/")
    if s.audio.find(name, conversation.generation) is None:
        raise AudioGone(f"The audio of {recording_id} was removed from the bucket, or replaced; what was said is kept.")
    return _edge.empty_answer(302, Location=s.audio.signed_url(name, conversation.generation, lifetime=AUDIO_LIFETIME))


# Adding


def _add(request: flask.Request) -> ResponseReturnValue:
    """201 with the recording; 200 with the first one where the company has the same audio already."""
    if (request.content_length or 0) > MAX_UPLOAD_BYTES:
        raise TooLarge([Problem("audio", too_large("the request"))])
    outcome = _add_multipart(request) if request.mimetype == "multipart/form-data" else _add_json(request)
    _audit.about(recording_id=outcome.recording_id)
    shown = (
        recording_answer(*outcome.stored) if outcome.stored else recording_answer(*_reading().one(outcome.recording_id))
    )
    answer = _edge.json_answer(shown, 201 if outcome.created else 200)
    answer.headers["Location"] = f"/api/v1/recordings/{outcome.recording_id}"
    return answer


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
        details=_own(details_from_json(said)),
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
    details = _own(details_from(given.pop("metadata") if "metadata" in given and len(given) == 1 else given))
    expect_company(details)
    if url.startswith("gs://"):
        return _intake().add_object(url, details=details)
    with services().fetcher.fetch(url) as fetched:
        return _intake().add_url(fetched, url=url, details=details)


def _own(details: RecordingDetails) -> RecordingDetails:
    """The details, if the caller may add recordings of their company; one that is not said is asked for later."""
    caller = _edge.caller()
    if details.company is not None and not caller.sees(details.company):
        theirs = ", ".join(sorted(caller.companies or ()))
        raise RoleNeeded(f"{caller.name} may add recordings of {theirs} only, not of {details.company}.")
    _audit.about(company=details.company)
    return details


# Deleting, sharing, running again


def _delete(request: flask.Request, recording_id: RecordingId) -> ResponseReturnValue:
    """With what was kept of it; the same call again goes on where this one was stopped."""
    reason = deletion_reason(request.args)
    read, s = request.headers.get("If-Match"), services()

    def expect(conversation: ConversationMetadata, job: SymblAsyncRequest | None) -> None:
        if read is not None:
            expect_match(read, etag_of_recording(conversation, job))

    deleter = Deleter(deletions=s.deletions, audio=s.audio, engine=s.engine, clock=s.clock)
    deleted = deleter.delete(recording_id, by=_edge.caller().name, reason=reason, expect=expect)
    _audit.about(company=deleted.company, reason=deleted.reason)
    return _edge.json_answer(deletion_answer(deleted))


def _share(request: flask.Request, recording_id: RecordingId) -> ResponseReturnValue:
    order = share_order(_edge.json_body(request))
    shared = Sharing.of_services().share(recording_id, with_transcript=order.transcript)
    _audit.about(company=shared.company)
    return _edge.json_answer(shared.as_json)


def _unshare(request: flask.Request, recording_id: RecordingId) -> ResponseReturnValue:
    order = take_back_order(_edge.json_body(request))
    _reading().one(recording_id)
    link = Sharing.of_services().take_back(recording_id, order.url, by=_edge.caller().name)
    answer: TakenBackAnswer = {"id": recording_id, "taken_back": True, "expires_at": instant(link.expires_at)}
    return _edge.json_answer(answer)


def _replay(request: flask.Request, recording_id: RecordingId) -> ResponseReturnValue:
    order = order_from_json(ReplayOrder, _edge.json_body(request))
    read = request.headers.get("If-Match")
    if read is None:
        replayed = _replayer().one(recording_id, order)
    else:
        stored, _job = _reading().one(recording_id)  # what it says of a recording never changes
        replayed = _replayer().one(
            recording_id, order, expect=lambda job: expect_match(read, etag_of_recording(stored, job))
        )
    _audit.about(company=replayed.company, reason=order.reason)
    conversation, job = _reading().one(recording_id)
    return tagged(_edge.json_answer(recording_answer(conversation, job)), etag_of_recording(conversation, job))


def _replay_many(request: flask.Request) -> ResponseReturnValue:
    order = order_from_json(BulkReplayOrder, _edge.json_body(request))
    _audit.about(reason=order.reason)
    return _edge.json_answer(_replayer().many(order).as_json())


def _reindex(request: flask.Request) -> ResponseReturnValue:
    """One page; the answer's `next_page_token` leads to the next."""
    order = reindex_order(_edge.json_body(request))
    s = services()
    reindexer = Reindexer(recordings=s.recordings, requests=s.requests, results=s.results, index=s.search)
    count, cursor = reindexer.page(order.page_token)
    answer: Reindexed = {"reindexed": count}
    if cursor:
        answer["next_page_token"] = cursor
    return _edge.json_answer(answer)


_API = Api(
    OPERATIONS,
    {
        "list_recordings": _list,
        "add_recording": _add,
        "get_recording": _get,
        "get_transcript": _transcript,
        "get_transcript_file": _transcript_file,
        "get_audio": _audio,
        "delete_recording": _delete,
        "share_recording": _share,
        "unshare_recording": _unshare,
        "replay_recording": _replay,
        "replay_recordings": _replay_many,
        "reindex_recordings": _reindex,
    },
)


# By event


@_edge.event_function
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
    call = named_call()
    return Intake(
        recordings=s.recordings,
        companies=s.companies,
        intake=s.intake,
        audio=s.audio,
        tasks=s.tasks,
        clock=s.clock,
        new_id=(lambda: call.id) if call else s.new_id,
        sent_at=call.begun_at if call else None,
    )


def _replayer() -> Replayer:
    return Replayer.of(services(), _edge.caller())


def _reading() -> Reading:
    s = services()
    return Reading(recordings=s.recordings, requests=s.requests, results=s.results, index=s.search)
