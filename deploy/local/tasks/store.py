"""Queues and tasks in SQLite: what survives a crash of the server.

A task that was being delivered when the process died is delivered again when the file is next opened: at least once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from google.cloud import tasks_v2

from deploy.local.tasks.messages import Queue, Task

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_VERSION: Final = 1
_SCHEMA: Final = f"""
    CREATE TABLE queues (
        name TEXT PRIMARY KEY,
        message BLOB NOT NULL                     -- google.cloud.tasks.v2.Queue
    ) STRICT;
    CREATE TABLE tasks (
        id INTEGER PRIMARY KEY AUTOINCREMENT,     -- never reused: tells a task from a later one of the same name
        name TEXT NOT NULL UNIQUE,
        queue TEXT NOT NULL REFERENCES queues ON DELETE CASCADE,
        due INTEGER NOT NULL,                     -- microseconds since 1970
        named INTEGER NOT NULL,                   -- by its creator; such a name outlives its task as a tombstone
        running INTEGER NOT NULL DEFAULT 0,
        forced INTEGER NOT NULL DEFAULT 0,        -- by RunTask: past every limit
        executions INTEGER NOT NULL DEFAULT 0,    -- for X-CloudTasks-TaskExecutionCount
        previous_status INTEGER,                  -- for X-CloudTasks-TaskPreviousResponse
        message BLOB NOT NULL                     -- google.cloud.tasks.v2.Task
    ) STRICT;
    CREATE INDEX next_tasks ON tasks (queue, running, forced, due);
    CREATE TABLE tombstones (name TEXT PRIMARY KEY, until INTEGER NOT NULL) STRICT;
    PRAGMA user_version = {_VERSION};
