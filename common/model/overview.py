"""What happened in a range of days, against the range of the same length before it; from the days' sums alone. Pure."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from common.errors import Problem, Rejected
from common.model.aggregates import OTHERS, Sums, total_of, wait_at
from common.model.search.query import Compare, Comparison, Equals, Facet, Figure, Node, at, conjunction

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from common.model.aggregates import DayStatistics

LENGTHS = (7, 30, 90)  #: days
USUAL_LENGTH = 30
#: Names of one kind that are shown; the others are counted.
SHOWN = 10
_PARAMETERS = ("days", "until", "company")
_YEARS = range(2000, 2101)
_LONGEST_NAME = 1500  #: bytes; Datastore compares with nothing longer


@dataclasses.dataclass(frozen=True, order=True)
class Span:
    """Days from `first` to `last`, both included."""

    first: date
    last: date

    @classmethod
    def ending(cls, last: date, *, days: int) -> Span:
        """So many days, of which `last` is the last."""
        return cls(last - timedelta(days=days - 1), last)

    @property
    def length(self) -> int:
        """In days."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Span:
        """As many days, up to this span."""
        return Span.ending(self.first - timedelta(days=1), days=self.length)

    @property
    def days(self) -> Sequence[str]:
        """Each in ISO's spelling, as statistics have it."""
        return [(self.first + timedelta(days=number)).isoformat() for number in range(self.length)]

    @property
    def query(self) -> Node:
        """Calls that began in it; days begin at midnight UTC, as they do in queries."""
        begin, end = (datetime.combine(day, time(), UTC) for day in (self.first, self.last + timedelta(days=1)))
        return conjunction(
            (
                Compare(Figure.STARTED_AT, Comparison.AT_LEAST, at(begin)),
                Compare(Figure.STARTED_AT, Comparison.LESS, at(end)),
            )
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class OverviewQuery:
    """What a reader wants to see; `company` None means all of them."""

    span: Span
    company: str | None

    def calls(self, *conditions: Node) -> Node:
        """The query of these calls, of the company and the span."""
        return conjunction((*conditions, *self._company(), self.span.query))

    def whenever(self, *conditions: Node) -> Node:
        """The same, whenever they began."""
        return conjunction((*conditions, *self._company()))

    def _company(self) -> tuple[Node, ...]:
        return (Equals(Facet.COMPANY, self.company),) if self.company else ()


def overview_query(given: Mapping[str, str], *, today: date) -> OverviewQuery:
    """Check the parameters: `days` (7, 30 or 90), `until` (the last day, as 2026-11-30) and `company`.

    Raises:
        Rejected: naming the parameter and the mend.
    """
    problems = [
        Problem(name, f"is not a known parameter; known are {', '.join(_PARAMETERS)}")
        for name in sorted(set(given) - set(_PARAMETERS))
    ]
    lengths = {str(length): length for length in LENGTHS}
    days = lengths.get(given.get("days") or str(USUAL_LENGTH))
    if days is None:
        problems.append(Problem("days", f"must be one of {', '.join(lengths)}"))
    until = _day(given.get("until")) if given.get("until") else today
    if until is None:
        problems.append(Problem("until", f"must be a day of the years {_YEARS[0]} to {_YEARS[-1]}, as 2026-11-30"))
    company = given.get("company") or None
    if company and len(company.encode(errors="replace")) > _LONGEST_NAME:
        problems.append(Problem("company", "is longer than any name can be"))
    if problems or days is None or until is None:
        raise Rejected(problems)
    return OverviewQuery(span=Span.ending(until, days=days), company=company)


def _day(text: str | None) -> date | None:
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    return day if day.year in _YEARS else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean or a share over `n` calls, with its 95 % interval where there is one; None without a call."""

    value: float | None
    n: int
    interval: tuple[float, float] | None = None

    def differs_from(self, other: Estimate) -> bool:
        """Whether the intervals lie apart; without intervals nobody can tell."""
        if self.interval is None or other.interval is None:
            return False
        return self.interval[0] > other.interval[1] or other.interval[0] > self.interval[1]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figures:
    """What a range comes to; waits are the seconds within which half, and 95 %, of the results were there."""

    calls: int
    negative: Estimate
    mood: Estimate
    talk: Estimate
    silence: Estimate
    wait_half: float | None
    wait_most: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Named:
    """A tracker, a topic or an agent, in its calls of the range and of the one before."""

    name: str
    calls: int
    calls_before: int
    mood: Estimate


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ranking:
    """The names with the most calls; `more` is how many others there are."""

    rows: Sequence[Named]
    more: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Overview:
    """Everything that the sums of the days tell."""

    now: Figures
    before: Figures
    days: Sequence[tuple[str, int]]  #: each day of the range, with its calls
    hours: Sequence[int]  #: calls by the hour at which they began, where they took place
    trackers: Ranking
    topics: Ranking
    agents: Ranking
    companies: Sequence[str]  #: those that have calls in either range


def overview_of(days: Iterable[DayStatistics], span: Span) -> Overview:
    """The overview of a range, from its days and those of the range before."""
    held = list(days)
    now = [day for day in held if span.first.isoformat() <= day.day <= span.last.isoformat()]
    before = [day for day in held if span.before.first.isoformat() <= day.day < span.first.isoformat()]
    total, total_before = total_of(now), total_of(before)
    calls = dict.fromkeys(span.days, 0)
    for day in now:
        calls[day.day] += day.total.calls
    return Overview(
        now=_figures(total),
        before=_figures(total_before),
        days=tuple(calls.items()),
        hours=tuple(total.hours.get(hour, 0) for hour in range(24)),
        trackers=_ranking(total.trackers, total_before.trackers),
        topics=_ranking(total.topics, total_before.topics),
        agents=_in_fair_order(_ranking(total.agents, total_before.agents)),
        companies=sorted({day.company for day in (*now, *before)}),
    )


def intervals_separate(rows: Iterable[Named]) -> bool:
    """Whether the mood in the calls of any two of them differs by more than chance explains."""
    return any(one.mood.differs_from(other.mood) for one, other in itertools.combinations(rows, 2))


def _figures(day: DayStatistics) -> Figures:
    sums = day.total
    return Figures(
        calls=sums.calls,
        negative=Estimate(
            value=sums.negative / sums.moods if sums.moods else None, n=sums.moods, interval=sums.negative_interval
        ),
        mood=_mood(sums),
        talk=Estimate(value=sums.mean_talk, n=sums.talks),
        silence=Estimate(value=sums.mean_silence, n=sums.silences),
        wait_half=wait_at(day, 0.5),
        wait_most=wait_at(day, 0.95),
    )


def _mood(sums: Sums) -> Estimate:
    return Estimate(value=sums.mean_mood, n=sums.moods, interval=sums.mood_interval)


def _ranking(now: Mapping[str, Sums], before: Mapping[str, Sums]) -> Ranking:
    rows = [
        Named(name=name, calls=sums.calls, calls_before=before.get(name, Sums()).calls, mood=_mood(sums))
        for name, sums in sorted(now.items(), key=_most_calls_first)[:SHOWN]
    ]
    return Ranking(rows=rows, more=max(0, len(now) - SHOWN))


def _most_calls_first(named: tuple[str, Sums]) -> tuple[bool, int, str]:
    name, sums = named
    return name == OTHERS, -sums.calls, name


def _in_fair_order(agents: Ranking) -> Ranking:
    """By name; by mood, the happiest customers first, only where the intervals tell some of the agents apart."""
    if intervals_separate(agents.rows):
        rows = sorted(agents.rows, key=lambda row: (row.mood.value is None, -(row.mood.value or 0.0), row.name))
    else:
        rows = sorted(agents.rows, key=lambda row: row.name.casefold())
    return dataclasses.replace(agents, rows=rows)
