"""Times on the wire: ISO 8601 in UTC with milliseconds, as Symbl writes them."""

from collections.abc import Callable
from datetime import UTC, datetime

#: What calendars and sorted text cope with on both sides.
_FIRST_YEAR, _LAST_YEAR = 1900, 2999

Clock = Callable[[], datetime]
#: Lets that many seconds of the clock pass; true if it was cut short.
Wait = Callable[[float], object]


def utc_now() -> datetime:
    """The clock of a real run."""
    return datetime.now(UTC)


def iso(instant: datetime) -> str:
    """*instant* as `2026-11-22T10:00:00.123Z`."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_instant(text: str) -> datetime:
    """An ISO 8601 date-time; one without an offset is in UTC.

    Raises:
        ValueError: *text* is no ISO 8601 date or date-time, or lies outside the years 1900 to 2999.
    """
    instant = datetime.fromisoformat(text)
    if not _FIRST_YEAR <= instant.year <= _LAST_YEAR:
        raise ValueError(f"{text} is not between {_FIRST_YEAR} and {_LAST_YEAR}")
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
