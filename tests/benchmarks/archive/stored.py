"""An archive of generated calls in the embedded Datastore, kept from one run to the next."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import functools
import hashlib
import itertools
import os
import time
from array import array
from typing import TYPE_CHECKING, Any

import numpy as np
from google.cloud.datastore import helpers

from common.adapters.datastore.kinds import CALL_INDEX, CONVERSATION_METADATA, SYMBL_ASYNC_REQUEST
from common.model.search.tokens import entry_of
from deploy.local.datastore import DatastoreServer, load_indexes, wire
from deploy.local.datastore.storage import SCHEMA_VERSION
from deploy.local.datastore.values import Entries, encode_path, encode_value, index_entries
from tests.benchmarks.archive.calls import a_call
from tests.conftest import PROJECT, ROOT
from tests.factories import a_conversation, a_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from google.cloud import datastore

    from common.adapters.datastore.kinds import Kind
    from common.model.lifecycle import JobStatus
    from common.model.search.document import IndexEntry
    from tests.benchmarks.archive.calls import Call

_INDEXES = load_indexes(ROOT / "deploy" / "index.yaml")
_BATCH = 1_000
_AHEAD = 3  #: batches that are made before they are asked for
_FEW = 5_000  #: calls for which no process is worth its start
_PIECE = 1_000_000  #: index entries that are put into the table at once
_DRAWN = 200  #: calls by which an archive that is kept is known again

PropertyName = tuple[str, str]
"""A kind, and a property that it has indexed."""


@dataclasses.dataclass(frozen=True)
class Column:
    """The index entries of a property, in no order: the number of each one's value, and of its entity."""

    values: list[bytes]
    which: array[int]
    whose: array[int]


class _Entries:
    """A column that grows."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = collections.defaultdict(itertools.count().__next__)
        self._which = array("I")
        self._whose = array("I")

    def add(self, values: Sequence[bytes], entity: int) -> None:
        self._which.extend(map(self._numbers.__getitem__, values))
        self._whose.extend(itertools.repeat(entity, len(values)))

    def add_all(self, column: Column, *, behind: int) -> None:
        """Those of entities that stand behind so many others."""
        numbers = np.fromiter(map(self._numbers.__getitem__, column.values), np.uint32, len(column.values))
        self._which.frombytes(numbers[np.asarray(column.which)].tobytes())
        self._whose.frombytes((np.asarray(column.whose) + np.uint32(behind)).tobytes())

    def column(self) -> Column:
        return Column(list(self._numbers), self._which, self._whose)


@dataclasses.dataclass(frozen=True)
class Rows:
    """Some calls, as the embedded Datastore keeps them."""

    entities: list[tuple[str, bytes, bytes]]  #: kind, path and data
    columns: dict[PropertyName, Column]


@contextlib.contextmanager
def kept_archive(calls: int, told: Callable[[str], None]) -> Iterator[DatastoreServer]:
    """The server with so many calls: filled now, or by an earlier run."""
    path = _path(calls)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        for older in path.parent.glob(f"{path.name.rpartition('-')[0]}-*"):
            older.unlink()
        began, used = time.monotonic(), _processor_seconds()
        unfinished = path.with_suffix(".unfinished")
        with DatastoreServer(path=unfinished, indexes=_INDEXES) as server:
            fill(server, calls)
        unfinished.rename(path)
        took, used = time.monotonic() - began, _processor_seconds() - used
        size = path.stat().st_size / 1e9
        told(
            f"{calls:,} calls were made and indexed in {took:.0f} s ({used:.0f} s of one core); "
            f"{size:.1f} GB are kept in {path.parent}"
        )
    with DatastoreServer(path=path, indexes=_INDEXES) as server:
        yield server


def fill(server: DatastoreServer, calls: int) -> None:
    """Put the calls into its empty tables: past the protocol, and each table in its own order.

    A b-tree that grows at its end is written once. In the order of calls, each of which has index entries all over it,
    its pages would be read and written again and again. What the rows are, the server's own code says; a test holds
    them against what comes of a commit.
    """
    storage: Any = server._storage
    partition = storage.partition(PROJECT, "", "")
    connection = storage._writer
    (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000"):
        connection.execute(f"PRAGMA {pragma}")
    paths: list[bytes] = []
    entries: dict[PropertyName, _Entries] = collections.defaultdict(_Entries)
    with storage.writing(1) as write:
        connection.execute("DROP INDEX entry_by_path")
        for rows in _rows(calls):
            for key, column in rows.columns.items():
                entries[key].add_all(column, behind=len(paths))
            paths += (path for _, path, _ in rows.entities)
            connection.executemany(
                "INSERT INTO entity VALUES (?, ?, ?, 1, 1, ?)",
                [(partition.id, path, kind, data) for kind, path, data in rows.entities],
            )
        numbers = {key: write.property_id(partition, *key) for key in entries}
        for key in sorted(entries, key=numbers.__getitem__):
            write.add_entries(_in_order(numbers[key], entries.pop(key).column(), paths))
        connection.execute("CREATE INDEX entry_by_path ON entry (path, property)")
    for pragma in (f"journal_mode={journal}", "synchronous=NORMAL", "cache_size=-32768"):
        connection.execute(f"PRAGMA {pragma}")


def _in_order(number: int, column: Column, paths: Sequence[bytes]) -> Iterator[tuple[int, bytes, bytes]]:
    """A property's index entries, as the table is sorted: by value, then by path."""
    values, value_ranks = _sorted(column.values)
    sorted_paths, path_ranks = _sorted(paths)
    both = value_ranks[np.asarray(column.which)] * np.uint64(len(paths)) + path_ranks[np.asarray(column.whose)]
    both.sort()
    pieces = (np.divmod(both[start : start + _PIECE], np.uint64(len(paths))) for start in range(0, len(both), _PIECE))
    return itertools.chain.from_iterable(
        zip(
            itertools.repeat(number),
            map(values.__getitem__, which.tolist()),
            map(sorted_paths.__getitem__, whose.tolist()),
        )
        for which, whose in pieces
    )


