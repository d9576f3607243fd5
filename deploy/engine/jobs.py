"""The two steps of a job: fetch the audio as soon as it is accepted, analyse it when its turn comes.

Audio is fetched at once because a signed URL may end long before the queue does. A job whose audio cannot be fetched
fails from `scheduled`; one that dies with the engine is taken up again, up to three times.
"""

import contextlib
import dataclasses
import logging
import shutil
import threading
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from deploy.engine import ids
from deploy.engine.analysis.heard import Heard, Listener, Wish
from deploy.engine.conversation import documents
from deploy.engine.errors import AnalysisFailed, BadRequest, FetchFailed, NotFound
from deploy.engine.instants import Clock, Wait, iso
from deploy.engine.settings import EngineSettings
from deploy.engine.store import ACTIVE, Conversation, Job, Member, Store
from deploy.engine.submission import Speaker
from deploy.engine.uploads import Audio, declared_s
from deploy.engine.wire import download

MAX_STARTS = 3
_log = logging.getLogger(__name__)


class _Taken:
    """Jobs that a thread of this process works on."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._lock = threading.Lock()

    def take(self, find: Callable[[Collection[str]], Job | None]) -> Job | None:
        with self._lock:
            job = find(self._ids)
            if job is not None:
                self._ids.add(job.id)
            return job

    def release(self, job: Job) -> None:
        with self._lock:
            self._ids.discard(job.id)


class Fetcher:
    """Downloads the audio of accepted jobs."""

    def __init__(self, store: Store, settings: EngineSettings, clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._taken = _Taken()

    def step(self) -> bool:
        """Fetch one recording; False if there is none to fetch."""
        job = self._taken.take(lambda ids_: self._store.unfetched(besides=ids_))
        if job is None:
            return False
        try:
            self._fetch(job)
        finally:
            self._taken.release(job)
        return True

    def _fetch(self, job: Job) -> None:
        target = audio_path(self._settings, job)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".part")
        try:
            sha256 = _download(job.submission.url, partial, self._settings)
        except FetchFailed as error:
            partial.unlink(missing_ok=True)
            _fail(self._store, job, str(error), self._clock)
            return
        partial.rename(target)
        with self._store.transaction():
            if self._store.job(job.id).status in ACTIVE:
                self._store.fetched(job, sha256)
            else:  # its conversation was deleted meanwhile
                target.unlink()


def _download(url: str, target: Path, settings: EngineSettings) -> str:
    return download(
        url,
        target,
        allow_private=settings.allow_private_urls,
        max_bytes=settings.max_download_bytes,
        timeout_s=settings.download_timeout_s,
    )


@contextlib.contextmanager
def fetched_at_once(url: str, settings: EngineSettings) -> Iterator[Audio]:
    """The recording at *url* in a file, which is gone after the block unless it was moved.

    Raises:
        BadRequest: there is none to be had, or it says itself that it is too long.
    """
    directory = audio_directory(settings)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{ids.new_uuid()}.part"
    try:
        audio = Audio(path, _download(url, path, settings))
        if (declared_s(path) or 0) > settings.max_duration_s:
            raise BadRequest(f'"url" gives a recording that is longer than {settings.max_duration_s / 3600:g} hours')
        yield audio
    except FetchFailed as error:
        raise BadRequest(f'"url" gives no recording: {error}') from None
    finally:
        path.unlink(missing_ok=True)


class Analyst:
    """Turns fetched audio into results."""

    def __init__(self, store: Store, settings: EngineSettings, clock: Clock, listener: Listener, *, wait: Wait) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._listener = listener
        self._wait = wait
        self._taken = _Taken()
        self._deriving = threading.Lock()

    def step(self) -> bool:
        """Analyse one recording; False if there is none to analyse."""
        job = self._taken.take(self._runnable)
        if job is None:
            return False
        try:
            self._analyse(job)
        finally:
            self._taken.release(job)
        return True

    def _runnable(self, besides: Collection[str]) -> Job | None:
        return self._store.runnable(besides=besides)

    def _analyse(self, found: Job) -> None:
        self._linger(found)
        job = self._store.started(found, self._clock())
        if job is None:
            return
        audio = audio_path(self._settings, job)
        try:
            heard = self._hear(job, audio)
            if not self._lasted(job, heard):
                return  # the engine ends; the job is taken up again after the next start
            self._complete(job, heard)
        except AnalysisFailed as error:
            self._give_up(job, str(error))
        except Exception as error:  # noqa: BLE001 - a broken recording must not end the worker
            _log.exception("job %s: analysis broke", job.id)
            self._give_up(job, f"the analysis broke: {type(error).__name__}: {error}")
        audio.unlink(missing_ok=True)

    def _linger(self, job: Job) -> None:
        """Leave the job `scheduled` as long as the settings say."""
        ready_at = job.accepted_at + timedelta(seconds=self._settings.start_after_s)
        if (left := (ready_at - self._clock()).total_seconds()) > 0:
            self._wait(left)

    def _hear(self, job: Job, audio: Path) -> Heard:
        if job.starts > MAX_STARTS:
            raise AnalysisFailed(f"the engine ended {MAX_STARTS} times while it analysed this recording")
        wish = Wish(
            per_channel=job.submission.per_channel,
            speakers=job.submission.speakers,
            vocabulary=tuple(job.submission.customVocabulary),
            language=job.submission.languageCode.partition("-")[0],
        )
        return self._listener.hear(audio, job.sha256 or "", wish, progress=lambda heard: self._keep(job, heard))

    def _lasted(self, job: Job, heard: Heard) -> bool:
        """Let the job take its share of the recording's length, from its first start on; False if cut short."""
        started_at = job.started_at or job.accepted_at
        ready_at = started_at + timedelta(seconds=heard.duration * self._settings.processing_share)
        while (left := (ready_at - self._clock()).total_seconds()) > 0:
            if self._wait(left):
                return False
        return True

    def _complete(self, job: Job, heard: Heard) -> None:
        self._keep(job, heard)
        with self._store.transaction():
            if self._store.job(job.id).status in ACTIVE:
                self._store.completed(job, self._provenance(job, heard), self._clock())

    def _provenance(self, job: Job, heard: Heard) -> dict[str, Any]:
        return {
            "engine": self._listener.name,
            "recordingSha256": job.sha256,
            "duration": round(heard.duration, 3),
            "channels": len(heard.tracks) if job.submission.per_channel else 1,
            **({"speakers": len(heard.tracks)} if job.submission.speakers else {}),
            "completedAt": iso(self._clock()),
        }

    def _keep(self, job: Job, heard: Heard) -> None:
        """Store what was heard and what follows from it for the whole conversation."""
        with self._deriving, contextlib.suppress(NotFound):  # deleted meanwhile: its jobs have failed already
            conversation = self._store.conversation(job.conversation_id)
            conversation, speakers = with_speakers(conversation, job, [track.channel for track in heard.tracks])
            with self._store.transaction():
                self._store.put_part(job, heard.as_json(), speakers)
                self._store.put_members(conversation)
            self._derive(conversation)

    def _give_up(self, job: Job, reason: str) -> None:
        """Fail the job, and take back what was told of its recording so far."""
        _fail(self._store, job, reason, self._clock)
        with self._deriving, contextlib.suppress(NotFound):
            self._derive(self._store.conversation(job.conversation_id))

    def _derive(self, conversation: Conversation) -> None:
        parts = self._store.parts(conversation.id)
        found = documents(conversation, parts)
        self._store.put_results(conversation.id, found, duration_s=sum(part.heard["duration"] for part in parts))

    def update_member(self, conversation_id: str, member: Member) -> None:
        """Rename a member; one with another's e-mail address becomes that other.

        Raises:
            NotFound: there is no such conversation, or no such member in it.
        """
        with self._deriving:
            conversation = with_member(self._store.conversation(conversation_id), member)
            self._store.put_members(conversation)
            self._derive(conversation)


