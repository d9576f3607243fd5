"""What the overview shows, in words and in places of a picture, and the same for programs. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from common.model.aggregates import OTHERS, local_day
from common.model.answers import instant
from common.model.overview import LENGTHS, Estimate, Figures, Overview, OverviewQuery, Span, intervals_separate
from common.model.recording import RecordingId
from common.model.search.document import CallState
from common.model.search.grammar import MAX_LENGTH, as_people_write
from common.model.search.query import Equals, Facet, Node, Tracker
from common.model.search.results import COUNTED
from common.model.transcript import clock
from functions.pages.ribbon import Ribbon, ribbon_of
from functions.pages.words import MISSING, Moment, Mood, moment, mood, number, percent, plural, signed, waited

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from common.model.overview import Named, Ranking
    from common.model.search.document import CallDocument
    from functions._overview import Parts

_DASH = "\N{EN DASH}"
_CHANCE = "the difference may be chance"
_CLEAR = "more of a difference than chance makes"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Card:
    """One figure: what it is, how sure, and what it was in the range before."""

    heading: str
    value: str
    detail: str
    before: str
    filter: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bar:
    """A bar in a chart, in percent of the chart; `name` says what it is."""

    x: float
    width: float
    y: float
    height: float
    name: str
    count: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dot:
    """A mood from -1 to 1 as a place from 0 to 100, and the ends of its interval."""

    x: float
    low: float | None
    high: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """A tracker, topic or agent; `share` of the range's calls is 0 to 100."""

    name: str
    filter: str | None
    calls: str
    share: float
    mood: Mood | None
    interval: str
    dot: Dot | None
    change: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing:
    """The rows of one kind, and a sentence below them."""

    id: str
    heading: str
    column: str
    rows: Sequence[Row]
    note: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attention:
    """A call to look into, and why: what went wrong, or the customer's mood."""

    id: RecordingId
    name: str
    company: str
    started: Moment
    length: str
    ribbon: Ribbon | None
    failure: str | None
    mood: Mood | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Latest:
    """The last call of all, and the day up to which a range shows it."""

    id: RecordingId
    name: str
    started: Moment
    day: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class OverviewView:
    """The page; None stands for a part that could not be read."""

    days: int
    company: str | None
    companies: Sequence[str]
    range: str
    range_before: str
    as_of: Moment
    calls_filter: str
    processing: str | None
    processing_filter: str
    is_first_run: bool
    is_empty: bool
    latest: Latest | None
    cards: Sequence[Card] | None
    per_day: Sequence[Bar]
    hours: Sequence[Bar]
    busiest_day: str
    busiest_hour: str
    listings: Sequence[Listing]
    attention: Sequence[Attention] | None

    @property
    def lengths(self) -> tuple[int, ...]:
        """The ranges to choose from."""
        return LENGTHS


def overview_view(parts: Parts, query: OverviewQuery, *, now: datetime) -> OverviewView:
    """The page of what was read."""
    overview = parts.overview
    latest = parts.latest
    is_empty = overview is not None and not overview.now.calls
    shown = overview if overview and not is_empty else None
    return OverviewView(
        days=query.span.length,
        company=query.company,
        companies=sorted({*parts.companies, *([query.company] if query.company else [])}),
        range=span_text(query.span),
        range_before=span_text(query.span.before),
        as_of=moment(now, 0),
        calls_filter=as_people_write(query.calls()),
        processing=_processing(parts.processing),
        processing_filter=as_people_write(query.whenever(Equals(Facet.IS, CallState.PROCESSING))),
        is_first_run=is_empty and latest is None and query.company is None,
        is_empty=is_empty,
        latest=_latest(latest) if latest else None,
        cards=None if overview is None else _cards(shown, query) if shown else (),
        per_day=bars(shown.days, name=_day) if shown else (),
        hours=bars(list(enumerate(shown.hours)), name=_hour) if shown else (),
        busiest_day=_busiest_day(shown) if shown else "",
        busiest_hour=_busiest_hour(shown) if shown else "",
        listings=_listings(shown, query) if shown else (),
        attention=None if parts.attention is None else [_attention(call) for call in parts.attention],
    )


def overview_answer(parts: Parts, query: OverviewQuery, *, now: datetime) -> dict[str, object]:
    """The same for programs: figures as numbers, shares and moods with `low` and `high` of their 95 % intervals."""
    overview = parts.overview
    missing = [name for name in ("overview", "attention", "processing") if getattr(parts, name) is None]
    return {
        "as_of": instant(now),
        "range": _span_answer(query.span),
        "range_before": _span_answer(query.span.before),
        "company": query.company,
        "companies": list(parts.companies),
        "processing": parts.processing,
        "not_read": ["figures" if name == "overview" else name for name in missing],
        "figures": _figures_answer(overview.now) if overview else None,
        "figures_before": _figures_answer(overview.before) if overview else None,
        "days": [{"day": day, "calls": calls} for day, calls in overview.days] if overview else None,
        "hours": list(overview.hours) if overview else None,
        "trackers": _ranking_answer(overview.trackers) if overview else None,
        "topics": _ranking_answer(overview.topics) if overview else None,
        "agents": _ranking_answer(overview.agents) if overview else None,
        "needs_attention": None if parts.attention is None else [_call_answer(call) for call in parts.attention],
    }


