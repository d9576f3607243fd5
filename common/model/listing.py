"""The parameters of a list: filter, order and page, checked, and the token that leads to the next page."""

from __future__ import annotations

import base64
import dataclasses
import enum
import hashlib
import json
import re
from typing import TYPE_CHECKING, TypeVar

from common.errors import Problem, Rejected
from common.model.job import FailureClass
from common.model.lifecycle import JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

W = TypeVar("W", bound=enum.StrEnum)

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000
_MOST_DIGITS = 9  #: Python refuses to read thousands of them
_ORDERS: Mapping[str, bool] = {"created_at": False, "created_at asc": False, "created_at desc": True}
_TERM = re.compile(r'(company|status|failure_class):("[^"]+"|[^\s"]+)\s*')


@dataclasses.dataclass(frozen=True, kw_only=True)
class ListQuery:
    """What a caller wants to see of the list."""

    filter: str
    order: str
    size: int
    cursor: str | None
    company: str | None
    status: JobStatus | None
    failure_class: FailureClass | None

    @property
    def newest_first(self) -> bool:
        """Whether the latest addition comes first."""
        return _ORDERS[self.order]

    @property
    def digest(self) -> str:
        """What a page token is bound to."""
        return hashlib.sha256(f"{self.filter}\n{self.order}".encode()).hexdigest()[:16]


def list_query(given: Mapping[str, str]) -> ListQuery:
    """Check the parameters of a list; an unknown one is an error, since a typo must not widen a query.

    Raises:
        Rejected: naming the parameter and the mend.
    """
    unknown = sorted(set(given) - {"filter", "order_by", "page_size", "page_token"})
    if unknown:
        raise Rejected(
            [
                Problem(name, "is not a known parameter; known are filter, order_by, page_size and page_token")
                for name in unknown
            ]
        )
    order = " ".join(given.get("order_by", "created_at desc").split())
    if order not in _ORDERS:
        raise Rejected([Problem("order_by", f"must be one of: {', '.join(_ORDERS)}")])
    text = given.get("filter", "").strip()
    terms = _terms(text)
    query = ListQuery(
        filter=text,
        order=order,
        size=_page_size(given.get("page_size")),
        cursor=None,
        company=terms.get("company"),
        status=_one_of(JobStatus, "status", terms.get("status")),
        failure_class=_one_of(FailureClass, "failure_class", terms.get("failure_class")),
    )
    token = given.get("page_token")
    return dataclasses.replace(query, cursor=_cursor(token, query)) if token else query


def page_token(cursor: str, query: ListQuery) -> str:
    """An opaque token, bound to the query that it continues."""
    return base64.urlsafe_b64encode(json.dumps([query.digest, cursor]).encode()).decode()


def _page_size(text: str | None) -> int:
    if text is None:
        return DEFAULT_PAGE_SIZE
    if not text.isdecimal() or not text.strip("0"):
        raise Rejected([Problem("page_size", f"must be a whole number from 1 to {MAX_PAGE_SIZE}")])
    return min(int(text), MAX_PAGE_SIZE) if len(text) <= _MOST_DIGITS else MAX_PAGE_SIZE


def _terms(text: str) -> dict[str, str]:
    """`company:NAME`, `status:STATUS` and `failure_class:CLASS`, each optional; a name with spaces in double quotes."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        term = _TERM.match(text, at)
        if term is None:
            expected = 'company:"NAME", status:STATUS or failure_class:CLASS'
            raise Rejected([Problem("filter", f"column {at + 1}: expected {expected}")])
        found[term[1]] = term[2].strip('"')
        at = term.end()
    return found


def _one_of(words: type[W], field: str, text: str | None) -> W | None:
    if text is None:
        return None
    try:
        return words(text)
    except ValueError:
        raise Rejected([Problem("filter", f"{field} must be one of: {', '.join(words)}")]) from None


def _cursor(token: str, query: ListQuery) -> str:
    try:
        digest, cursor = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError):
        raise Rejected([Problem("page_token", "is not one of ours; start without it")]) from None
    if digest != query.digest or not isinstance(cursor, str):
        raise Rejected([Problem("page_token", "belongs to another filter or order_by; start without it")])
    return cursor
