"""What a deletion takes away, in which commits, and what it leaves."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from common.adapters.datastore.deletions import DatastoreDeletions
from common.adapters.datastore.inbox import DatastoreInbox
from common.adapters.datastore.intake import DatastoreIntakeLog
from common.adapters.datastore.intelligence import DatastoreResults
from common.errors import Gone, NotFound
from common.model.capacity import SymblAccount
from common.model.deletion import DeletedRecording, Duty, NotDeletable, deleted_recording
from common.model.intake import RejectedObject
from common.model.intelligence import SECTIONS
from tests.factories import NOW, a_conversation, a_message, a_pending_job, an_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud import datastore

    from common.adapters.datastore.recordings import DatastoreRecordings
    from common.adapters.datastore.requests import DatastoreRequests
    from common.adapters.datastore.slots import DatastoreSlots
    from common.model.conversation import ConversationMetadata
    from common.model.job import SymblAsyncRequest

MESSAGES = next(section for section in SECTIONS if section.name == "messages")


@pytest.fixture
def deletions(datastore_client: datastore.Client) -> DatastoreDeletions:
    return DatastoreDeletions(datastore_client)


def leave(conversation: ConversationMetadata, request: SymblAsyncRequest | None) -> DeletedRecording:
    return deleted_recording(conversation, request, by="local", reason="ticket 4711", now=NOW)


def kinds_of(client: datastore.Client) -> dict[str, int]:
    """How many entities there are of each kind."""
    found: dict[str, int] = {}
    for entity in client.query().fetch():
        if not entity.key.kind.startswith("__"):
            found[entity.key.kind] = found.get(entity.key.kind, 0) + 1
    return found


def test_one_commit_takes_away_all_by_which_it_is_found(
    added: Callable[..., SymblAsyncRequest],
    deletions: DatastoreDeletions,
    recordings: DatastoreRecordings,
    datastore_client: datastore.Client,
) -> None:
    """Of this recording alone; a second time, what was left is the answer; its object is not taken in again."""
    added(1), added(2)
    id_ = a_conversation(1).id

    first = deletions.begin(id_, leave)

    assert kinds_of(datastore_client) == {
        "AudioFingerprint": 1, "CallIndex": 1, "ConversationMetadata": 1, "DeletedRecording": 1, "QueueLane": 1,
        "SymblAsyncRequest": 1,
    }  # fmt: skip
    assert recordings.with_request(a_conversation(2).id)[0] == a_conversation(2)
    assert deletions.begin(id_, lambda *_: pytest.fail("it was deleted before")) == first == deletions.get(id_)
    with pytest.raises(Gone):
        recordings.add(a_conversation(1), a_pending_job(1), allow_duplicate=True)
    with pytest.raises(NotFound):
        deletions.begin("neverwas", leave)


def test_what_may_not_be_deleted_stays_as_it_is(
    claimed: Callable[..., SymblAsyncRequest], deletions: DatastoreDeletions, requests: DatastoreRequests
) -> None:
    """A refusal changes nothing."""
    request = claimed()

    with pytest.raises(NotDeletable):
        deletions.begin(request.recording_id, leave)

    assert requests.get(request.id) == request
    assert deletions.get(request.recording_id) is None


def test_a_claim_and_a_deletion_do_not_both_win(
    added: Callable[..., SymblAsyncRequest], deletions: DatastoreDeletions, slots: DatastoreSlots
) -> None:
    """Who was deleted is not claimed: no slot is taken for nobody."""
    request = added()
    deletions.begin(request.recording_id, leave)

    assert (
        slots.claim(0, request_id=request.id, attempt_id="a", now=NOW, next_check_at=NOW, planned_on=SymblAccount())
        is None
    )
    assert slots.leases() == []


def test_the_fingerprint_stays_where_it_is_of_another(
    deletions: DatastoreDeletions, recordings: DatastoreRecordings
) -> None:
    """The same audio was added twice on purpose: deleting the second leaves the first as it is."""
    first, second = a_conversation(1), dataclasses.replace(a_conversation(2), content_hash="md5-of-0001")
    recordings.add(first, a_pending_job(1), allow_duplicate=False)
    recordings.add(second, a_pending_job(2), allow_duplicate=True)

    deletions.begin(second.id, leave)
    assert recordings.same_audio("Acme", "md5-of-0001") == first.id
    deletions.begin(first.id, leave)
    assert recordings.same_audio("Acme", "md5-of-0001") is None


def test_rows_go_whatever_version_or_attempt_they_are_of(
    added: Callable[..., SymblAsyncRequest], deletions: DatastoreDeletions, datastore_client: datastore.Client
) -> None:
    """Chunks of a longer version before, an earlier conversation, deliveries; of this recording alone."""
    results, inbox = DatastoreResults(datastore_client), DatastoreInbox(datastore_client)
    long = tuple(a_message(number, text="x" * 200_000) for number in range(10))
    for number, conversation, rows in ((1, "c1", long), (1, "c1", long[:2]), (1, "c2", long[:1]), (2, "c3", long[:1])):
        whose = dataclasses.replace(added(number), conversation_id=conversation)
        results.keep([(MESSAGES, rows)], request=whose, change=lambda r: r, event_id=None, now=NOW, known={})
    for number in (1, 2):
        inbox.receive(an_event(a_pending_job(number)), lambda request, _: request)

    assert deletions.delete_rows(a_conversation(1).id) == 5
    assert deletions.delete_rows(a_conversation(1).id) == 0

    left = kinds_of(datastore_client)
    assert (left[MESSAGES.kind], left["WebhookEvent"]) == (1, 1)


def test_duplicates_are_found_by_what_they_repeat(
    deletions: DatastoreDeletions, datastore_client: datastore.Client
) -> None:
    """And forgotten one by one."""
    intake = DatastoreIntakeLog(datastore_client)
    for id_, original in (("a", "one"), ("b", "two"), ("c", None)):
        intake.reject(
            RejectedObject(
                id=id_, recording_url=f"gs://r/{id_}.wav", generation=1, rejected_at=NOW, reason="same audio",
                duplicate_of=original,
            )
        )  # fmt: skip

    (found,) = deletions.duplicates("one")
    deletions.forget_duplicate(found)

    assert (found.id, found.object_name) == ("a", "a.wav")
    assert deletions.duplicates("one") == []
    assert {row.id for row in intake.rejections(limit=9)} == {"b", "c"}


def test_what_is_owed_is_due_in_its_turn(
    added: Callable[..., SymblAsyncRequest], deletions: DatastoreDeletions
) -> None:
    """The longest overdue first; nothing once nothing is owed."""
    for number in (1, 2):
        deletions.begin(added(number).recording_id, leave)
    first, second = a_conversation(1).id, a_conversation(2).id
    deletions.change(second, lambda row: dataclasses.replace(row, next_check_at=NOW))

    def due(now: timedelta) -> list[str]:
        return [row.id for row in deletions.due(now=NOW + now, limit=9)]

    assert due(timedelta(0)) == [second]
    assert due(timedelta(hours=1)) == [second, first]
    deletions.change(second, lambda row: row.fulfilled(tuple(Duty), now=NOW + timedelta(hours=1)))
    assert due(timedelta(hours=1)) == [first]
    with pytest.raises(NotFound):
        deletions.change("neverwas", lambda row: row)
