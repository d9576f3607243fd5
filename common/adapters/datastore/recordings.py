"""ConversationMetadata, and the AudioFingerprint that keeps a company from paying twice for the same audio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.cloud import datastore

from common.adapters.datastore.calls import new_call
from common.adapters.datastore.companies import defaults_of
from common.adapters.datastore.keys import look_up, names_that_exist
from common.adapters.datastore.kinds import (
    COMPANY_DEFAULTS,
    CONVERSATION_METADATA,
    DELETED_RECORDING,
    SYMBL_ASYNC_REQUEST,
    fingerprint_key,
)
from common.adapters.datastore.lanes import lane_key, say_that_somebody_waits
from common.adapters.datastore.transactions import run_in_transaction
from common.model.aggregates import local_day
from common.model.deletion import gone
from common.model.fairness import Lane
from common.model.intake import AddOutcome
from common.model.job import request_id_of
from common.model.search.document import document_of
from common.ports import ToSubmit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from common.model.company import CompanyDefaults
    from common.model.conversation import ConversationMetadata
    from common.model.job import RequestId, SymblAsyncRequest
    from common.model.recording import RecordingId


class DatastoreRecordings:
    """RecordingStore: the key of a recording is its id."""

    def __init__(self, client: datastore.Client) -> None:
        self._client = client

    def add(
        self,
        conversation: ConversationMetadata,
        request: SymblAsyncRequest,
        *,
        allow_duplicate: bool,
        settle: Callable[[CompanyDefaults], ConversationMetadata] | None = None,
    ) -> AddOutcome:
        """Store metadata, request and fingerprint in one transaction, or none of them; its lane then says so."""
        key = self._key(conversation.id)
        fingerprint = fingerprint_key(self._client, conversation.company, conversation.content_hash)
        deleted_key = DELETED_RECORDING.key(self._client, conversation.id)
        lane = Lane(request.company, request.priority)
        defaults_key = COMPANY_DEFAULTS.key(self._client, conversation.company)
        keys = [key, fingerprint, lane_key(self._client, lane), defaults_key, deleted_key]

        def body(transaction: datastore.Transaction) -> AddOutcome:
            found = {e.key: e for e in self._client.get_multi(keys, transaction=transaction)}
            if key in found:
                return AddOutcome(recording_id=conversation.id, created=False)
            if deleted_key in found:  # its object is still there, or its event came late
                raise gone(DELETED_RECORDING.row_of(found[deleted_key]))
            if fingerprint in found and not allow_duplicate:
                return AddOutcome(recording_id=found[fingerprint]["recording_id"], created=False)
            if fingerprint not in found:
                transaction.put(self._fingerprint(fingerprint, conversation))
            defaults = defaults_of(found.get(defaults_key), conversation.company)
            settled = settle(defaults) if settle else conversation
            transaction.put(CONVERSATION_METADATA.entity(self._client, settled.id, settled))
            of_call = request.of_call(
                started_at=settled.started_at,
                day=local_day(settled.started_at, settled.timezone_offset).isoformat(),
            )
            transaction.put(SYMBL_ASYNC_REQUEST.entity(self._client, request.id, of_call))
            transaction.put(new_call(self._client, document_of(settled)))
            say_that_somebody_waits(self._client, transaction, lane, found.get(lane_key(self._client, lane)))
            return AddOutcome(recording_id=settled.id, created=True, stored=(settled, of_call))

        return run_in_transaction(self._client, body)

    def same_audio(self, company: str, content_hash: str) -> RecordingId | None:
        """The recording of `company` that has these bytes."""
        found = self._client.get(fingerprint_key(self._client, company, content_hash))
        return found["recording_id"] if found else None

    def get(self, recording_id: RecordingId) -> ConversationMetadata | None:
        """One recording's metadata."""
        entity = self._client.get(self._key(recording_id))
        return CONVERSATION_METADATA.row_of(entity) if entity else None

    def with_requests(
        self, ids: Sequence[RecordingId]
    ) -> Mapping[RecordingId, tuple[ConversationMetadata, SymblAsyncRequest]]:
        """Those of `ids` that exist, each with its request: one lookup for each five hundred."""
        keys = {id_: (self._key(id_), SYMBL_ASYNC_REQUEST.key(self._client, request_id_of(id_))) for id_ in ids}
        wanted = [key for pair in keys.values() for key in pair]
        found = {entity.key: entity for entity in look_up(self._client, wanted)}
        return {
            id_: (CONVERSATION_METADATA.row_of(found[key]), SYMBL_ASYNC_REQUEST.row_of(found[request_key]))
            for id_, (key, request_key) in keys.items()
            if key in found and request_key in found
        }

    def with_request(self, recording_id: RecordingId) -> tuple[ConversationMetadata | None, SymblAsyncRequest | None]:
        """One recording's metadata and its request, whose id follows from the recording's: one lookup."""
        key, request_key = self._key(recording_id), SYMBL_ASYNC_REQUEST.key(self._client, request_id_of(recording_id))
        found = {entity.key: entity for entity in self._client.get_multi([key, request_key])}
        return (
            CONVERSATION_METADATA.row_of(found[key]) if key in found else None,
            SYMBL_ASYNC_REQUEST.row_of(found[request_key]) if request_key in found else None,
        )

    def to_submit(self, request_id: RequestId, *, company: str | None) -> ToSubmit | None:
        """A request, and what is said of its recording to the engine: one lookup."""
        request_key = SYMBL_ASYNC_REQUEST.key(self._client, request_id)
        key = self._key(request_id.rpartition("-")[0])
        keys = [request_key, key, *([COMPANY_DEFAULTS.key(self._client, company)] if company else [])]
        found = {entity.key: entity for entity in self._client.get_multi(keys)}
        if request_key not in found:
            return None
        return ToSubmit(
            request=SYMBL_ASYNC_REQUEST.row_of(found[request_key]),
            conversation=CONVERSATION_METADATA.row_of(found[key]) if key in found else None,
            defaults=defaults_of(found.get(keys[-1]), company) if company else None,
        )

    def get_many(self, ids: Sequence[RecordingId]) -> Mapping[RecordingId, ConversationMetadata]:
        """Those of `ids` that exist, in one lookup."""
        entities = look_up(self._client, [self._key(recording_id) for recording_id in ids])
        return {entity.key.name: CONVERSATION_METADATA.row_of(entity) for entity in entities}

    def known(self, ids: Sequence[RecordingId]) -> frozenset[RecordingId]:
        """Those of `ids` that are there, in one lookup (the client cannot ask for keys alone)."""
        return names_that_exist(self._client, [self._key(recording_id) for recording_id in ids])

    def _key(self, recording_id: RecordingId) -> datastore.Key:
        return CONVERSATION_METADATA.key(self._client, recording_id)

    @staticmethod
    def _fingerprint(key: datastore.Key, conversation: ConversationMetadata) -> datastore.Entity:
        entity = datastore.Entity(key, exclude_from_indexes=("recording_id", "company", "content_hash"))
        entity.update(
            recording_id=conversation.id, company=conversation.company, content_hash=conversation.content_hash
        )
        return entity
