"""Entities, their index entries and their recent past, in one SQLite database.

`entity` and `entry` hold the present alone, so queries never wade through old versions. Each change leaves what it
replaced in `history`; a read of the past is a read of the present in which the entities changed since then are put
back. History is bounded by age and by size.

A file is in WAL mode with `synchronous=NORMAL`: what was acknowledged survives the death of the process (kill -9). A
power cut may take the last transactions with it, but never half of one.
"""

from __future__ import annotations

import contextlib
import fcntl
import sqlite3
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SCHEMA_VERSION: Final = 1
_APPLICATION_ID: Final = 0x64736C31  # marks the file as ours, so that no other SQLite database is ever taken over

HISTORY_AGE_MICROS: Final = 3_600_000_000  # production reads an hour back; also far longer than a transaction may live
HISTORY_BYTES: Final = 64 * 1024 * 1024
_PRUNE_EVERY: Final = 512  # commits
_ROW_BYTES: Final = 200  # what a history row takes beside its data, roughly

_SCHEMA: Final = """
CREATE TABLE state (name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO state VALUES ('version', 0), ('horizon', 0);
CREATE TABLE partition (
    id INTEGER PRIMARY KEY, project TEXT NOT NULL, database TEXT NOT NULL, namespace TEXT NOT NULL,
    UNIQUE (project, database, namespace));
CREATE TABLE property (
    id INTEGER PRIMARY KEY, partition INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    UNIQUE (partition, kind, name));
CREATE TABLE entity (
    partition INTEGER NOT NULL, path BLOB NOT NULL, kind TEXT NOT NULL,
    version INTEGER NOT NULL, created INTEGER NOT NULL, data BLOB NOT NULL);
CREATE UNIQUE INDEX entity_by_path ON entity (partition, path);
CREATE INDEX entity_by_kind ON entity (partition, kind, path);
CREATE TABLE entry (
    property INTEGER NOT NULL, value BLOB NOT NULL, path BLOB NOT NULL,
    PRIMARY KEY (property, value, path)) WITHOUT ROWID;
CREATE INDEX entry_by_path ON entry (path, property);
CREATE TABLE history (  -- the state that ended at `until`; without data: there was no entity
    until INTEGER NOT NULL, partition INTEGER NOT NULL, path BLOB NOT NULL, kind TEXT NOT NULL,
    version INTEGER, created INTEGER, data BLOB,
    PRIMARY KEY (until, partition, path)) WITHOUT ROWID;
CREATE INDEX history_by_path ON history (partition, path, until);
CREATE TABLE reserved (partition INTEGER NOT NULL, path BLOB NOT NULL, PRIMARY KEY (partition, path)) WITHOUT ROWID;
"""
_DATA_TABLES: Final = ("entity", "entry", "history", "reserved")  # a reset leaves names and their numbers as they are


class SchemaError(Exception):
    """The file is not a database of this program and version."""


class InUseError(Exception):
    """Another server has the file open."""


@dataclass(frozen=True)
class Stored:
    """One state of an entity; versions and times are microseconds since the epoch, and a version is its time."""

    version: int
    created: int
    data: bytes  #: the serialised google.datastore.v1.Entity


@dataclass(frozen=True)
class Partition:
    """A project, database and namespace, and the number it is stored under."""

    id: int
    project: str
    database: str
    namespace: str