# Words


def span_text(span: Span) -> str:
    """1-7 Nov 2026, with a dash; month and year are said once where they are the same."""
    first, last = span.first, span.last
    until = f"{last.day} {last:%b %Y}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}{_DASH}{until}"
    year = "" if first.year == last.year else f" {first.year}"
    return f"{first.day} {first:%b}{year} {_DASH} {until}"


def _cards(overview: Overview, query: OverviewQuery) -> list[Card]:
    now, before = overview.now, overview.before
    completed = Equals(Facet.IS, CallState.COMPLETED)
    return [
        Card(
            heading="Calls analysed",
            value=number(now.calls),
            detail=f"{_change(now.calls - before.calls)} against {number(before.calls)} in the range before",
            before="",
            filter=as_people_write(query.calls(completed)),
        ),
        Card(
            heading="Negative calls",
            value=_share(now.negative.value),
            detail=_certainty(now.negative, lambda low, high: f"{100 * low:.0f}{_DASH}{percent(100 * high)}"),
            before=_before(now.negative, before.negative, _share),
            filter=as_people_write(query.calls(completed, Equals(Facet.SENTIMENT, "negative"))),
        ),
        Card(
            heading="Customer sentiment",
            value=_signed(now.mood.value),
            detail=_certainty(now.mood, lambda low, high: f"{signed(low)} to {signed(high)}"),
            before=_before(now.mood, before.mood, _signed),
        ),
        Card(
            heading="Time to result",
            value=_waited(now.wait_half),
            detail=f"for half of the calls; {_waited(now.wait_most)} for 95 in 100",
            before=f"before: {_waited(before.wait_half)} and {_waited(before.wait_most)}" if before.calls else "",
        ),
        Card(
            heading="Agents' share of talk",
            value=_share(now.talk.value),
            detail=f"mean of {plural(now.talk.n, 'call')}",
            before=_before(now.talk, before.talk, _share),
        ),
        Card(
            heading="Silence",
            value=_share(now.silence.value),
            detail=f"mean of {plural(now.silence.n, 'call')}",
            before=_before(now.silence, before.silence, _share),
        ),
    ]


def _share(value: float | None) -> str:
    return MISSING if value is None else percent(100 * value)


def _signed(value: float | None) -> str:
    return MISSING if value is None else signed(value)


def _waited(seconds: float | None) -> str:
    return MISSING if seconds is None else waited(seconds)


def _change(difference: int) -> str:
    sign = "+" if difference > 0 else "\N{MINUS SIGN}" if difference < 0 else ""
    return f"{sign}{number(abs(difference))}"


def _certainty(estimate: Estimate, interval: Callable[[float, float], str]) -> str:
    calls = plural(estimate.n, "call")
    return f"95 % interval {interval(*estimate.interval)}; {calls}" if estimate.interval else calls


def _before(now: Estimate, before: Estimate, text: Callable[[float | None], str]) -> str:
    if before.value is None or now.value is None:
        return ""
    said = f"before: {text(before.value)}, {plural(before.n, 'call')}"
    if now.interval is None or before.interval is None:
        return said
    return f"{said}; {_CLEAR if now.differs_from(before) else _CHANCE}"


def _processing(count: int | None) -> str | None:
    if not count:
        return None
    if count == COUNTED:
        return f"More than {number(count - 1)} calls are still being processed"
    return f"{number(count)} {'call is' if count == 1 else 'calls are'} still being processed"


def _latest(call: CallDocument) -> Latest:
    return Latest(
        id=call.recording_id,
        name=call.name,
        started=moment(call.started_at, call.timezone_offset),
        day=local_day(call.started_at, call.timezone_offset).isoformat(),
    )


def _attention(call: CallDocument) -> Attention:
    failed = call.state is CallState.FAILED
    return Attention(
        id=call.recording_id,
        name=call.name,
        company=call.company,
        started=moment(call.started_at, call.timezone_offset),
        length=clock(call.duration_s),
        ribbon=ribbon_of(call),
        failure=(call.failure or "") if failed else None,
        mood=mood(call.polarity) if call.polarity is not None and not failed else None,
    )


def _busiest_day(overview: Overview) -> str:
    most = max(calls for _, calls in overview.days)
    busiest = [day for day, calls in overview.days if calls == most]
    if len(busiest) > 1:
        return f"At most {plural(most, 'call')} a day."
    return f"The busiest is {_day(busiest[0])}: {plural(most, 'call')}."


