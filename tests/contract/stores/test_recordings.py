"""Adding a recording: metadata, request and fingerprint together, once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from common.adapters.datastore.companies import DatastoreCompanies
from common.model.aggregates import local_day
from common.model.company import CompanyDefaults, Tracker
from common.model.intake import AddOutcome
from common.ports import ToSubmit
from tests.factories import a_conversation, a_pending_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud import datastore

    from common.adapters.datastore.recordings import DatastoreRecordings
    from common.adapters.datastore.requests import DatastoreRequests
    from common.model.conversation import ConversationMetadata
    from common.model.job import SymblAsyncRequest


@pytest.fixture
def companies(datastore_client: datastore.Client) -> DatastoreCompanies:
    return DatastoreCompanies(datastore_client)


def _kinds(client: datastore.Client) -> list[str]:
    kinds = ("ConversationMetadata", "SymblAsyncRequest", "AudioFingerprint")
    return sorted(kind for kind in kinds for _ in client.query(kind=kind).fetch())


def of_call(request: SymblAsyncRequest, conversation: ConversationMetadata) -> SymblAsyncRequest:
    """The request as it is stored: with what leads to its call's index and statistics."""
    day = local_day(conversation.started_at, conversation.timezone_offset).isoformat()
    return request.of_call(started_at=conversation.started_at, day=day)


def test_what_is_added_is_read_back(recordings: DatastoreRecordings, requests: DatastoreRequests) -> None:
    """Every field of metadata and request survives Datastore."""
    conversation = a_conversation()
    request = of_call(a_pending_job(), conversation)

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


def test_a_row_is_settled_by_what_its_company_has_settled(
    recordings: DatastoreRecordings, companies: DatastoreCompanies
) -> None:
    """As it stands in that transaction; the general defaults hold where there are none."""
    companies.put_defaults(CompanyDefaults(company="Acme", language_code="en-GB"))

    for number, company in enumerate(("Acme", "Globex")):
        draft = a_conversation(number, company=company)

        def settle(defaults: CompanyDefaults, draft: ConversationMetadata = draft) -> ConversationMetadata:
            assert defaults.company == draft.company
            return dataclasses.replace(draft, language_code=defaults.language_code)

        request = a_pending_job(number, company=company)
        outcome = recordings.add(draft, request, allow_duplicate=False, settle=settle)
        assert outcome.stored == recordings.with_request(draft.id)

    found = recordings.get_many([a_conversation(number).id for number in range(2)])
    assert [row.language_code for row in found.values()] == ["en-GB", "en-US"]


def test_a_recording_and_its_request_are_read_together(
    recordings: DatastoreRecordings, datastore_client: datastore.Client
) -> None:
    """Each of them is None where it is not there."""
    conversation = a_conversation()
    request = of_call(a_pending_job(), conversation)
    recordings.add(conversation, request, allow_duplicate=False)

    assert recordings.with_request(conversation.id) == (conversation, request)
    assert recordings.with_request("unknown") == (None, None)
    datastore_client.delete(datastore_client.key("SymblAsyncRequest", request.id))
    assert recordings.with_request(conversation.id) == (conversation, None)


def test_what_a_submission_is_made_of_is_read_together(
    recordings: DatastoreRecordings, companies: DatastoreCompanies, datastore_client: datastore.Client
) -> None:
    """The defaults where the company is named; a recording without its metadata is found all the same."""
    acme = CompanyDefaults(company="Acme", trackers=(Tracker(name="refund", vocabulary=("money back",)),))
    companies.put_defaults(acme)
    conversation = a_conversation()
    request = of_call(a_pending_job(), conversation)
    recordings.add(conversation, request, allow_duplicate=False)

    whole = ToSubmit(request=request, conversation=conversation, defaults=acme)
    assert recordings.to_submit(request.id, company="Acme") == whole
    assert recordings.to_submit(request.id, company=None) == dataclasses.replace(whole, defaults=None)
    assert recordings.to_submit("unknown-1", company="Acme") is None
    datastore_client.delete(datastore_client.key("ConversationMetadata", conversation.id))
    assert recordings.to_submit(request.id, company="Acme") == dataclasses.replace(whole, conversation=None)
