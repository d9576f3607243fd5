"""The query of `GET /v1/conversations`."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime, timedelta

from deploy.engine.errors import BadRequest
from deploy.engine.instants import parse_instant

DEFAULT_LIMIT = 20
MAX_LIMIT = 65536
DEFAULT_PERIOD = timedelta(days=7)


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """Which conversations are wanted, by their start."""

    limit: int
    offset: int
    descending: bool
    start: datetime
    end: datetime
    filter: str | None


def read_page(query: Mapping[str, str], now: datetime) -> Page:
    """Read the query; without a period it is the last seven days.

    Raises:
        BadRequest: a parameter is wrong.
    """
    if query.get("sort", "conversation.startTime") != "conversation.startTime":
        raise BadRequest('"sort" must be one of [conversation.startTime]')
    if query.get("order", "asc") not in {"asc", "desc"}:
        raise BadRequest('"order" must be one of [asc, desc]')
    end = _instant(query, "endTime", now)
    return Page(
        limit=_number(query, "limit", DEFAULT_LIMIT),
        offset=_number(query, "offset", 0),
        descending=query.get("order") == "desc",
        start=_instant(query, "startTime", min(end, now) - DEFAULT_PERIOD),
        end=end,
        filter=query.get("filter"),
    )


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    try:
        number = int(query.get(name, default))
    except ValueError:
        raise BadRequest(f'"{name}" must be a number') from None
    if not 0 <= number <= MAX_LIMIT:
        raise BadRequest(f'"{name}" must be between 0 and {MAX_LIMIT}')
    return number


def _instant(query: Mapping[str, str], name: str, default: datetime) -> datetime:
    try:
        return parse_instant(query[name]) if name in query else default
    except ValueError:
        raise BadRequest(f'"{name}" must be in ISO 8601 date format') from None