class Storage:
    """The database. Any number of threads read; one at a time writes."""

    def __init__(self, path: Path | None) -> None:
        """Open *path*, or an empty database in memory.

        Raises:
            InUseError: another server has it open.
            SchemaError: the file belongs to another program or an incompatible version.
        """
        self._path = path
        self._claim = _claim(path) if path is not None else None
        self._write_lock = threading.RLock()
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._connections_lock = threading.Lock()
        self._partitions: dict[tuple[str, str, str], Partition] = {}
        self._properties: dict[tuple[int, str, str], int] = {}
        self._since_pruning = 0
        self._history_bytes = 0
        self._writer = self._connect()
        self._prepare()
        self.version = self._number("version")
        self.horizon = self._number("horizon")

    def close(self) -> None:
        """Close every connection; no read or write may be under way."""
        with self._write_lock, self._connections_lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
        if self._claim is not None:
            self._claim.close()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one committed state throughout."""
        if self._path is None:  # a database in memory has one connection: readers and writers take turns
            with self._write_lock:
                yield self._writer
            return
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def writing(self, now: int) -> Iterator[Write]:
        """The one write under way, committed when the block ends and undone when it raises.

        *now*, in microseconds, becomes its version unless a commit had that or a later one.
        """
        with self._write_lock:
            write = Write(self, self._writer, max(now, self.version + 1))
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield write
                self._writer.execute("UPDATE state SET number = ? WHERE name = 'version'", (write.version,))
                self._prune(write)
                self._writer.execute("COMMIT")
            except BaseException:
                self._writer.execute("ROLLBACK")
                self._partitions, self._properties = {}, {}  # some may have been made within
                raise
            self.version = write.version

    def reset(self, project: str | None) -> None:
        """Remove all entities, or those of *project*."""
        with self._write_lock:
            self._writer.execute("BEGIN IMMEDIATE")
            if project is None:
                for table in _DATA_TABLES:
                    self._writer.execute(f"DELETE FROM {table}")  # noqa: S608 our own names
                self._set_horizon(self.version)
                self._history_bytes = 0
            else:
                self._remove_project(project)
            self._writer.execute("COMMIT")

    def oldest_readable(self, now: int) -> int:
        """The earliest version whose state is surely known: an hour old at most, as in production."""
        return max(self.horizon, now - HISTORY_AGE_MICROS)

    def partition(self, project: str, database: str, namespace: str) -> Partition:
        """The stored partition of these names, made at first use."""
        names = (project, database, namespace)
        known = self._partitions.get(names)
        if known is None:
            with self._write_lock:
                self._writer.execute("INSERT OR IGNORE INTO partition VALUES (NULL, ?, ?, ?)", names)
                (number,) = self._writer.execute(
                    "SELECT id FROM partition WHERE (project, database, namespace) = (?, ?, ?)", names
                ).fetchone()
                known = self._partitions[names] = Partition(number, *names)
        return known

    def property_id(self, connection: sqlite3.Connection, partition: Partition, kind: str, name: str) -> int | None:
        """The number that index entries of this property are stored under; None while there are none."""
        key = (partition.id, kind, name)
        known = self._properties.get(key)
        if known is None:
            row = connection.execute(
                "SELECT id FROM property WHERE (partition, kind, name) = (?, ?, ?)", key
            ).fetchone()
            if row is None:
                return None
            known = self._properties[key] = row[0]
        return known

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path or ":memory:", isolation_level=None, check_same_thread=False, cached_statements=512, timeout=30
        )
        if self._path is not None:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA cache_size=-32768")
        with self._connections_lock:
            self._connections.append(connection)
        return connection

    def _prepare(self) -> None:
        (tables,) = self._writer.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = self._writer.execute("PRAGMA application_id").fetchone()
        (version,) = self._writer.execute("PRAGMA user_version").fetchone()
        if not tables:
            self._writer.executescript(
                f"BEGIN; {_SCHEMA} PRAGMA application_id={_APPLICATION_ID}; "
                f"PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
            )
        elif application != _APPLICATION_ID:
            raise SchemaError(f"{self._path} is not a database of the local Datastore: choose another path.")
        elif version != SCHEMA_VERSION:
            raise SchemaError(
                f"{self._path} has schema version {version}, this program reads {SCHEMA_VERSION}: "
                "delete the file (its data is lost) or run the program that wrote it."
            )
        self._history_bytes = self._writer.execute(
            "SELECT coalesce(sum(length(data)), 0) + count(*) * ? FROM history", (_ROW_BYTES,)
        ).fetchone()[0]

    def _number(self, name: str) -> int:
        number: int = self._writer.execute("SELECT number FROM state WHERE name = ?", (name,)).fetchone()[0]
        return number

    def _remove_project(self, project: str) -> None:
        partitions = [row[0] for row in self._writer.execute("SELECT id FROM partition WHERE project = ?", (project,))]
        for partition in partitions:
            self._writer.execute(
                "DELETE FROM entry WHERE property IN (SELECT id FROM property WHERE partition = ?)", (partition,)
            )
            for table in ("entity", "history", "reserved"):
                sql = f"DELETE FROM {table} WHERE partition = ?"  # noqa: S608 our own names
                self._writer.execute(sql, (partition,))

    def _prune(self, write: Write) -> None:
        self._history_bytes += write.history_bytes
        self._since_pruning += 1
        if self._since_pruning < _PRUNE_EVERY and self._history_bytes <= HISTORY_BYTES:
            return
        self._since_pruning = 0
        horizon = write.version - HISTORY_AGE_MICROS
        if self._history_bytes > HISTORY_BYTES:
            (middle,) = self._writer.execute(
                "SELECT until FROM history ORDER BY until LIMIT 1 OFFSET (SELECT count(*) / 2 FROM history)"
            ).fetchone()
            horizon = max(horizon, middle)
        if self._writer.execute("DELETE FROM history WHERE until <= ?", (horizon,)).rowcount:
            (self._history_bytes,) = self._writer.execute(
                "SELECT coalesce(sum(length(data)), 0) + count(*) * ? FROM history", (_ROW_BYTES,)
            ).fetchone()
            self._set_horizon(horizon)

    def _set_horizon(self, horizon: int) -> None:
        self._writer.execute("UPDATE state SET number = ? WHERE name = 'horizon'", (horizon,))
        self.horizon = horizon


class Write:
    """What may be done within `Storage.writing`."""

    def __init__(self, storage: Storage, connection: sqlite3.Connection, version: int) -> None:
        self.connection = connection
        self.version = version
        self.history_bytes = 0
        self._storage = storage

    def replace(
        self, partition: Partition, path: bytes, kind: str, before: Stored | None, after: Stored | None
    ) -> None:
        """Put *after* in the place of *before*, and keep *before* as history; the index entries are the caller's."""
        old = (before.version, before.created, before.data) if before else (None, None, None)
        where = (partition.id, path)
        self.connection.execute(
            "INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?)", (self.version, partition.id, path, kind, *old)
        )
        self.history_bytes += _ROW_BYTES + (len(before.data) if before else 0)
        if after is None:
            self.connection.execute("DELETE FROM entity WHERE partition = ? AND path = ?", where)
        elif before is None:
            self.connection.execute(
                "INSERT INTO entity VALUES (?, ?, ?, ?, ?, ?)", (*where, kind, after.version, after.created, after.data)
            )
        else:
            self.connection.execute(
                "UPDATE entity SET version = ?, data = ? WHERE partition = ? AND path = ?",
                (after.version, after.data, *where),
            )

    def remove_entries(self, rows: list[tuple[int, bytes, bytes]]) -> None:
        """Drop index entries, each of them property number, value and path."""
        self.connection.executemany("DELETE FROM entry WHERE property = ? AND value = ? AND path = ?", rows)

    def add_entries(self, rows: Iterable[tuple[int, bytes, bytes]]) -> None:
        """Add index entries, each of them property number, value and path."""
        self.connection.executemany("INSERT INTO entry VALUES (?, ?, ?)", rows)

    def property_id(self, partition: Partition, kind: str, name: str) -> int:
        """The number of a property, made at first use."""
        known = self._storage.property_id(self.connection, partition, kind, name)
        if known is None:
            self.connection.execute("INSERT INTO property VALUES (NULL, ?, ?, ?)", (partition.id, kind, name))
            known = self._storage.property_id(self.connection, partition, kind, name)
        return known or 0

    def reserve(self, partition: Partition, path: bytes) -> None:
        """Never allocate the id at the end of *path*."""
        self.connection.execute("INSERT OR IGNORE INTO reserved VALUES (?, ?)", (partition.id, path))


