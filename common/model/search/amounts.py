"""Figures as text: `10m`, `20%`, `-0.3`, `9`, `2026-11-01`. Each way of reading stands beside its way of writing."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal

from common.model.search.query import Figure, at

#: No call is longer than a week; a larger figure is a slip of the keyboard.
MAX_SECONDS = 7 * 24 * 3600
_YEARS = range(1970, 2200)
HOURS = 24
_FEW_SECONDS = 120

_NUMBER = r"(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
_PLAIN = re.compile(rf"-?{_NUMBER}")
_SHARE = re.compile(rf"({_NUMBER})(%?)")
_DURATION = re.compile(rf"(?=.)(?:({_NUMBER})h)?(?:({_NUMBER})m)?(?:({_NUMBER})s)?", re.IGNORECASE)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAY_AND_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}\S*")


class AmountError(ValueError):
    """The text is no such figure. The message says what one looks like; `suggestion` is one that may be meant."""

    def __init__(self, message: str, *, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.suggestion = suggestion


@dataclasses.dataclass(frozen=True)
class Calendar:
    """What `today` means, and when days begin."""

    now: datetime
    timezone: tzinfo = UTC

    def day(self, text: str) -> tuple[float, float]:
        """The first instant of a day, and of the day after."""
        day = self._day(text)
        if day is None:
            raise AmountError("is not a day; write 2026-11-01, today or yesterday")
        return _beginning(day, self.timezone), _beginning(day + timedelta(days=1), self.timezone)

    def instant(self, text: str) -> float:
        """A date-time, in this calendar's zone unless it names its own, or the first instant of a day."""
        day = self._day(text)
        return _beginning(day, self.timezone) if day is not None else at(self._moment(text))

    def _day(self, text: str) -> date | None:
        today = self.now.astimezone(self.timezone).date()
        named = {"today": today, "yesterday": today - timedelta(days=1)}.get(text.lower())
        if named is not None or not _DAY.fullmatch(text):
            return named
        try:
            day = date.fromisoformat(text)
        except ValueError:
            raise AmountError("is not in the calendar") from None
        _check_year(day)
        return day

    def _moment(self, text: str) -> datetime:
        mend = "is not a date; write 2026-11-01, 2026-11-01T09:30:00-05:00, today or yesterday"
        if not _DAY_AND_TIME.fullmatch(text):
            raise AmountError(mend)
        try:
            moment = datetime.fromisoformat(text.upper())
        except ValueError:
            raise AmountError(mend) from None
        _check_year(moment)
        return moment if moment.tzinfo else moment.replace(tzinfo=self.timezone)


def read(figure: Figure, text: str, calendar: Calendar) -> float:
    """The figure's value in its unit.

    Raises:
        AmountError: the text is no such figure, or is out of its range.
    """
    match figure:
        case Figure.STARTED_AT:
            return calendar.instant(text)
        case Figure.LENGTH:
            return seconds(text)
        case Figure.SILENCE | Figure.TALK:
            return _share(text)
        case Figure.POLARITY:
            return _polarity(text)
        case Figure.HOUR:
            return _hour(text)


def for_people(figure: Figure, value: float, timezone: tzinfo) -> str:
    """As `read` takes it, in few signs; the first instant of a day in the zone is that day."""
    match figure:
        case Figure.STARTED_AT:
            return _day(value, timezone) or _instant(value)
        case Figure.LENGTH:
            return duration(value)
        case Figure.SILENCE | Figure.TALK:
            return f"{_digits(Decimal(repr(value)) * 100)}%"
        case Figure.POLARITY | Figure.HOUR:
            return _digits(Decimal(repr(value)))


def for_machines(figure: Figure, value: float) -> str:
    """As `read` takes it, in one unit and, for times, in UTC and in double quotes."""
    if figure is Figure.STARTED_AT:
        return f'"{_instant(value)}"'
    return f"{_digits(Decimal(repr(value)))}{'s' if figure is Figure.LENGTH else ''}"


def seconds(text: str) -> float:
    """A duration: `90`, `90s`, `1m30s`, `1.5h`.

    Raises:
        AmountError: it is none, or longer than a week.
    """
    parts = _DURATION.fullmatch(f"{text}s" if re.fullmatch(_NUMBER, text) else text)
    if parts is None:
        raise AmountError("is not a duration; write 15s, 2m, 1h or 1m30s")
    hours, minutes, rest = (Decimal(part or 0) for part in parts.groups())
    return _within(float(hours * 3600 + minutes * 60 + rest), 0, MAX_SECONDS, "is longer than a week")


def duration(value: float) -> str:
    """As `seconds` reads it: `1h5m`; below two minutes, and with fractions, in seconds."""
    if value < _FEW_SECONDS or not value.is_integer():
        return f"{_digits(Decimal(repr(value)))}s"
    minutes, rest = divmod(int(value), 60)
    hours, minutes = divmod(minutes, 60)
    return "".join(f"{amount}{unit}" for amount, unit in ((hours, "h"), (minutes, "m"), (rest, "s")) if amount)


def _share(text: str) -> float:
    mend = "is not a share of the call; write 20% or 0.2"
    found = _SHARE.fullmatch(text)
    if found is None:
        raise AmountError(mend)
    value = float(Decimal(found[1]) / (100 if found[2] else 1))
    return _within(value, 0, 1, mend, suggestion=f"{text}%" if not found[2] and value <= 100 else None)  # noqa: PLR2004  # per cent


def _polarity(text: str) -> float:
    mend = "is not a sentiment; write a number from -1 to 1"
    if not _PLAIN.fullmatch(text):
        raise AmountError(mend)
    return _within(float(text), -1, 1, mend)


def _hour(text: str) -> float:
    mend = f"is not an hour; write a whole number from 0 to {HOURS}"
    if not re.fullmatch("0?[0-9]|[0-9]{2}", text):
        raise AmountError(mend)
    return _within(float(text), 0, HOURS, mend)


def _within(value: float, least: float, most: float, mend: str, *, suggestion: str | None = None) -> float:
    if not least <= value <= most:
        raise AmountError(mend, suggestion=suggestion)
    return value + 0.0  # -0.0 is 0.0


def _check_year(day: date) -> None:
    if day.year not in _YEARS:
        raise AmountError(f"is not between {_YEARS.start} and {_YEARS.stop - 1}")


def _beginning(day: date, timezone: tzinfo) -> float:
    return at(datetime.combine(day, time(), timezone))


def _day(instant: float, timezone: tzinfo) -> str | None:
    day = datetime.fromtimestamp(instant, timezone).date()
    return day.isoformat() if day.year in _YEARS and _beginning(day, timezone) == instant else None


def _instant(value: float) -> str:
    return datetime.fromtimestamp(value, UTC).isoformat().replace("+00:00", "Z")


def _digits(number: Decimal) -> str:
    """Without exponent, and without zeros that say nothing: 600, 0.2, -0.3."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
