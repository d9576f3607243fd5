"""Stage 1: recordings come in, by event or by API, along one path; and are found again.

`ingest` is that path: metadata, a pending request and the fingerprint of the audio in one transaction, then a task that
starts dispatch. An upload by API writes the object first, so that the storage event of that object repeats the same
ingest harmlessly, in whichever order the two come.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import IO, TYPE_CHECKING, BinaryIO, cast

import flask
import functions_framework
from werkzeug.exceptions import NotFound as NoRoute
from werkzeug.routing import Map, Rule

from common import log
from common.adapters.audio_probe import probe
from common.bootstrap import services
from common.errors import Gone, NotFound, Problem, Rejected, TooLarge, TryLater
from common.model.answers import recording_answer
from common.model.company import CompanyDefaults, company_of_object
from common.model.conversation import ConversationMetadata, conversation_of, expect_fit
from common.model.deletion import deletion_reason
from common.model.intake import (
    DETAILS_KEY,
    MAX_OBJECT_METADATA_BYTES,
    MAX_UPLOAD_BYTES,
    AddOutcome,
    RejectedObject,
)
from common.model.intelligence import SECTIONS, SectionState
from common.model.job import SymblAsyncRequest
from common.model.listing import ORDERS, list_query, page_token
from common.model.recording import (
    SIDE_FILE_SUFFIX,
    AudioProperties,
    RecordingDetails,
    StoredObject,
    details_from,
    details_from_json,
)
from common.model.replay import BulkReplayOrder, ReplayOrder, order_from_json
from common.model.search.results import COUNTED
from common.model.tasks import dispatch_task
from common.model.transcript import as_json, as_srt, as_text, as_vtt, turns_of
from common.ports import (
    AudioStore,
    CompanyStore,
    IntakeLog,
    RecordingStore,
    RequestStore,
    ResultStore,
    SearchIndex,
    TaskQueue,
)
from functions import _edge
from functions._delete import Deleter, deletion_answer, gone_if_deleted
from functions._reindex import Reindexer
from functions._replay import Replayer
from functions._search import Search

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cloudevents.http import CloudEvent
    from flask.typing import ResponseReturnValue
    from werkzeug.datastructures import FileStorage

    from common.model.intelligence import Message
    from common.model.listing import ListQuery
    from common.model.recording import RecordingId

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_MESSAGES = next(section for section in SECTIONS if section.name == "messages")
_RENDERINGS: Mapping[str, tuple[str, Callable[..., str]]] = {
    "vtt": ("text/vtt", as_vtt),
    "srt": ("application/x-subrip", as_srt),
    "txt": ("text/plain", as_text),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Intake:
    """The stage's collaborators, and the ways in."""

    recordings: RecordingStore
    companies: CompanyStore
    intake: IntakeLog
    audio: AudioStore
    tasks: TaskQueue
    clock: Callable[[], datetime]
    new_id: Callable[[], str]

    # By event

    def ingest_object(self, name: str, generation: int) -> AddOutcome | None:
        """Take in an object that is in the bucket; None where it is not (or no longer) a recording to take in.

        What cannot be used is kept as a RejectedObject with the mend, since nobody waits for an answer.
        """
        stored = self.audio.find(name, generation)
        if stored is None or not stored.may_be_audio:
            log.event("object_ignored", object=name, generation=generation, gone=stored is None)
            return None
        if self.recordings.get(stored.recording_id) is not None:  # the API was quicker, or the event comes again
            self._wake_dispatch(stored.recording_id)
            return AddOutcome(recording_id=stored.recording_id, created=False)
        try:
            details = self._details_of(stored)
            with self.audio.open(stored) as content:
                properties = probe(content, size=stored.size)
            outcome = self._ingest(stored, details, properties)
        except Gone:  # its object has not been deleted yet, or was seen just before
            log.event("object_ignored", object=name, generation=generation, gone=True)
            return None
        except Rejected as error:
            self._reject(stored, reason=str(error), problems=error.problems)
            return None
        if outcome.recording_id != stored.recording_id:
            self._reject(stored, reason="the same audio was there already", duplicate_of=outcome.recording_id)
        return outcome

    def _details_of(self, stored: StoredObject) -> RecordingDetails:
        """The sender's words: in the object's metadata, kept for it by the API, or in a file beside it."""
        said = (
            stored.metadata.get(DETAILS_KEY)
            or self.intake.details(stored.name)
            or self.audio.read_side_file(f"{stored.name}{SIDE_FILE_SUFFIX}")
        )
        details = details_from_json(said) if said else RecordingDetails()
        if details.company is None:
            company = company_of_object(stored.name, self.companies.prefixes())
            details = details.model_copy(update={"company": company})
        return details

    def _reject(
        self,
        stored: StoredObject,
        *,
        reason: str,
        problems: tuple[Problem, ...] = (),
        duplicate_of: RecordingId | None = None,
    ) -> None:
        self.intake.reject(
            RejectedObject(
                id=stored.recording_id,
                recording_url=stored.uri,
                generation=stored.generation,
                rejected_at=self.clock(),
                reason=reason,
                problems=problems,
                duplicate_of=duplicate_of,
            )
        )
        log.warning("object_rejected", object=stored.uri, reason=reason, duplicate_of=duplicate_of)

    # By API

    def add_upload(
        self, content: BinaryIO, *, file_name: str, content_type: str | None, details: RecordingDetails
    ) -> AddOutcome:
        """Take in bytes. Everything that can be wrong is found before anything is stored."""
        size, content_hash = _measure(content)
        if size > MAX_UPLOAD_BYTES:
            raise TooLarge([Problem("audio", _too_large("it"))])
        properties = probe(content, size=size)
        company = _expect_company(details)
        now = self.clock()
        name = f"uploads/{_safe(company)}/{now:%Y/%m/%d}/{self.new_id()}/{_safe(file_name)}"
        expect_fit(details, properties)
        if not details.allow_duplicate:
            known = self.recordings.same_audio(company, content_hash)
            if known:
                return AddOutcome(recording_id=known, created=False)
        stored = self._store(name, content, content_type=content_type, details=details, now=now)
        outcome = self._ingest(stored, details, properties)
        if outcome.recording_id != stored.recording_id:  # somebody else sent the same audio at the same time
            self.audio.delete(stored.name, stored.generation)
        if DETAILS_KEY not in stored.metadata:  # they were kept beside it
            self.intake.forget_details(name)
        # The object's own event may have been quicker: the recording is new all the same.
        return dataclasses.replace(outcome, created=outcome.recording_id == stored.recording_id)

    def add_url(self, fetched: IO[bytes], *, url: str, details: RecordingDetails) -> AddOutcome:
        """Take in what was fetched from a URL."""
        file_name = url.split("?", 1)[0].rsplit("/", 1)[-1] or "recording"
        return self.add_upload(cast("BinaryIO", fetched), file_name=file_name, content_type=None, details=details)

    def add_object(self, url: str, *, details: RecordingDetails) -> AddOutcome:
        """Take in an object of the recordings bucket, named as gs://bucket/object."""
        bucket, _, name = url.removeprefix("gs://").partition("/")
        if bucket != self.audio.bucket:
            raise Rejected([Problem("url", f"must be in the recordings bucket: gs://{self.audio.bucket}/...")])
        stored = self.audio.find(name) if name else None
        if stored is None:
            raise Rejected([Problem("url", "names no object; upload it first")])
        _expect_company(details)
        with self.audio.open(stored) as content:
            properties = probe(content, size=stored.size)
        return self._ingest(stored, details, properties)

    def _store(
        self, name: str, content: BinaryIO, *, content_type: str | None, details: RecordingDetails, now: datetime
    ) -> StoredObject:
        """Write the object with its sender's words, so that its storage event knows as much as this call."""
        said = details.model_dump_json(exclude_none=True)
        beside = len(said.encode()) > MAX_OBJECT_METADATA_BYTES
        if beside:
            self.intake.put_details(name, said, now=now)
        return self.audio.put(name, content, content_type=content_type, metadata={} if beside else {DETAILS_KEY: said})

    # The one path

    def _ingest(self, stored: StoredObject, details: RecordingDetails, properties: AudioProperties) -> AddOutcome:
        """Metadata and a pending request in one transaction, then a task for dispatch; safe to run again."""
        content_hash = stored.md5 or self._hash_of(stored)
        now = self.clock()

        def settled(defaults: CompanyDefaults) -> ConversationMetadata:
            return conversation_of(
                stored=stored, audio=properties, content_hash=content_hash, details=details, defaults=defaults, now=now
            )

        conversation = settled(CompanyDefaults.of(_expect_company(details)))
        request = SymblAsyncRequest.pending(
            conversation.id, company=conversation.company, priority=conversation.priority, now=now
        )
        outcome = self.recordings.add(
            conversation, request, allow_duplicate=bool(details.allow_duplicate), settle=settled
        )
        log.event(
            "recording_added" if outcome.created else "recording_known",
            recording=outcome.recording_id,
            file_name=conversation.file_name,
        )
        self._wake_dispatch(outcome.recording_id)
        return outcome

    def _wake_dispatch(self, recording_id: RecordingId) -> None:
        """The request is committed: if the task cannot be created now, the sweep starts dispatch."""
        try:
            self.tasks.enqueue(dispatch_task(cause=f"{recording_id}/arrived"))
        except TryLater as error:
            log.warning("task_not_created", reason=str(error))

    def _hash_of(self, stored: StoredObject) -> str:
        """Composed objects have no MD5 of their own."""
        with self.audio.open(stored) as content:
            return _measure(content)[1]


