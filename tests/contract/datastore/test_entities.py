"""Writing entities and reading them back."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from google.api_core import exceptions
from google.cloud import datastore
from google.cloud.datastore.helpers import GeoPoint, entity_to_protobuf

from tests.contract.datastore.asking import KIND, entity, names, thing
from tests.contract.datastore.backends import connect, fresh_project

if TYPE_CHECKING:
    from google.cloud.datastore import Client, Entity

    from deploy.local.datastore import DatastoreServer


def commit(client: Client, *mutations: dict[str, Any], **selector: Any) -> Any:
    """A commit of raw mutations, for what the client has no method for."""
    mode = 1 if selector else 2
    request = {"project_id": client.project, "mode": mode, "mutations": list(mutations), **selector}
    return client._datastore_api.commit(request=request)


def raw(made: Entity) -> Any:
    return entity_to_protobuf(made)


def test_every_type_of_value_survives(client: Client) -> None:
    """What is read is what was written, empty arrays and embedded entities included."""
    values = {
        "null": None,
        "yes": True,
        "number": -(2**63),
        "real": 2.5,
        "infinite": math.inf,
        "text": "ü\0",
        "blob": b"\xff\0",
        "time": datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC),
        "point": GeoPoint(52.5, 13.4),
        "key": client.key("Other", 5, "Child", "x"),
        "many": [1, "a", None],
        "none": [],
        "embedded": entity(None, inner=entity(None, deep=[1, 2])),
    }

    client.put(thing(client, "a", **values))

    assert dict(client.get(client.key(KIND, "a"))) == values


def test_not_a_number_survives(client: Client) -> None:
    client.put(thing(client, "a", x=math.nan))

    assert math.isnan(client.get(client.key(KIND, "a"))["x"])


def test_missing_entities_are_told_apart(client: Client) -> None:
    """get_multi leaves out what does not exist, and names it when asked."""
    client.put(thing(client, "a"))
    missing: list[Entity] = []

    found = client.get_multi([client.key(KIND, "a"), client.key(KIND, "b")], missing=missing)

    assert [one.key.name for one in found] == ["a"]
    assert [one.key.name for one in missing] == ["b"]


def test_a_partial_key_is_completed(client: Client) -> None:
    """Each new entity gets an id of its own."""
    made = [entity(client.key(KIND)) for _ in range(5)]

    client.put_multi(made)

    assert len({one.key.id for one in made}) == 5


def test_allocated_ids_are_distinct(client: Client) -> None:
    assert len({key.id for key in client.allocate_ids(client.key(KIND), 20)}) == 20


def test_reserved_ids_are_accepted(client: Client) -> None:
    client.reserve_ids_multi([client.key(KIND, 1234)])


def test_namespaces_are_apart(client: Client) -> None:
    """The same path in two namespaces is two entities, and a query sees one namespace."""
    client.put(entity(client.key(KIND, "a", namespace="x"), v=1))
    client.put(entity(client.key(KIND, "a", namespace="y"), v=2))

    assert client.get(client.key(KIND, "a", namespace="x"))["v"] == 1
    assert [found["v"] for found in client.query(kind=KIND, namespace="y").fetch()] == [2]
    assert names(client) == []


def test_databases_are_apart(embedded_address: str) -> None:
    """A named database shares nothing with the default one."""
    project = fresh_project()
    default, named = connect(embedded_address, project), connect(embedded_address, project, "calls")

    named.put(thing(named, "a"))

    assert named.get(named.key(KIND, "a")) is not None
    assert default.get(default.key(KIND, "a")) is None


def test_an_insert_must_be_new_and_an_update_must_not(client: Client) -> None:
    """A transactional commit is refused as a whole, with the status that says why."""
    commit(client, {"insert": raw(thing(client, "a"))})

    with pytest.raises(exceptions.AlreadyExists):
        commit(
            client,
            {"upsert": raw(thing(client, "b"))},
            {"insert": raw(thing(client, "a"))},
            single_use_transaction={"read_write": {}},
        )
    with pytest.raises(exceptions.NotFound):
        commit(client, {"update": raw(thing(client, "c"))})

    assert names(client) == ["a"]


def test_one_entity_twice_needs_a_transaction(client: Client) -> None:
    """Outside of a transaction no two mutations may touch one entity; inside, they apply in order."""
    first, second = {"upsert": raw(thing(client, "a", x=1))}, {"upsert": raw(thing(client, "a", x=2))}

    with pytest.raises(exceptions.InvalidArgument):
        commit(client, first, second)
    commit(client, first, second, single_use_transaction={"read_write": {}})

    assert client.get(client.key(KIND, "a"))["x"] == 2


@pytest.mark.parametrize(
    "operations", [("insert", "insert"), ("update", "insert"), ("upsert", "insert"), ("delete", "update")], ids="-".join
)
def test_senseless_sequences_are_refused(client: Client, operations: tuple[str, str]) -> None:
    client.put(thing(client, "a" if operations[0] == "update" else "b"))
    key, made = client.key(KIND, "a"), thing(client, "a")
    mutations = [{name: key.to_protobuf() if name == "delete" else raw(made)} for name in operations]

    with pytest.raises(exceptions.InvalidArgument):
        commit(client, *mutations, single_use_transaction={"read_write": {}})


def test_a_write_that_changes_nothing_keeps_the_version(client: Client) -> None:
    first, again, other = (
        commit(client, {"upsert": raw(thing(client, "a", x=x))}).mutation_results[0].version for x in (1, 1, 2)
    )

    assert first == again < other


def test_a_stale_base_version_fails_on_demand(client: Client) -> None:
    """With the FAIL strategy a commit against an old version is refused."""
    version = commit(client, {"upsert": raw(thing(client, "a", x=1))}).mutation_results[0].version
    update = {"upsert": raw(thing(client, "a", x=2)), "base_version": version, "conflict_resolution_strategy": 3}

    commit(client, update)
    with pytest.raises(exceptions.FailedPrecondition):
        commit(client, update | {"upsert": raw(thing(client, "a", x=3))})

    assert client.get(client.key(KIND, "a"))["x"] == 2


def test_a_stale_base_version_is_reported(local: Client) -> None:
    """Without it the server's value is kept, and the answer says so (see KNOWN_DIFFERENCES: base_version)."""
    commit(local, {"upsert": raw(thing(local, "a", x=1))})

    (result,) = commit(local, {"upsert": raw(thing(local, "a", x=2)), "base_version": 1}).mutation_results

    assert result.conflict_detected
    assert local.get(local.key(KIND, "a"))["x"] == 1


