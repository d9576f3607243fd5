"""An archive of generated calls in the embedded Datastore, kept from one run to the next."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import functools
import hashlib
import itertools
import os
import time
from typing import TYPE_CHECKING, Any

from google.cloud.datastore import helpers

from common.adapters.datastore.kinds import CALL_INDEX, CONVERSATION_METADATA, SYMBL_ASYNC_REQUEST
from common.model.search.tokens import entry_of
from deploy.local.datastore import DatastoreServer, load_indexes, wire
from deploy.local.datastore.values import Entries, encode_path, encode_value, index_entries
from tests.benchmarks.archive.calls import a_call
from tests.conftest import PROJECT, ROOT
from tests.factories import a_conversation, a_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from google.cloud import datastore

    from common.adapters.datastore.kinds import Kind
    from common.model.conversation import ConversationMetadata
    from common.model.job import SymblAsyncRequest
    from common.model.search.document import IndexEntry

_INDEXES = load_indexes(ROOT / "deploy" / "index.yaml")
_BATCH = 1_000
_AHEAD = 3  #: batches that are made before they are asked for
_FEW = 5_000  #: calls for which no process is worth its start
#: What an archive is made of: when one of these changes, it is made anew.
_SOURCES = ("common/model/**/*.py", "common/adapters/datastore/kinds.py", "common/adapters/datastore/codec.py",
            "deploy/local/datastore/*.py", "samples/*.json", "tests/benchmarks/archive/*.py")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Rows:
    """Some calls, as the embedded Datastore keeps them."""

    entities: list[tuple[str, bytes, bytes]]  #: kind, path and data
    entries: dict[tuple[str, str], list[tuple[bytes, bytes]]]  #: by kind and property: value and path, in that order


@contextlib.contextmanager
def kept_archive(calls: int, told: Callable[[str], None]) -> Iterator[DatastoreServer]:
    """The server with so many calls: filled now, or by an earlier run."""
    path = _path(calls)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        for older in path.parent.glob(f"{path.name.rpartition('-')[0]}-*"):
            older.unlink()
        began = time.monotonic()
        unfinished = path.with_suffix(".unfinished")
        with DatastoreServer(path=unfinished, indexes=_INDEXES) as server:
            fill(server, calls)
        unfinished.rename(path)
        took = time.monotonic() - began
        size = path.stat().st_size / 1e9
        told(f"{calls:,} calls were made and indexed in {took:.0f} s; {size:.1f} GB are kept in {path.parent}")
    with DatastoreServer(path=path, indexes=_INDEXES) as server:
        yield server


def fill(server: DatastoreServer, calls: int) -> None:
    """Put the calls into its tables: past the protocol, which would take five times as long.

    What the rows are, the server's own code says; a test holds them against what comes of a commit.
    """
    storage: Any = server._storage
    storage._writer.execute("PRAGMA cache_size=-800000")
    partition = storage.partition(PROJECT, "", "")
    with storage.writing(1) as write:
        write.connection.execute("DROP INDEX entry_by_path")
        for rows in _rows(calls):
            write.connection.executemany(
                "INSERT INTO entity VALUES (?, ?, ?, 1, 1, ?)",
                [(partition.id, path, kind, data) for kind, path, data in rows.entities],
            )
            for (kind, name), entries in rows.entries.items():
                number = write.property_id(partition, kind, name)
                write.add_entries([(number, value, path) for value, path in entries])
        write.connection.execute("CREATE INDEX entry_by_path ON entry (path, property)")


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
    rows = Rows([], {})
    for number in range(first, end):
        call = a_call(number, of=of)
        entry = entry_of(call.document)
        _add_index(rows, entry)
        recording = call.conversation.id
        _add(rows, _like(CONVERSATION_METADATA, a_conversation(), recording, id=recording))
        job = a_job(call.request.status)
        _add(rows, _like(SYMBL_ASYNC_REQUEST, job, call.request.id, id=call.request.id, recording_id=recording))
    for entries in rows.entries.values():
        entries.sort()
    return rows


def _add_index(rows: Rows, entry: IndexEntry) -> None:
    """The arrays apart: Google's client takes its time over hundreds of texts."""
    arrays = {"terms": entry.terms, "facets": entry.facets}
    message = _message(CALL_INDEX, entry.key, dataclasses.replace(entry, terms=(), facets=()))
    plain = index_entries(message)
    for name, texts in arrays.items():
        values = [wire.Value(string_value=text) for text in texts]
        message.properties[name].array_value.values.extend(values)
        plain[name] = [encode_value(value) for value in values]
    _add(rows, message, plain)


def _add(rows: Rows, message: Any, entries: Entries | None = None) -> None:
    kind, path = message.key.path[-1].kind, encode_path(message.key)
    rows.entities.append((kind, path, message.SerializeToString()))
    for name, values in (entries or index_entries(message)).items():
        rows.entries.setdefault((kind, name), []).extend((value, path) for value in values)


def _like(kind: Kind, row: ConversationMetadata | SymblAsyncRequest, name: str, **texts: str) -> Any:
    """An entity that is looked up and never searched for: all but its key and some texts is as in another."""
    message: Any = wire.Entity.FromString(_template(kind, row))
    message.key.path[-1].name = name
    for property_name, text in texts.items():
        message.properties[property_name].string_value = text
    return message


@functools.lru_cache(maxsize=8)
def _template(kind: Kind, row: ConversationMetadata | SymblAsyncRequest) -> bytes:
    data: bytes = _message(kind, "template", row).SerializeToString()
    return data


def _message(kind: Kind, name: str, row: object) -> Any:
    return wire.Entity.FromString(helpers.entity_to_protobuf(kind.entity(_client(), name, row))._pb.SerializeToString())


def _path(calls: int) -> Path:
    digest = hashlib.sha256()
    for source in sorted(path for pattern in _SOURCES for path in ROOT.glob(pattern)):
        digest.update(source.read_bytes())
    state = ROOT / os.environ.get("LOCAL_STATE", ".local")
    return state / "bench" / f"archive-{calls}-{digest.hexdigest()[:12]}.sqlite"


@functools.cache
def _client() -> datastore.Client:
    """Makes keys; nothing is asked of it."""
    with DatastoreServer() as server:
        return server.in_process_client(PROJECT)