def _measure(content: BinaryIO) -> tuple[int, str]:
    """Size in bytes and MD5 (base64, as Cloud Storage gives it); leaves `content` rewound."""
    content.seek(0)
    digest = hashlib.md5(usedforsecurity=False)
    size = 0
    while chunk := content.read(1024 * 1024):
        digest.update(chunk)
        size += len(chunk)
    content.seek(0)
    return size, base64.b64encode(digest.digest()).decode()


def _expect_company(details: RecordingDetails) -> str:
    if details.company is None:
        raise Rejected([Problem("company", "is missing; name the company, or settle a prefix of the bucket for it")])
    return details.company


def _safe(name: str) -> str:
    """A part of an object's name: letters, digits, dot, dash and underscore."""
    return _UNSAFE.sub("-", name.replace("\\", "/").rsplit("/", 1)[-1]).strip("-.")[-100:] or "recording"


def _too_large(what: str) -> str:
    mebibytes = MAX_UPLOAD_BYTES // 2**20
    return (
        f"{what} has more than {mebibytes} MiB, the most that a function can be sent; put the file into the recordings "
        "bucket and POST its gs:// URL"
    )


# Reading


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reading:
    """Recordings as the API shows them."""

    recordings: RecordingStore
    requests: RequestStore
    results: ResultStore
    index: SearchIndex

    def one(self, recording_id: RecordingId) -> dict[str, object]:
        """Metadata, request and all results."""
        conversation, request = self._expect(recording_id)
        found = self.results.get_all(SECTIONS, request.conversation_id) if request and request.conversation_id else {}
        return recording_answer(conversation, request, results=found)

    def basic(self, recording_id: RecordingId) -> dict[str, object]:
        """Metadata and request."""
        return recording_answer(*self._expect(recording_id))

    def page(self, query: ListQuery) -> dict[str, object]:
        """Recordings without results: for the usual filter one query and one lookup."""
        search = Search(index=self.index, requests=self.requests, query=query.asked)
        page = search.page(size=query.size, after=query.after, order=ORDERS[query.order])
        rows = self.recordings.with_requests([call.recording_id for call in page.calls])
        answer: dict[str, object] = {
            "recordings": [
                recording_answer(*rows[call.recording_id]) for call in page.calls if call.recording_id in rows
            ]
        }
        if page.next_key:
            answer["next_page_token"] = page_token(page.next_key, query)
        if query.count:
            answer |= _counted(search.count())
        if query.explain:
            answer["explanation"] = {**search.plan.explained(), **dataclasses.asdict(search.effort)}
        return answer

    def transcript(self, recording_id: RecordingId, rendering: str | None) -> flask.Response:
        """Turns as JSON, or as a file."""
        conversation, request = self._expect(recording_id)
        has_messages = request is not None and any(
            section.name == "messages" and section.state is SectionState.STORED for section in request.sections
        )
        if request is None or request.conversation_id is None or not has_messages:
            raise NotFound(
                f"There is no transcript yet: the recording is {request.status if request else 'unknown'}. "
                "Look at its request's status and ask again.",
                reason="TRANSCRIPT_NOT_READY",
            )
        messages = cast("tuple[Message, ...]", self.results.get(_MESSAGES, request.conversation_id))
        turns = turns_of(messages, conversation)
        if rendering is None:
            return _edge.json_answer(as_json(turns))
        content_type, render = _RENDERINGS[rendering]
        return flask.Response(render(turns), content_type=f"{content_type}; charset=utf-8")

    def _expect(self, recording_id: RecordingId) -> tuple[ConversationMetadata, SymblAsyncRequest | None]:
        conversation, request = self.recordings.with_request(recording_id)
        if conversation is None:
            raise NotFound(f"There is no recording {recording_id!r}; GET /api/v1/recordings lists them.")
        return conversation, request


