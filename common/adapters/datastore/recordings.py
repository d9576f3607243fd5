"""ConversationMetadata, and the AudioFingerprint that keeps a company from paying twice for the same audio."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from google.cloud import datastore

from common.adapters.datastore.keys import names_that_exist
from common.adapters.datastore.kinds import AUDIO_FINGERPRINT, CONVERSATION_METADATA, SYMBL_ASYNC_REQUEST
from common.adapters.datastore.lanes import lane_key, say_that_somebody_waits
from common.adapters.datastore.transactions import run_in_transaction
from common.model.fairness import Lane
from common.model.intake import AddOutcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from common.model.conversation import ConversationMetadata
    from common.model.job import SymblAsyncRequest
    from common.model.recording import RecordingId


class DatastoreRecordings:
    """RecordingStore: the key of a recording is its id."""

    def __init__(self, client: datastore.Client) -> None:
        self._client = client

    def add(
        self, conversation: ConversationMetadata, request: SymblAsyncRequest, *, allow_duplicate: bool
    ) -> AddOutcome:
        """Store metadata, request and fingerprint in one transaction, or none of them; its lane then says so."""
        key = self._key(conversation.id)
        fingerprint_key = self._fingerprint_key(conversation.company, conversation.content_hash)
        lane = Lane(request.company, request.priority)
        keys = [key, fingerprint_key, lane_key(self._client, lane)]

        def body(transaction: datastore.Transaction) -> AddOutcome:
            found = {e.key: e for e in self._client.get_multi(keys, transaction=transaction)}
            if key in found:
                return AddOutcome(recording_id=conversation.id, created=False)
            if fingerprint_key in found and not allow_duplicate:
                return AddOutcome(recording_id=found[fingerprint_key]["recording_id"], created=False)
            if fingerprint_key not in found:
                transaction.put(self._fingerprint(fingerprint_key, conversation))
            transaction.put(CONVERSATION_METADATA.entity(self._client, conversation.id, conversation))
            transaction.put(SYMBL_ASYNC_REQUEST.entity(self._client, request.id, request))
            say_that_somebody_waits(self._client, transaction, lane, found.get(lane_key(self._client, lane)))
            return AddOutcome(recording_id=conversation.id, created=True)

        return run_in_transaction(self._client, body)

    def same_audio(self, company: str, content_hash: str) -> RecordingId | None:
        """The recording of `company` that has these bytes."""
        found = self._client.get(self._fingerprint_key(company, content_hash))
        return found["recording_id"] if found else None

    def get(self, recording_id: RecordingId) -> ConversationMetadata | None:
        """One recording's metadata."""
        entity = self._client.get(self._key(recording_id))
        return CONVERSATION_METADATA.row_of(entity) if entity else None

    def get_many(self, ids: Sequence[RecordingId]) -> Mapping[RecordingId, ConversationMetadata]:
        """Those of `ids` that exist, in one lookup."""
        entities = self._client.get_multi([self._key(recording_id) for recording_id in ids]) if ids else []
        return {entity.key.name: CONVERSATION_METADATA.row_of(entity) for entity in entities}

    def known(self, ids: Sequence[RecordingId]) -> frozenset[RecordingId]:
        """Those of `ids` that are there, in one lookup (the client cannot ask for keys alone)."""
        return names_that_exist(self._client, [self._key(recording_id) for recording_id in ids])

    def _key(self, recording_id: RecordingId) -> datastore.Key:
        return CONVERSATION_METADATA.key(self._client, recording_id)

    def _fingerprint_key(self, company: str, content_hash: str) -> datastore.Key:
        name = hashlib.sha256(f"{company}\n{content_hash}".encode()).hexdigest()
        return self._client.key(AUDIO_FINGERPRINT, name)

    @staticmethod
    def _fingerprint(key: datastore.Key, conversation: ConversationMetadata) -> datastore.Entity:
        entity = datastore.Entity(key, exclude_from_indexes=("recording_id", "company", "content_hash"))
        entity.update(
            recording_id=conversation.id, company=conversation.company, content_hash=conversation.content_hash
        )
        return entity