def test_a_property_mask_limits_what_is_written_and_read(client: Client) -> None:
    """Masked properties change, absent ones go, the others stay."""
    client.put(thing(client, "a", x=1, y=1, z=1))

    commit(client, {"upsert": raw(thing(client, "a", x=2, y=2)), "property_mask": {"paths": ["x", "z"]}})
    masked = client._datastore_api.lookup(
        request={
            "project_id": client.project,
            "keys": [client.key(KIND, "a").to_protobuf()],
            "property_mask": {"paths": ["y"]},
        }
    )

    assert dict(client.get(client.key(KIND, "a"))) == {"x": 2, "y": 1}
    assert list(masked.found[0].entity.properties) == ["y"]


def test_transforms_are_applied_in_order(client: Client) -> None:
    """Arithmetic, sets and the server's time are worked out by the server."""
    client.put(thing(client, "a", n=1, low=5, tags=[1, 2, 2]))
    values = {"values": [{"integer_value": 2}, {"integer_value": 3}, {"integer_value": 3}]}

    result = commit(
        client,
        {
            "upsert": raw(thing(client, "a", n=1, low=5, tags=[1, 2, 2])),
            "property_transforms": [
                {"property": "n", "increment": {"double_value": 1.5}},
                {"property": "low", "minimum": {"integer_value": 3}},
                {"property": "high", "maximum": {"integer_value": 3}},
                {"property": "tags", "append_missing_elements": values},
                {"property": "tags", "remove_all_from_array": {"values": [{"integer_value": 2}]}},
                {"property": "at", "set_to_server_value": 1},
            ],
        },
    )
    found = client.get(client.key(KIND, "a"))

    assert (found["n"], found["low"], found["high"], found["tags"]) == (2.5, 3, 3, [1, 3])
    assert result.mutation_results[0].transform_results[0].double_value == 2.5
    assert isinstance(found["at"], datetime)


def test_the_past_can_be_read(local: Client) -> None:
    """A read at an earlier time sees the entities of then, in look-ups and queries."""
    local.put(thing(local, "a", x=1))
    then = local._datastore_api.lookup(request={"project_id": "local", "keys": [local.key(KIND, "a").to_protobuf()]})
    local.put_multi([thing(local, "a", x=2), thing(local, "b", x=1)])

    old = local.get(local.key(KIND, "a"), read_time=then.read_time)

    assert old["x"] == 1
    assert [one.key.name for one in local.query(kind=KIND).fetch(read_time=then.read_time)] == ["a"]
    assert names(local, ("x", "=", 1)) == ["b"]


def test_a_client_past_the_socket_gets_the_same_errors(embedded: DatastoreServer, embedded_address: str) -> None:
    """Class, message and details do not depend on the channel."""
    project = fresh_project()
    errors = []
    for client in (connect(embedded_address, project), embedded.in_process_client(project)):
        with pytest.raises(exceptions.GoogleAPICallError) as caught:
            client.put(thing(client, "a", x="a" * 1501))
        errors.append((type(caught.value), caught.value.message, caught.value.grpc_status_code))

    assert errors[0] == errors[1]


def test_a_reset_forgets_one_project_or_all(server: DatastoreServer) -> None:
    one, two = (server.in_process_client(project) for project in ("one", "two"))
    for client in (one, two):
        client.put(thing(client, "a"))

    server.reset("one")
    assert (names(one), names(two)) == ([], ["a"])

    server.reset()
    assert names(two) == []


def test_the_client_finds_the_server_by_its_variable(embedded_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """DATASTORE_EMULATOR_HOST is all that a program needs."""
    monkeypatch.setenv("DATASTORE_EMULATOR_HOST", embedded_address)
    client = datastore.Client(project=fresh_project())

    client.put(thing(client, "a"))

    assert names(client) == ["a"]
