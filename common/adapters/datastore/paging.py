"""Pages of a query: a cursor in, rows and the next cursor out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from google.api_core import exceptions as google_errors

from common.errors import Problem, Rejected
from common.ports import Page

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud import datastore

T = TypeVar("T")

_CURSOR = re.compile(r"[A-Za-z0-9_=-]+")
_NOT_OURS = Problem("page_token", "is not one of ours; start without it")


def run_page(
    query: datastore.Query, row_of: Callable[[datastore.Entity], T], *, size: int, cursor: str | None
) -> Page[T]:
    """One page, however many batches Datastore answers in; a look beyond it lets the last page say that it is.

    Raises:
        Rejected: the cursor, which callers of the API hand back to us, is none of this query.
    """
    if cursor and not _CURSOR.fullmatch(cursor):
        raise Rejected([_NOT_OURS])
    try:
        fetched = query.fetch(limit=size, start_cursor=cursor.encode() if cursor else None)
        entities = list(fetched)
    except (google_errors.InvalidArgument, ValueError):  # ValueError: no base64
        if cursor is None:
            raise
        raise Rejected([_NOT_OURS]) from None
    rows = [row_of(entity) for entity in entities]
    token = fetched.next_page_token
    more = len(rows) == size and token is not None and _has_next(query, token)
    return Page(items=rows, next_cursor=token.decode() if more and token else None)


def _has_next(query: datastore.Query, cursor: bytes) -> bool:
    query.keys_only()
    return next(iter(query.fetch(limit=1, start_cursor=cursor)), None) is not None
