"""Dates as people say them on the telephone, relative to the moment of the call.

Spoken forms ("next Tuesday", "April twenty second at two in the afternoon", "within two weeks") are read here,
because dateparser knows few of them and finds dates in "may" and "second"; what is written in digits ("04/30/2026")
is dateparser's.

A day without a time of day is given as noon there, so that it is the same day in nearly every time zone.
"""

import calendar
import dataclasses
import re
from collections.abc import Iterator
from datetime import datetime, timedelta

_SMALL = "one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905 - words, not code
_TO_TWENTIETH = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth"
)
_FIRST_NINE = _TO_TWENTIETH.split()[:9]
_ORDINALS = [*_TO_TWENTIETH.split(), *(f"twenty-{word}" for word in _FIRST_NINE), "thirtieth", "thirty-first"]
_DAYS = [name.lower() for name in calendar.day_name]
_MONTHS = [name.lower() for name in calendar.month_name]
_LARGER = {"fifteen": 15, "twenty": 20, "twenty four": 24, "thirty": 30, "forty eight": 48, "sixty": 60, "ninety": 90}
_COUNTS = {
    **{word: n for n, word in enumerate(_SMALL, 1)}, **_LARGER,
    "a": 1, "an": 1, "the": 1, "a couple of": 2, "a couple": 2, "a few": 3,
}  # fmt: skip
_DAY_PARTS = {"morning": 10, "noon": 12, "afternoon": 15, "evening": 19, "night": 20}
_NOON = 12
#: "At two" is in the afternoon, "at nine" in the morning: offices open at eight.
_OPENING_HOUR = 8
_CLOSING_HOUR = 17

