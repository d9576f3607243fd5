"""What queries and aggregations find, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.api_core import exceptions
from google.cloud.datastore.query import And, Or, PropertyFilter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.datastore.asking import KIND, count, entity, names, query, thing
from tests.contract.datastore.backends import connect, fresh_project

if TYPE_CHECKING:
    from google.cloud.datastore import Client

    from deploy.local.datastore import DatastoreServer

ROWS: dict[str, dict[str, Any]] = {
    "a": {"x": 1, "y": 2, "tags": ["p", "q"]},
    "b": {"x": 1, "y": 1, "tags": ["q"]},
    "c": {"x": 2, "y": 1, "tags": []},
    "d": {"x": 2, "y": 2},
    "e": {"x": None, "y": 5, "tags": ["p", "q", "r"]},
    "f": {"y": 7},
}


@pytest.fixture
def stored(client: Client) -> Client:
    client.put_multi([thing(client, name, **row) for name, row in ROWS.items()])
    return client


@pytest.fixture
def arrays(local: Client) -> Client:
    """Embedded only: Google's emulator repeats entities (see KNOWN_DIFFERENCES: array_duplicates)."""
    local.put_multi([thing(local, "low", x=[1, 9]), thing(local, "mid", x=[4, 5, 6, 7]), thing(local, "one", x=5)])
    return local


@pytest.mark.parametrize(
    ("where", "order", "expected"),
    [
        ([], [], "abcdef"),
        ([("x", "=", 1)], [], "ab"),
        ([("x", "=", 1), ("y", "=", 1)], [], "b"),
        ([("x", "=", None)], [], "e"),
        ([("x", "<", 2)], [], "eab"),
        ([("x", "<=", 2), ("x", ">", None)], [], "abcd"),
        ([("x", ">", 1)], ["-x"], "dc"),
        ([("x", "!=", 1)], [], "ecd"),
        ([("x", "NOT_IN", [1, None])], [], "cd"),
        ([("x", "IN", [2, 1])], [], "abcd"),
        ([("x", "IN", [2, 1])], ["-x", "y"], "cdba"),
        ([("x", ">", 0), ("y", ">", 1)], [], "ad"),
        ([("x", ">", 0), ("y", "<", 2)], ["-y", "x"], "bc"),
        ([], ["x", "-y"], "eabdc"),
        ([], ["-y", "x"], "eadbc"),
        ([("tags", "=", "p"), ("tags", "=", "q")], [], "ae"),
        ([Or([PropertyFilter("x", "=", 2), PropertyFilter("y", "=", 5)])], [], "cde"),
        (
            [Or([And([PropertyFilter("x", "=", 1), PropertyFilter("y", "=", 2)]), PropertyFilter("y", ">", 4)])],
            ["y"],
            "aef",
        ),
        ([("x", ">", 2), ("x", "<", 1)], [], ""),
        ([("nothing", "=", 1)], [], ""),
    ],
    ids=str,
)
def test_filters_and_orders(stored: Client, where: list[Any], order: list[str], expected: str) -> None:
    """Absent properties never match; ties and missing orders are broken by the key."""
    assert "".join(names(stored, *where, order=order)) == expected
    assert count(stored, *where, order=order) == len(expected)


def test_keys_filter_and_sort(stored: Client) -> None:
    """`__key__` is a property like another."""
    b = stored.key(KIND, "b")

    assert names(stored, ("__key__", ">", b)) == ["c", "d", "e", "f"]
    assert names(stored, ("__key__", "<=", b), order=["-__key__"]) == ["b", "a"]
    assert names(stored, ("__key__", "=", b), ("x", "=", 1)) == ["b"]


