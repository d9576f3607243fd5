from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.engine.analysis.dates import dates_in

MIN, MAX = datetime(1990, 1, 1), datetime(2100, 1, 1)  # noqa: DTZ001 - hypothesis wants them naive
#: A Tuesday.
NOW = datetime(2026, 3, 10, 9, 14, tzinfo=timezone(timedelta(hours=-5)))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("I will do it today", "2026-03-10T12:00"),
        ("tomorrow morning between eight and ten", "2026-03-11T10:00"),
        ("tonight", "2026-03-10T20:00"),
        ("this afternoon", "2026-03-10T15:00"),
        ("the day after tomorrow", "2026-03-12T12:00"),
        ("before noon tomorrow", "2026-03-11T12:00"),
        ("on Friday", "2026-03-13T12:00"),
        ("by Tuesday", "2026-03-17T12:00"),
        ("next Tuesday", "2026-03-17T12:00"),
        ("last Monday", "2026-03-09T12:00"),
        ("Monday evening", "2026-03-16T19:00"),
        ("Monday, April twenty seventh", "2026-04-27T12:00"),
        ("April 22nd at 9:30", "2026-04-22T09:30"),
        ("May fifth at two in the afternoon", "2026-05-05T14:00"),
        ("the 2nd of April", "2026-04-02T12:00"),
        ("on March second", "2026-03-02T12:00"),
        ("in December", None),
        ("December thirty first", "2025-12-31T12:00"),
        ("March 3rd, 2027", "2027-03-03T12:00"),
        ("tomorrow morning at nine", "2026-03-11T09:00"),
        ("tomorrow at 4 pm", "2026-03-11T16:00"),
        ("within two weeks", "2026-03-24T12:00"),
        ("within the hour", "2026-03-10T10:14"),
        ("in 3 days", "2026-03-13T12:00"),
        ("next week", "2026-03-17T12:00"),
        ("the week after", "2026-03-24T12:00"),
        ("by the end of the month", "2026-03-31T12:00"),
        ("end of the week", "2026-03-13T12:00"),
        ("right now", "2026-03-10T09:14"),
        ("by noon", "2026-03-10T12:00"),
        ("before the end of business", "2026-03-10T17:00"),
        ("sometime this week", "2026-03-13T12:00"),
        ("over the weekend", "2026-03-14T12:00"),
        ("later this month", "2026-03-31T12:00"),
        ("within thirty days", "2026-04-09T12:00"),
        ("two weeks from today", "2026-03-24T12:00"),
        ("Thursday the nineteenth", "2026-03-19T12:00"),
        ("by the fifth.", "2026-04-05T12:00"),
        ("I will call you in the morning", "2026-03-11T10:00"),
        ("on the second floor", None),
        ("it is noon", None),
        ("on 04/30/2026", "2026-04-30T12:00"),
        ("on 2026-04-30", "2026-04-30T12:00"),
        ("I may come in a second", None),
        ("this is the day", None),
        ("February thirtieth", None),
    ],
)
def test_a_date_is_read_as_it_is_said(text: str, day: str | None) -> None:
    """Relative to the moment of the call, in its own zone; a day without a time is noon."""
    found = [spoken.at.strftime("%Y-%m-%dT%H:%M") for spoken in dates_in(text, NOW)]
    assert found == ([day] if day else [])


def test_dates_come_in_order_and_apart() -> None:
    found = dates_in("Can you come on Wednesday at nine or on Friday afternoon?", NOW)
    assert [spoken.text for spoken in found] == ["Wednesday at nine", "Friday afternoon"]


def test_a_date_keeps_the_zone_of_the_call() -> None:
    [spoken] = dates_in("tomorrow", NOW)
    assert spoken.at.utcoffset() == timedelta(hours=-5)


@given(
    st.text(alphabet="abdefhimnorstuwy 0123456789/:-", max_size=60),
    st.datetimes(MIN, MAX),
)
def test_no_text_breaks_the_reader(text: str, now: datetime) -> None:
    """Whatever was recognised, what is found lies where it is said to."""
    aware = now.replace(tzinfo=NOW.tzinfo)
    for spoken in dates_in(f"{text} tomorrow at {text} on May {text}", aware):
        assert spoken.text in f"{text} tomorrow at {text} on May {text}"
