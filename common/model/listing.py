"""The parameters of a list: filter, order and page, checked, and the token that leads to the next page."""

from __future__ import annotations

import base64
import dataclasses
import enum
import hashlib
import json
from typing import TYPE_CHECKING

from common.errors import Problem, Rejected
from common.model.search.facets import Facet
from common.model.search.grammar import as_machines_write, parse
from common.model.search.query import Node
from common.model.search.results import Order

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000
#: Results are long, and each recording's are a lookup of their own.
MAX_FULL_PAGE_SIZE = 25
_MOST_DIGITS = 9  #: Python refuses to read thousands of them
DEFAULT_ORDER = "started_at desc"
#: What a list may be sorted by, and the property of the index that it is.
ORDERS: Mapping[str, Order] = {
    f"{name}{direction}": Order(column=column, descending=direction == " desc")
    for name, column in (
        ("started_at", "started_at"),
        ("created_at", "created_at"),
        ("duration", "duration_s"),
        ("sentiment", "polarity"),
    )
    for direction in ("", " asc", " desc")
}
#: What a list takes.
PARAMETERS = ("filter", "order_by", "page_size", "page_token", "count", "explain", "facets")
_FLAGS: Mapping[str, bool] = {"true": True, "false": False}


class View(enum.StrEnum):
    """How much of a recording is shown."""

    BASIC = "BASIC"  #: metadata, and where its request stands
    FULL = "FULL"  #: the results too


@dataclasses.dataclass(frozen=True, kw_only=True)
class ListQuery:
    """What a caller wants to see of the list."""

    filter: str  #: as it was written
    asked: Node
    order: str
    size: int
    after: str | None = None  #: where the page before ended
    count: bool = False
    explain: bool = False
    facets: tuple[Facet, ...] = ()

    @property
    def digest(self) -> str:
        """What a page token is bound to: the question, however it is spelled."""
        return hashlib.sha256(f"{as_machines_write(self.asked)}\n{self.order}".encode()).hexdigest()[:16]


def list_query(
    given: Mapping[str, str], *, now: datetime, narrowed: Callable[[Node], Node] = lambda asked: asked
) -> ListQuery:
    """Check the parameters of a list; an unknown one is an error, since a typo must not widen a query.

    `narrowed` leaves of what is asked for what the caller may see.

    Raises:
        Rejected: naming the parameter and the mend.
    """
    unknown = sorted(set(given) - set(PARAMETERS))
    if unknown:
        known = f"{', '.join(PARAMETERS[:-1])} and {PARAMETERS[-1]}"
        raise Rejected([Problem(name, f"is not a known parameter; known are {known}") for name in unknown])
    order = " ".join(given.get("order_by", DEFAULT_ORDER).split())
    if order not in ORDERS:
        raise Rejected([Problem("order_by", f"must be one of: {', '.join(ORDERS)}")])
    text = given.get("filter", "").strip()
    query = ListQuery(
        filter=text,
        asked=narrowed(parse(text, now=now)),
        order=order,
        size=_page_size(given.get("page_size")),
        count=_flag("count", given.get("count")),
        explain=_flag("explain", given.get("explain")),
        facets=_facets(given.get("facets")),
    )
    token = given.get("page_token")
    return dataclasses.replace(query, after=_after(token, query)) if token else query


def of_whole_recordings(query: ListQuery, *, asked_size: bool) -> ListQuery:
    """The same list with results; as long as it may be where no size was asked for.

    Raises:
        Rejected: more were asked for than a page may have.
    """
    if asked_size and query.size > MAX_FULL_PAGE_SIZE:
        detail = f"may be at most {MAX_FULL_PAGE_SIZE} with view=FULL; ask for fewer, or leave out the view"
        raise Rejected([Problem("page_size", detail)])
    return dataclasses.replace(query, size=min(query.size, MAX_FULL_PAGE_SIZE))


def page_token(end: str, query: ListQuery) -> str:
    """An opaque token, bound to the query that it continues."""
    return base64.urlsafe_b64encode(json.dumps([query.digest, end]).encode()).decode()


def _page_size(text: str | None) -> int:
    if text is None:
        return DEFAULT_PAGE_SIZE
    if not text.isdecimal() or not text.strip("0"):
        raise Rejected([Problem("page_size", f"must be a whole number from 1 to {MAX_PAGE_SIZE}")])
    return min(int(text), MAX_PAGE_SIZE) if len(text) <= _MOST_DIGITS else MAX_PAGE_SIZE


def _flag(name: str, text: str | None) -> bool:
    if text is None:
        return False
    if text not in _FLAGS:
        raise Rejected([Problem(name, "must be true or false")])
    return _FLAGS[text]


def _facets(text: str | None) -> tuple[Facet, ...]:
    names = [name.strip() for name in text.split(",")] if text else []
    if set(names) - set(Facet):
        raise Rejected([Problem("facets", f"must name facets, with commas between them: {', '.join(Facet)}")])
    return tuple(Facet(name) for name in dict.fromkeys(names))


def _after(token: str, query: ListQuery) -> str:
    try:
        digest, key = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError):
        raise Rejected([Problem("page_token", "is not one of ours; start without it")]) from None
    if digest != query.digest or not isinstance(key, str):
        raise Rejected([Problem("page_token", "belongs to another filter or order_by; start without it")])
    return key
