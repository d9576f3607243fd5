"""Random queries: the embedded server answers as Google's emulator does, and as its own definition says."""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from google.api_core import exceptions
from google.cloud.datastore.helpers import entity_to_protobuf

from deploy.local.datastore.query import select
from deploy.local.datastore.scan import Snapshot, rows_in_order
from deploy.local.datastore.values import encode_path, index_entries
from tests.contract.datastore.random_queries import Asked, random_entities, random_query

if TYPE_CHECKING:
    from google.cloud.datastore import Client

    from deploy.local.datastore import DatastoreServer

LOCAL_QUERIES = 40
GOOGLE_QUERIES = 60


def all_results(client: Client, asked: Asked) -> Any:
    """Every result of the query without its limit, each once (see KNOWN_DIFFERENCES: array_duplicates)."""
    try:
        found = list(asked.of(client).fetch())
    except exceptions.InvalidArgument:
        return "refused"
    shown = [(one.key.flat_path, *(repr(one.get(name)) for name in asked.projection)) for one in found]
    return list(dict.fromkeys(shown))


def aggregates(client: Client, asked: Asked) -> Any:
    """Counts, sums and averages of the query without orders or arrays."""
    asking = client.aggregation_query(Asked(asked.where, ancestor=asked.ancestor).of(client)).count("count")
    for name in asked.sums:
        asking = asking.sum(name, f"sum_{name}").avg(name, f"avg_{name}")
    try:
        (answers,) = list(asking.fetch())
    except exceptions.InvalidArgument:
        return "refused"
    return {answer.alias: round(answer.value, 9) if math.isfinite(answer.value) else answer.value for answer in answers}


def mentions_array(asked: Asked) -> bool:
    return any(part[0] == "t" for part in asked.where)


@pytest.mark.google
@pytest.mark.parametrize("seed", range(4))
def test_google_answers_the_same(google_client: Client, local: Client, seed: int) -> None:
    """Same entities, same order, same projected values, same aggregates, same refusals."""
    random = Random(seed)
    for client in (google_client, local):
        client.put_multi(random_entities(Random(seed), client))
    differences = []
    for _ in range(GOOGLE_QUERIES):
        asked = random_query(random)
        answers = [all_results(client, asked) for client in (google_client, local)]
        if answers[0] != answers[1]:
            differences.append((asked, *answers))
        if not mentions_array(asked):
            sums = [aggregates(client, asked) for client in (google_client, local)]
            if sums[0] != sums[1]:
                differences.append((asked, *sums))

    assert differences == []


@pytest.mark.parametrize("seed", range(8))
def test_the_index_finds_what_the_definition_says(server: DatastoreServer, local: Client, seed: int) -> None:
    """SQL over the index tables and `Selection.rows_of` over all entities give the same rows in the same order.

    At the present and at an earlier version, with entities changed, added and deleted in between.
    """
    random = Random(1000 + seed)
    storage = server._storage
    before = random_entities(random, local)
    local.put_multi(before)
    version = storage.version
    after = random_entities(random, local)
    local.put_multi(after)
    local.delete_multi([one.key for one in random.sample(before, len(before) // 3)])
    present = list(local.query(kind="Thing").fetch())
    partition = storage.partition("local", "", "")

    for _ in range(LOCAL_QUERIES):
        asked = random_query(random)
        message = asked_message(local, asked)
        try:
            selection = select(message, partition)
        except Exception as error:  # noqa: BLE001 whatever refuses it
            assert "Cannot" in str(error) or "Only" in str(error) or "cannot" in str(error)  # noqa: PT017 refusals
            continue
        for entities, at in ((present, None), (before, version)):
            expected = [
                row
                for one in entities
                if (made := entity_to_protobuf(one)._pb) is not None
                for row in selection.rows_of(encode_path(made.key), index_entries(made))
            ]
            with storage.reading() as connection:
                found = list(rows_in_order(Snapshot(storage, connection, at), selection))
            assert found == sorted(expected, key=selection.sort_key), asked


@pytest.mark.parametrize("seed", range(6))
def test_offset_limit_and_cursors_cut_the_whole(local: Client, seed: int) -> None:
    """Any page is the slice of the whole result that it asks for."""
    random = Random(2000 + seed)
    local.put_multi(random_entities(random, local))
    for _ in range(LOCAL_QUERIES):
        asked = random_query(random)
        whole = all_results(local, asked)
        if whole == "refused":
            continue
        stop = None if asked.limit is None else asked.offset + asked.limit
        page = asked.of(local).fetch(offset=asked.offset, limit=asked.limit)
        shown = [(one.key.flat_path, *(repr(one.get(name)) for name in asked.projection)) for one in page]
        assert shown == whole[asked.offset : stop], asked
        if page.next_page_token and shown:
            rest = asked.of(local).fetch(start_cursor=page.next_page_token)
            shown = [(one.key.flat_path, *(repr(one.get(name)) for name in asked.projection)) for one in rest]
            assert shown == whole[stop:], asked


def asked_message(client: Client, asked: Asked) -> Any:
    """The query as it goes over the wire."""
    return asked.of(client).fetch()._build_protobuf()._pb
