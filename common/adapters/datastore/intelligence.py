"""The ConversationIntelligence kinds: the rows of one section of one conversation, in as many chunks as they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.cloud import datastore

from common.adapters.datastore.calls import keys_of_call, put_call
from common.adapters.datastore.codec import from_entity, to_entity
from common.adapters.datastore.inbox import change_open
from common.adapters.datastore.kinds import INTELLIGENCE_INDEXED, SYMBL_ASYNC_REQUEST, WEBHOOK_EVENT
from common.adapters.datastore.sizes import most_bytes
from common.adapters.datastore.transactions import run_in_transaction
from common.errors import NotFound
from common.model.search.document import with_results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from common.model.intelligence import Rows, SectionKind
    from common.model.job import SymblAsyncRequest
    from common.model.recording import RecordingId

_PROPERTIES = frozenset({"conversation_id", "recording_id", "chunk", "chunks", "rows"})
_UNINDEXED = tuple(sorted(_PROPERTIES - INTELLIGENCE_INDEXED))
#: An entity may have 1,048,572 bytes; this leaves room for its key and its other properties.
CHUNK_BYTES = 900_000
#: A commit may have 10 MiB; Google's emulator takes 4. Beside results, the last has their request, of 1 MiB at most.
RESULTS_BYTES = 2_500_000


class DatastoreResults:
    """ResultStore. Keys are conversation and chunk, so that storing a section again replaces it.

    The first chunk tells how many there are: one that a longer earlier version left behind is never read.
    """

    def __init__(self, client: datastore.Client) -> None:
        self._client = client

    def keep(
        self,
        sections: Sequence[tuple[SectionKind, Rows]],
        *,
        request: SymblAsyncRequest,
        change: Callable[[SymblAsyncRequest], SymblAsyncRequest],
        event_id: str | None,
        now: datetime,
        known: Mapping[str, Rows],
    ) -> SymblAsyncRequest:
        """Store whole sections, what that makes of their request, and that the event which told of them is worked off.

        With them goes the call's index, and what it counts for; `known` are the sections that were stored before.
        One lookup and one commit, and a commit before it for each RESULTS_BYTES that are too many for that one.
        `change` leaves the status, and with it the slots, as they are.
        """
        assert request.conversation_id is not None  # noqa: S101  # there are no results without one
        entities = self._entities(sections, conversation_id=request.conversation_id, recording_id=request.recording_id)
        *first, last = [*_fitting(entities, limit=RESULTS_BYTES)] or [[]]
        for batch in first:
            self._client.put_multi(batch)
        request_key = SYMBL_ASYNC_REQUEST.key(self._client, request.id)
        event_keys = [WEBHOOK_EVENT.key(self._client, event_id)] if event_id else []
        call_keys = keys_of_call(self._client, request)
        results = {**known, **{section.name: rows for section, rows in sections}}

        def body(transaction: datastore.Transaction) -> SymblAsyncRequest:
            keys = [request_key, *event_keys, *call_keys]
            found = {e.key: e for e in self._client.get_multi(keys, transaction=transaction)}
            if request_key not in found:
                raise NotFound(f"no request {request.id}")
            before: SymblAsyncRequest = SYMBL_ASYNC_REQUEST.row_of(found[request_key])
            after = change(before)
            for entity in last:
                transaction.put(entity)
            if after != before:
                transaction.put(SYMBL_ASYNC_REQUEST.entity(self._client, after.id, after))
            put_call(self._client, transaction, found, after, lambda document: with_results(document, results))
            for key in event_keys:
                change_open(self._client, transaction, found.get(key), worked_off_at=now, next_check_at=None)
            return after

        return run_in_transaction(self._client, body)

    def _entities(
        self, sections: Sequence[tuple[SectionKind, Rows]], *, conversation_id: str, recording_id: RecordingId
    ) -> list[datastore.Entity]:
        """A section's first chunk comes last: it is the one that makes the others count."""
        entities = []
        for section, rows in sections:
            chunks = list(_chunks(rows))
            for number, items in reversed(list(enumerate(chunks))):
                entity = datastore.Entity(self._key(section, conversation_id, number), exclude_from_indexes=_UNINDEXED)
                entity.update(
                    conversation_id=conversation_id,
                    recording_id=recording_id,
                    chunk=number,
                    chunks=len(chunks),
                    rows=items,
                )
                entities.append(entity)
        return entities

    def get(self, section: SectionKind, conversation_id: str) -> Rows:
        """The rows of a section, in order."""
        return self.get_all([section], conversation_id)[section.name]

    def get_all(self, sections: Sequence[SectionKind], conversation_id: str) -> Mapping[str, Rows]:
        """Rows by the section's name: one lookup, and one more for sections in several chunks."""
        first = [self._key(section, conversation_id, 0) for section in sections]
        found = {entity.key: entity for entity in self._client.get_multi(first)}
        rest = [
            self._key(section, conversation_id, number)
            for section, key in zip(sections, first, strict=True)
            if key in found
            for number in range(1, found[key]["chunks"])
        ]
        if rest:
            found.update({entity.key: entity for entity in self._client.get_multi(rest)})
        return {
            section.name: tuple(
                from_entity(section.row, row)
                for number in range(found[key]["chunks"] if key in found else 0)
                for row in found[self._key(section, conversation_id, number)]["rows"]
            )
            for section, key in zip(sections, first, strict=True)
        }

    def _key(self, section: SectionKind, conversation_id: str, chunk: int) -> datastore.Key:
        return self._client.key(section.kind, f"{conversation_id}-{chunk:04d}")


def _chunks(rows: Rows) -> Iterator[list[datastore.Entity]]:
    """Rows as embedded entities, in lists that fit one entity each; one empty list where there are no rows."""
    yield from _fitting([to_entity(row, None) for row in rows], limit=CHUNK_BYTES) if rows else ([],)


def _fitting(entities: list[datastore.Entity], *, limit: int) -> Iterator[list[datastore.Entity]]:
    """`entities` in order, cut into lists of at most `limit` bytes."""
    taken: list[datastore.Entity] = []
    size = 0
    for entity in entities:
        bytes_ = most_bytes(entity)
        if taken and size + bytes_ > limit:
            yield taken
            taken, size = [], 0
        taken.append(entity)
        size += bytes_
    if taken:
        yield taken
