r"""Values and keys as bytes that compare as Datastore orders them.

Types sort as https://cloud.google.com/datastore/docs/concepts/entities#value_type_ordering says: null, fixed-point
numbers (integers and timestamps in microseconds, which equal each other), booleans, byte sequences (strings and blobs,
likewise), floating-point numbers, geographical points, keys. So ``1`` and ``1.0`` are different values.

No encoded value is a prefix of another, so inverting every bit reverses the order, and ``value + b"\0"`` is the least
upper bound of what is not greater than ``value``: every comparison becomes a half-open interval of bytes.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from google.protobuf.struct_pb2 import NULL_VALUE

from deploy.local.datastore.wire import Key, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from deploy.local.datastore.wire import Entity

KEY_PROPERTY = "__key__"
"""How queries name an entity's key."""

INDEX_VALUE_MEANING = 18
"""Marks a projected value as read from an index, where the types that share a rank are no longer told apart."""

Entries = dict[str, list[bytes]]
"""An entity's index entries: each property's distinct encoded values in ascending order."""

_NULL, _INTEGER, _BOOLEAN, _BYTES, _DOUBLE, _GEO, _KEY = (bytes([rank]) for rank in range(0x10, 0x80, 0x10))
_SIGN = 1 << 63
_ALL_ONES = (1 << 64) - 1
_INVERTED = bytes(range(255, -1, -1))
_QUIET_NAN = struct.unpack(">d", bytes.fromhex("7ff8000000000000"))[0]

# Inside a path: an element opens with 2, its id with 1 or its name with 2, and a path in a value ends with 0. So an
# entity sorts before its descendants, ids before names, and a path is a prefix of exactly its descendants' paths.
_ELEMENT, _ID, _NAME, _END = b"\2", b"\1", b"\2", b"\0"


def inverted(encoded: bytes) -> bytes:
    """The bytes that sort in the opposite order; *encoded* must not be a prefix of any other."""
    return encoded.translate(_INVERTED)


def inverted_path(path: bytes) -> bytes:
    """A path's bytes for descending order: closed first, since a path is a prefix of its descendants'."""
    return (path + _END).translate(_INVERTED)


def just_after(encoded: bytes) -> bytes:
    """The least bytes greater than *encoded*, whether value or path."""
    return encoded + b"\0"


def descendants(path: bytes) -> tuple[bytes, bytes]:
    """The half-open interval of paths that are *path* or below it."""
    return path, path + b"\xff"


def encode_value(value: Value) -> bytes:
    """Encode one indexable value: anything but an array or an embedded entity."""
    encoded: bytes = _ENCODERS[value.WhichOneof("value_type")](value)
    return encoded


def decode_value(encoded: bytes) -> Value:
    """What a projection returns for an index entry: timestamps come back as integers, as in production."""
    rank, body = encoded[:1], encoded[1:]
    value = Value(meaning=INDEX_VALUE_MEANING)
    if rank == _NULL:
        value.null_value = NULL_VALUE  # type: ignore[assignment]  # the wrapper names another enum
    elif rank == _INTEGER:
        value.integer_value = int.from_bytes(body, "big") - _SIGN
    elif rank == _BOOLEAN:
        value.boolean_value = body == b"\1"
    elif rank == _BYTES:
        _set_bytes(value, _unescape(body, 0)[0])
    elif rank == _DOUBLE:
        value.double_value = _decode_double(body)
    elif rank == _GEO:
        value.geo_point_value.latitude = _decode_double(body[:8])
        value.geo_point_value.longitude = _decode_double(body[8:])
    else:
        _decode_key(body, value.key_value)
    return value


def number_of(encoded: bytes) -> int | float | None:
    """The number an index entry stands for, or None where sums and averages skip it."""
    if encoded[:1] == _INTEGER:
        return int.from_bytes(encoded[1:], "big") - _SIGN
    if encoded[:1] == _DOUBLE:
        return _decode_double(encoded[1:])
    return None


def encode_path(key: Key) -> bytes:
    """A complete key's path, without its partition."""
    parts = []
    for element in key.path:
        if element.WhichOneof("id_type") == "id":
            identifier = _ID + _encode_integer(element.id)
        else:
            identifier = _NAME + _escape(element.name.encode())
        parts.append(_ELEMENT + _escape(element.kind.encode()) + identifier)
    return b"".join(parts)


