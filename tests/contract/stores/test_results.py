"""Results: whole sections, in as many entities as their size needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from google.cloud.datastore import helpers

from common.adapters.datastore.intelligence import DatastoreResults
from common.model.intelligence import SECTIONS, SectionKind
from tests.factories import a_message

if TYPE_CHECKING:
    from google.cloud import datastore

SECTION = {section.name: section for section in SECTIONS}
MESSAGES = SECTION["messages"]
MOST_BYTES = 1_048_572


@pytest.fixture
def results(datastore_client: datastore.Client) -> DatastoreResults:
    return DatastoreResults(datastore_client)


def _put(results: DatastoreResults, section: SectionKind, rows: tuple[object, ...], conversation: str = "c") -> None:
    results.put([(section, rows)], conversation_id=conversation, recording_id="r")


@pytest.mark.usefixtures("embedded_alone")
def test_a_four_hour_call_is_stored_and_read_back(
    results: DatastoreResults, datastore_client: datastore.Client
) -> None:
    """2,000 messages of 18 words come back as they were, in order, from entities that Datastore takes."""
    words = a_message().words * 6
    rows = tuple(a_message(number, text=f"{number}: wörds " * 12, words=words) for number in range(2000))

    _put(results, MESSAGES, rows)

    assert results.get(MESSAGES, "c") == rows
    sizes = [
        helpers.entity_to_protobuf(entity)._pb.ByteSize()
        for entity in datastore_client.query(kind=MESSAGES.kind).fetch()
    ]
    assert len(sizes) > 1
    assert max(sizes) < MOST_BYTES


def test_storing_again_replaces(results: DatastoreResults) -> None:
    """A shorter section leaves nothing of the longer one to be read."""
    long = tuple(a_message(number, text="x" * 200_000) for number in range(10))
    _put(results, MESSAGES, long)
    _put(results, MESSAGES, long[:2])

    assert results.get(MESSAGES, "c") == long[:2]


def test_a_section_without_rows_is_empty_and_so_is_an_unknown_one(results: DatastoreResults) -> None:
    """Both are read as no rows."""
    _put(results, SECTION["topics"], ())

    assert results.get(SECTION["topics"], "c") == ()
    assert results.get(SECTION["questions"], "c") == ()


def test_sections_and_conversations_are_apart(results: DatastoreResults) -> None:
    """Reading all sections gives each its own rows; deleting one leaves the others."""
    _put(results, MESSAGES, (a_message(1),), "c1")
    _put(results, MESSAGES, (a_message(2),), "c2")
    results.delete(MESSAGES, "c1")

    assert results.get_all(SECTIONS, "c1")["messages"] == ()
    assert results.get_all(SECTIONS, "c2")["messages"] == (a_message(2),)
    assert set(results.get_all(SECTIONS, "c2")) == set(SECTION)
