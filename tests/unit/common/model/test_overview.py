"""A range of days against the one before it, from the days' sums."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from common.errors import Rejected
from common.model.aggregates import DayStatistics, Sums, wilson_interval
from common.model.overview import SHOWN, Overview, Span, overview_of, overview_query
from common.model.search.grammar import as_people_write, parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TODAY = date(2026, 11, 22)
SPAN = Span.ending(TODAY, days=7)


def moods(*scores: float) -> Sums:
    """Calls whose customers' moods are known."""
    return Sums(
        calls=len(scores),
        moods=len(scores),
        mood=sum(scores),
        mood_squares=sum(score**2 for score in scores),
        negative=sum(score < -0.3 for score in scores),
    )


def a_day(days_ago: int = 0, company: str = "Acme", **names: Mapping[str, Sums]) -> DayStatistics:
    total = moods(0.1, -0.5)
    day = (TODAY - timedelta(days=days_ago)).isoformat()
    return DayStatistics(company=company, day=day, total=total, hours={9: 2}, waits={0: 2}, **names)


def agents(**scores: Sequence[float]) -> Overview:
    return overview_of([a_day(agents={name: moods(*found) for name, found in scores.items()})], SPAN)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(1, 10, 0.0179, 0.4042), (0, 10, 0.0, 0.2775), (50, 100, 0.4038, 0.5962), (10, 10, 0.7225, 1.0)],
)
def test_a_share_has_its_wilson_interval(successes: int, trials: int, low: float, high: float) -> None:
    """Few trials, none that succeed, many, and all that do."""
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("scores", "half"), [((0.1, 0.3), 1.2706), ((0.0, 0.1, 0.2, 0.3, 0.4), 0.1963), ((0.1, 0.3) * 50, 0.01994)]
)
def test_a_mean_of_few_calls_has_a_wide_interval(scores: tuple[float, ...], half: float) -> None:
    """Student's, not the normal one: two calls tell next to nothing."""
    interval = moods(*scores).mood_interval

    assert interval is not None
    mean = sum(scores) / len(scores)
    assert interval == pytest.approx((max(-1, mean - half), min(1, mean + half)), abs=1e-3)


def test_calls_count_in_their_own_range() -> None:
    """The first and the last day belong to it; the day before belongs to the range before; older ones to none."""
    overview = overview_of([a_day(0), a_day(6), a_day(7), a_day(13), a_day(14), a_day(-1)], SPAN)

    assert (overview.now.calls, overview.before.calls) == (4, 4)
    assert overview.days == (
        ("2026-11-16", 2), ("2026-11-17", 0), ("2026-11-18", 0), ("2026-11-19", 0),
        ("2026-11-20", 0), ("2026-11-21", 0), ("2026-11-22", 2),
    )  # fmt: skip
    assert (overview.hours[9], sum(overview.hours)) == (4, 4)


def test_figures_know_of_how_many_calls_they_are() -> None:
    """Two of four calls negative; without a call there is no figure, and none is zero."""
    overview = overview_of([a_day(0), a_day(1)], SPAN)

    assert (overview.now.negative.value, overview.now.negative.n) == (0.5, 4)
    assert overview.now.negative.interval == wilson_interval(2, 4)
    assert (overview.now.talk.value, overview.now.talk.n) == (None, 0)
    assert (overview.before.mood.value, overview.before.mood.interval) == (None, None)
    assert overview.now.wait_half == 10.0


def test_a_difference_is_one_only_where_the_intervals_lie_apart() -> None:
    """Many calls tell 0.1 from 0.5; two calls do not."""
    few, many = agents(one=(0.1, 0.2), two=(0.5, 0.6)), agents(one=(0.1, 0.2) * 30, two=(0.5, 0.6) * 30)

    assert not few.agents.rows[0].mood.differs_from(few.agents.rows[1].mood)
    assert many.agents.rows[0].mood.differs_from(many.agents.rows[1].mood)


def test_agents_stand_in_an_order_that_is_not_chance() -> None:
    """By name while their intervals overlap; by their customers' mood once some lie apart."""
    assert [row.name for row in agents(Zoe=(0.9, 0.1), amy=(0.2, 0.3)).agents.rows] == ["amy", "Zoe"]
    apart = agents(amy=(-0.4, -0.3) * 30, Bo=(0.1,), Zoe=(0.5, 0.6) * 30)
    assert [row.name for row in apart.agents.rows] == ["Zoe", "Bo", "amy"]


def test_the_names_with_most_calls_are_shown_and_the_others_counted() -> None:
    """Ten of twelve, each with its calls in both ranges."""
    topics = {f"topic {number:02d}": Sums(calls=number) for number in range(1, 13)}
    ranking = overview_of([a_day(0, topics=topics), a_day(8, topics={"topic 12": Sums(calls=5)})], SPAN).topics

    assert len(ranking.rows) == SHOWN
    assert ranking.more == 2
    assert (ranking.rows[0].name, ranking.rows[0].calls, ranking.rows[0].calls_before) == ("topic 12", 12, 5)
    assert ranking.rows[-1].name == "topic 03"


def test_a_link_leads_to_the_calls_of_the_range() -> None:
    """In the language of search, whole days, of the company."""
    query = overview_query({"days": "7", "company": "Acme Ltd"}, today=TODAY)

    text = as_people_write(query.calls())

    assert text == 'company:"Acme Ltd" after:2026-11-16 before:2026-11-23'
    assert parse(text, now=datetime(2026, 11, 22, tzinfo=UTC)) == query.calls()


def test_the_usual_range_is_the_thirty_days_up_to_today() -> None:
    """Empty fields of the form are fields left out."""
    assert overview_query({"until": "", "company": ""}, today=TODAY) == overview_query({}, today=TODAY)
    assert overview_query({}, today=TODAY).span == Span(date(2026, 10, 24), TODAY)
    assert overview_query({}, today=TODAY).span.before == Span(date(2026, 9, 24), date(2026, 10, 23))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"days": "8"}, "days"),
        ({"until": "yesterday"}, "until"),
        ({"until": "0001-01-01"}, "until"),
        ({"until": "9999-12-31"}, "until"),
        ({"company": "x" * 1501}, "company"),
        ({"filter": "a"}, "filter"),
    ],
)
def test_what_cannot_be_read_is_refused(given: dict[str, str], field: str) -> None:
    """By the name of the parameter."""
    with pytest.raises(Rejected) as refused:
        overview_query(given, today=TODAY)

    assert [problem.field for problem in refused.value.problems] == [field]