# Entry points

_ROUTES = Map([
    Rule("/api/v1/recordings", endpoint="list", methods=["GET"]),
    Rule("/api/v1/recordings", endpoint="add", methods=["POST"]),
    Rule("/api/v1/recordings:replay", endpoint="replay_many", methods=["POST"]),
    Rule("/api/v1/recordings:reindex", endpoint="reindex", methods=["POST"]),
    Rule("/api/v1/recordings/<recording_id>:replay", endpoint="replay", methods=["POST"]),
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
    if rendering is not None and rendering not in _RENDERINGS:
        raise NoRoute(f"a transcript comes as JSON, or as .{', .'.join(_RENDERINGS)}")
    return _reading().transcript(recording_id, rendering)


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
    return _edge.json_answer(_reading().page(list_query(request.args, now=services().clock())))


def _counted(count: int | None) -> dict[str, object]:
    """`total_size` null: only opening every call could tell."""
    if count == COUNTED:
        return {"total_size": COUNTED - 1, "total_size_is_more": True}
    return {"total_size": count}


def _add(request: flask.Request) -> ResponseReturnValue:
    """201 with the recording; 200 with the first one where the company has the same audio already."""
    if (request.content_length or 0) > MAX_UPLOAD_BYTES:
        raise TooLarge([Problem("audio", _too_large("the request"))])
    outcome = _add_multipart(request) if request.mimetype == "multipart/form-data" else _add_json(request)
    shown = recording_answer(*outcome.stored) if outcome.stored else _reading().basic(outcome.recording_id)
    answer = _edge.json_answer(shown, 201 if outcome.created else 200)
    answer.headers["Location"] = f"/api/v1/recordings/{outcome.recording_id}"
    return answer


def _replay(request: flask.Request, recording_id: RecordingId) -> ResponseReturnValue:
    _replayer().one(recording_id, order_from_json(ReplayOrder, _edge.json_body(request)))
    return _edge.json_answer(_reading().basic(recording_id))


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
    _expect_company(details)
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
