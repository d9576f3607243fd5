"""What a page reads of Datastore, counted in the messages that go over the wire."""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING, Any

from common.adapters.datastore.kinds import CALL_INDEX
from deploy.local.datastore import wire
from deploy.local.datastore.in_process import connect
from deploy.local.datastore.server import METHODS
from deploy.local.datastore.values import encode_path, encode_value
from tests.conftest import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.cloud import datastore

    from common.model.search.plan import Branch
    from deploy.local.datastore import DatastoreServer


@dataclasses.dataclass
class Reads:
    """A query that Datastore answers in several batches counts once for each."""

    rpcs: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    entities: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)  #: by kind, whole
    keys: int = 0  #: of queries that read keys alone
    keys_only_queries: int = 0
    last: str = ""  #: the greatest key of the index that came back

    @property
    def total(self) -> int:
        """Entities that were read: all that Datastore handed over whole, shown or not, and looked up in vain."""
        return self.entities.total()

    @property
    def billed(self) -> int:
        """Reads on the bill: a query of keys alone is one, however many keys it reads; so is a count to a thousand.

        https://cloud.google.com/datastore/pricing
        """
        return self.total + self.keys_only_queries + self.rpcs["RunAggregationQuery"]

    def count(self, method: str, response: bytes) -> None:
        """One call."""
        self.rpcs[method] += 1
        _, _, answered_class = METHODS[method]
        answered: Any = answered_class.FromString(response)
        if method == "Lookup":
            self._whole([*answered.found, *answered.missing])
        elif method == "RunQuery" and answered.batch.entity_result_type == wire.EntityResult.FULL:
            self._whole(answered.batch.entity_results)
        elif method == "RunQuery":
            self.keys_only_queries += 1
            self.keys += len(answered.batch.entity_results)
            self._saw(answered.batch.entity_results)

    def _whole(self, results: Any) -> None:
        self.entities.update(result.entity.key.path[-1].kind for result in results)
        self._saw(results)

    def _saw(self, results: Any) -> None:
        names = (last.name for result in results if (last := result.entity.key.path[-1]).kind == CALL_INDEX.name)
        self.last = max([self.last, *names])


def counting_client(server: DatastoreServer, reads: Reads) -> datastore.Client:
    """Google's client; what it asks for is counted."""

    def call(method: str, request: bytes) -> bytes:
        response = server.call(method, request)
        reads.count(method, response)
        return response

    return connect(call, PROJECT, None)


def index_entries_passed(server: DatastoreServer, branches: Iterable[Branch], *, after: str, until: str) -> int:
    """How many index entries Datastore's merge of built-in indexes looks at between two keys of calls.

    Each index is asked for its next entry at or behind the furthest of them, in turn (zig-zag): a few for each result
    where the tokens go together, many where each is frequent and both seldom are.
    """
    storage: Any = server._storage
    passed = 0
    with storage.reading() as connection:
        partition = storage.partition(PROJECT, "", "")
        for branch in branches:
            lists = [
                (
                    storage.property_id(connection, partition, CALL_INDEX.name, "terms" if token.is_term else "facets"),
                    encode_value(wire.Value(string_value=token.text)),
                )
                for token in branch.walked
            ]
            passed += _merged(connection, lists, _path(after), _path(until))
    return passed


def _merged(connection: Any, lists: list[tuple[int, bytes]], at: bytes, until: bytes) -> int:
    passed = agreed = turn = 0
    while at <= until:
        found = connection.execute(
            "SELECT path FROM entry WHERE property = ? AND value = ? AND path >= ? ORDER BY path LIMIT 1",
            (*lists[turn % len(lists)], at),
        ).fetchone()
        passed += 1
        turn += 1
        if found is None:
            break
        agreed = agreed + 1 if found[0] == at else 1
        at = found[0]
        if agreed == len(lists):
            at, agreed = at + b"\0", 0
    return passed


def _path(name: str) -> bytes:
    key: Any = wire.Key()
    element = key.path.add()
    element.kind, element.name = CALL_INDEX.name, name
    return encode_path(key)