_DAY = "|".join(_DAYS)
_MONTH = "|".join(_MONTHS[1:])
_ORDINAL = "|".join(word.replace("-", "[ -]") for word in reversed(_ORDINALS))
_NTH = rf"(?P<nth>\d{{1,2}}(?:st|nd|rd|th)?|{_ORDINAL})"
_COUNT = r"\d+|a couple of|a couple|a few|" + "|".join((*reversed(_LARGER), *_SMALL)) + "|an?|the"
_UNITS = {"minute": 1 / 1440, "hour": 1 / 24, "day": 1, "week": 7, "month": 30}
_PART = r"(?:\s+(?:in the\s+)?(?P<part>morning|afternoon|evening|night))?"
_CLOCK = (
    r"(?:,?\s+(?:(?P<edge>at|before|after|by|around)\s+(?P<hour>\d{1,2}|noon|" + "|".join(_SMALL) + r")"
    r"(?:(?::|\s)?(?P<minute>[0-5]\d|thirty|fifteen|forty five))?(?:\s*(?P<half>a\.?m\.?|p\.?m\.?))?"
    r"(?:\s+in the\s+(?P<clock_part>morning|afternoon|evening))?"
    r"(?!\s*(?:\w+\s+)?(?:days|weeks|months|dollars|people|of)\b)))?"
)
_MONTH_DAY = rf"(?P<month>{_MONTH})\s+(?:the\s+)?{_NTH}"
_YEAR = r"(?:,?\s+(?P<year>20\d\d)\b)?"
_SPOKEN = [
    ("relative", rf"\b(?P<relative>the day after tomorrow|today|tonight|tomorrow|yesterday|this){_PART}{_CLOCK}"),
    (
        "weekday",
        rf"\b(?:(?P<which>next|this|last|coming)\s+)?(?P<day>{_DAY})s?(?:,?\s+(?:the\s+)?{_MONTH_DAY})?{_PART}{_CLOCK}",
    ),
    ("day_of_month", rf"\b(?:{_DAY}),?\s+the\s+{_NTH}\b(?!\s+of\b){_PART}{_CLOCK}"),
    (
        "day_of_month",
        rf"\b(?:by|on|before|until|after)\s+the\s+{_NTH}(?=[.,?!;]|$|\s+(?:at|and|so|to|in|for)\b){_PART}{_CLOCK}",
    ),
    ("date", rf"\b{_MONTH_DAY}\b{_YEAR}{_PART}{_CLOCK}"),
    ("date", rf"\b(?:the\s+)?{_NTH}\s+of\s+(?P<month>{_MONTH})\b{_YEAR}{_PART}{_CLOCK}"),
    (
        "within",
        (
            rf"\b(?:within|in|over)\s+(?:the\s+next\s+)?(?P<count>{_COUNT})\s+(?:business\s+)?"
            r"(?P<unit>minute|hour|day|week|month)s?\b(?!\s+later)"
        ),
    ),
    ("within", rf"\b(?P<count>{_COUNT})\s+(?P<unit>day|week|month)s?\s+from\s+(?:now|today)\b"),
    (
        "rest",
        (
            r"\b(?:(?:by|before|at|around|until) (?P<noon>noon|midday|(?:the )?(?:close|end) of business)"
            r"|(?:over|on|at|by|before) (?P<weekend>(?:this |the )?weekend)|(?P<span>this (?:week|weekend|month)))\b"
            rf"(?!\s+(?:on\s+)?(?:today|tomorrow|{_DAY})\b)"
        ),
    ),
    ("morrow", r"(?:(?<=you )|(?<=back )|(?<=thing ))in the morning\b"),
    (
        "coming",
        (
            r"\b(?:(?P<end>(?:the\s+)?end\s+of\s+(?:the\s+)?(?:next\s+)?)|(?P<next>next)\s+|(?P<after>the\s+))"
            r"(?P<unit>week|month|year|day)(?P<later>\s+after)?\b"
        ),
    ),
    ("now", r"\b(?P<now>right away|right now|immediately|now)\b"),
]
_PATTERNS = [(kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _SPOKEN]
_NUMERIC = re.compile(r"\b(?:20\d\d-\d\d?-\d\d?|\d{1,2}/\d{1,2}(?:/\d{2,4})?)\b")


@dataclasses.dataclass(frozen=True, slots=True)
class Spoken:
    """A date said at *start* to *end* of a text; *timed* if a time of day was said as well."""

    text: str
    start: int
    end: int
    at: datetime
    timed: bool
    kind: str


def dates_in(text: str, now: datetime) -> list[Spoken]:
    """The dates in *text*, in order, none within another; *now* is the moment of the call in its own time zone."""
    found = sorted(_candidates(text, now), key=lambda spoken: (spoken.start, -spoken.end))
    kept: list[Spoken] = []
    for spoken in found:
        if not kept or spoken.start >= kept[-1].end:
            kept.append(spoken)
    return kept


def _candidates(text: str, now: datetime) -> Iterator[Spoken]:
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            read = _READERS[kind](match, now)
            if read is not None:
                at, timed = read
                yield Spoken(match[0].strip(), match.start(), match.start() + len(match[0].rstrip()), at, timed, kind)
    for match in _NUMERIC.finditer(text):
        at_numeric = _numeric(match[0], now)
        if at_numeric is not None:
            yield Spoken(match[0], match.start(), match.end(), at_numeric, timed=False, kind="date")


Read = tuple[datetime, bool] | None


def _relative(match: re.Match[str], now: datetime) -> Read:
    word = match["relative"].lower()
    if word == "this" and not match["part"]:
        return None
    days = {"yesterday": -1, "tomorrow": 1, "the day after tomorrow": 2}.get(word, 0)
    return _at_clock(match, now + timedelta(days=days), part="night" if word == "tonight" else None)


def _weekday(match: re.Match[str], now: datetime) -> Read:
    if match["month"]:
        return _date(match, now)
    days = (_DAYS.index(match["day"].lower()) - now.weekday()) % 7
    which = (match["which"] or "").lower()
    if which == "last":
        days = days - 7 if days else -7
    elif days == 0 or (which == "next" and now.weekday() + days < len(_DAYS) and days <= _DAYS.index("tuesday")):
        days += 7  # nobody says "next Tuesday" on a Monday for tomorrow
    return _at_clock(match, now + timedelta(days=days))


def _date(match: re.Match[str], now: datetime) -> Read:
    month, day = _MONTHS.index(match["month"].lower()), _nth(match["nth"])
    groups = match.groupdict()
    try:
        if groups.get("year"):
            return _at_clock(match, now.replace(year=int(groups["year"]), month=month, day=day))
        return _at_clock(match, _nearest(now, month, day))
    except ValueError:
        return None


def _nearest(now: datetime, month: int, day: int) -> datetime:
    """The year that brings the date closest to the call: "March second" in a call of March 18th is past."""
    years = [year for year in (now.year - 1, now.year, now.year + 1) if day <= calendar.monthrange(year, month)[1]]
    return min((now.replace(year=year, month=month, day=day) for year in years), key=lambda date: abs(date - now))


def _nth(text: str) -> int:
    word = text.lower().replace(" ", "-")
    return _ORDINALS.index(word) + 1 if word in _ORDINALS else int(re.sub(r"\D", "", word))


def _within(match: re.Match[str], now: datetime) -> Read:
    count = match["count"].lower()
    days = (int(count) if count.isdigit() else _COUNTS[count]) * _UNITS[match["unit"].lower()]
    at = now + timedelta(days=days)
    return (at, True) if days < 1 else (_at(at, _NOON), False)


def _coming(match: re.Match[str], now: datetime) -> Read:
    unit = match["unit"].lower()
    if match["end"]:
        next_one = "next" in match["end"].lower()
        if unit == "month":
            last = now.replace(day=1) + timedelta(days=32 * (1 + next_one))
            return _at(last.replace(day=1) - timedelta(days=1), _NOON), False
        if unit == "week":
            return _at(now + timedelta(days=(4 - now.weekday()) % 7 + 7 * next_one), _NOON), False
        return (_at(now, 18), True) if unit == "day" else None
    if match["after"] and not match["later"]:
        return None  # "the week" alone says nothing
    days = {"day": 1, "week": 7, "month": 30, "year": 365}[unit]
    return _at(now + timedelta(days=days + (7 if match["after"] and unit == "week" else 0)), _NOON), False


def _day_of_month(match: re.Match[str], now: datetime) -> Read:
    """The next day of that number: "the fifth" on the tenth is in the month that follows."""
    day = _nth(match["nth"])
    first = now.replace(day=1)
    for months in range(3):
        month = first + timedelta(days=31 * months)
        if day <= calendar.monthrange(month.year, month.month)[1]:
            at = month.replace(day=day)
            if at.date() >= now.date():
                return _at_clock(match, at)
    return None


def _rest(match: re.Match[str], now: datetime) -> Read:
    """What is left of the day, the week or the month."""
    if match["noon"]:
        hour = _CLOSING_HOUR if "business" in match["noon"].lower() else _NOON
        return _at(now if now.hour < hour else now + timedelta(days=1), hour), True
    span = (match["weekend"] or match["span"]).lower()
    if span.endswith("month"):
        return _at(now.replace(day=calendar.monthrange(now.year, now.month)[1]), _NOON), False
    last = "saturday" if span.endswith("weekend") else "friday"
    return _at(now + timedelta(days=(_DAYS.index(last) - now.weekday()) % 7), _NOON), False


def _morrow(match: re.Match[str], now: datetime) -> Read:
    del match
    return _at(now + timedelta(days=1), _DAY_PARTS["morning"]), True


def _now(match: re.Match[str], now: datetime) -> Read:
    del match
    return now, True


_READERS = {
    "relative": _relative,
    "weekday": _weekday,
    "date": _date,
    "within": _within,
    "coming": _coming,
    "day_of_month": _day_of_month,
    "rest": _rest,
    "morrow": _morrow,
    "now": _now,
}


def _at_clock(match: re.Match[str], day: datetime, part: str | None = None) -> tuple[datetime, bool]:
    part = (match["part"] or match["clock_part"] or part or "").lower()
    hour_word = (match["hour"] or "").lower()
    if not hour_word:
        return _at(day, _DAY_PARTS.get(part, _NOON)), bool(part)
    if hour_word == "noon":
        return _at(day, _NOON), True
    hour = int(hour_word) if hour_word.isdigit() else _SMALL.index(hour_word) + 1
    minute_word = (match["minute"] or "0").lower()
    minute = int(minute_word) if minute_word.isdigit() else {"thirty": 30, "fifteen": 15, "forty five": 45}[minute_word]
    half = (match["half"] or "").replace(".", "").lower()
    after_noon = half == "pm" or (
        not half and (part in {"afternoon", "evening", "night"} or (part != "morning" and hour < _OPENING_HOUR))
    )
    if after_noon and hour < _NOON:
        hour += 12
    return (_at(day, hour, minute), True) if hour < 24 else (_at(day, _NOON), False)  # noqa: PLR2004


def _at(day: datetime, hour: int, minute: int = 0) -> datetime:
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0)


def _numeric(text: str, now: datetime) -> datetime | None:
    import dateparser  # noqa: PLC0415 - slow to import, and rarely needed

    at: datetime | None = dateparser.parse(
        text, languages=["en"], settings={"RELATIVE_BASE": now.replace(tzinfo=None), "PREFER_DATES_FROM": "future"}
    )
    return _at(at.replace(tzinfo=now.tzinfo), _NOON) if at else None
