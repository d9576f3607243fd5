"""Times on the wire: ISO 8601 in UTC with milliseconds, as Symbl writes them."""

from collections.abc import Callable
from datetime import UTC, datetime

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
        ValueError: *text* is no ISO 8601 date or date-time.
    """
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
