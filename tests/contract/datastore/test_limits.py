"""What production refuses to store, and which indexes it insists on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.api_core import exceptions
from google.cloud.datastore.query import Or, PropertyFilter

from deploy.local.datastore import DatastoreServer
from deploy.local.datastore.indexes import parse_indexes
from tests.contract.datastore.asking import KIND, count, entity, names, query, thing
from tests.contract.datastore.backends import connect, fresh_project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.cloud.datastore import Client

INDEXES = parse_indexes(
    """
indexes:
- kind: Thing
  properties:
  - name: status
  - name: at
    direction: desc
- kind: Thing
  properties:
  - name: company
  - name: at
    direction: desc
- kind: Thing
  ancestor: yes
  properties:
  - name: at
- kind: Thing
  properties:
  - name: tags
  - name: more_tags
"""
)


@pytest.fixture
def indexed() -> Iterator[Client]:
    """A client of a server that requires the indexes above."""
    with DatastoreServer(indexes=INDEXES) as server:
        yield server.in_process_client("local")


def put_raw(client: Client, properties: dict[str, Any], *path: dict[str, Any]) -> None:
    """A put that the client's own checks do not see."""
    key = {"partition_id": {"project_id": client.project}, "path": list(path) or [{"kind": KIND, "name": "a"}]}
    mutation = {"upsert": {"key": key, "properties": properties}}
    client._datastore_api.commit(request={"project_id": client.project, "mode": 2, "mutations": [mutation]})


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"integer_value": 1}
    for _ in range(depth):
        value = {"entity_value": {"properties": {"a": value}}}
    return value


LONG = {"string_value": "a" * 1501}


@pytest.mark.parametrize(
    "properties",
    [
        {"x": LONG},
        {"x": {"string_value": "é" * 751}},
        {"x": {"blob_value": b"a" * 1501}},
        {"x": {"array_value": {"values": [LONG]}}},
        {"x": {"entity_value": {"properties": {"a": LONG}}, "exclude_from_indexes": True}},
        {"x": {"array_value": {"values": [{"entity_value": {"properties": {"a": LONG}}}]}}},
        {"x": {"string_value": "a" * 1_048_488, "exclude_from_indexes": True}},
        {name: {"string_value": "a" * 600_000, "exclude_from_indexes": True} for name in "xy"},
        {"x": {"array_value": {"values": [{"integer_value": at} for at in range(20_001)]}}},
        {"__x__": {"integer_value": 1}},
        {"": {"integer_value": 1}},
        {"x" * 1501: {"integer_value": 1}},
        {"x": {"array_value": {"values": [{"array_value": {"values": [{"integer_value": 1}]}}]}}},
        {"x": nested(21)},
        {"x": {}},
        {"x": {"geo_point_value": {"latitude": 91}}},
    ],
    ids=lambda properties: str(properties)[:60],
)
def test_an_entity_out_of_bounds_is_refused(client: Client, properties: dict[str, Any]) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        put_raw(client, properties)

    assert names(client) == []


@pytest.mark.parametrize(
    "properties",
    [
        {"x": {"string_value": "a" * 1500}},
        {"x": {"string_value": "a" * 1_048_487, "exclude_from_indexes": True}},
        {"x": {"array_value": {"values": [{"integer_value": at} for at in range(4_000)]}}},
        {"x": nested(20)},
        {"x": {"entity_value": {"properties": {"a": LONG | {"exclude_from_indexes": True}}}}},
    ],
    ids=lambda properties: str(properties)[:60],
)
def test_an_entity_just_within_bounds_is_stored(client: Client, properties: dict[str, Any]) -> None:
    put_raw(client, properties)

    assert names(client) == ["a"]


@pytest.mark.parametrize(
    "path",
    [
        [{"kind": KIND, "name": "a" * 1501}],
        [{"kind": "__K__", "name": "a"}],
        [{"kind": KIND, "name": "__a__"}],
        [{"kind": "", "name": "a"}],
        [{"kind": KIND}, {"kind": KIND, "name": "a"}],
        [{"kind": KIND, "name": "a"}] * 101,
    ],
    ids=lambda path: str(path)[:60],
)
def test_a_malformed_key_is_refused(client: Client, path: list[dict[str, Any]]) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        put_raw(client, {}, *path)


def test_a_lookup_takes_a_thousand_keys(local: Client) -> None:
    """See KNOWN_DIFFERENCES: lookup_keys."""
    keys = [local.key(KIND, at) for at in range(1, 1002)]

    assert local.get_multi(keys[:1000]) == []
    with pytest.raises(exceptions.InvalidArgument, match="1000 keys"):
        local.get_multi(keys)


