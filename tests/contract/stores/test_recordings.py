"""Adding a recording: metadata, request and fingerprint together, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from common.model.intake import AddOutcome
from tests.factories import a_conversation, a_pending_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud import datastore

    from common.adapters.datastore.recordings import DatastoreRecordings
    from common.adapters.datastore.requests import DatastoreRequests
    from common.model.job import SymblAsyncRequest


def _kinds(client: datastore.Client) -> list[str]:
    kinds = ("ConversationMetadata", "SymblAsyncRequest", "AudioFingerprint")
    return sorted(kind for kind in kinds for _ in client.query(kind=kind).fetch())


def test_what_is_added_is_read_back(recordings: DatastoreRecordings, requests: DatastoreRequests) -> None:
    """Every field of metadata and request survives Datastore."""
    conversation, request = a_conversation(), a_pending_job()

    outcome = recordings.add(conversation, request, allow_duplicate=False)

    assert outcome == AddOutcome(recording_id=conversation.id, created=True)
    assert recordings.get(conversation.id) == conversation
    assert requests.of_recording(conversation.id) == request


def test_adding_again_changes_nothing(recordings: DatastoreRecordings, requests: DatastoreRequests) -> None:
    """A repeated ingest, with other words and after the request has moved on, leaves everything as it is."""
    conversation, request = a_conversation(), a_pending_job()
    recordings.add(conversation, request, allow_duplicate=False)
    moved = requests.change(request.id, lambda r: r.claimed("a", slot=1, now=r.created_at, next_check_at=r.created_at))

    outcome = recordings.add(a_conversation(name="another name"), a_pending_job(), allow_duplicate=True)

    assert outcome == AddOutcome(recording_id=conversation.id, created=False)
    assert recordings.get(conversation.id) == conversation
    assert requests.get(request.id) == moved


def test_the_same_audio_within_a_company_returns_the_first(
    recordings: DatastoreRecordings, datastore_client: datastore.Client
) -> None:
    """Equal bytes in another object create nothing."""
    first = a_conversation(1)
    recordings.add(first, a_pending_job(1), allow_duplicate=False)

    outcome = recordings.add(
        a_conversation(2, content_hash=first.content_hash), a_pending_job(2), allow_duplicate=False
    )

    assert outcome == AddOutcome(recording_id=first.id, created=False)
    assert _kinds(datastore_client) == ["AudioFingerprint", "ConversationMetadata", "SymblAsyncRequest"]
    assert recordings.same_audio("Acme", first.content_hash) == first.id


def test_the_same_audio_of_another_company_is_another_recording(recordings: DatastoreRecordings) -> None:
    """What one company sent says nothing to another."""
    recordings.add(a_conversation(1), a_pending_job(1), allow_duplicate=False)
    other = a_conversation(2, company="Globex", content_hash=a_conversation(1).content_hash)

    assert recordings.add(other, a_pending_job(2, company="Globex"), allow_duplicate=False).created


def test_allow_duplicate_adds_it_all_the_same(recordings: DatastoreRecordings) -> None:
    """The first one stays the one that later duplicates are told of."""
    first, second = a_conversation(1), a_conversation(2, content_hash=a_conversation(1).content_hash)
    recordings.add(first, a_pending_job(1), allow_duplicate=False)

    assert recordings.add(second, a_pending_job(2), allow_duplicate=True) == AddOutcome(
        recording_id=second.id, created=True
    )
    assert recordings.same_audio("Acme", first.content_hash) == first.id


def test_a_failed_commit_stores_nothing(recordings: DatastoreRecordings, datastore_client: datastore.Client) -> None:
    """One entity too large for Datastore: none of the three is there."""
    too_large = a_conversation(custom_vocabulary=("word " * 300_000,))

    with pytest.raises(Exception, match=r"(?i)too (large|long|big)|bytes"):
        recordings.add(too_large, a_pending_job(), allow_duplicate=False)

    assert _kinds(datastore_client) == []


def test_get_many_returns_those_that_exist(
    recordings: DatastoreRecordings, added: Callable[..., SymblAsyncRequest]
) -> None:
    """Unknown ids are left out; no ids need no lookup."""
    ids = [added(number).recording_id for number in (1, 2)]

    assert recordings.get_many([*ids, "unknown"]) == {id_: a_conversation(n) for n, id_ in enumerate(ids, start=1)}
    assert recordings.get_many([]) == {}
    assert recordings.get("unknown") is None
    assert recordings.same_audio("Acme", "unknown") is None