def decode_path(path: bytes, key: Key) -> None:
    """Append to *key* the elements that *path* encodes."""
    position = 0
    while position < len(path) and path[position : position + 1] == _ELEMENT:
        kind, position = _unescape(path, position + 1)
        element = key.path.add()  # type: ignore[attr-defined]  # a raw message
        element.kind = kind.decode()
        if path[position : position + 1] == _ID:
            element.id = int.from_bytes(path[position + 1 : position + 9], "big") - _SIGN
            position += 9
        else:
            name, position = _unescape(path, position + 1)
            element.name = name.decode()


def index_entries(entity: Entity) -> Entries:
    """All that the built-in indexes hold of *entity*.

    Excluding an embedded entity does not exclude what is in it, and embedded entities in arrays are not indexed: so do
    production and Google's emulator.
    """
    found: dict[str, set[bytes]] = {}
    for name, value in indexed_values(entity.properties):
        found.setdefault(name, set()).add(encode_value(value))
    return {name: sorted(values) for name, values in found.items()}


def indexed_values(properties: Mapping[str, Value], prefix: str = "") -> Iterator[tuple[str, Value]]:
    """Each indexed value with the dotted name it is indexed under."""
    for name, value in properties.items():
        which = value.WhichOneof("value_type")
        if which == "entity_value":
            yield from indexed_values(value.entity_value.properties, f"{prefix}{name}.")
        elif which == "array_value":
            for element in value.array_value.values:
                if not element.exclude_from_indexes and element.WhichOneof("value_type") in _ENCODERS:
                    yield prefix + name, element
        elif not value.exclude_from_indexes:
            yield prefix + name, value


def timestamp_micros(timestamp: object) -> int:
    """Microseconds since the epoch of a protobuf Timestamp; what is finer is rounded down, as it is when stored."""
    return timestamp.seconds * 1_000_000 + timestamp.nanos // 1000  # type: ignore[attr-defined]  # raw message


def _encode_integer(number: int) -> bytes:
    return (number + _SIGN).to_bytes(8, "big")


def _encode_double(number: float) -> bytes:
    bits = int.from_bytes(struct.pack(">d", number if number == number else _QUIET_NAN), "big")  # noqa: PLR0124 finds NaN
    return (bits ^ _ALL_ONES if bits & _SIGN else bits | _SIGN).to_bytes(8, "big")


def _decode_double(body: bytes) -> float:
    bits = int.from_bytes(body, "big")
    bits = bits ^ _SIGN if bits & _SIGN else bits ^ _ALL_ONES
    number: float = struct.unpack(">d", bits.to_bytes(8, "big"))[0]
    return number


def _escape(raw: bytes) -> bytes:
    return raw.replace(b"\0", b"\0\xff") + b"\0\1"


def _unescape(encoded: bytes, start: int) -> tuple[bytes, int]:
    """The raw bytes that begin at *start*, and where what follows them begins."""
    end = encoded.index(b"\0", start)
    while encoded[end + 1 : end + 2] == b"\xff":
        end = encoded.index(b"\0", end + 2)
    return encoded[start:end].replace(b"\0\xff", b"\0"), end + 2


def _set_bytes(value: Value, raw: bytes) -> None:
    try:
        value.string_value = raw.decode()
    except UnicodeDecodeError:
        value.blob_value = raw


def _encode_key(key: Key) -> bytes:
    partition = key.partition_id
    where = (partition.project_id, partition.database_id, partition.namespace_id)
    return _KEY + b"".join(_escape(part.encode()) for part in where) + encode_path(key) + _END


def _decode_key(body: bytes, key: Key) -> None:
    project, position = _unescape(body, 0)
    database, position = _unescape(body, position)
    namespace, position = _unescape(body, position)
    key.partition_id.project_id = project.decode()
    key.partition_id.database_id = database.decode()
    key.partition_id.namespace_id = namespace.decode()
    decode_path(body[position:], key)


_ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "null_value": lambda _: _NULL,
    "integer_value": lambda value: _INTEGER + _encode_integer(value.integer_value),
    "timestamp_value": lambda value: _INTEGER + _encode_integer(timestamp_micros(value.timestamp_value)),
    "boolean_value": lambda value: _BOOLEAN + (b"\1" if value.boolean_value else b"\0"),
    "string_value": lambda value: _BYTES + _escape(value.string_value.encode()),
    "blob_value": lambda value: _BYTES + _escape(value.blob_value),
    "double_value": lambda value: _DOUBLE + _encode_double(value.double_value),
    "geo_point_value": lambda value: (
        _GEO + _encode_double(value.geo_point_value.latitude) + _encode_double(value.geo_point_value.longitude)
    ),
    "key_value": lambda value: _encode_key(value.key_value),
}