def _claim(path: Path) -> BinaryIO:
    """Keep other servers off the file while this is open: versions are counted in memory. Death gives it up."""
    path.parent.mkdir(parents=True, exist_ok=True)
    claim = path.with_name(path.name + ".lock").open("wb")
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        claim.close()
        raise InUseError(
            f"{path} is in use by another local Datastore: stop that one, or choose another path."
        ) from error
    return claim


def entity_now(connection: sqlite3.Connection, partition: Partition, path: bytes) -> Stored | None:
    """The present state of an entity."""
    row = connection.execute(
        "SELECT version, created, data FROM entity WHERE partition = ? AND path = ?", (partition.id, path)
    ).fetchone()
    return Stored(*row) if row else None


def entity_at(connection: sqlite3.Connection, partition: Partition, path: bytes, snapshot: int) -> Stored | None:
    """The state of an entity when the commits up to *snapshot* had been made."""
    row = connection.execute(
        "SELECT version, created, data FROM history WHERE partition = ? AND path = ? AND until > ? "
        "ORDER BY until LIMIT 1",
        (partition.id, path, snapshot),
    ).fetchone()
    if row is None:
        return entity_now(connection, partition, path)
    return Stored(*row) if row[2] is not None else None


def changed_since(
    connection: sqlite3.Connection, partition: Partition, kind: str | None, snapshot: int
) -> dict[bytes, Stored | None]:
    """The paths (of *kind*) changed after *snapshot*, each with its state then."""
    changed: dict[bytes, Stored | None] = {}
    # The plus sign keeps SQLite from walking all of the partition's history instead of its recent end.
    for path, path_kind, version, created, data in connection.execute(
        "SELECT path, kind, version, created, data FROM history WHERE until > ? AND +partition = ? ORDER BY until",
        (snapshot, partition.id),
    ):
        if path not in changed and kind in {None, path_kind}:
            changed[path] = Stored(version, created, data) if data is not None else None
    return changed


def was_changed(connection: sqlite3.Connection, partition_id: int, path: bytes, snapshot: int) -> bool:
    """Whether an entity was written, made or deleted after *snapshot*."""
    return (
        connection.execute(
            "SELECT 1 FROM history WHERE partition = ? AND path = ? AND until > ? LIMIT 1",
            (partition_id, path, snapshot),
        ).fetchone()
        is not None
    )


def is_taken(connection: sqlite3.Connection, partition: Partition, path: bytes) -> bool:
    """Whether an id cannot be allocated any more."""
    return (
        connection.execute(
            "SELECT 1 FROM entity WHERE partition = :p AND path = :k "
            "UNION ALL SELECT 1 FROM reserved WHERE partition = :p AND path = :k",
            {"p": partition.id, "k": path},
        ).fetchone()
        is not None
    )
