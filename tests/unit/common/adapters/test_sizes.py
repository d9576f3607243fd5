"""An entity's size is told without making its message, and never too small."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from google.cloud import datastore
from google.cloud.datastore import helpers
from hypothesis import given
from hypothesis import strategies as st

from common.adapters.datastore.codec import to_entity
from common.adapters.datastore.sizes import most_bytes
from common.model.intelligence import SECTIONS
from tests.factories import sample_calls
from tests.integration.dashboard.rows import sample_results

NAMES = st.text(min_size=1, max_size=20)
PLAIN: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=300),
    st.binary(max_size=300),
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001  # hypothesis wants it
)


def entity(properties: dict[str, Any], key: datastore.Key | None = None) -> datastore.Entity:
    made = datastore.Entity(key=key, exclude_from_indexes=tuple(properties))
    made.update(properties)
    return made


VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner.filter(lambda value: not isinstance(value, list)), max_size=5),
        st.dictionaries(NAMES, inner, max_size=5).map(entity),
    ),
    max_leaves=12,
)


def made_bytes(value: datastore.Entity) -> int:
    size: int = helpers.entity_to_protobuf(value)._pb.ByteSize()
    return size


@given(st.dictionaries(NAMES, VALUES, max_size=8), NAMES, NAMES)
def test_no_message_is_larger(properties: dict[str, Any], kind: str, name: str) -> None:
    """Whatever is in it, under whatever key."""
    keyed = entity(properties, datastore.Key(kind, name, project="calltrack-test", database="calls"))

    assert made_bytes(keyed) <= most_bytes(keyed)


def test_what_results_take_is_told_within_two_thirds() -> None:
    """So that few more chunks are made than have to be."""
    for call in sample_calls():
        results = sample_results(call)
        rows = [to_entity(row, None) for section in SECTIONS for row in results.get(section.name, ())]
        assert sum(map(most_bytes, rows)) < 5 / 3 * sum(map(made_bytes, rows))
