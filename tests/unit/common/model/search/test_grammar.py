"""The query language: what each text means, and what is said of a text that means nothing."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from common.errors import Rejected
from common.model.recording import Role
from common.model.search.grammar import MAX_DEPTH, MAX_LENGTH, QueryError, Reason, parse
from common.model.search.query import (
    EVERYTHING,
    MAX_CONDITIONS,
    And,
    Compare,
    Comparison,
    Equals,
    Facet,
    Figure,
    Node,
    Not,
    Or,
    Phrase,
    Tracker,
    Word,
    at,
)
from tests.unit.common.model.search.queries import ANY_TEXT

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
REFUND, BILLING = Word("refund"), Word("billing")


def started(comparison: Comparison, *when: int) -> Compare:
    return Compare(Figure.STARTED_AT, comparison, at(datetime(*when, tzinfo=UTC)))  # type: ignore[arg-type,misc]  # year, month, day ...


def between(figure: Figure, least: float, most: float) -> And:
    return And((Compare(figure, Comparison.AT_LEAST, least), Compare(figure, Comparison.LESS, most)))


@pytest.mark.parametrize("text", ["", "  \n\t "])
def test_nothing_means_every_call(text: str) -> None:
    """An empty search box hides nothing."""
    assert parse(text, now=NOW) == EVERYTHING


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Refund", REFUND),
        ("Cancel*", Word("cancel", prefix=True)),
        ('"Gift card!"', Phrase(("gift", "card"))),
        ('"refund"', Phrase(("refund",))),
        ("e-mail", Phrase(("e", "mail"))),
        ("don\N{RIGHT SINGLE QUOTATION MARK}t", Word("don't")),
        ("refund billing", And((REFUND, BILLING))),
        ("refund AND billing", And((REFUND, BILLING))),
        ("refund refund", REFUND),
        ("refund OR billing crown", And((Or((REFUND, BILLING)), Word("crown")))),
        ("crown AND refund OR billing", And((Word("crown"), Or((REFUND, BILLING))))),
        ("crown OR (refund billing)", Or((Word("crown"), And((REFUND, BILLING))))),
        ("-refund", Not(REFUND)),
        ("NOT refund", Not(REFUND)),
        ("-(refund billing)", Not(And((REFUND, BILLING)))),
        ("NOT(refund)", Not(REFUND)),
        ("-(-refund)", REFUND),
        ("or and not", And((Word("or"), Word("and"), Word("not")))),
    ],
)
def test_words_and_how_they_are_joined(text: str, query: Node) -> None:
    """OR binds tighter than AND, as in AIP-160; the operators are in capitals."""
    assert parse(text, now=NOW) == query


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("agent:reyes", Equals(Facet.AGENT, "reyes")),
        ('agent = "reyes"', Equals(Facet.AGENT, "reyes")),
        ('AGENTS:"reyes"', Equals(Facet.AGENT, "reyes")),
        ("agent != reyes", Not(Equals(Facet.AGENT, "reyes"))),
        ('caller:"Linda  Hayes"', Equals(Facet.CUSTOMER, "Linda Hayes")),
        ("company:Acme(UK)", Equals(Facet.COMPANY, "Acme(UK)")),
        (r'company:"Acme \"Ltd\" \\"', Equals(Facet.COMPANY, 'Acme "Ltd" \\')),
        ("external_id:crm:77-1", Equals(Facet.EXTERNAL_ID, "crm:77-1")),
        ("failure-class:NOT-ACCEPTED", Equals(Facet.FAILURE_CLASS, "not_accepted")),
        ("state = FAILED", Equals(Facet.IS, "failed")),
        ("status:in_progress", Equals(Facet.STATUS, "in_progress")),
        ("language:EN-us", Equals(Facet.LANGUAGE, "en-US")),
        ("has:Action-Item", Equals(Facet.HAS, "action-item")),
        ("action_items:*", Equals(Facet.HAS, "action-item")),
        ("topics:*", Equals(Facet.HAS, "topic")),
        ('topics:"*"', Equals(Facet.TOPIC, "*")),
        ("tracker:*", Equals(Facet.HAS, "tracker")),
        ("missing:summary", Not(Equals(Facet.HAS, "summary"))),
        ("-missing:summary", Equals(Facet.HAS, "summary")),
        ("NOT summary:*", Not(Equals(Facet.HAS, "summary"))),
    ],
)
def test_properties_of_a_call(text: str, query: Node) -> None:
    """Names and fixed words in any case, with either spelling's comparison."""
    assert parse(text, now=NOW) == query