def test_ancestors_and_kindless_queries(client: Client) -> None:
    """An ancestor's descendants are found at any depth and of any kind, itself included."""
    root = client.key(KIND, "root")
    keys = [
        root,
        client.key("Child", 1, parent=root),
        client.key("Child", 2, parent=client.key("Child", 1, parent=root)),
    ]
    client.put_multi([entity(key, x=at) for at, key in enumerate(keys)])
    client.put_multi([entity(client.key("Child", 9), x=1), entity(client.key(KIND, "root2"), x=1)])

    assert names(client, kind="Child", ancestor=root) == [1, 2]
    assert names(client, ("x", "=", 1), kind="Child", ancestor=root) == [1]
    assert names(client, kind=None, ancestor=root) == ["root", 1, 2]
    assert names(client, kind=None) == [9, "root", 1, 2, "root2"]


def test_ids_sort_before_names(client: Client) -> None:
    client.put_multi([thing(client, key) for key in ("10", 9, 10, "9", 2**40)])

    assert names(client) == [9, 10, 2**40, "10", "9"]


def test_projections_explode_arrays(stored: Client) -> None:
    """One result for each combination of projected values."""
    found = [(one.key.name, one["tags"], one["y"]) for one in query(stored, projection=["tags", "y"]).fetch()]

    assert found == [
        ("a", "p", 2),
        ("e", "p", 5),
        ("b", "q", 1),
        ("a", "q", 2),
        ("e", "q", 5),
        ("e", "r", 5),
    ]


def test_distinct_results(stored: Client) -> None:
    """The first result for each distinct value."""
    found = query(stored, projection=["x", "y"], distinct_on=["x"], order=["x", "-y"]).fetch()

    assert [(one["x"], one["y"]) for one in found] == [(None, 5), (1, 2), (2, 2)]


def test_keys_only(stored: Client) -> None:
    found = query(stored, ("x", "=", 1))
    found.keys_only()

    assert [(one.key.name, dict(one)) for one in found.fetch()] == [("a", {}), ("b", {})]


def test_embedded_properties_are_found_by_their_path(client: Client) -> None:
    """An embedded entity's properties are indexed, those of its own exclusions apart."""
    inner = entity(None, unindexed=["hidden"], shown=1, hidden=1)
    client.put(thing(client, "a", inner=inner))

    assert names(client, ("inner.shown", "=", 1)) == ["a"]
    assert names(client, ("inner.hidden", "=", 1)) == []


def test_excluded_properties_are_not_found(client: Client) -> None:
    client.put_multi([thing(client, "a", x=1, unindexed=["x"]), thing(client, "b", x=1)])

    assert names(client, ("x", "=", 1)) == names(client, order=["x"]) == ["b"]


def test_offset_and_limit(stored: Client) -> None:
    assert [one.key.name for one in query(stored).fetch(offset=2, limit=3)] == ["c", "d", "e"]
    assert list(query(stored).fetch(limit=0)) == []
    assert list(query(stored).fetch(offset=9)) == []


def test_a_cursor_works_in_both_directions(stored: Client) -> None:
    """The reversed query meets the row before the cursor first."""
    page = query(stored, order=["y", "__key__"]).fetch(limit=3)
    forward = [one.key.name for one in page]
    cursor = page.next_page_token

    later = [one.key.name for one in query(stored, order=["y", "__key__"]).fetch(start_cursor=cursor)]
    back = [one.key.name for one in query(stored, order=["-y", "-__key__"]).fetch(start_cursor=cursor)]

    assert (forward, later, back) == (["b", "c", "a"], ["d", "e", "f"], ["a", "c", "b"])


def test_an_end_cursor_stops(stored: Client) -> None:
    page = query(stored).fetch(limit=2)
    list(page)

    assert [one.key.name for one in query(stored).fetch(end_cursor=page.next_page_token)] == ["a", "b"]


def test_a_cursor_outlives_its_row(stored: Client) -> None:
    """What was deleted, or came in before the cursor, changes nothing behind it."""
    page = query(stored, order=["y"]).fetch(limit=3)
    list(page)
    stored.delete(stored.key(KIND, "a"))
    stored.put(thing(stored, "0", y=1))

    assert [one.key.name for one in query(stored, order=["y"]).fetch(start_cursor=page.next_page_token)] == list("def")


