"""The overview in words, and in places of a picture."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime

import pytest

from common.model.aggregates import OTHERS, DayStatistics, Sums
from common.model.overview import Span, overview_of, overview_query
from functions._overview import Parts
from functions.pages.overview import OverviewView, bars, overview_view, span_text

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
QUERY = overview_query({"days": "7"}, today=NOW.date())


def a_day(day: str = "2026-11-20", *, calls: int = 4, **fields: object) -> DayStatistics:
    total = Sums(calls=calls, moods=calls, mood=-0.1 * calls, mood_squares=0.02 * calls, negative=1, talks=1, talk=0.6)
    return dataclasses.replace(DayStatistics(company="Acme", day=day, total=total, hours={9: calls}), **fields)  # type: ignore[arg-type]  # a test's own


def viewed(*days: DayStatistics) -> OverviewView:
    parts = Parts(overview=overview_of(days, QUERY.span), attention=[], processing=0, companies=("Acme",), latest=None)
    return overview_view(parts, QUERY, now=NOW)


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (date(2026, 11, 1), date(2026, 11, 7), "1\N{EN DASH}7 Nov 2026"),
        (date(2026, 10, 24), date(2026, 11, 22), "24 Oct \N{EN DASH} 22 Nov 2026"),
        (date(2025, 12, 29), date(2026, 1, 4), "29 Dec 2025 \N{EN DASH} 4 Jan 2026"),
    ],
)
def test_a_range_is_said_as_people_say_it(first: date, last: date, text: str) -> None:
    """Month and year once, where they are the same."""
    assert span_text(Span(first, last)) == text


def test_each_figure_says_how_sure_it_is() -> None:
    """The number, its interval, of how many calls, and what it was before."""
    view = viewed(a_day(), a_day("2026-11-12", calls=2))

    assert view.cards is not None
    cards = {card.heading: card for card in view.cards}
    assert (cards["Calls analysed"].value, cards["Calls analysed"].detail) == ("4", "+2 against 2 in the range before")
    negative = cards["Negative calls"]
    assert (negative.value, negative.detail) == ("25\u202f%", "95 % interval 5\N{EN DASH}70\u202f%; 4 calls")
    assert negative.before == "before: 50\u202f%, 2 calls; the difference may be chance"
    assert cards["Customer sentiment"].value == "\N{MINUS SIGN}0.10"
    assert cards["Agents' share of talk"].detail == "mean of 1 call"
    assert (cards["Silence"].value, cards["Time to result"].value) == ("—", "—")


def test_fewer_calls_have_a_true_minus() -> None:
    """In the figures and in the lists."""
    topics = {"Toner": Sums(calls=2)}
    view = viewed(a_day(topics=topics), a_day("2026-11-12", topics={"Toner": Sums(calls=5)}))

    (row,) = view.listings[1].rows
    assert (row.calls, row.share, row.change) == ("2", 50.0, "\N{MINUS SIGN}3")
    assert (row.mood, row.dot) == (None, None)


def test_a_mood_is_a_place_between_its_ends() -> None:
    """-1 is 0 %, 0 is 50 %, and a line shows the interval where there is one."""
    one, many = Sums(calls=1, moods=1, mood=0.5, mood_squares=0.25), Sums(calls=4, moods=4, mood=0.0, mood_squares=0.12)
    view = viewed(a_day(agents={"One": one, "Two": many}))

    single, several = (row.dot for row in view.listings[2].rows)
    assert single is not None
    assert several is not None
    assert (single.x, single.low, single.high) == (75.0, None, None)
    assert several.x == 50.0
    assert (several.low, several.high) == (34.1, 65.9)
    assert view.listings[2].note.startswith("Sorted by name")


def test_a_row_leads_to_its_calls() -> None:
    """By a query; the names that were counted together have none."""
    trackers = {'Say "hi"': Sums(calls=1), OTHERS: Sums(calls=3)}
    view = viewed(a_day(trackers=trackers))

    first, last = view.listings[0].rows
    assert first.filter == 'tracker:"Say \\"hi\\"" after:2026-11-16 before:2026-11-23'
    assert (last.name, last.filter) == (OTHERS, None)


def test_bars_stand_on_zero() -> None:
    """The highest fills the chart; a day without a call has no height."""
    first, second, third = bars([("a", 4), ("b", 0), ("c", 1)], name=str)

    assert (first.y, first.height, second.height, third.y, third.height) == (0, 100, 0, 75, 25)
    assert third.x + third.width < 100


def test_only_one_day_and_one_hour_can_be_the_busiest() -> None:
    """Where several share the highest number, none is named."""
    one = viewed(a_day(), a_day("2026-11-21", calls=3))
    several = viewed(a_day(), a_day("2026-11-21", hours={10: 4}))

    assert one.busiest_day == "The busiest is 20 Nov: 4 calls."
    assert one.busiest_hour == "Most begin between 9:00 and 10:00: 7 of 7."
    assert several.busiest_day == "At most 4 calls a day."
    assert several.busiest_hour == "At most 4 calls in an hour."


def test_a_range_without_a_call_is_not_a_range_of_zeros() -> None:
    """No figure at all; and no first run while a company was asked for."""
    view = viewed()
    asked = dataclasses.replace(QUERY, company="Acme")
    of_company = overview_view(
        Parts(overview=overview_of([], QUERY.span), attention=[], processing=None, companies=(), latest=None),
        asked,
        now=NOW,
    )

    assert (view.is_empty, view.is_first_run, view.cards, view.listings) == (True, True, (), ())
    assert (of_company.is_empty, of_company.is_first_run, of_company.companies) == (True, False, ["Acme"])
