"""The one path by which recordings come in: the step behind `ingest_recording` and `POST /api/v1/recordings`.

`ingest` is that path: metadata, a pending request and the fingerprint of the audio in one transaction, then a task that
starts dispatch. An upload by API writes the object first, so that the storage event of that object repeats the same
ingest harmlessly, in whichever order the two come.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from common import log
from common.adapters.audio_probe import probe
from common.errors import Gone, Problem, Rejected, TooLarge, TryLater
from common.model.company import CompanyDefaults, company_of_object
from common.model.conversation import ConversationMetadata, conversation_of, expect_fit
from common.model.intake import (
    DETAILS_KEY,
    MAX_OBJECT_METADATA_BYTES,
    MAX_UPLOAD_BYTES,
    AddOutcome,
    RejectedObject,
)
from common.model.job import SymblAsyncRequest
from common.model.recording import (
    SIDE_FILE_SUFFIX,
    AudioProperties,
    RecordingDetails,
    StoredObject,
    details_from_json,
)
from common.model.tasks import dispatch_task
from common.ports import AudioStore, CompanyStore, IntakeLog, RecordingStore, TaskQueue

if TYPE_CHECKING:
    from common.model.recording import RecordingId

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


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
    #: When the call was first sent, where it may have been sent before and killed: then its id is the same again.
    sent_at: datetime | None = None

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
            raise TooLarge([Problem("audio", too_large("it"))])
        properties = probe(content, size=size)
        company = expect_company(details)
        now = self.clock()
        name = f"uploads/{_safe(company)}/{self.sent_at or now:%Y/%m/%d}/{self.new_id()}/{_safe(file_name)}"
        expect_fit(details, properties)
        if not details.allow_duplicate:
            known = self.recordings.same_audio(company, content_hash)
            if known:
                return AddOutcome(recording_id=known, created=False)
        stored = self.audio.find(name) if self.sent_at else None
        if stored is None:
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
        expect_company(details)
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

        conversation = settled(CompanyDefaults.of(expect_company(details)))
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


def expect_company(details: RecordingDetails) -> str:
    """The company, which the caller of the API has to name."""
    if details.company is None:
        raise Rejected([Problem("company", "is missing; name the company, or settle a prefix of the bucket for it")])
    return details.company


def _safe(name: str) -> str:
    """A part of an object's name: letters, digits, dot, dash and underscore."""
    return _UNSAFE.sub("-", name.replace("\\", "/").rsplit("/", 1)[-1]).strip("-.")[-100:] or "recording"


def too_large(what: str) -> str:
    """What is said of more bytes than a function takes, with the way that takes them."""
    mebibytes = MAX_UPLOAD_BYTES // 2**20
    return (
        f"{what} has more than {mebibytes} MiB, the most that a function can be sent; put the file into the recordings "
        "bucket and POST its gs:// URL"
    )
