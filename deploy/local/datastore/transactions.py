"""Optimistic, serializable transactions.

A transaction reads the state at its beginning and remembers what it asked: the keys it looked up and the stretch of
every query that it read. At commit, under the one write lock, none of those answers may have been changed by a commit
in between, phantoms included. Nothing is ever locked, so a transaction that is left open stands in nobody's way.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from deploy.local.datastore.errors import aborted, invalid
from deploy.local.datastore.query import Row, Selection
from deploy.local.datastore.scan import rows_of_stored
from deploy.local.datastore.storage import changed_since, entity_now, was_changed

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from deploy.local.datastore.storage import Partition, Storage, Stored

LIFETIME_MICROS: Final = 270_000_000
IDLE_MICROS: Final = 60_000_000
_ENDED_KEPT: Final = 4096

CONTENTION: Final = (
    "Aborted due to cross-transaction contention. This occurs when multiple transactions attempt to access the same "
    "data, requiring at least one to be aborted in order to enforce serializability."
)


@dataclass(frozen=True)
class QueryRead:
    """A query's rows that a transaction knows, up to the row *last*, or all of them."""

    selection: Selection
    last: Row | None
    content: bool  #: whether it saw whole entities, not only rows

    def differs(self, path: bytes, before: Stored | None, after: Stored | None) -> bool:
        """Whether the change of one entity would have changed the answer."""
        old, new = self._seen(path, before), self._seen(path, after)
        return old != new or (self.content and bool(old))

    def _seen(self, path: bytes, stored: Stored | None) -> list[Row]:
        if stored is None:
            return []
        rows = rows_of_stored(self.selection, path, stored)
        if self.last is None:
            return rows
        sort_key = self.selection.sort_key
        end = sort_key(self.last)
        return [row for row in rows if sort_key(row) <= end]


@dataclass
class Transaction:
    """One transaction under way; times in microseconds since the epoch."""

    id: bytes
    project: str
    database: str
    snapshot: int
    read_only: bool
    begun: int
    used: int
    keys_read: set[tuple[int, bytes]] = field(default_factory=set)
    queries_read: list[QueryRead] = field(default_factory=list)

    def expired(self, now: int) -> bool:
        """Whether it lived 270 s, or lay idle for 60 s."""
        return now - self.begun > LIFETIME_MICROS or now - self.used > IDLE_MICROS

    def saw_key(self, partition: Partition, path: bytes) -> None:
        """Remember a look-up, of a missing entity too."""
        if not self.read_only:
            self.keys_read.add((partition.id, path))

    def saw_rows(self, read: QueryRead) -> None:
        """Remember a query, of no results too."""
        if not self.read_only:
            self.queries_read.append(read)

    def check_unchanged(self, connection: sqlite3.Connection, storage: Storage) -> None:
        """Refuse to go on when anything that was read has changed since.

        Raises:
            RefusedError: ABORTED.
        """
        if storage.version == self.snapshot:
            return
        if self.snapshot < storage.horizon and (self.keys_read or self.queries_read):
            raise aborted(CONTENTION)  # what has changed is no longer known
        for partition_id, path in self.keys_read:
            if was_changed(connection, partition_id, path, self.snapshot):
                raise aborted(CONTENTION)
        for read in self.queries_read:
            selection = read.selection
            changed = changed_since(connection, selection.partition, selection.kind, self.snapshot)
            for path, before in changed.items():
                if read.differs(path, before, entity_now(connection, selection.partition, path)):
                    raise aborted(CONTENTION)


class Transactions:
    """The transactions under way. They live in memory alone: a restart ends them."""

    def __init__(self, now: Callable[[], int]) -> None:
        """*now* tells microseconds since the epoch."""
        self._now = now
        self._lock = threading.Lock()
        self._open: dict[bytes, Transaction] = {}
        self._ended: deque[bytes] = deque(maxlen=_ENDED_KEPT)

    def begin(self, project: str, database: str, snapshot: int, *, read_only: bool) -> Transaction:
        """Begin one that reads the state at *snapshot*."""
        now = self._now()
        transaction = Transaction(secrets.token_bytes(12), project, database, snapshot, read_only, now, now)
        with self._lock:
            for stale in [known.id for known in self._open.values() if known.expired(now)]:
                del self._open[stale]
            self._open[transaction.id] = transaction
        return transaction

    def use(self, transaction_id: bytes, project: str, database: str) -> Transaction:
        """The transaction of that id, which is not idle now.

        Raises:
            RefusedError: it is over, or never was.
        """
        now = self._now()
        with self._lock:
            found = self._open.get(transaction_id)
            if found is None or (found.project, found.database) != (project, database):
                raise invalid("Invalid transaction.")
            if found.expired(now):
                del self._open[transaction_id]
                raise invalid("The referenced transaction has expired or is no longer valid.")
            found.used = now
            return found

    def end(self, transaction: Transaction) -> None:
        """Forget one that was committed, rolled back or aborted."""
        with self._lock:
            self._open.pop(transaction.id, None)
            self._ended.append(transaction.id)

    def roll_back(self, transaction_id: bytes, project: str, database: str) -> None:
        """End one without effect; one that has just ended may be rolled back again, as after a failed commit.

        Raises:
            RefusedError: it expired, or never was.
        """
        if transaction_id not in self._ended:
            self.end(self.use(transaction_id, project, database))

    def end_all(self, project: str | None) -> None:
        """Forget all, or those of *project*."""
        with self._lock:
            self._open = {known.id: known for known in self._open.values() if project not in {None, known.project}}
