"""Queries as text: what is written is read as the same query, in both spellings and term by term."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.model.search.grammar import QueryError, Reason, as_machines_write, as_people_write, parse, terms_of, without
from common.model.search.query import EVERYTHING, Node, conjunction
from common.model.search.words import words_of
from tests.unit.common.model.search.queries import ANY_TEXT, QUERIES

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ZONES = [UTC, ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata"), ZoneInfo("America/Sao_Paulo")]


def read_again(text: str, zone: tzinfo) -> Node | None:
    """What the text means; None if it is beyond the limits, which is the one thing that may be wrong with it."""
    try:
        return parse(text, now=NOW, timezone=zone)
    except QueryError as error:
        if error.reason in {Reason.TOO_LONG, Reason.TOO_DEEP}:
            return None
        raise


@given(QUERIES, st.sampled_from(ZONES))
def test_a_query_as_people_write_it_is_the_same_query(query: Node, zone: tzinfo) -> None:
    """Roles, parentheses and days included, wherever the days begin."""
    assert read_again(as_people_write(query, timezone=zone), zone) in {query, None}


@given(QUERIES, st.sampled_from(ZONES))
def test_a_query_as_machines_write_it_is_the_same_query_in_every_zone(query: Node, zone: tzinfo) -> None:
    """Its times are in UTC."""
    assert read_again(as_machines_write(query), zone) in {query, None}


@given(ANY_TEXT, st.sampled_from(ZONES))
def test_whatever_is_read_can_be_written_and_read_again(text: str, zone: tzinfo) -> None:
    """Within the limits too: no chip and no link leads to a query that is refused."""
    try:
        query = parse(text, now=NOW, timezone=zone)
    except QueryError:
        return
    assert parse(as_people_write(query, timezone=zone), now=NOW, timezone=zone) == query
    assert parse(as_machines_write(query), now=NOW, timezone=zone) == query


@given(st.text())
def test_words_are_words_of_themselves(text: str) -> None:
    """Else a phrase would change each time it is written."""
    assert words_of(" ".join(words_of(text))) == words_of(text)


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("a OR b c", "(a OR b) c"),
        ("a AND (b AND c)", "a b c"),
        ("(a b) OR c", "(a b) OR c"),
        ("NOT (a OR b)", "-(a OR b)"),
        ("NOT NOT_A_KEYWORD", '-"not a keyword"'),
        ("by:agent sorry length>10m", "by:agent sorry length>10m"),
        ('(by:customer refund) said(sorry, "agent") billing', "(by:customer refund) (by:agent sorry) billing"),
        ('said(refund, "customer") said("late fee", "customer") crown', '(by:customer refund "late fee") crown'),
        ('said(refund, "customer") OR said(fee, "customer")', "by:customer (refund OR fee)"),
        ("by:agent -sorry", "by:agent -sorry"),
        ("by:agent (by:customer refund) sorry", "(by:customer refund) (by:agent sorry)"),
        ("NOT summary:*", "missing:summary"),
        ('agent:"Reyes" company:"OR"', 'agent:Reyes company:"OR"'),
        ("length>3600s length<=5400 length>90s", "length>1h length<=1h30m length>90s"),
        ("on:2026-11-01", "after:2026-11-01 before:2026-11-02"),
        ("after:2026-11-01T09:30:00-05:00", "after:2026-11-01T14:30:00Z"),
    ],
)
def test_people_write_it_so(text: str, people: str) -> None:
    """Parentheses stand where OR and AND meet, and around what only one role says."""
    assert as_people_write(parse(text, now=NOW)) == people


def test_days_begin_where_the_reader_is() -> None:
    """The same day is another time in another zone."""
    query = parse("after:2026-11-01", now=NOW, timezone=ZoneInfo("America/New_York"))

    assert as_machines_write(query) == 'start_time >= "2026-11-01T04:00:00Z"'
    assert as_people_write(query, timezone=ZoneInfo("America/New_York")) == "after:2026-11-01"
    assert as_people_write(query, timezone=UTC) == "after:2026-11-01T04:00:00Z"


def test_each_term_can_be_taken_away() -> None:
    """A chip shows what it stands for, and leads to the query without it."""
    terms = terms_of(parse('(refund OR fee) agent:brooks by:customer "speak to a supervisor"', now=NOW))

    assert [(term.text, as_people_write(term.rest)) for term in terms] == [
        ("by:customer (refund OR fee)", 'agent:brooks by:customer "speak to a supervisor"'),
        ("agent:brooks", 'by:customer (refund OR fee) "speak to a supervisor"'),
        ('by:customer "speak to a supervisor"', "by:customer (refund OR fee) agent:brooks"),
    ]


@given(QUERIES)
def test_terms_are_the_whole_query(query: Node) -> None:
    """Together they mean what it means; without all of them it means everything."""
    terms = terms_of(query)
    rest = query
    for term in terms:
        rest = without(rest, term.part)

    assert conjunction(term.part for term in terms) == query
    assert rest == EVERYTHING
    assert terms_of(EVERYTHING) == []