@pytest.mark.parametrize(
    "wrong",
    [
        {"where": [("x", "=", 1)], "projection": ["x"]},
        {"where": [("x", "IN", [1])], "projection": ["x"]},
        {"where": [("x", "IN", list(range(31)))]},
        {"where": [("x", "IN", [])]},
        {"where": [("x", "NOT_IN", list(range(11)))]},
        {"where": [("x", "NOT_IN", [1]), ("y", "IN", [1])]},
        {"where": [("x", "NOT_IN", [1]), ("y", "!=", 1)]},
        {"where": [("x", "!=", 1), ("y", "!=", 1)]},
        {"where": [("x", "IN", list(range(6))), ("y", "IN", list(range(6)))]},
        {"where": [(f"x{at}", ">", 1) for at in range(11)]},
        {"where": [("x", "=", "a" * 1501)]},
        {"where": [("x", "=", [1])]},
        {"where": [("x", "=", 1)], "kind": None},
        {"order": ["x"], "kind": None},
        {"order": ["x", "-x"]},
        {"projection": ["x", "x"]},
        {"distinct_on": ["x"], "order": ["y"], "projection": ["x"]},
    ],
    ids=str,
)
def test_what_production_refuses_is_refused(stored: Client, wrong: dict[str, Any]) -> None:
    """INVALID_ARGUMENT, whatever the data."""
    options = dict(wrong)

    with pytest.raises(exceptions.InvalidArgument):
        list(query(stored, *options.pop("where", []), **options).fetch())


def test_gql_is_refused_in_plain_words(local: Client) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="GQL is not supported"):
        local._datastore_api.run_query(
            request={"project_id": "local", "gql_query": {"query_string": "SELECT * FROM Thing"}}
        )


def test_a_foreign_cursor_is_refused(local: Client) -> None:
    """A cursor belongs to one order."""
    local.put_multi([thing(local, name, x=1) for name in "abc"])
    page = query(local).fetch(limit=1)
    list(page)

    with pytest.raises(exceptions.InvalidArgument, match="cursor"):
        list(query(local, order=["x"]).fetch(start_cursor=page.next_page_token))


# Aggregations ----------------------------------------------------------------------------------------------------


def test_several_aggregations_at_once(stored: Client) -> None:
    """They share the rows: entities that have all of the summed properties."""
    asked = stored.aggregation_query(query(stored)).count("n").sum("x", "sum").avg("y", "avg")

    (answers,) = list(asked.fetch())

    assert {answer.alias: answer.value for answer in answers} == {"n": 5, "sum": 6, "avg": 11 / 5}


def test_aggregations_of_nothing(client: Client) -> None:
    """Nothing sums to the integer 0 and has no average: null, which the client shows as 0.0."""
    aggregations = [{"count": {}}, {"sum": {"property": {"name": "x"}}}, {"avg": {"property": {"name": "x"}}}]
    request = {
        "project_id": client.project,
        "aggregation_query": {"nested_query": {"kind": [{"name": KIND}]}, "aggregations": aggregations},
    }

    found = client._datastore_api.run_aggregation_query(request=request).batch.aggregation_results[0]
    kinds = {name: value._pb.WhichOneof("value_type") for name, value in found.aggregate_properties.items()}

    assert kinds == {"property_1": "integer_value", "property_2": "integer_value", "property_3": "null_value"}


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([2**63 - 1, 1, -5], 2**63 - 5),
        ([2**63 - 1, 2**63 - 1], float(2**64 - 2)),
        ([1, 2.5], 3.5),
        ([1, "text", None, True], 1),
    ],
    ids=str,
)
def test_sums(client: Client, numbers: list[Any], expected: float) -> None:
    """Integers sum to an integer while it fits into 64 bits, then to a double; what is no number is skipped."""
    client.put_multi([thing(client, at, x=number) for at, number in enumerate(numbers, 1)])

    ((answer,),) = list(client.aggregation_query(query(client)).sum("x").fetch())

    assert (answer.value, type(answer.value)) == (expected, type(expected))


