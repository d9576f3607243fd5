"""Frozen dataclasses to entities and back.

Every field becomes a property, None included (an entity that lacks a property is invisible to queries on it). Only the
properties that a kind names as indexed are; everything else, nested values too, is excluded from indexes. Durations are
stored as seconds, enumerations as their value, nested dataclasses as embedded entities; a field marked with
`metadata={"json": True}` (thousands of small values) as one JSON text.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pydantic
from google.cloud import datastore

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable


T = TypeVar("T")


def to_entity(row: Any, key: datastore.Key | None, *, indexed: Collection[str] = ()) -> datastore.Entity:  # noqa: ANN401
    """The entity of a dataclass instance, under `key` (None: embedded)."""
    fields = dataclasses.fields(row)
    entity = datastore.Entity(
        key=key, exclude_from_indexes=tuple(field.name for field in fields if field.name not in indexed)
    )
    for field in fields:
        value = getattr(row, field.name)
        entity[field.name] = _as_json(value) if field.metadata.get("json") else _value(value)
    return entity


def from_entity(row_type: type[T], entity: datastore.Entity) -> T:
    """The dataclass instance that `to_entity` stored; properties that the type no longer has are left out."""
    return _adapter(cast("Hashable", row_type)).validate_python(dict(entity))


def _value(value: Any) -> Any:  # noqa: ANN401
    if dataclasses.is_dataclass(value):
        return to_entity(value, None)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (tuple, list)):
        return [_value(item) for item in value]
    return value


def _as_json(rows: Any) -> str:  # noqa: ANN401
    return json.dumps([dataclasses.asdict(row) for row in rows], ensure_ascii=False, separators=(",", ":"))


@functools.cache
def _adapter(row_type: Any) -> pydantic.TypeAdapter[Any]:  # noqa: ANN401
    return pydantic.TypeAdapter(row_type)