def _busiest_hour(overview: Overview) -> str:
    most = max(overview.hours)
    if overview.hours.count(most) > 1:
        return f"At most {plural(most, 'call')} in an hour."
    hour = overview.hours.index(most)
    return f"Most begin between {_hour(hour)} and {_hour((hour + 1) % 24)}: {most} of {overview.now.calls}."


# Lists


def _listings(overview: Overview, query: OverviewQuery) -> list[Listing]:
    calls = overview.now.calls

    def listing(
        id_: str, heading: str, column: str, ranking: Ranking, named: Callable[[str], Node], note: str
    ) -> Listing:
        more = f"{number(ranking.more)} more." if ranking.more else ""
        return Listing(
            id=id_,
            heading=heading,
            column=column,
            rows=[_row(row, calls, query.calls(named(row.name))) for row in ranking.rows],
            note=" ".join(filter(None, [f"And {more}" if more else "", note if ranking.rows else ""])),
        )

    order = (
        "Sorted by the customers' sentiment: the intervals of some agents lie apart."
        if intervals_separate(overview.agents.rows)
        else "Sorted by name: the intervals overlap, so that an order by sentiment would be chance."
    )
    return [
        listing("trackers", "Trackers", "Tracker", overview.trackers, Tracker, ""),
        listing("topics", "Topics", "Topic", overview.topics, lambda name: Equals(Facet.TOPIC, name), ""),
        listing("agents", "Agents", "Agent", overview.agents, lambda name: Equals(Facet.AGENT, name), order),
    ]


def _row(row: Named, calls: int, query: Node) -> Row:
    text = as_people_write(query)
    interval = row.mood.interval
    return Row(
        name=row.name,
        filter=text if row.name != OTHERS and len(text) <= MAX_LENGTH else None,
        calls=number(row.calls),
        share=min(100.0, round(100 * row.calls / calls, 1)),
        mood=mood(row.mood.value) if row.mood.value is not None else None,
        interval=f"95 % interval {signed(interval[0])} to {signed(interval[1])}"
        if interval
        else "too few calls for an interval",
        dot=_dot(row.mood),
        change=_change(row.calls - row.calls_before),
    )


# Places


def _dot(estimate: Estimate) -> Dot | None:
    if estimate.value is None:
        return None
    low, high = estimate.interval or (None, None)
    return Dot(
        x=_place(estimate.value),
        low=None if low is None else _place(low),
        high=None if high is None else _place(high),
    )


def _place(value: float) -> float:
    return round(50 * (value + 1), 1)


def bars(counts: Sequence[tuple[object, int]], *, name: Callable[..., str]) -> list[Bar]:
    """Bars side by side, from zero, the highest as high as the chart."""
    most = max((count for _, count in counts), default=0) or 1
    step = 100 / max(len(counts), 1)
    return [
        Bar(
            x=round(step * place, 2),
            width=round(0.8 * step, 2),
            y=round(100 - 100 * count / most, 1),
            height=round(100 * count / most, 1),
            name=name(of),
            count=count,
        )
        for place, (of, count) in enumerate(counts)
    ]


def _day(day: str) -> str:
    at = date.fromisoformat(day)
    return f"{at.day} {at:%b}"


def _hour(hour: int) -> str:
    return f"{hour}:00"


# For programs


def _span_answer(span: Span) -> dict[str, str]:
    return {"first": span.first.isoformat(), "last": span.last.isoformat()}


def _estimate_answer(estimate: Estimate) -> dict[str, object]:
    low, high = estimate.interval or (None, None)
    return {"value": _rounded(estimate.value), "low": _rounded(low), "high": _rounded(high), "n": estimate.n}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _figures_answer(figures: Figures) -> dict[str, object]:
    return {
        "calls": figures.calls,
        "negative": _estimate_answer(figures.negative),
        "sentiment": _estimate_answer(figures.mood),
        "talk_ratio": _estimate_answer(figures.talk),
        "silence_ratio": _estimate_answer(figures.silence),
        "time_to_result_s": {"p50": _rounded(figures.wait_half), "p95": _rounded(figures.wait_most)},
    }


def _ranking_answer(ranking: Ranking) -> dict[str, object]:
    rows = [
        {
            "name": row.name,
            "calls": row.calls,
            "calls_before": row.calls_before,
            "sentiment": _estimate_answer(row.mood),
        }
        for row in ranking.rows
    ]
    return {"rows": rows, "more": ranking.more}


def _call_answer(call: CallDocument) -> dict[str, object]:
    return {
        "id": call.recording_id,
        "name": call.name,
        "company": call.company,
        "started_at": instant(call.started_at),
        "duration": call.duration_s,
        "state": call.state,
        "error": call.failure,
        "sentiment": call.polarity,
    }