"""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS: Final = "id, named, executions, previous_status, message"


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoredTask:
    """One task, with what its message does not tell."""

    id: int
    named: bool
    executions: int  #: attempts that were answered, but not by a 5xx
    previous_status: int | None  #: the HTTP status of the last attempt, if it was answered
    message: Task


class TaskStore:
    """The tables, behind one lock. Methods outside `transaction()` commit by themselves.

    Args:
        path: the database file; None keeps everything in memory.

    Raises:
        ValueError: the file was written by another version of this server.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # safe against a crash of the process, not of the machine
        self._db.execute("PRAGMA foreign_keys = ON")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self._db.executescript(_SCHEMA)
        elif version != _VERSION:
            self._db.close()
            raise ValueError(f"{path} has version {version}, this server reads {_VERSION}: remove the file")
        self._db.execute("UPDATE tasks SET running = 0 WHERE running")

    def close(self) -> None:
        """Close the file. Every later call fails with `sqlite3.ProgrammingError`."""
        with self._lock:
            self._db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and nobody else in between. May be nested; the outermost commits."""
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

    # Queues

    def queue(self, name: str) -> Queue | None:
        """The queue with this full name."""
        row = self._one("SELECT message FROM queues WHERE name = ?", name)
        return tasks_v2.Queue.deserialize(row[0]) if row else None

    def queues(self, prefix: str = "", *, after: str = "", limit: int = -1) -> list[Queue]:
        """The queues whose full names begin with *prefix*, by name."""
        rows = self._all(
            "SELECT message FROM queues WHERE substr(name, 1, ?) = ? AND name > ? ORDER BY name LIMIT ?",
            len(prefix),
            prefix,
            after,
            limit,
        )
        return [tasks_v2.Queue.deserialize(message) for (message,) in rows]

    def put_queue(self, queue: Queue) -> None:
        """Insert or replace a queue; its tasks stay."""
        self._run(
            "INSERT INTO queues VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET message = excluded.message",
            queue.name,
            tasks_v2.Queue.serialize(queue),
        )

    def delete_queue(self, name: str) -> None:
        """Remove a queue and its tasks."""
        self._run("DELETE FROM queues WHERE name = ?", name)

    # Tasks

    def task(self, name: str) -> StoredTask | None:
        """The task with this full name, while it waits or is being delivered."""
        row = self._one(f"SELECT {_COLUMNS} FROM tasks WHERE name = ?", name)  # noqa: S608 - a constant
        return _stored(row) if row else None

    def tasks(self, queue: str | None = None, *, after: str = "", limit: int = -1) -> list[StoredTask]:
        """Tasks of one queue or of all, by name."""
        rows = self._all(
            f"SELECT {_COLUMNS} FROM tasks WHERE (queue = ? OR ? IS NULL) AND name > ? ORDER BY name LIMIT ?",  # noqa: S608 - a constant
            queue,
            queue,
            after,
            limit,
        )
        return [_stored(row) for row in rows]

    def insert_task(self, queue: str, task: Task, *, named: bool) -> None:
        """Add a task that is due at its schedule time."""
        self._run(
            "INSERT INTO tasks (name, queue, due, named, message) VALUES (?, ?, ?, ?, ?)",
            task.name,
            queue,
            microseconds(task.schedule_time),
            named,
            tasks_v2.Task.serialize(task),
        )

    def next_forced(self) -> StoredTask | None:
        """A task that was told to run at once."""
        row = self._one(f"SELECT {_COLUMNS} FROM tasks WHERE forced AND NOT running ORDER BY id LIMIT 1")  # noqa: S608 - a constant
        return _stored(row) if row else None

    def next_waiting(self, queue: str) -> StoredTask | None:
        """The task of *queue* that waits and is, or will be, due first."""
        row = self._one(
            f"SELECT {_COLUMNS} FROM tasks WHERE queue = ? AND running = 0 AND forced = 0 ORDER BY due, id LIMIT 1",  # noqa: S608 - a constant
            queue,
        )
        return _stored(row) if row else None

    def running(self, queue: str) -> int:
        """How many tasks of *queue* are being delivered."""
        return int(self._all("SELECT count(*) FROM tasks WHERE queue = ? AND running", queue)[0][0])

    def force(self, task: StoredTask, now: datetime) -> None:
        """Make a task, due *now*, the next one, past every limit."""
        message: Task = tasks_v2.Task(task.message)
        message.schedule_time = now
        self._run(
            "UPDATE tasks SET forced = 1, due = ?, message = ? WHERE id = ?",
            microseconds(now),
            tasks_v2.Task.serialize(message),
            task.id,
        )

    def dispatched(self, task: StoredTask) -> None:
        """Save a task that is now being delivered."""
        self._run(
            "UPDATE tasks SET running = 1, forced = 0, message = ? WHERE id = ?",
            tasks_v2.Task.serialize(task.message),
            task.id,
        )

    def rescheduled(self, task: StoredTask) -> None:
        """Save a task that waits again, for its new schedule time. One that was deleted meanwhile stays deleted."""
        self._run(
            "UPDATE tasks SET running = 0, due = ?, executions = ?, previous_status = ?, message = ? WHERE id = ?",
            microseconds(task.message.schedule_time),
            task.executions,
            task.previous_status,
            tasks_v2.Task.serialize(task.message),
            task.id,
        )

    def delete_task(self, task: StoredTask, *, name_free_at: datetime) -> None:
        """Remove a task; a name that its creator chose stays taken until *name_free_at*."""
        with self.transaction():
            gone = self._run("DELETE FROM tasks WHERE id = ?", task.id)
            if gone and task.named:
                self.bury(task.message.name, until=name_free_at)

    def clear(self, *, queues: bool) -> None:
        """Forget all tasks and tombstones, and the queues too if told so."""
        with self.transaction():
            self._run("DELETE FROM tasks")
            self._run("DELETE FROM tombstones")
            if queues:
                self._run("DELETE FROM queues")

    # Tombstones

    def bury(self, name: str, *, until: datetime) -> None:
        """Keep *name* from being used again before *until*."""
        self._run("INSERT OR REPLACE INTO tombstones VALUES (?, ?)", name, microseconds(until))

    def buried(self, name: str, now: datetime) -> bool:
        """Whether *name* belonged to a task or queue that was there too recently."""
        self._run("DELETE FROM tombstones WHERE until <= ?", microseconds(now))
        return self._one("SELECT 1 FROM tombstones WHERE name = ?", name) is not None

    def _one(self, sql: str, *values: object) -> tuple[Any, ...] | None:
        rows = self._all(sql, *values)
        return rows[0] if rows else None

    def _all(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def _run(self, sql: str, *values: object) -> int:
        with self._lock:
            return self._db.execute(sql, values).rowcount


def microseconds(moment: datetime) -> int:
    """Since 1970: exact, where a float is not."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _stored(row: tuple[Any, ...]) -> StoredTask:
    id_, named, executions, previous_status, message = row
    return StoredTask(
        id=id_,
        named=bool(named),
        executions=executions,
        previous_status=previous_status,
        message=tasks_v2.Task.deserialize(message),
    )
