"""Finalize events: stored first, then delivered as CloudEvents until the callee accepts them.

Stands in for Eventarc. Like it: binary mode, an id that stays the same across redeliveries, an OIDC token, no order,
at least once. Unlike it, an event is kept until it is accepted, however long that takes (Eventarc drops it after 24 h).
Formats: https://cloud.google.com/eventarc/docs/cloudevents and
https://github.com/googleapis/google-cloudevents/blob/main/proto/google/events/cloud/storage/v1/data.proto
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import secrets
import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from deploy.local.outbound import Answer, Connect, call
from deploy.local.tasks.schedule import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.local.identity import Identity
    from deploy.local.storage.pubsub import Message

EVENT_TYPE: Final = "google.cloud.storage.object.v1.finalized"

BACKOFF: Final = RetryPolicy(max_attempts=-1, min_backoff=timedelta(seconds=1), max_backoff=timedelta(minutes=1))
"""Eventarc waits 10 s to 10 min; on one machine the callee is back sooner."""

DEADLINE: Final = timedelta(seconds=540)
"""The longest that a function called by an event may run."""

MAX_IN_FLIGHT: Final = 8
_LONGEST_SLEEP: Final = 60.0  # seconds; the machine may sleep, or its clock be set

_VERSION: Final = 1
_SCHEMA: Final = f"""
    CREATE TABLE events (
        id TEXT PRIMARY KEY,
        time TEXT NOT NULL,               -- RFC 3339, of the change in the bucket
        object TEXT NOT NULL,             -- StorageObjectData as JSON
        attempts INTEGER NOT NULL DEFAULT 0,
        due REAL NOT NULL                 -- seconds since 1970
    ) STRICT;
    CREATE INDEX events_due ON events (due);
    PRAGMA user_version = {_VERSION};
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StorageEvent:
    """One finished upload that nobody has accepted yet."""

    id: str
    time: str  #: RFC 3339
    object: dict[str, Any]  #: StorageObjectData: `bucket`, `name`, `generation`, `size`, `contentType`, `metadata`, ...
    attempts: int = 0
    due: datetime  #: of the next attempt

    @classmethod
    def from_message(cls, message: Message, now: datetime) -> StorageEvent:
        """The event in a Pub/Sub notification of Cloud Storage, with what fake-gcs-server leaves out of it."""
        data: dict[str, Any] = json.loads(message.data)
        data["id"] = f"{data['bucket']}/{data['name']}/{data['generation']}"
        data.setdefault("metageneration", "1")  # of every object that has just been written
        return cls(
            id=str(secrets.randbelow(9 * 10**15) + 10**15),
            time=str(data.get("timeCreated") or message.attributes["eventTime"]),
            object=data,
            due=now,
        )

    def headers(self) -> dict[str, str]:
        """The CloudEvent's attributes in binary mode; ASCII, as header values must be."""
        return {
            "Content-Type": "application/json",
            "ce-specversion": "1.0",
            "ce-id": self.id,
            "ce-type": EVENT_TYPE,
            "ce-source": f"//storage.googleapis.com/projects/_/buckets/{self.object['bucket']}",
            "ce-subject": f"objects/{quote(self.object['name'])}",
            "ce-time": self.time,
            "ce-bucket": self.object["bucket"],
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class EventDelivery:
    """One attempt to deliver an event, as it went."""

    event: StorageEvent
    attempt: int  #: 1 for the first
    status: int | None  #: the HTTP status; None without an answer
    next_attempt_at: datetime | None  #: None when it was accepted


class EventStore:
    """The events that wait, in SQLite.

    Args:
        path: the database file; None keeps them in memory.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self._db.executescript(_SCHEMA)
        elif version != _VERSION:
            self._db.close()
            raise ValueError(f"{path} has version {version}, this server reads {_VERSION}: remove the file")

    def close(self) -> None:
        """Close the file. Every later call fails with `sqlite3.ProgrammingError`."""
        with self._lock:
            self._db.close()

    def add(self, event: StorageEvent) -> None:
        """Keep a new event; it is on disk when this returns."""
        self._run(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?)",
            event.id,
            event.time,
            json.dumps(event.object),
            event.attempts,
            event.due.timestamp(),
        )

    def waiting(self, limit: int = -1) -> list[StorageEvent]:
        """The events that wait, first due first; all of them, or the first *limit*."""
        return [
            StorageEvent(
                id=id_, time=time, object=json.loads(data), attempts=attempts, due=datetime.fromtimestamp(due, UTC)
            )
            for id_, time, data, attempts, due in self._run(
                "SELECT id, time, object, attempts, due FROM events ORDER BY due, rowid LIMIT ?", limit
            )
        ]

    def postpone(self, event: StorageEvent) -> None:
        """Save the attempts and the next due time of an event that was not accepted."""
        self._run(
            "UPDATE events SET attempts = ?, due = ? WHERE id = ?", event.attempts, event.due.timestamp(), event.id
        )

    def remove(self, event: StorageEvent) -> None:
        """Forget an event that was accepted."""
        self._run("DELETE FROM events WHERE id = ?", event.id)

    def clear(self) -> None:
        """Forget all events."""
        self._run("DELETE FROM events")

    def _run(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()


class Courier:
    """Delivers stored events to one URL: on threads of its own after `start`, or on the caller's by `deliver_due`.

    Args:
        store: the events.
        identity: signs the OIDC tokens.
        email: the service account in the tokens.
        clock: the present moment, aware.
        backoff: the waits between attempts.
        connect: opens the session for one delivery.
    """

    def __init__(
        self,
        store: EventStore,
        *,
        identity: Identity,
        email: str,
        clock: Callable[[], datetime],
        backoff: RetryPolicy,
        connect: Connect,
    ) -> None:
        self._store = store
        self._identity = identity
        self._email = email
        self._clock = clock
        self._backoff = backoff
        self._connect = connect
        self._deliver_to: str | None = None
        self._audience: str | None = None
        self._changed = threading.Condition()
        self._in_flight: set[str] = set()
        self._stopping = False
        self._thread: threading.Thread | None = None

    @property
    def deliver_to(self) -> str | None:
        """Where events go; None holds them."""
        return self._deliver_to

    def direct(self, url: str | None, *, audience: str | None = None) -> None:
        """Deliver to *url* from now on, with tokens for *audience* (the URL itself when None)."""
        with self._changed:
            self._deliver_to, self._audience = url, audience
            self._changed.notify_all()

    def accept(self, event: StorageEvent) -> None:
        """Store an event, and deliver it soon."""
        with self._changed:
            self._store.add(event)
            self._changed.notify_all()

    def start(self) -> None:
        """Deliver from now on."""
        self._thread = threading.Thread(target=self._loop, name="storage events", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Deliver no more. Attempts in flight are left alone: their events are delivered again at the next start."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def deliver_due(self, now: datetime) -> list[EventDelivery]:
        """Deliver, one after the other, what is due at *now*."""
        return [
            self._deliver(event, now, ended=lambda: now)
            for event in self._store.waiting()
            if event.due <= now and self._deliver_to is not None
        ]

    def _loop(self) -> None:
        with self._changed:
            while not self._stopping:
                now = self._clock()
                # Those in flight stand among the first: twice the places show all that could be started.
                first = self._store.waiting(2 * MAX_IN_FLIGHT)
                idle = [event for event in first if event.id not in self._in_flight]
                for event in idle if self._deliver_to is not None else ():
                    if event.due <= now and len(self._in_flight) < MAX_IN_FLIGHT:
                        self._in_flight.add(event.id)
                        threading.Thread(target=self._run, args=(event,), name="deliver event", daemon=True).start()
                self._changed.wait(self._wait(idle, now))

    def _wait(self, idle: list[StorageEvent], now: datetime) -> float:
        """Seconds until an event becomes due; those due already wait for a place, which notifies."""
        pending = [(event.due - now).total_seconds() for event in idle if event.due > now]
        return min([*pending, _LONGEST_SLEEP])

    def _run(self, event: StorageEvent) -> None:
        try:
            # The store is closed under a delivery that outlives the server; the event is still in it.
            with contextlib.suppress(sqlite3.ProgrammingError):
                self._deliver(event, self._clock(), ended=self._clock)
        finally:
            with self._changed:
                self._in_flight.discard(event.id)
                self._changed.notify_all()

    def _deliver(self, event: StorageEvent, now: datetime, *, ended: Callable[[], datetime]) -> EventDelivery:
        answer = self._send(event, now)
        tried = dataclasses.replace(event, attempts=event.attempts + 1)
        if answer.accepted:
            self._store.remove(tried)
            return EventDelivery(event=tried, attempt=tried.attempts, status=answer.status, next_attempt_at=None)
        tried = dataclasses.replace(tried, due=ended() + self._backoff.backoff(tried.attempts))
        self._store.postpone(tried)
        return EventDelivery(event=tried, attempt=tried.attempts, status=answer.status, next_attempt_at=tried.due)

    def _send(self, event: StorageEvent, now: datetime) -> Answer:
        url = self._deliver_to
        if url is None:  # taken away since the event was chosen
            return Answer(error="UNAVAILABLE")
        token = self._identity.token(audience=self._audience or url, email=self._email, now=now)
        headers = {
            **event.headers(),
            "User-Agent": "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)",
            "Authorization": f"Bearer {token}",
        }
        body = json.dumps(event.object, ensure_ascii=False).encode("utf-8")
        return call("POST", url, headers=headers, body=body, deadline=DEADLINE, connect=self._connect)
