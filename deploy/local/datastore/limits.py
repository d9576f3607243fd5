"""What production refuses to store or to look up, checked before anything else is done.

Numbers: https://cloud.google.com/datastore/docs/concepts/limits; wording: Google's emulator.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deploy.local.datastore.errors import invalid
from deploy.local.datastore.values import KEY_PROPERTY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deploy.local.datastore.indexes import CompositeIndex
    from deploy.local.datastore.values import Entries
    from deploy.local.datastore.wire import Entity, Key, Value

ENTITY_BYTES = 1_048_572
UNINDEXED_VALUE_BYTES = 1_048_487
INDEXED_VALUE_BYTES = 1500
NAME_BYTES = 1500
REQUEST_BYTES = 10 * 1024 * 1024
RESPONSE_BYTES = 2 * 1024 * 1024  # results are split into batches of about this size; a client's channel takes 4 MiB
LOOKUP_KEYS = 1000
INDEX_ENTRIES = 20_000
PATH_ELEMENTS = 100
NESTING = 20
TRANSFORMS = 500

_RESERVED = re.compile(r"__.*__", re.DOTALL)


def check_request_size(size: int) -> None:
    """Refuse a request over 10 MiB."""
    if size > REQUEST_BYTES:
        raise invalid(f"Request payload size exceeds the limit: {REQUEST_BYTES} bytes.")


def check_lookup_size(keys: int) -> None:
    """Refuse to look up more than 1,000 keys at once; Google's emulator does not."""
    if keys > LOOKUP_KEYS:
        raise invalid(f"cannot get more than {LOOKUP_KEYS} keys in a single call")


def check_key(key: Key, *, complete: bool, reserved: bool = False) -> None:
    """Refuse a malformed key; with *complete* the last element must be identified, without it must not be."""
    if not key.path:
        raise invalid("Key path is empty.")
    if len(key.path) > PATH_ELEMENTS:
        raise invalid(f"Key path is too long. Cannot exceed {PATH_ELEMENTS} elements.")
    last = len(key.path) - 1
    for position, element in enumerate(key.path):
        check_name("kind", element.kind, reserved=reserved)
        identified = element.WhichOneof("id_type")
        if identified is None and (complete or position < last):
            raise invalid(f"Key path element must not be incomplete: [{shown(key)}]")
        if identified is not None and not complete and position == last:
            raise invalid(f"Key path element must not be complete: [{shown(key)}]")
        if identified == "name":
            check_name("key path element name", element.name, reserved=reserved)
        if identified == "id" and element.id == 0:
            raise invalid("Key path id is invalid. Must not be zero.")


def check_name(what: str, name: str, *, reserved: bool = False) -> None:
    """Refuse an empty, overlong or (unless allowed) reserved name of a kind, key or property."""
    if not name:
        raise invalid(f"The {what} is the empty string.")
    if len(name) * 4 > NAME_BYTES and len(name.encode()) > NAME_BYTES:
        raise invalid(f"The {what} is longer than {NAME_BYTES} bytes.")
    if not reserved and name.startswith("__") and _RESERVED.fullmatch(name):
        raise invalid(f'The {what} "{name}" is reserved.')


def check_entity(entity: Entity) -> None:
    """Refuse an entity that production would not store, its index entries apart."""
    for name, value in entity.properties.items():
        check_name("property.name", name)
        _check_value(name, value, depth=0)
    if entity.ByteSize() > ENTITY_BYTES:
        raise invalid(f"The entity is too large: {entity.ByteSize()} bytes, at most {ENTITY_BYTES} are allowed.")


def check_index_entries(entries: Entries, composites: Iterable[CompositeIndex]) -> None:
    """Refuse more than 20,000 entries; a composite index has one per combination of its properties' values."""
    count = sum(len(values) for values in entries.values())
    for index in composites:
        combinations = 1
        for name in index.names:
            combinations *= 1 if name == KEY_PROPERTY else len(entries.get(name, ()))
        count += combinations
    if count > INDEX_ENTRIES:
        raise invalid(f"Too many indexed properties: {count} index entries, at most {INDEX_ENTRIES} are allowed.")


def shown(key: Key) -> str:
    """A key's path for a message."""
    return ", ".join(f"{element.kind}: {element.name or element.id or ''}" for element in key.path)


def _check_value(name: str, value: Value, *, depth: int, in_array: bool = False) -> None:
    which = value.WhichOneof("value_type")
    if which in {"string_value", "blob_value"}:
        _check_length(name, value, which)
    elif which == "array_value":
        _check_array(name, value, depth=depth, in_array=in_array)
    elif which == "entity_value":
        if depth == NESTING:
            raise invalid(f"At most {NESTING} nested entity values are supported.")
        for inner, nested in value.entity_value.properties.items():
            check_name("property.name", inner, reserved=True)
            _check_value(inner, nested, depth=depth + 1)
    elif which == "key_value":
        check_key(value.key_value, complete=True, reserved=True)
    elif which == "geo_point_value":
        _check_point(value)
    elif which is None:
        raise invalid(f'The value "{name}" does not contain a value.')


def _check_array(name: str, value: Value, *, depth: int, in_array: bool) -> None:
    if in_array:
        raise invalid(f'The value "{name}" is an array in an array.')
    if value.exclude_from_indexes:
        raise invalid("Exclude from indexes cannot be set on a list value")
    for element in value.array_value.values:
        _check_value(name, element, depth=depth, in_array=True)


def _check_length(name: str, value: Value, which: str) -> None:
    limit = UNINDEXED_VALUE_BYTES if value.exclude_from_indexes else INDEXED_VALUE_BYTES
    length = len(value.blob_value) if which == "blob_value" else len(value.string_value)
    if which == "string_value" and length <= limit < length * 4:
        length = len(value.string_value.encode())
    if length > limit:
        raise invalid(f'The value of property "{name}" is longer than {limit} bytes.')


def _check_point(value: Value) -> None:
    for side, degrees, most in (
        ("latitude", value.geo_point_value.latitude, 90.0),
        ("longitude", value.geo_point_value.longitude, 180.0),
    ):
        if not -most <= degrees <= most:
            raise invalid(f"Geo point {side} outside permitted range -{most} to {most}.")
