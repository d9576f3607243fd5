from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from google.cloud.datastore.helpers import GeoPoint, _set_protobuf_value
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.datastore.values import (
    decode_path,
    decode_value,
    descendants,
    encode_path,
    encode_value,
    inverted,
    just_after,
)
from deploy.local.datastore.wire import Key, Value

RANKED: list[Any] = [
    None,
    -(2**63),
    -5,
    0,
    1,
    datetime(2020, 1, 1, tzinfo=UTC),
    2**63 - 1,
    False,
    True,
    b"",
    "\0",
    "a",
    "a\0",
    b"a\0b",
    "ab",
    "é",
    b"\xff",
    -math.inf,
    -2.5,
    -0.0,
    0.0,
    1.0,
    math.inf,
    math.nan,
    GeoPoint(-1.0, 2.0),
    GeoPoint(1.0, -2.0),
]

integers = st.integers(-(2**63), 2**63 - 1)
identifiers = st.one_of(integers.filter(bool), st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
paths = st.lists(st.tuples(st.sampled_from(["A", "B", "A\0"]), identifiers), min_size=1, max_size=3)

Path = list[tuple[str, int | str]]


def encoded(value: object) -> bytes:
    message = Value()
    _set_protobuf_value(message, value)
    return encode_value(message)


def key_of(path: Path) -> Key:
    key = Key()
    for kind, identifier in path:
        if isinstance(identifier, int):
            key.path.add(kind=kind, id=identifier)  # type: ignore[attr-defined]  # a raw message
        else:
            key.path.add(kind=kind, name=identifier)  # type: ignore[attr-defined]  # a raw message
    return key


def path_of(path: Path) -> bytes:
    return encode_path(key_of(path))


def rank(path: Path) -> list[tuple[bytes, bool, int, bytes]]:
    """Datastore's order of keys in Python's terms: ids before names."""
    return [
        (kind.encode(), isinstance(i, str), i if isinstance(i, int) else 0, i.encode() if isinstance(i, str) else b"")
        for kind, i in path
    ]


def test_types_and_values_sort_as_documented() -> None:
    """Null, fixed-point numbers, booleans, byte sequences, floating-point numbers and points follow one another."""
    encodings = [encoded(value) for value in RANKED]

    assert encodings == sorted(set(encodings))


def test_inverting_reverses_the_order() -> None:
    """No encoding is a prefix of another, so inverted ones sort backwards."""
    encodings = [encoded(value) for value in RANKED]

    assert sorted(encodings, key=inverted) == encodings[::-1]


@pytest.mark.parametrize(
    ("left", "right"), [(1, datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)), ("a", b"a")], ids=["fixed-point", "bytes"]
)
def test_types_of_one_rank_are_equal(left: object, right: object) -> None:
    """An integer equals the timestamp of so many microseconds, a string its bytes."""
    assert encoded(left) == encoded(right)


@given(st.one_of(st.none(), st.booleans(), integers, st.floats(allow_nan=False), st.text(), st.binary()))
def test_an_index_entry_gives_its_value_back(value: object) -> None:
    """Decoding then encoding changes nothing."""
    entry = encoded(value)

    assert encode_value(decode_value(entry)) == entry


@given(st.floats(), st.floats())
def test_doubles_sort_as_numbers(left: float, right: float) -> None:
    if left < right:
        assert encoded(left) < encoded(right)


@given(st.binary(), st.binary())
def test_nothing_lies_between_a_value_and_just_after_it(left: bytes, right: bytes) -> None:
    """So `> value` is the same as `>= just_after(value)`."""
    assert (encoded(left) > encoded(right)) == (encoded(left) >= just_after(encoded(right)))


@given(paths, paths)
def test_paths_sort_by_element_ids_before_names(left: Path, right: Path) -> None:
    assert (path_of(left) < path_of(right)) == (rank(left) < rank(right))


@given(paths, paths)
def test_the_interval_of_descendants_holds_them_and_no_other(ancestor: Path, other: Path) -> None:
    low, high = descendants(path_of(ancestor))

    assert low <= path_of(ancestor + other) < high
    assert (low <= path_of(other) < high) == (other[: len(ancestor)] == ancestor)


@given(paths)
def test_a_path_gives_its_key_back(path: Path) -> None:
    key = Key()

    decode_path(path_of(path), key)

    assert key == key_of(path)