def test_a_filter_of_the_list_keeps_its_meaning() -> None:
    """Company, status and class of failure, as they were written before there was a language."""
    assert parse('company:"Acme Ltd" status:failed failure_class:stuck', now=NOW) == And(
        (
            Equals(Facet.COMPANY, "Acme Ltd"),
            Equals(Facet.STATUS, "failed"),
            Equals(Facet.FAILURE_CLASS, "stuck"),
        )
    )


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("length>10m", Compare(Figure.LENGTH, Comparison.MORE, 600)),
        ("duration <= 1m30.5s", Compare(Figure.LENGTH, Comparison.AT_MOST, 90.5)),
        ("length<90", Compare(Figure.LENGTH, Comparison.LESS, 90)),
        ("length:5m..1.5h", between(Figure.LENGTH, 300, 5400)),
        ("silence>7%", Compare(Figure.SILENCE, Comparison.MORE, 0.07)),
        ("talk_ratio >= .4", Compare(Figure.TALK, Comparison.AT_LEAST, 0.4)),
        ("sentiment:negative", Equals(Facet.SENTIMENT, "negative")),
        ("sentiment<-0.3", Compare(Figure.POLARITY, Comparison.LESS, -0.3)),
        ('customer_polarity < "-0.3"', Compare(Figure.POLARITY, Comparison.LESS, -0.3)),
        ("sentiment:-0.3..0.3", between(Figure.POLARITY, -0.3, 0.3)),
        ("hour:9..17", between(Figure.HOUR, 9, 17)),
        ("hour:23", between(Figure.HOUR, 23, 24)),
    ],
)
def test_figures_of_a_call(text: str, query: Node) -> None:
    """Durations, shares and numbers; two ends mean from the first on and before the second."""
    assert parse(text, now=NOW) == query


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("after:2026-11-01", started(Comparison.AT_LEAST, 2026, 11, 1)),
        ("before:2026-11-08", started(Comparison.LESS, 2026, 11, 8)),
        ("after:today", started(Comparison.AT_LEAST, 2026, 11, 22)),
        (
            "on:yesterday",
            And((started(Comparison.AT_LEAST, 2026, 11, 21), started(Comparison.LESS, 2026, 11, 22))),
        ),
        ('start_time >= "2026-11-01T09:30:00-05:00"', started(Comparison.AT_LEAST, 2026, 11, 1, 14, 30)),
        ("start_time > 2026-11-01T09:30:00z", started(Comparison.MORE, 2026, 11, 1, 9, 30)),
        ("after:2026-11-01T09:30", started(Comparison.AT_LEAST, 2026, 11, 1, 9, 30)),
    ],
)
def test_times_of_a_call(text: str, query: Node) -> None:
    """A day stands for its first instant; `on` takes all of it."""
    assert parse(text, now=NOW) == query


def test_days_are_those_of_the_zone() -> None:
    """Also today, a day that is 25 hours long, and a time that names no zone."""
    assert parse("after:today", now=datetime(2026, 11, 22, 3, tzinfo=UTC), timezone=NEW_YORK) == started(
        Comparison.AT_LEAST, 2026, 11, 21, 5
    )
    assert parse("on:2026-11-01", now=NOW, timezone=NEW_YORK) == And(
        (started(Comparison.AT_LEAST, 2026, 11, 1, 4), started(Comparison.LESS, 2026, 11, 2, 5))
    )
    assert parse("before:2026-11-05T09:00", now=NOW, timezone=timezone(timedelta(hours=1))) == started(
        Comparison.LESS, 2026, 11, 5, 8
    )


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("tracker:Escalation", Tracker("Escalation")),
        ('tracker:"cancel intent"<2m', Tracker("cancel intent", before=120)),
        ("tracker:disclosure>=0s<60s", Tracker("disclosure", before=60)),
        ("tracker:refund>=10s<60s", Tracker("refund", after=10, before=60)),
        ("-trackers:disclosure", Not(Tracker("disclosure"))),
        ("tracker:disclosure<60s by:agent", Tracker("disclosure", Role.AGENT, before=60)),
        ('tracker_hit("disclosure", "agent", 0s, 60s)', Tracker("disclosure", Role.AGENT, before=60)),
        ('tracker_hit("disclosure", "any", 60s)', Tracker("disclosure", after=60)),
        ("by:agent tracker_hit(disclosure)", Tracker("disclosure", Role.AGENT)),
        ("by:customer refund", Word("refund", by=Role.CUSTOMER)),
        ('by = CUSTOMER AND "late fee"', Phrase(("late", "fee"), Role.CUSTOMER)),
        ("by:agent -refund", Not(Word("refund", by=Role.AGENT))),
        (
            "(by:customer refund) by:agent (sorry OR billing) length>1m",
            And(
                (
                    Word("refund", by=Role.CUSTOMER),
                    Or((Word("sorry", by=Role.AGENT), Word("billing", by=Role.AGENT))),
                    Compare(Figure.LENGTH, Comparison.MORE, 60),
                )
            ),
        ),
        ("(by:customer refund) billing", And((Word("refund", by=Role.CUSTOMER), BILLING))),
        ('said(refund, "customer") said("late fee", agent)',
         And((Word("refund", by=Role.CUSTOMER), Phrase(("late", "fee"), Role.AGENT)))),
        ('by:agent sorry said(refund, "any")', And((Word("sorry", by=Role.AGENT), REFUND))),
    ],
)  # fmt: skip
def test_what_is_said_by_whom_and_when(text: str, query: Node) -> None:
    """`by:` is about its own parentheses and those inside them that name no role; a function says it for itself."""
    assert parse(text, now=NOW) == query


