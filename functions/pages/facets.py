"""The lists above the calls from which a search is narrowed: what they offer, in words. Pure."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from common.model.search.facets import NAMED, Facet, offers, without
from common.model.search.grammar import as_people_write
from common.model.search.results import COUNTED
from functions.pages.words import MISSING, label, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from common.model.search.facets import Choice, Offer
    from common.model.search.query import Node

TITLES: Mapping[Facet, str] = {
    Facet.COMPANY: "Company",
    Facet.AGENT: "Agent",
    Facet.SENTIMENT: "Customer",
    Facet.TRACKER: "Tracker",
    Facet.TOPIC: "Topic",
    Facet.LENGTH: "Length",
    Facet.STATUS: "Status",
    Facet.DIRECTION: "Direction",
    Facet.HAS: "With",
    Facet.MISSING: "Without",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Option:
    """A value: what a person reads, and the condition as the form sends it."""

    text: str
    condition: str
    is_chosen: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class FacetList:
    """A list to choose from; `left_out` is how many more values are known."""

    name: str
    title: str
    options: tuple[Option, ...]
    left_out: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class FacetBar:
    """All lists; `rest` is what the search says of none of them."""

    lists: tuple[FacetList, ...]
    rest: str
    is_counted: bool
    lacks_counts: bool  #: whether some value is offered of which no token tells how many calls have it


def facet_bar(asked: Node, counted: Iterable[Offer] | None) -> FacetBar:
    """The lists with their counts; without counts, those whose values are known beforehand have them."""
    rest = asked
    for facet in Facet:
        rest = without(rest, facet)
    found = list(offers(asked, Facet, {}) if counted is None else counted)
    return FacetBar(
        lists=tuple(_list(offer, is_counted=counted is not None) for offer in found),
        rest=as_people_write(rest),
        is_counted=counted is not None,
        lacks_counts=counted is not None and any(choice.count is None for offer in found for choice in offer.choices),
    )


def _list(offer: Offer, *, is_counted: bool) -> FacetList:
    """What is chosen and not among the values is offered first: the form would lose it."""
    options = [_option(offer.facet, choice, is_counted=is_counted) for choice in offer.choices]
    if offer.chosen is not None and not any(option.is_chosen for option in options):
        text = as_people_write(offer.chosen)
        options.insert(0, Option(text=text.partition(":")[2].strip('"') or text, condition=text, is_chosen=True))
    return FacetList(name=offer.facet.value, title=TITLES[offer.facet], options=tuple(options), left_out=offer.left_out)


def _option(facet: Facet, choice: Choice, *, is_counted: bool) -> Option:
    name = choice.value.name
    text = name if facet in NAMED | {Facet.LENGTH} else label(name.replace("-", "_"))
    return Option(
        text=f"{text} ({_count(choice.count)})" if is_counted else text,
        condition=as_people_write(choice.value.condition),
        is_chosen=choice.is_chosen,
    )


def _count(count: int | None) -> str:
    if count is None:
        return MISSING
    return f"{number(COUNTED - 1)}+" if count == COUNTED else number(count)
