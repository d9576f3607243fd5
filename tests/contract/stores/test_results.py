"""Results: whole sections, in as many entities as their size needs."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from google.cloud.datastore import helpers

from common.adapters.datastore.intelligence import DatastoreResults
from common.errors import NotFound
from common.model.intelligence import SECTIONS, SectionKind
from tests.factories import NOW, a_message, a_pending_job, an_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud import datastore

    from common.adapters.datastore.inbox import DatastoreInbox
    from common.adapters.datastore.requests import DatastoreRequests
    from common.model.job import SymblAsyncRequest

    Keep = Callable[..., None]

SECTION = {section.name: section for section in SECTIONS}
MESSAGES = SECTION["messages"]
MOST_BYTES = 1_048_572


@pytest.fixture
def results(datastore_client: datastore.Client) -> DatastoreResults:
    return DatastoreResults(datastore_client)


@pytest.fixture
def keep(added: Callable[..., SymblAsyncRequest], results: DatastoreResults) -> Keep:
    """Stores a section of a conversation, which is one and the same request's."""
    request = added()

    def of(section: SectionKind, rows: tuple[object, ...], conversation: str = "c") -> None:
        whose = dataclasses.replace(request, conversation_id=conversation)
        results.keep([(section, rows)], request=whose, change=lambda r: r, event_id=None, now=NOW, known={})

    return of


@pytest.mark.usefixtures("embedded_alone")
def test_a_four_hour_call_is_stored_and_read_back(
    keep: Keep, results: DatastoreResults, datastore_client: datastore.Client
) -> None:
    """2,000 messages of 18 words come back as they were, in order, from entities that Datastore takes."""
    words = a_message().words * 6
    rows = tuple(a_message(number, text=f"{number}: wörds " * 12, words=words) for number in range(2000))

    keep(MESSAGES, rows)

    assert results.get(MESSAGES, "c") == rows
    sizes = [
        helpers.entity_to_protobuf(entity)._pb.ByteSize()
        for entity in datastore_client.query(kind=MESSAGES.kind).fetch()
    ]
    assert len(sizes) > 1
    assert max(sizes) < MOST_BYTES


def test_storing_again_replaces(keep: Keep, results: DatastoreResults) -> None:
    """A shorter section leaves nothing of the longer one to be read."""
    long = tuple(a_message(number, text="x" * 200_000) for number in range(10))
    keep(MESSAGES, long)
    keep(MESSAGES, long[:2])

    assert results.get(MESSAGES, "c") == long[:2]


def test_a_section_without_rows_is_empty_and_so_is_an_unknown_one(keep: Keep, results: DatastoreResults) -> None:
    """Both are read as no rows."""
    keep(SECTION["topics"], ())

    assert results.get(SECTION["topics"], "c") == ()
    assert results.get(SECTION["questions"], "c") == ()


def test_sections_and_conversations_are_apart(keep: Keep, results: DatastoreResults) -> None:
    """Reading all sections gives each its own rows."""
    keep(MESSAGES, (a_message(1),), "c1")
    keep(MESSAGES, (a_message(2),), "c2")

    assert results.get_all(SECTIONS, "c1")["messages"] == (a_message(1),)
    assert results.get_all(SECTIONS, "c2")["messages"] == (a_message(2),)
    assert set(results.get_all(SECTIONS, "c2")) == set(SECTION)


def test_results_go_with_their_request_and_the_event_that_told_of_them(
    claimed: Callable[..., SymblAsyncRequest],
    results: DatastoreResults,
    requests: DatastoreRequests,
    inbox: DatastoreInbox,
) -> None:
    """One commit has all three; an event that was worked off before, or is not there, stays as it is."""
    request = dataclasses.replace(claimed(), conversation_id="c")
    event = an_event(request)
    inbox.receive(event, lambda r, _: r)

    for minutes, event_id in enumerate((event.id, event.id, "unknown", None)):
        after = results.keep(
            [(MESSAGES, (a_message(minutes),))],
            request=request,
            change=lambda r: r.looked_at(next_check_at=NOW),
            event_id=event_id,
            now=NOW + timedelta(minutes=minutes),
            known={},
        )
        assert requests.get(request.id) == after
        assert results.get(MESSAGES, "c") == (a_message(minutes),)

    assert after.checks == 4
    (kept,) = inbox.of_request(request.id)
    assert (kept.worked_off_at, kept.next_check_at) == (NOW, None)


@pytest.mark.usefixtures("embedded_alone")
def test_what_is_too_large_for_one_commit_goes_before_the_request(
    added: Callable[..., SymblAsyncRequest], results: DatastoreResults, datastore_client: datastore.Client
) -> None:
    """Whoever dies between the commits leaves no request that says that its results are there."""
    request = dataclasses.replace(added(), conversation_id="c")
    commits: list[int] = []
    commit = datastore_client._datastore_api.commit

    def counted(request: dict[str, Any], **named: object) -> object:
        kinds = [mutation.upsert.key.path[-1].kind for mutation in request["mutations"]]
        commits.append(kinds.count("SymblAsyncRequest"))
        return commit(request=request, **named)

    datastore_client._datastore_api.commit = counted
    rows = tuple(a_message(number, text="x" * 200_000) for number in range(30))

    results.keep(
        [(MESSAGES, rows)],
        request=request,
        change=lambda r: r.looked_at(next_check_at=NOW),
        event_id=None,
        now=NOW,
        known={},
    )

    assert results.get(MESSAGES, "c") == rows
    assert commits == [0, 0, 1]


def test_results_of_a_request_that_is_gone_are_not_kept(results: DatastoreResults) -> None:
    """Somebody has erased it meanwhile."""
    request = dataclasses.replace(a_pending_job(), conversation_id="c")

    with pytest.raises(NotFound):
        results.keep(
            [(MESSAGES, (a_message(),))], request=request, change=lambda r: r, event_id=None, now=NOW, known={}
        )

    assert results.get(MESSAGES, "c") == ()