@pytest.mark.parametrize(
    ("text", "reason", "column", "suggestion"),
    [
        ("agnet:reyes", Reason.FIELD_UNKNOWN, 1, "agent"),
        ("refund lenght>3m", Reason.FIELD_UNKNOWN, 8, "length"),
        ("score<60", Reason.FIELD_UNKNOWN, 1, None),
        ("12:30", Reason.FIELD_UNKNOWN, 1, None),
        ("is:faild", Reason.VALUE_INVALID, 4, "failed"),
        ("has:action_itm", Reason.VALUE_INVALID, 5, "action-item"),
        ("by:custmer refund", Reason.VALUE_INVALID, 4, "customer"),
        ("silence>20", Reason.VALUE_INVALID, 9, "20%"),
        ("silence>200", Reason.VALUE_INVALID, 9, None),
        ("talk<101%", Reason.VALUE_INVALID, 6, None),
        ("sentiment<-1.5", Reason.VALUE_INVALID, 11, None),
        ("length>ten", Reason.VALUE_INVALID, 8, None),
        ("length>1h30", Reason.VALUE_INVALID, 8, None),
        ("length>99999999h", Reason.VALUE_INVALID, 8, None),
        ("length:5m..x", Reason.VALUE_INVALID, 12, None),
        ("hour:22..6", Reason.VALUE_INVALID, 6, None),
        ("hour>9.5", Reason.VALUE_INVALID, 6, None),
        ("hour:24", Reason.VALUE_INVALID, 6, "23"),
        ("after:2026-02-30", Reason.VALUE_INVALID, 7, None),
        ("after:0001-01-01", Reason.VALUE_INVALID, 7, None),
        ("after:lunch", Reason.VALUE_INVALID, 7, None),
        ("before:2026-11-01T25:00", Reason.VALUE_INVALID, 8, None),
        ("on:2026-11-01T09:00", Reason.VALUE_INVALID, 4, None),
        ("tracker:disclosure>=60s<60s", Reason.VALUE_INVALID, 25, None),
        ('tracker_hit(disclosure, "nobody")', Reason.VALUE_INVALID, 25, None),
        ('agent:" "', Reason.VALUE_INVALID, 7, None),
        ("caller:+1412*", Reason.VALUE_INVALID, 8, None),
        ("summary:refund", Reason.VALUE_INVALID, 9, "*"),
        ("ca*", Reason.VALUE_INVALID, 1, None),
        ("can*el", Reason.VALUE_INVALID, 1, None),
        ("e-mai*", Reason.VALUE_INVALID, 1, None),
        ('refund "!?"', Reason.VALUE_INVALID, 8, None),
        ("length=10m", Reason.COMPARISON_INVALID, 7, None),
        ("length!=5m..10m", Reason.COMPARISON_INVALID, 7, None),
        ("agent<3", Reason.COMPARISON_INVALID, 6, None),
        ("after>=2026-11-01", Reason.COMPARISON_INVALID, 6, None),
        ("agent:reyes:x=5", Reason.COMPARISON_INVALID, 14, None),
        ("tracker<60s", Reason.COMPARISON_INVALID, 8, None),
        ("tracker:x<=60s", Reason.COMPARISON_INVALID, 10, None),
        ("tracker:x<60s<90s", Reason.COMPARISON_INVALID, 14, None),
        ("by:agent", Reason.SCOPE_INVALID, 1, None),
        ("length>1m by:agent agent:reyes", Reason.SCOPE_INVALID, 11, None),
        ("-by:agent refund", Reason.SCOPE_INVALID, 2, None),
        ("refund OR by:agent", Reason.SCOPE_INVALID, 11, None),
        ("by:agent refund by:customer", Reason.SCOPE_INVALID, 17, None),
        ("sayd(refund, agent)", Reason.FUNCTION_UNKNOWN, 1, "said"),
        ("said(refund)", Reason.SYNTAX, 1, None),
        ("tracker_hit(a, agent, 0s, 9s, 10s)", Reason.SYNTAX, 1, None),
        ("said(refund, )", Reason.SYNTAX, 14, None),
        ("(refund", Reason.SYNTAX, 8, None),
        ("refund)", Reason.SYNTAX, 7, None),
        ("()", Reason.SYNTAX, 2, None),
        ("refund OR", Reason.SYNTAX, 10, None),
        ("AND refund", Reason.SYNTAX, 1, None),
        ("agent:", Reason.SYNTAX, 7, None),
        ("agent: OR refund", Reason.SYNTAX, 8, None),
        (":reyes", Reason.SYNTAX, 1, None),
        ('refund "late fee', Reason.SYNTAX, 8, None),
        ("refund - billing", Reason.SYNTAX, 8, None),
        ("re\x00fund", Reason.SYNTAX, 3, None),
        ("refund \ud800", Reason.SYNTAX, 8, None),
    ],
)
def test_what_is_no_query_is_refused_at_its_place(
    text: str, reason: Reason, column: int, suggestion: str | None
) -> None:
    """Never read as another query, never as one that finds nothing."""
    with pytest.raises(QueryError) as refused:
        parse(text, now=NOW)

    error = refused.value
    assert (error.reason, error.column, error.suggestion) == (reason, column, suggestion)
    assert error.problems[0].field == "filter"
    assert suggestion is None or error.problems[0].detail.endswith(f'Did you mean "{suggestion}"?')