def test_a_request_takes_ten_mebibytes(embedded_address: str) -> None:
    """Over the wire, too: the message tells the limit (see KNOWN_DIFFERENCES: message_size)."""
    client = connect(embedded_address, fresh_project())
    large = [thing(client, at, unindexed=["x"], x=b"x" * 1_000_000) for at in range(1, 12)]

    client.put_multi(large[:10])
    with pytest.raises(exceptions.InvalidArgument, match="10485760 bytes"):
        client.put_multi(large)


def test_composite_indexes_count_combinations(indexed: Client) -> None:
    """Two arrays of 150 values in one composite index have 22,500 entries: too many."""
    values = list(range(150))
    indexed.put(thing(indexed, "a", tags=values))

    with pytest.raises(exceptions.InvalidArgument, match="22800 index entries"):
        indexed.put(thing(indexed, "b", tags=values, more_tags=values))


SERVED: list[dict[str, Any]] = [
    {"where": [("status", "=", "x"), ("company", "=", "y"), ("tags", "=", 1)]},
    {"where": [("status", "=", "x")], "order": ["-at"]},
    {"where": [("status", "=", "x"), ("company", "=", "y")], "order": ["-at"]},
    {"where": [("status", "IN", ["x", "y"])], "order": ["-at"]},
    {"where": [("status", "=", "x"), ("at", ">", 1)]},
    {"where": [("at", ">", 1), ("at", "<", 5)], "order": ["-at"]},
    {"where": [("status", "!=", "x")]},
    {"where": [Or([PropertyFilter("status", "=", "x"), PropertyFilter("company", "=", "y")])]},
    {"where": [("status", "=", "x")], "projection": ["at"]},
    {"order": ["at"], "ancestor": "root"},
    {"where": [("status", "=", "x")], "ancestor": "root"},
    {"kind": None, "ancestor": "root"},
]

REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"where": [("status", "=", "x")], "order": ["at"]},
        "- kind: Thing\n  properties:\n  - name: status\n  - name: at\n",
    ),
    (
        {"where": [("tags", "=", 1)], "order": ["-at"]},
        "- kind: Thing\n  properties:\n  - name: tags\n  - name: at\n    direction: desc\n",
    ),
    (
        {"where": [("status", "=", "x")], "order": ["-at"], "ancestor": "root"},
        "- kind: Thing\n  ancestor: yes\n  properties:\n  - name: status\n  - name: at\n    direction: desc\n",
    ),
    (
        {"where": [("a", ">", 1), ("b", ">", 1)]},
        "- kind: Thing\n  properties:\n  - name: a\n  - name: b\n",
    ),
    (
        {"where": [Or([PropertyFilter("a", "=", 1), PropertyFilter("b", "=", 1)])], "order": ["-at"]},
        "- kind: Thing\n  properties:\n  - name: a\n  - name: at\n    direction: desc\n",
    ),
    ({"projection": ["a", "b"]}, "- kind: Thing\n  properties:\n  - name: a\n  - name: b\n"),
]


def asked(client: Client, options: dict[str, Any]) -> Any:
    rest = dict(options)
    if "ancestor" in rest:
        rest["ancestor"] = client.key("Root", rest["ancestor"])
    return query(client, *rest.pop("where", []), **rest)


@pytest.mark.parametrize("options", SERVED, ids=str)
def test_a_query_with_its_index_runs(indexed: Client, options: dict[str, Any]) -> None:
    assert list(asked(indexed, options).fetch()) == []


@pytest.mark.parametrize(("options", "recommended"), REFUSED, ids=str)
def test_a_query_without_its_index_is_refused(indexed: Client, options: dict[str, Any], recommended: str) -> None:
    """Unlike Google's emulator (KNOWN_DIFFERENCES: missing_indexes), in production's words, ready for index.yaml."""
    with pytest.raises(exceptions.FailedPrecondition) as refused:
        list(asked(indexed, options).fetch())

    assert refused.value.message == f"no matching index found. recommended index is:\n{recommended}"


def test_aggregations_need_indexes_too(indexed: Client) -> None:
    """A count needs what its query needs, a sum an index that ends in what it sums."""
    assert count(indexed, ("status", "=", "x")) == 0
    with pytest.raises(exceptions.FailedPrecondition):
        count(indexed, ("company", "=", "x"), ("other", ">", 1))
    with pytest.raises(exceptions.FailedPrecondition):
        list(indexed.aggregation_query(query(indexed, ("company", "=", "x"))).sum("price").fetch())


def test_without_definitions_no_index_is_required(local: Client) -> None:
    assert names(local, ("a", ">", 1), ("b", ">", 1), order=["-c"]) == []


def test_incomplete_ancestors_do_not_exist(local: Client) -> None:
    """An entity needs no parent entity, only a parent's key."""
    child = entity(local.key(KIND, "child", parent=local.key("Root", "never stored")))

    local.put(child)

    assert names(local, ancestor=local.key("Root", "never stored")) == ["child"]
