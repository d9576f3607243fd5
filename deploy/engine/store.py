"""What the engine remembers, in one SQLite file: tokens, conversations, jobs, results and webhooks still to be sent.

Every change that must be told by webhook is committed together with the delivery that tells it, so a kill at any
moment loses neither. WAL with `synchronous=NORMAL` survives the death of the process; a power cut may cost the last
moments, never the file.

    scheduled ──> in_progress ──> completed
        └──────────────┴────────> failed
"""

import contextlib
import dataclasses
import enum
import fcntl
import json
import secrets
import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy.engine import ids
from deploy.engine.errors import (
    Conflict,
    EngineError,
    NotFound,
    SettingsError,
    TooMany,
    UnknownConversation,
    UnknownJob,
)
from deploy.engine.instants import iso, parse_instant
from deploy.engine.submission import Submission

UNKNOWN_CONVERSATION = "The conversationId is either invalid or does not exist."
UNKNOWN_JOB = "Job not found"
UNKNOWN_TRACKER = "There is no tracker with id {id}: GET /v1/manage/trackers lists them."
TOO_MANY_JOBS = (
    "This API has a limit of maximum of `{cap}` number of concurrent jobs per account. "
    "Wait until active ones have ended, or raise ENGINE_MAX_ACTIVE_JOBS."
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tokens (app_id TEXT PRIMARY KEY, token TEXT NOT NULL UNIQUE, expires_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS conversations ( id TEXT PRIMARY KEY, name TEXT NOT NULL, start_time TEXT NOT NULL,
duration_s REAL NOT NULL DEFAULT 0, metadata TEXT NOT NULL, members TEXT NOT NULL DEFAULT '[]', merged TEXT NOT NULL
DEFAULT '{}'); CREATE INDEX IF NOT EXISTS conversations_by_start ON conversations (start_time, id); CREATE TABLE IF
NOT EXISTS jobs ( number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, conversation_id TEXT NOT NULL,
status TEXT NOT NULL, submission TEXT NOT NULL, accepted_at TEXT NOT NULL, sha256 TEXT, starts INTEGER NOT NULL
DEFAULT 0, error TEXT, provenance TEXT NOT NULL DEFAULT '{}', started_at TEXT, ended_at TEXT, part TEXT, speakers TEXT
NOT NULL DEFAULT '{}'); CREATE INDEX IF NOT EXISTS jobs_active ON jobs (number) WHERE status IN ('scheduled',
'in_progress'); CREATE INDEX IF NOT EXISTS jobs_by_conversation ON jobs (conversation_id, number); CREATE TABLE IF NOT
EXISTS results ( conversation_id TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (conversation_id,
kind)); CREATE TABLE IF NOT EXISTS deliveries ( number INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL, url
TEXT NOT NULL, status TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, due_at TEXT NOT NULL); CREATE INDEX IF NOT
EXISTS deliveries_due ON deliveries (due_at, number); CREATE TABLE IF NOT EXISTS trackers ( number INTEGER PRIMARY KEY
AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE, body TEXT NOT NULL, created_at TEXT NOT NULL,
updated_at TEXT NOT NULL); CREATE TABLE IF NOT EXISTS experiences ( id TEXT PRIMARY KEY, conversation_id TEXT
NOT NULL, wish TEXT NOT NULL, media_url TEXT, ends_at INTEGER NOT NULL); CREATE INDEX IF NOT EXISTS
experiences_by_conversation ON experiences (conversation_id);
CREATE TABLE IF NOT EXISTS keys (name TEXT PRIMARY KEY, key BLOB NOT NULL);
"""


class JobStatus(enum.StrEnum):
    """Symbl's words for where a job stands."""

    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


ACTIVE = (JobStatus.SCHEDULED, JobStatus.IN_PROGRESS)
TRANSITIONS = {
    JobStatus.SCHEDULED: {JobStatus.IN_PROGRESS, JobStatus.FAILED},
    JobStatus.IN_PROGRESS: {JobStatus.COMPLETED, JobStatus.FAILED},
    JobStatus.COMPLETED: set(),
    JobStatus.FAILED: set(),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """One accepted recording; *sha256* is known once its audio has been downloaded."""

    id: str
    number: int
    conversation_id: str
    status: JobStatus
    submission: Submission
    accepted_at: datetime
    sha256: str | None
    starts: int
    error: str | None
    provenance: dict[str, Any]
    started_at: datetime | None
    ended_at: datetime | None


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """Somebody who takes part in a conversation."""

    id: str
    name: str
    email: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Conversation:
    """What is known of a conversation but its results; *merged* maps an old member id to the one that took over."""

    id: str
    name: str
    start_time: datetime
    duration_s: float
    metadata: dict[str, str]
    members: tuple[Member, ...]
    merged: dict[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """One analysed recording of a conversation: what was heard, and which member talks on which channel."""

    job: Job
    heard: dict[str, Any]
    speakers: dict[int, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook that is still to be accepted by its receiver."""

    number: int
    job_id: str
    url: str
    status: JobStatus
    attempts: int
    due_at: datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Tracker:
    """A tracker of the account: its *body* is what was sent of it besides its name."""

    id: str
    name: str
    body: dict[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """A page about a conversation: its *wish* is the body that asked for it, *ends_at* Unix seconds or 0 for never."""

    id: str
    conversation_id: str
    wish: dict[str, Any]
    media_url: str | None
    ends_at: int


class Store:
    """The one connection to the file, shared by all threads under a lock: SQLite has a single writer anyway.

    Raises:
        SettingsError: another engine uses *directory*.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._owner = (directory / "lock").open("w")
        try:
            fcntl.flock(self._owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._owner.close()
            raise SettingsError(
                f"another engine uses {directory}: stop it, or give this one its own ENGINE_STATE"
            ) from None
        self._lock = threading.RLock()
        self._db = sqlite3.connect(directory / "engine.sqlite3", check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.executescript(
            f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON; {_SCHEMA}"
        )
        if not self._rows("SELECT 1 FROM pragma_table_info('jobs') WHERE name = 'started_at'"):
            self._rows("ALTER TABLE jobs ADD COLUMN started_at TEXT")  # a file of an earlier version

    def close(self) -> None:
        """Let go of the file; another engine may then take it."""
        with self._lock:
            self._db.close()
            self._owner.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and nobody else meanwhile; may be nested, the outermost commits."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def _row(self, sql: str, *values: object) -> sqlite3.Row | None:
        return next(iter(self._rows(sql, *values)), None)

    # Tokens

    def token(self, app_id: str) -> tuple[str, datetime] | None:
        """The account's newest token and when it ends."""
        row = self._row("SELECT token, expires_at FROM tokens WHERE app_id = ?", app_id)
        return (row["token"], parse_instant(row["expires_at"])) if row else None

    def put_token(self, app_id: str, token: str, expires_at: datetime) -> None:
        """Replace the account's token."""
        self._rows("INSERT OR REPLACE INTO tokens VALUES (?, ?, ?)", app_id, token, iso(expires_at))

    def token_end(self, token: str) -> datetime | None:
        """When *token* ends, or None if it was never given out."""
        row = self._row("SELECT expires_at FROM tokens WHERE token = ?", token)
        return parse_instant(row["expires_at"]) if row else None

    # Jobs

    def accept(self, submission: Submission, *, conversation_id: str | None, cap: int, now: datetime) -> Job:
        """Take a recording in, as a new conversation or as the next part of an old one.

        Raises:
            NotFound: there is no such conversation.
            TooMany: *cap* jobs are active.
        """
        with self.transaction():
            if conversation_id is not None:
                self.conversation(conversation_id)
            if self.active_jobs() >= cap:
                raise TooMany(TOO_MANY_JOBS.format(cap=cap))
            conversation_id = conversation_id or self._open_conversation(submission, now)
            job_id = ids.new_uuid()
            self._rows(
                "INSERT INTO jobs (id, conversation_id, status, submission, accepted_at) VALUES (?, ?, ?, ?, ?)",
                job_id, conversation_id, JobStatus.SCHEDULED, submission.model_dump_json(exclude_unset=True), iso(now),
            )  # fmt: skip
            job = self.job(job_id)
            self._tell(job, JobStatus.SCHEDULED, now)
        return job

    def _open_conversation(self, submission: Submission, now: datetime) -> str:
        conversation_id = ids.new_conversation_id()
        start = parse_instant(submission.startTime) if submission.startTime else now
        self._rows(
            "INSERT INTO conversations (id, name, start_time, metadata) VALUES (?, ?, ?, ?)",
            conversation_id, submission.name or conversation_id, iso(start), json.dumps(submission.metadata),
        )  # fmt: skip
        return conversation_id

    def job(self, job_id: str) -> Job:
        """The job of that id.

        Raises:
            NotFound: there is none.
        """
        row = self._row("SELECT * FROM jobs WHERE id = ?", job_id)
        if row is None:
            raise UnknownJob(UNKNOWN_JOB)
        return _job(row)

    def newest_job_of_url(self, url: str) -> Job | None:
        """The job that was accepted last for the recording at *url*."""
        row = self._row(
            "SELECT * FROM jobs WHERE json_extract(submission, '$.url') = ? ORDER BY number DESC LIMIT 1", url
        )
        return _job(row) if row else None

    def newest_job_besides(self, job_id: str) -> str | None:
        """The id of the job that was accepted last, *job_id* aside."""
        row = self._row("SELECT id FROM jobs WHERE id != ? ORDER BY number DESC LIMIT 1", job_id)
        return row["id"] if row else None

    def active_jobs(self) -> int:
        """How many jobs count against the cap."""
        row = self._row("SELECT count(*) AS n FROM jobs WHERE status IN (?, ?)", *ACTIVE)
        return int(row["n"]) if row else 0

    def active_job_ids(self) -> set[str]:
        """The jobs that count against the cap."""
        return {row["id"] for row in self._rows("SELECT id FROM jobs WHERE status IN (?, ?)", *ACTIVE)}

    def unfetched(self, *, besides: Collection[str]) -> Job | None:
        """The oldest active job whose audio is not here yet and that is not among *besides*."""
        rows = self._rows(
            "SELECT * FROM jobs WHERE status IN (?, ?) AND sha256 IS NULL ORDER BY number LIMIT ?",
            *ACTIVE,
            len(besides) + 1,
        )
        return next((_job(row) for row in rows if row["id"] not in besides), None)

    def runnable(self, *, besides: Collection[str]) -> Job | None:
        """The oldest active job with its audio here that is the first of its conversation and not among *besides*.

        A job that was in progress when the engine died is runnable again.
        """
        rows = self._rows(
            "SELECT * FROM jobs AS j WHERE status IN (?, ?) AND sha256 IS NOT NULL AND NOT EXISTS ("
            "  SELECT 1 FROM jobs AS e WHERE e.conversation_id = j.conversation_id AND e.number < j.number"
            "  AND e.status IN (?, ?)) ORDER BY number LIMIT ?",
            *ACTIVE, *ACTIVE, len(besides) + 1,
        )  # fmt: skip
        return next((_job(row) for row in rows if row["id"] not in besides), None)

    def fetched(self, job: Job, sha256: str) -> None:
        """The audio of *job* is here."""
        self._rows("UPDATE jobs SET sha256 = ? WHERE id = ?", sha256, job.id)

    def started(self, job: Job, now: datetime) -> Job | None:
        """The job is being worked on; None if it has ended meanwhile.

        However often it starts, it is told once, and `started_at` stays the first time.
        """
        with self.transaction():
            status = self.job(job.id).status
            if status not in ACTIVE:
                return None
            self._rows("UPDATE jobs SET starts = starts + 1 WHERE id = ?", job.id)
            if status is not JobStatus.IN_PROGRESS:
                self._rows("UPDATE jobs SET started_at = ? WHERE id = ?", iso(now), job.id)
                self._move(job, JobStatus.IN_PROGRESS, now)
            return self.job(job.id)

    def completed(self, job: Job, provenance: dict[str, Any], now: datetime) -> None:
        """The job is done and its results are stored."""
        with self.transaction():
            self._rows("UPDATE jobs SET provenance = ? WHERE id = ?", json.dumps(provenance), job.id)
            self._move(job, JobStatus.COMPLETED, now)

    def failed(self, job: Job, reason: str, now: datetime) -> None:
        """The job is given up; *reason* says why."""
        with self.transaction():
            self._rows("UPDATE jobs SET error = ? WHERE id = ?", reason, job.id)
            self._move(job, JobStatus.FAILED, now)

    def _move(self, job: Job, status: JobStatus, now: datetime) -> None:
        current = self.job(job.id).status
        if status not in TRANSITIONS[current]:
            raise EngineError(f"job {job.id} cannot go from {current} to {status}")
        ended = None if status in ACTIVE else iso(now)
        self._rows("UPDATE jobs SET status = ?, ended_at = ? WHERE id = ?", status, ended, job.id)
        self._tell(job, status, now)

    # Webhooks

    def _tell(self, job: Job, status: JobStatus, now: datetime) -> None:
        if job.submission.webhookUrl is not None:
            self._rows(
                "INSERT INTO deliveries (job_id, url, status, due_at) VALUES (?, ?, ?, ?)",
                job.id, job.submission.webhookUrl, status, iso(now),
            )  # fmt: skip

    def due_delivery(self, now: datetime, *, besides: Collection[str]) -> Delivery | None:
        """The webhook that is due the longest, but for jobs *besides*: one at a time per job keeps them in order."""
        most = len(TRANSITIONS) * len(besides) + 1  # a job has at most one delivery per status
        rows = self._rows("SELECT * FROM deliveries WHERE due_at <= ? ORDER BY due_at, number LIMIT ?", iso(now), most)
        return next((_delivery(row) for row in rows if row["job_id"] not in besides), None)

    def next_due(self) -> datetime | None:
        """When the next webhook is due, or None when all were delivered."""
        row = self._row("SELECT min(due_at) AS at FROM deliveries")
        return parse_instant(row["at"]) if row and row["at"] else None

    def pending_deliveries(self) -> int:
        """How many webhooks are still to be accepted."""
        row = self._row("SELECT count(*) AS n FROM deliveries")
        return int(row["n"]) if row else 0

    def settled(self, delivery: Delivery) -> None:
        """The webhook was accepted, or given up."""
        self._rows("DELETE FROM deliveries WHERE number = ?", delivery.number)

    def postponed(self, delivery: Delivery, due_at: datetime) -> None:
        """The webhook was not accepted; it is sent again at *due_at*."""
        self._rows(
            "UPDATE deliveries SET attempts = attempts + 1, due_at = ? WHERE number = ?", iso(due_at), delivery.number
        )

    def delayed(self, delivery: Delivery, due_at: datetime) -> None:
        """The webhook is not to be sent before *due_at*; nothing was tried."""
        self._rows("UPDATE deliveries SET due_at = ? WHERE number = ?", iso(due_at), delivery.number)

    def next_delivery(self, job_id: str) -> Delivery | None:
        """The oldest webhook of a job that is still to be accepted, whenever it is due."""
        row = self._row("SELECT * FROM deliveries WHERE job_id = ? ORDER BY number LIMIT 1", job_id)
        return _delivery(row) if row else None

    # Conversations

    def conversation(self, conversation_id: str) -> Conversation:
        """The conversation of that id.

        Raises:
            NotFound: there is none.
        """
        row = self._row("SELECT * FROM conversations WHERE id = ?", conversation_id)
        if row is None:
            raise UnknownConversation(UNKNOWN_CONVERSATION)
        return _conversation(row)

    def conversations(self, *, start: datetime, end: datetime, descending: bool) -> list[Conversation]:
        """Those that started from *start* to *end*, both included, in order of their start."""
        order = "DESC" if descending else "ASC"
        rows = self._rows(
            "SELECT * FROM conversations WHERE start_time BETWEEN ? AND ? "  # noqa: S608 - the order is one of two words
            f"ORDER BY start_time {order}, id {order}",
            iso(start), iso(end),
        )  # fmt: skip
        return [_conversation(row) for row in rows]

    def put_metadata(self, conversation_id: str, metadata: dict[str, str]) -> None:
        """Replace a conversation's metadata."""
        self._rows("UPDATE conversations SET metadata = ? WHERE id = ?", json.dumps(metadata), conversation_id)

    def put_members(self, conversation: Conversation) -> None:
        """Replace who takes part in a conversation."""
        members = [dataclasses.asdict(member) for member in conversation.members]
        self._rows(
            "UPDATE conversations SET members = ?, merged = ? WHERE id = ?",
            json.dumps(members), json.dumps(conversation.merged), conversation.id,
        )  # fmt: skip

    def delete_conversation(self, conversation_id: str, now: datetime) -> list[Job]:
        """Forget a conversation with all that was heard in it; its active jobs fail. Returns its jobs.

        Raises:
            NotFound: there is none.
        """
        with self.transaction():
            self.conversation(conversation_id)
            jobs = self.jobs_of(conversation_id)
            for job in jobs:
                if job.status in ACTIVE:
                    self.failed(job, "the conversation was deleted", now)
            self._rows("DELETE FROM conversations WHERE id = ?", conversation_id)
            self._rows("DELETE FROM results WHERE conversation_id = ?", conversation_id)
            self._rows("DELETE FROM experiences WHERE conversation_id = ?", conversation_id)
            self._rows(
                "UPDATE jobs SET part = NULL, speakers = '{}', sha256 = NULL, submission = '{}' "
                "WHERE conversation_id = ?",
                conversation_id,
            )
        self._rows("PRAGMA wal_checkpoint(TRUNCATE)")  # the log, too, held what was deleted
        return jobs

    def jobs_of(self, conversation_id: str) -> list[Job]:
        """The conversation's jobs in the order in which they were accepted."""
        return [
            _job(row)
            for row in self._rows("SELECT * FROM jobs WHERE conversation_id = ? ORDER BY number", conversation_id)
        ]

    # Results

    def put_part(self, job: Job, heard: dict[str, Any], speakers: dict[int, str]) -> None:
        """Keep what was heard in the recording of *job*."""
        self._rows(
            "UPDATE jobs SET part = ?, speakers = ? WHERE id = ?", json.dumps(heard), json.dumps(speakers), job.id
        )

    def parts(self, conversation_id: str) -> list[Part]:
        """The analysed recordings of a conversation in order."""
        rows = self._rows(
            "SELECT * FROM jobs WHERE conversation_id = ? AND part IS NOT NULL AND status != ? ORDER BY number",
            conversation_id, JobStatus.FAILED,
        )  # fmt: skip
        return [
            Part(
                job=_job(row),
                heard=json.loads(row["part"]),
                speakers={int(channel): member for channel, member in json.loads(row["speakers"]).items()},
            )
            for row in rows
        ]

    def put_results(self, conversation_id: str, documents: dict[str, Any], *, duration_s: float) -> None:
        """Replace all of a conversation's results, and the length of what they were found in.

        Raises:
            NotFound: the conversation was deleted meanwhile.
        """
        with self.transaction():
            self.conversation(conversation_id)
            self._rows("UPDATE conversations SET duration_s = ? WHERE id = ?", duration_s, conversation_id)
            self._rows("DELETE FROM results WHERE conversation_id = ?", conversation_id)
            for kind, body in documents.items():
                self._rows("INSERT INTO results VALUES (?, ?, ?)", conversation_id, kind, json.dumps(body))

    def result(self, conversation_id: str, kind: str) -> Sequence[Any] | dict[str, Any] | None:
        """One kind of results, or None where nothing was analysed yet."""
        row = self._row("SELECT body FROM results WHERE conversation_id = ? AND kind = ?", conversation_id, kind)
        body: Sequence[Any] | dict[str, Any] | None = json.loads(row["body"]) if row else None
        return body

    # Trackers of the account

    def trackers(self, name: str | None = None) -> list[Tracker]:
        """All of them, or the one of that very name, in the order in which they were made."""
        rows = self._rows("SELECT * FROM trackers WHERE ?1 IS NULL OR name = ?1 ORDER BY number", name)
        return [_tracker(row) for row in rows]

    def tracker(self, tracker_id: str) -> Tracker:
        """The tracker of that id.

        Raises:
            NotFound: there is none.
        """
        row = self._row("SELECT * FROM trackers WHERE id = ?", tracker_id)
        if row is None:
            raise NotFound(UNKNOWN_TRACKER.format(id=tracker_id))
        return _tracker(row)

    def put_tracker(self, tracker: Tracker) -> None:
        """Make a tracker, or replace the one of its id.

        Raises:
            Conflict: another has its name.
        """
        with self.transaction():
            if any(other.id != tracker.id for other in self.trackers(tracker.name)):
                raise Conflict(f'A tracker with the name "{tracker.name}" already exists: names are unique.')
            self._rows(
                "INSERT INTO trackers (id, name, body, created_at, updated_at) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET name = excluded.name, body = excluded.body, "
                "updated_at = excluded.updated_at",
                tracker.id, tracker.name, json.dumps(tracker.body), iso(tracker.created_at), iso(tracker.updated_at),
            )  # fmt: skip

    def delete_tracker(self, tracker_id: str) -> None:
        """Forget a tracker; what it found stays.

        Raises:
            NotFound: there is none.
        """
        with self.transaction():
            self.tracker(tracker_id)
            self._rows("DELETE FROM trackers WHERE id = ?", tracker_id)

    # Pages

    def put_page(self, page: Page, now: datetime) -> None:
        """Keep how a page is to look, and forget those that have ended."""
        with self.transaction():
            self._rows("DELETE FROM experiences WHERE ends_at BETWEEN 1 AND ?", int(now.timestamp()))
            self._rows(
                "INSERT INTO experiences VALUES (?, ?, ?, ?, ?)",
                page.id, page.conversation_id, json.dumps(page.wish), page.media_url, page.ends_at,
            )  # fmt: skip

    def page(self, page_id: str) -> Page | None:
        """The page of that id, or None where it was forgotten, or its conversation deleted."""
        row = self._row("SELECT * FROM experiences WHERE id = ?", page_id)
        if row is None:
            return None
        return Page(row["id"], row["conversation_id"], json.loads(row["wish"]), row["media_url"], row["ends_at"])

    def put_media_url(self, conversation_id: str, url: str) -> None:
        """Let all pages of a conversation play what is at *url*.

        Raises:
            NotFound: there is no such conversation.
        """
        with self.transaction():
            self.conversation(conversation_id)
            self._rows("UPDATE experiences SET media_url = ? WHERE conversation_id = ?", url, conversation_id)

    def key(self, name: str) -> bytes:
        """A secret of this engine's own, made when it is first asked for."""
        with self.transaction():
            self._rows("INSERT OR IGNORE INTO keys VALUES (?, ?)", name, secrets.token_bytes(32))
            row = self._row("SELECT key FROM keys WHERE name = ?", name)
        return bytes(row["key"]) if row else b""


def _tracker(row: sqlite3.Row) -> Tracker:
    return Tracker(
        id=row["id"],
        name=row["name"],
        body=json.loads(row["body"]),
        created_at=parse_instant(row["created_at"]),
        updated_at=parse_instant(row["updated_at"]),
    )


def _job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        number=row["number"],
        conversation_id=row["conversation_id"],
        status=JobStatus(row["status"]),
        submission=Submission.model_validate_json(row["submission"]),
        accepted_at=parse_instant(row["accepted_at"]),
        sha256=row["sha256"],
        starts=row["starts"],
        error=row["error"],
        provenance=json.loads(row["provenance"]),
        started_at=parse_instant(row["started_at"]) if row["started_at"] else None,
        ended_at=parse_instant(row["ended_at"]) if row["ended_at"] else None,
    )


def _conversation(row: sqlite3.Row) -> Conversation:
    return Conversation(
        id=row["id"],
        name=row["name"],
        start_time=parse_instant(row["start_time"]),
        duration_s=row["duration_s"],
        metadata=json.loads(row["metadata"]),
        members=tuple(Member(**member) for member in json.loads(row["members"])),
        merged=json.loads(row["merged"]),
    )


def _delivery(row: sqlite3.Row) -> Delivery:
    return Delivery(
        number=row["number"],
        job_id=row["job_id"],
        url=row["url"],
        status=JobStatus(row["status"]),
        attempts=row["attempts"],
        due_at=parse_instant(row["due_at"]),
    )
