"""Which composite index production asks for, as a table of queries and declarations."""

from __future__ import annotations

import re
from typing import Any

import pytest

from deploy.local.datastore.indexes import CompositeIndex, IndexNeed, Sort, parse_indexes


def need(**shape: Any) -> IndexNeed:
    orders = tuple(Sort(name.lstrip("-"), name.startswith("-")) for name in shape.pop("orders", ()))
    return IndexNeed(
        "K",
        ancestor=shape.get("ancestor", False),
        equalities=frozenset(shape.get("equalities", "")),
        orders=orders,
        ranges=frozenset(shape.get("ranges", "")),
        values=frozenset(shape.get("values", "")),
    )


def index(*names: str, ancestor: bool = False, kind: str = "K") -> CompositeIndex:
    return CompositeIndex(kind, tuple(Sort(name.lstrip("-"), name.startswith("-")) for name in names), ancestor)


def in_order(value: object) -> str:
    """An id that is the same in every process: sets of names have no order of their own."""
    return re.sub(r"frozenset\(\{([^}]*)\}\)", lambda m: ",".join(sorted(m[1].split(", "))), str(value))


@pytest.mark.parametrize(
    "query",
    [
        need(),
        need(equalities="a"),
        need(equalities="abc"),
        need(ancestor=True),
        need(ancestor=True, equalities="ab"),
        need(ranges="a"),
        need(orders=["a"]),
        need(orders=["-a"]),
        need(values="a"),
    ],
    ids=in_order,
)
def test_built_in_indexes_suffice(query: IndexNeed) -> None:
    """Equalities and ancestors merge; one range, one order or one projected property is an index of its own."""
    assert query.served_by(())


@pytest.mark.parametrize(
    ("query", "declared"),
    [
        (need(equalities="a", orders=["b"]), [index("a", "b")]),
        (need(equalities="a", orders=["-b"]), [index("-a", "-b")]),
        (need(equalities="a", ranges="b"), [index("a", "-b")]),
        (need(equalities="ab", orders=["-c"]), [index("b", "a", "-c")]),
        (need(equalities="ab", orders=["-c"]), [index("a", "-c"), index("b", "-c")]),
        (need(equalities="abcd", orders=["e"]), [index("a", "b", "e"), index("c", "e"), index("d", "b", "e")]),
        (need(orders=["a", "-b"]), [index("a", "-b")]),
        (need(ranges="ab"), [index("b", "a")]),
        (need(orders=["a"], ranges="b"), [index("a", "b")]),
        (need(ancestor=True, orders=["a"]), [index("a", ancestor=True)]),
        (need(ancestor=True, ranges="a"), [index("a", ancestor=True)]),
        (need(values="ab"), [index("b", "a")]),
        (need(equalities="a", values="b"), [index("a", "b")]),
        (need(ranges="a", values="b"), [index("a", "b")]),
        (need(orders=["-__key__"]), [index("-__key__")]),
        (need(orders=["a", "-__key__"]), [index("a", "-__key__")]),
    ],
    ids=in_order,
)
def test_a_composite_index_serves(query: IndexNeed, declared: list[CompositeIndex]) -> None:
    """What built-in indexes cannot answer, declared ones do; without them it is refused."""
    assert not query.served_by(())
    assert query.served_by(declared)
    assert query.served_by([query.recommended()])


@pytest.mark.parametrize(
    ("query", "declared"),
    [
        (need(equalities="a", orders=["b"]), [index("b", "a")]),
        (need(equalities="a", orders=["b"]), [index("a", "-b")]),
        (need(equalities="a", orders=["b"]), [index("a", "b", kind="Other")]),
        (need(equalities="a", orders=["b"]), [index("a", "b", ancestor=True)]),
        (need(equalities="a", orders=["b"]), [index("a", "c", "b")]),
        (need(equalities="ab", orders=["c"]), [index("a", "c")]),
        (need(equalities="ab", orders=["c"]), [index("a", "c"), index("b", "-c")]),
        (need(ancestor=True, orders=["a"]), [index("a")]),
        (need(orders=["a", "b"]), [index("b", "a")]),
        (need(orders=["-a", "-b"]), [index("a", "b")]),
        (need(ranges="a", values="b"), [index("b", "a")]),
        (need(values="ab"), [index("a", "b", "c")]),
    ],
    ids=in_order,
)
def test_a_composite_index_does_not_serve(query: IndexNeed, declared: list[CompositeIndex]) -> None:
    """The order must be the index's ending, to the direction, and every equality must be in some index."""
    assert not query.served_by(declared)


def test_index_yaml_is_read_and_written_back() -> None:
    """A recommendation can be pasted into index.yaml."""
    text = "indexes:\n- kind: K\n  ancestor: yes\n  properties:\n  - name: a\n  - name: b\n    direction: desc\n"

    (parsed,) = parse_indexes(text).indexes

    assert parsed == index("a", "-b", ancestor=True)
    assert "indexes:\n" + parsed.as_yaml() + "\n" == text


@pytest.mark.parametrize("text", ["", "indexes:\n", "indexes: []\n", "# nothing\n"])
def test_an_empty_index_yaml_declares_nothing(text: str) -> None:
    assert parse_indexes(text).indexes == ()


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("indexes: {", "not YAML"),
        ("kinds: []", "indexes"),
        ("indexes: 3", "must be a list"),
        ("indexes: [{properties: [{name: a}]}]", r"indexes\[0\].kind"),
        ("indexes: [{kind: K}]", r"indexes\[0\].properties"),
        ("indexes: [{kind: K, ancestor: maybe, properties: [{name: a}]}]", r"indexes\[0\].ancestor"),
        ("indexes: [{kind: K, properties: [{name: a, direction: up}]}]", r"properties\[0\].direction"),
        ("indexes: [{kind: K, properties: [{name: a, order: asc}]}]", r"properties\[0\]"),
    ],
)
def test_a_wrong_index_yaml_names_the_field(text: str, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        parse_indexes(text)
