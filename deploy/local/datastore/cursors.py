"""Cursors: a place in a query's order, as bytes that survive changes of the data.

A cursor holds the row it stands behind, so nothing is kept on the server, and the query may go on after that row was
deleted. The same query in the exact opposite order may start from it too, and then meets that row first.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.local.datastore.errors import invalid
from deploy.local.datastore.query import Row

if TYPE_CHECKING:
    from deploy.local.datastore.query import Selection

_FORMAT = b"\1"


@dataclass(frozen=True)
class Position:
    """A place between two rows: just behind *row*, or just before it."""

    row: Row
    behind: bool = True


def encode_cursor(selection: Selection, row: Row) -> bytes:
    """The cursor behind *row*."""
    directions = bytes(column.descending for column in selection.columns)
    fields = b"".join(len(field).to_bytes(4, "big") + field for field in (directions, *row))
    return _FORMAT + _fingerprint(selection) + fields


def decode_cursor(selection: Selection, cursor: bytes) -> Position:
    """Where *cursor* stands in the order of *selection*.

    Raises:
        RefusedError: it is damaged, or belongs to a query with other columns.
    """
    fields = _fields(cursor[5:]) if cursor[:1] == _FORMAT else None
    if not fields or len(fields) != len(selection.columns) + 1 or cursor[1:5] != _fingerprint(selection):
        raise invalid("The cursor is damaged or belongs to another query.")
    directions, *row = fields
    own = bytes(column.descending for column in selection.columns)
    if directions == own:
        return Position(tuple(row))
    if directions == bytes(not column.descending for column in selection.columns):
        return Position(tuple(row), behind=False)
    raise invalid("The cursor belongs to a query with another order.")


def _fingerprint(selection: Selection) -> bytes:
    names = "\0".join([selection.kind or "", *(column.name for column in selection.columns)])
    return zlib.crc32(names.encode()).to_bytes(4, "big")


def _fields(encoded: bytes) -> list[bytes] | None:
    fields, at = [], 0
    while at < len(encoded):
        end = at + 4 + int.from_bytes(encoded[at : at + 4], "big")
        if end > len(encoded):
            return None
        fields.append(encoded[at + 4 : end])
        at = end
    return fields