def audio_path(settings: EngineSettings, job: Job) -> Path:
    """Where the audio of *job* lies until it has been analysed."""
    return audio_directory(settings) / job.id


def audio_directory(settings: EngineSettings) -> Path:
    """Where audio lies until it has been analysed."""
    return settings.state / "audio"


def sweep_audio(store: Store, settings: EngineSettings) -> None:
    """Remove what a death left behind: audio of jobs that have ended, halves of downloads and of decodings."""
    wanted = store.active_job_ids()
    for path in audio_directory(settings).glob("*"):
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in wanted:
            path.unlink()


def _fail(store: Store, job: Job, reason: str, clock: Clock) -> None:
    with store.transaction():
        if store.job(job.id).status in ACTIVE:
            store.failed(job, reason, clock())
    _log.warning("job %s failed: %s", job.id, reason)


def with_speakers(conversation: Conversation, job: Job, channels: list[int]) -> tuple[Conversation, dict[int, str]]:
    """Find or add the member who talks on each channel of *job*'s recording, or with each voice told apart in it.

    An e-mail address makes a member the same in every part, and so does a name that was given without one. Speakers
    without a name are numbered on through the parts, as Symbl did; so are voices told apart, of which nobody knows
    whose channel they were on.
    """
    given = job.submission.channelMetadata if job.submission.per_channel else []
    named = {entry.channel: entry.speaker for entry in given}
    members = list(conversation.members)
    speakers: dict[int, str] = {}
    for channel in channels:
        if channel == 0:
            continue  # a mix of all: nobody can say who speaks
        speaker = named.get(channel, Speaker())
        own_id = ids.derived_uuid(job.id, channel)
        known = _known(members, speaker)
        speakers[channel] = known.id if known else own_id
        if known is None and own_id not in conversation.merged and own_id not in {member.id for member in members}:
            members.append(Member(own_id, speaker.name or f"Speaker {len(members) + 1}", speaker.email))
    return dataclasses.replace(conversation, members=tuple(members)), speakers


def _known(members: list[Member], speaker: Speaker) -> Member | None:
    if speaker.email:
        return next((m for m in members if m.email and m.email.casefold() == speaker.email.casefold()), None)
    return next((m for m in members if speaker.name and not m.email and m.name == speaker.name), None)


def with_member(conversation: Conversation, member: Member) -> Conversation:
    """The conversation with *member* as given, merged into whoever has the same e-mail address."""
    if member.id not in {known.id for known in conversation.members}:
        raise NotFound(f"There is no member with id {member.id} in conversation {conversation.id}.")
    twin = next(
        (
            known
            for known in conversation.members
            if member.email and known.id != member.id and (known.email or "").casefold() == member.email.casefold()
        ),
        None,
    )
    if twin is None:
        members = tuple(member if known.id == member.id else known for known in conversation.members)
        return dataclasses.replace(conversation, members=members)
    merged = {old: twin.id if new == member.id else new for old, new in conversation.merged.items()}
    members = tuple(
        dataclasses.replace(twin, name=member.name) if known.id == twin.id else known
        for known in conversation.members
        if known.id != member.id
    )
    return dataclasses.replace(conversation, members=members, merged={**merged, member.id: twin.id})
