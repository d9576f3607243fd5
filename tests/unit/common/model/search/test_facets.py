"""Facets: what a value asks for, what it takes the place of, and how many are offered."""

from __future__ import annotations

import pytest

from common.model.search.facets import (
    MOST_COUNTS,
    MOST_VALUES,
    NAMED,
    Facet,
    chosen,
    fixed_values,
    narrowed,
    offers,
    says,
    value_of,
    without,
)
from common.model.search.grammar import as_machines_write, as_people_write, parse
from common.model.search.plan import plan_of
from common.model.search.query import EVERYTHING
from tests.factories import NOW

EVERY_VALUE = [(facet, value) for facet in Facet for value in fixed_values(facet)] + [
    (facet, value_of(facet, 'O"Neil & Co')) for facet in sorted(NAMED)
]


@pytest.mark.parametrize(("facet", "value"), EVERY_VALUE, ids=str)
def test_every_value_can_be_written_and_counted(facet: Facet, value: object) -> None:
    """In both spellings; what a form sends is read as the same condition; no call has to be opened for its count."""
    condition = value.condition  # type: ignore[attr-defined]  # a Value

    for written in (as_people_write(condition), as_machines_write(condition)):
        assert parse(written, now=NOW) == condition
    assert plan_of(condition).summands is not None
    assert chosen(condition, facet) == condition
    assert without(condition, facet) == EVERYTHING


@pytest.mark.parametrize(
    ("asked", "facet", "name", "wanted"),
    [
        ("refund", Facet.SENTIMENT, "negative", "refund sentiment:negative"),
        ("sentiment:positive refund", Facet.SENTIMENT, "negative", "refund sentiment:negative"),
        ("length>5m refund length<20m", Facet.LENGTH, "under 1 min", "refund length<1m"),
        ("tracker:Refund tracker:Outage<60s", Facet.TRACKER, "Pricing", "tracker:Outage<60s tracker:Pricing"),
        ("has:topic missing:topic", Facet.HAS, "summary", "missing:topic has:summary"),
        ("(company:Acme OR refund)", Facet.COMPANY, "Bolt", "(company:Acme OR refund) company:Bolt"),
        ("-company:Acme", Facet.COMPANY, "Bolt", "-company:Acme company:Bolt"),
        ("status:failed", Facet.STATUS, "completed", "is:completed"),
    ],
)
def test_a_value_takes_the_place_of_its_facet_alone(asked: str, facet: Facet, name: str, wanted: str) -> None:
    """What is said otherwise of it, such as that it must not be so, stays."""
    found = narrowed(parse(asked, now=NOW), facet, value_of(facet, name).condition)

    assert found is not None
    assert found == parse(wanted, now=NOW)


def test_a_value_that_the_query_has_is_known_however_it_is_spelled() -> None:
    """Case does not matter."""
    asked = parse('AGENT:"ann agent"', now=NOW)

    assert says(asked, Facet.AGENT, value_of(Facet.AGENT, "Ann Agent"))
    assert not says(asked, Facet.AGENT, value_of(Facet.AGENT, "Bob"))
    assert not says(EVERYTHING, Facet.AGENT, value_of(Facet.AGENT, "Bob"))


def test_no_more_is_offered_than_can_be_counted() -> None:
    """Names give way, evenly; one facet alone has its eight; what is left out is told."""
    names = {facet: [f"{facet} {number}" for number in range(20)] for facet in NAMED}

    found = {offer.facet: offer for offer in offers(EVERYTHING, Facet, names)}

    assert list(found) == list(Facet)
    assert {len(found[facet].choices) for facet in NAMED} == {5}
    assert found[Facet.AGENT].left_out == 15
    assert 1 + sum(len(offer.choices) for facet, offer in found.items() if facet is not Facet.MISSING) <= MOST_COUNTS
    (alone,) = offers(EVERYTHING, [Facet.TOPIC], names)
    assert len(alone.choices) == MOST_VALUES


def test_a_query_with_as_many_conditions_as_there_may_be_is_not_narrowed() -> None:
    """The link would lead to a refusal."""
    full = parse(" ".join(f"word{number}" for number in range(20)), now=NOW)

    assert narrowed(full, Facet.HAS, value_of(Facet.HAS, "topic").condition) is None
    assert all(not offer.choices for offer in offers(full, [Facet.HAS, Facet.STATUS], {}))