def test_the_detail_is_a_sentence_for_a_person() -> None:
    """It names what is wrong, where, and what may have been meant."""
    with pytest.raises(QueryError) as refused:
        parse("agnet:reyes", now=NOW)

    assert refused.value.problems[0].detail == 'Unknown field "agnet" at column 1. Did you mean "agent"?'


@pytest.mark.parametrize(
    ("text", "reason", "column"),
    [
        ("x" * (MAX_LENGTH + 1), Reason.TOO_LONG, MAX_LENGTH + 1),
        ("refund " * 10_000, Reason.TOO_LONG, MAX_LENGTH + 1),
        ("on:today length>1m " * 20, Reason.TOO_MANY_CONDITIONS, 124),
        (" ".join(f"w{n}" for n in range(MAX_CONDITIONS + 1)), Reason.TOO_MANY_CONDITIONS, 71),
        ("(" * (MAX_DEPTH + 1) + "x" + ")" * (MAX_DEPTH + 1), Reason.TOO_DEEP, MAX_DEPTH + 1),
        ("(" * 250 + "x" + ")" * 249, Reason.TOO_DEEP, MAX_DEPTH + 1),
        (" ".join(f"on:2026-11-{n:02}" for n in range(1, 11)), Reason.TOO_LONG, 1),
    ],
)
def test_a_query_has_limits(text: str, reason: Reason, column: int) -> None:
    """Also as we would write it: ten days are 240 characters, and 870 with their times in UTC."""
    with pytest.raises(QueryError) as refused:
        parse(text, now=NOW)

    assert (refused.value.reason, refused.value.column) == (reason, column)


def test_a_query_may_reach_its_limits() -> None:
    """They are what is still allowed."""
    assert parse("x" * MAX_LENGTH, now=NOW) == Word("x" * MAX_LENGTH)
    assert len(parse(" ".join(f"w{n}" for n in range(MAX_CONDITIONS)), now=NOW).parts) == MAX_CONDITIONS  # type: ignore[union-attr]  # an And
    assert parse("(" * MAX_DEPTH + "x" + ")" * MAX_DEPTH, now=NOW) == Word("x")


@given(ANY_TEXT)
def test_any_text_is_a_query_or_is_refused(text: str) -> None:
    """With a place inside it, or just after its end."""
    try:
        parse(text, now=NOW)
    except QueryError as error:
        assert 1 <= error.column <= len(text) + 1  # noqa: PT017  # either outcome is right
        assert error.problems[0].detail  # noqa: PT017
        assert isinstance(error, Rejected)  # noqa: PT017


def test_who_never_parses_never_pays() -> None:
    """The parser's library is loaded by the first query."""
    code = "import sys; import common.model.search.grammar; print('lark' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
