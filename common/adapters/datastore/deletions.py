"""DeletedRecording, and what a deletion takes away."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from google.cloud.datastore.query import PropertyFilter

from common.adapters.datastore.calls import keys_of_call, take_call_away
from common.adapters.datastore.kinds import (
    CONVERSATION_METADATA,
    DELETED_RECORDING,
    INTELLIGENCE_KINDS,
    REJECTED_OBJECT,
    SYMBL_ASYNC_REQUEST,
    UPLOAD_DETAILS,
    WEBHOOK_EVENT,
    fingerprint_key,
)
from common.adapters.datastore.transactions import run_in_transaction
from common.adapters.datastore.waveforms import waveform_key
from common.errors import NotFound
from common.model.job import request_id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from google.cloud import datastore

    from common.model.conversation import ConversationMetadata
    from common.model.deletion import DeletedRecording
    from common.model.intake import RejectedObject
    from common.model.job import SymblAsyncRequest
    from common.model.recording import RecordingId

_THE_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
#: A commit may have 500 mutations.
_AT_ONCE = 500


class DatastoreDeletions:
    """Deletions: the key of what is kept is the recording's id."""

    def __init__(self, client: datastore.Client) -> None:
        self._client = client

    def begin(
        self,
        recording_id: RecordingId,
        leave: Callable[[ConversationMetadata, SymblAsyncRequest | None], DeletedRecording],
    ) -> DeletedRecording:
        """Metadata, request, index, its part of the day's sums, fingerprint and the sender's words: one transaction.

        Two lookups and one commit.
        """
        key = CONVERSATION_METADATA.key(self._client, recording_id)
        request_key = SYMBL_ASYNC_REQUEST.key(self._client, request_id_of(recording_id))
        deleted_key = DELETED_RECORDING.key(self._client, recording_id)

        def body(transaction: datastore.Transaction) -> DeletedRecording:
            wanted = [key, request_key, deleted_key]
            found = {e.key: e for e in self._client.get_multi(wanted, transaction=transaction)}
            if deleted_key in found:
                before: DeletedRecording = DELETED_RECORDING.row_of(found[deleted_key])
                return before
            if key not in found:
                raise NotFound(f"There is no recording {recording_id!r}; GET /api/v1/recordings lists them.")
            conversation: ConversationMetadata = CONVERSATION_METADATA.row_of(found[key])
            request = SYMBL_ASYNC_REQUEST.row_of(found[request_key]) if request_key in found else None
            deleted = leave(conversation, request)
            self._take_away(transaction, conversation, request)
            transaction.put(DELETED_RECORDING.entity(self._client, recording_id, deleted))
            return deleted

        return run_in_transaction(self._client, body)

    def _take_away(
        self, transaction: datastore.Transaction, conversation: ConversationMetadata, request: SymblAsyncRequest | None
    ) -> None:
        fingerprint = fingerprint_key(self._client, conversation.company, conversation.content_hash)
        call_keys = keys_of_call(self._client, request) if request else []
        read = {e.key: e for e in self._client.get_multi([fingerprint, *call_keys], transaction=transaction)}
        if request:
            take_call_away(self._client, transaction, read, request)
            transaction.delete(SYMBL_ASYNC_REQUEST.key(self._client, request.id))
        if fingerprint in read and read[fingerprint]["recording_id"] == conversation.id:
            transaction.delete(fingerprint)
        transaction.delete(CONVERSATION_METADATA.key(self._client, conversation.id))
        transaction.delete(waveform_key(self._client, conversation.id))
        transaction.delete(REJECTED_OBJECT.key(self._client, conversation.id))  # it was rejected, then added by hand
        transaction.delete(self._client.key(UPLOAD_DETAILS, conversation.object_name))

    def get(self, recording_id: RecordingId) -> DeletedRecording | None:
        """What was kept of a deleted recording."""
        entity = self._client.get(DELETED_RECORDING.key(self._client, recording_id))
        return DELETED_RECORDING.row_of(entity) if entity else None

    def change(
        self, recording_id: RecordingId, change: Callable[[DeletedRecording], DeletedRecording]
    ) -> DeletedRecording:
        """One lookup, and a commit if anything changes."""
        key = DELETED_RECORDING.key(self._client, recording_id)

        def body(transaction: datastore.Transaction) -> DeletedRecording:
            stored = self._client.get(key, transaction=transaction)
            if stored is None:
                raise NotFound(f"no deleted recording {recording_id}")
            before: DeletedRecording = DELETED_RECORDING.row_of(stored)
            after = change(before)
            if after != before:
                transaction.put(DELETED_RECORDING.entity(self._client, recording_id, after))
            return after

        return run_in_transaction(self._client, body)

    def due(self, *, now: datetime, limit: int) -> list[DeletedRecording]:
        """The longest overdue first: one query, which finds nothing where nothing is owed."""
        query = self._client.query(
            kind=DELETED_RECORDING.name,
            filters=[
                PropertyFilter("next_check_at", ">", _THE_BEGINNING),
                PropertyFilter("next_check_at", "<=", now),
            ],
            order=["next_check_at"],
        )
        return [DELETED_RECORDING.row_of(entity) for entity in query.fetch(limit=limit)]

    def delete_rows(self, recording_id: RecordingId) -> int:
        """A query of keys for each kind, and a commit if there are any: chunks of whatever attempt or version."""
        keys = [key for kind in INTELLIGENCE_KINDS for key in self._keys(kind, "recording_id", recording_id)]
        keys += self._keys(WEBHOOK_EVENT.name, "request_id", request_id_of(recording_id))
        for batch in _batches(keys):
            self._client.delete_multi(batch)
        return len(keys)

    def duplicates(self, recording_id: RecordingId) -> list[RejectedObject]:
        """One query."""
        query = self._client.query(
            kind=REJECTED_OBJECT.name, filters=[PropertyFilter("duplicate_of", "=", recording_id)]
        )
        return [REJECTED_OBJECT.row_of(entity) for entity in query.fetch()]

    def forget_duplicate(self, rejected: RejectedObject) -> None:
        """One commit."""
        self._client.delete(REJECTED_OBJECT.key(self._client, rejected.id))

    def _keys(self, kind: str, property_: str, value: str) -> Iterable[datastore.Key]:
        query = self._client.query(kind=kind, filters=[PropertyFilter(property_, "=", value)])
        query.keys_only()
        return [entity.key for entity in query.fetch()]


def _batches(keys: list[datastore.Key]) -> Iterable[list[datastore.Key]]:
    return (keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE))