def _sorted(texts: Sequence[bytes]) -> tuple[list[bytes], npt.NDArray[np.uint64]]:
    """The texts in order, and the place of each one there."""
    order = sorted(range(len(texts)), key=texts.__getitem__)
    ranks = np.empty(len(texts), np.uint64)
    ranks[order] = np.arange(len(texts), dtype=np.uint64)
    return [texts[at] for at in order], ranks


def _rows(calls: int) -> Iterator[Rows]:
    batches = ((start, min(start + _BATCH, calls), calls) for start in range(0, calls, _BATCH))
    if calls <= _FEW:
        yield from itertools.starmap(rows_of, batches)
        return
    with concurrent.futures.ProcessPoolExecutor(max((os.cpu_count() or 1) - 1, 1)) as pool:
        waiting = [pool.submit(rows_of, *batch) for batch in itertools.islice(batches, _AHEAD)]
        while waiting:
            yield waiting.pop(0).result()
            waiting += [pool.submit(rows_of, *batch) for batch in itertools.islice(batches, 1)]


def rows_of(first: int, end: int, of: int) -> Rows:
    """Of the calls from one number up to another, the index, the metadata and the request."""
    made = [rows for number in range(first, end) for rows in _rows_of(a_call(number, of=of))]
    entries: dict[PropertyName, _Entries] = collections.defaultdict(_Entries)
    for entity, (kind, _, _, values) in enumerate(made):
        for name, theirs in values.items():
            entries[kind, name].add(theirs, entity)
    return Rows(
        entities=[(kind, path, data) for kind, path, data, _ in made],
        columns={key: column.column() for key, column in entries.items()},
    )


def _rows_of(call: Call) -> Iterator[tuple[str, bytes, bytes, Entries]]:
    recording, request = call.conversation.id, call.request
    yield _of_index(entry_of(call.document))
    yield _like(_template(CONVERSATION_METADATA, None), recording, id=recording)
    yield _like(_template(SYMBL_ASYNC_REQUEST, request.status), request.id, id=request.id, recording_id=recording)


def _of_index(entry: IndexEntry) -> tuple[str, bytes, bytes, Entries]:
    """The arrays apart: Google's client takes its time over hundreds of texts, each of which is in many calls."""
    message = _message(CALL_INDEX, entry.key, dataclasses.replace(entry, terms=(), facets=()))
    entries = index_entries(message)
    for name, texts in {"terms": entry.terms, "facets": entry.facets}.items():
        both = list(map(_element, texts))
        message.properties[name].array_value.MergeFromString(b"".join([element for element, _ in both]))
        entries[name] = [encoded for _, encoded in both]
    return _stored(message, entries)


@functools.lru_cache(maxsize=200_000)
def _element(text: str) -> tuple[bytes, bytes]:
    """A text as the one element of an array, serialised, and as the value of an index entry."""
    array_of_it: Any = wire.Value()
    value = array_of_it.array_value.values.add(string_value=text)
    return array_of_it.array_value.SerializeToString(), encode_value(value)


def _like(template: tuple[bytes, Entries], name: str, **texts: str) -> tuple[str, bytes, bytes, Entries]:
    """An entity that is looked up and never searched for: all but its key and some texts is as in another."""
    data, entries = template
    message: Any = wire.Entity.FromString(data)
    message.key.path[-1].name = name
    changed = {}
    for property_name, text in texts.items():
        message.properties[property_name].string_value = text
        if property_name in entries:
            changed[property_name] = [encode_value(message.properties[property_name])]
    return _stored(message, {**entries, **changed})


def _stored(message: Any, entries: Entries) -> tuple[str, bytes, bytes, Entries]:
    return (
        message.key.path[-1].kind,
        encode_path(message.key),
        message.SerializeToString(deterministic=True),
        entries,
    )


@functools.cache
def _template(kind: Kind, status: JobStatus | None) -> tuple[bytes, Entries]:
    message = _message(kind, "template", a_job(status) if status else a_conversation())
    return message.SerializeToString(), index_entries(message)


def _message(kind: Kind, name: str, row: object) -> Any:
    return wire.Entity.FromString(helpers.entity_to_protobuf(kind.entity(_client(), name, row))._pb.SerializeToString())


def _path(calls: int) -> Path:
    """Named for what is in it: an archive is made anew when its first calls would be others."""
    drawn = rows_of(0, min(_DRAWN, calls), calls)
    digest = hashlib.sha256(f"{SCHEMA_VERSION}".encode())
    for _, path, data in drawn.entities:
        digest.update(path + data)
    for key, column in sorted(drawn.columns.items()):
        digest.update("".join(key).encode() + b"".join(column.values) + column.which.tobytes())
    state = ROOT / os.environ.get("LOCAL_STATE", ".local")
    return state / "bench" / f"archive-{calls}-{digest.hexdigest()[:12]}.sqlite"


def _processor_seconds() -> float:
    """Of this process and those that it has waited for."""
    return sum(os.times()[:4])


@functools.cache
def _client() -> datastore.Client:
    """Makes keys; nothing is asked of it."""
    with DatastoreServer() as server:
        return server.in_process_client(PROJECT)