def test_count_up_to(stored: Client) -> None:
    """A bounded count stops counting; a limit bounds it too."""
    request = {
        "project_id": stored.project,
        "aggregation_query": {
            "nested_query": {"kind": [{"name": KIND}]},
            "aggregations": [{"count": {"up_to": 4}}, {"count": {}, "alias": "all"}],
        },
    }

    result = stored._datastore_api.run_aggregation_query(request=request).batch.aggregation_results[0]

    assert {name: value.integer_value for name, value in result.aggregate_properties.items()} == {
        "property_1": 4,
        "all": 6,
    }
    ((answer,),) = list(stored.aggregation_query(query(stored)).count().fetch(limit=2))
    assert answer.value == 2


# Arrays, as documented ---------------------------------------------------------------------------------------------


def test_arrays_sort_by_their_first_element_in_the_direction(arrays: Client) -> None:
    """An array of 1 and 9 comes before one of 4 to 7 both ways, and each entity once."""
    assert names(arrays, order=["x"]) == ["low", "mid", "one"]
    assert names(arrays, order=["-x"]) == ["low", "mid", "one"]


def test_one_element_must_meet_all_inequalities(arrays: Client) -> None:
    """1 and 9 do not lie between 2 and 8, together or alone."""
    assert names(arrays, ("x", ">", 2), ("x", "<", 8)) == ["mid", "one"]


def test_an_array_differs_from_a_value_if_any_element_does(arrays: Client) -> None:
    assert names(arrays, ("x", "!=", 5)) == ["low", "mid"]


def test_an_order_on_an_equality_is_ignored(arrays: Client) -> None:
    """Where the filter fixes the value, the key decides."""
    assert names(arrays, ("x", "=", 5), order=["x"]) == ["mid", "one"]


def test_aggregations_count_index_entries(arrays: Client) -> None:
    """An entity counts once for each element that the range meets."""
    assert count(arrays, ("x", ">", 4)) == 5


# Paging and size ---------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=3), min_size=1, max_size=12),
    where=st.sampled_from([[], [("x", ">", 0)], [("x", "IN", [0, 1, 2])], [("x", "!=", 1)], [("y", "=", 1)]]),
    order=st.sampled_from([[], ["x"], ["-x"], ["x", "-y"], ["-y", "x"]]),
    size=st.integers(1, 4),
)
def test_pages_join_into_the_whole(
    server: DatastoreServer, local: Client, rows: list[list[int]], where: list[Any], order: list[str], size: int
) -> None:
    """Reading by cursors finds what one read finds, in the same order, arrays included."""
    server.reset()
    local.put_multi([thing(local, at, x=row, y=[n % 2 for n in row]) for at, row in enumerate(rows, 1)])
    whole = names(local, *where, order=order)
    pages: list[Any] = []
    cursor = None
    while True:
        page = query(local, *where, order=order).fetch(limit=size, start_cursor=cursor)
        pages += [one.key.id for one in page]
        cursor = page.next_page_token
        if cursor is None:
            break

    assert pages == whole
    assert len(set(whole)) == len(whole)


def test_large_results_come_in_batches(embedded_address: str) -> None:
    """Over 4 MiB of results pass the client's channel, by query and by key (KNOWN_DIFFERENCES: message_size)."""
    client = connect(embedded_address, fresh_project())
    blob = b"x" * 900_000
    for first in (0, 6):
        client.put_multi([thing(client, at, unindexed=["x"], x=blob) for at in range(first + 1, first + 7)])

    assert names(client) == list(range(1, 13))
    assert len(client.get_multi([client.key(KIND, at) for at in range(1, 13)])) == 12
