"""Pages of a query: a cursor in, rows and the next cursor out."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from common.ports import Page

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud import datastore

T = TypeVar("T")


def run_page(
    query: datastore.Query, row_of: Callable[[datastore.Entity], T], *, size: int, cursor: str | None
) -> Page[T]:
    """One page, however many batches Datastore answers in; a look beyond it lets the last page say that it is."""
    fetched = query.fetch(limit=size, start_cursor=cursor.encode() if cursor else None)
    rows = [row_of(entity) for entity in fetched]
    token = fetched.next_page_token
    more = len(rows) == size and token is not None and _has_next(query, token)
    return Page(items=rows, next_cursor=token.decode() if more and token else None)


def _has_next(query: datastore.Query, cursor: bytes) -> bool:
    query.keys_only()
    return next(iter(query.fetch(limit=1, start_cursor=cursor)), None) is not None
