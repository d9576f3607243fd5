"""The page that explains the query language: its fields, from the table that the parser reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from common.model.search.fields import DATES, FACETS, FIGURES, KINDS, TRACKER, VALUES
from common.model.search.query import Facet, Figure

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What cannot be read off the names: words, and who said them.
WORDS: Sequence[tuple[str, str]] = (
    ("late fee", "both words occur, in any form"),
    ('"late fee"', "the words follow each other, exactly so"),
    ("cancel*", "some word begins so"),
    ("-refund", "the word does not occur"),
    ("(refund OR credit) card", "one of the two, and the third; OR binds tighter than AND"),
    ("by:customer refund", "the customer says it; likewise by:agent, by:other"),
    ('tracker:"Recording Disclosure"<15s', "the tracker was found in the first 15 seconds"),
    ('by:agent -tracker:"Recording Disclosure"', "the agent's disclosure is missing"),
)
_EXAMPLES: Mapping[Figure, str] = {
    Figure.LENGTH: "length>90s",
    Figure.SILENCE: "silence>20%",
    Figure.TALK: "talk<40%",
    Figure.POLARITY: "sentiment<-0.3",
    Figure.STARTED_AT: "after:2026-11-01",
    Figure.HOUR: "hour:9..17",
}


@dataclasses.dataclass(frozen=True)
class FieldHelp:
    """A field in both spellings, with its values where they are fixed."""

    people: str
    machines: str
    aliases: Sequence[str]
    values: Sequence[str]
    example: str


@dataclasses.dataclass(frozen=True)
class SearchHelp:
    """Everything on the page."""

    words: Sequence[tuple[str, str]]
    properties: Sequence[FieldHelp]
    figures: Sequence[FieldHelp]
    kinds: Sequence[str]
    dates: Sequence[str]


def search_help() -> SearchHelp:
    """The page."""
    properties = [
        FieldHelp(name.people, name.machines, name.aliases, VALUES.get(facet, ()), _example(facet, name.people))
        for facet, name in FACETS.items()
    ]
    tracker = FieldHelp(TRACKER.people, TRACKER.machines, TRACKER.aliases, (), "tracker:Escalation")
    figures = [
        FieldHelp(name.people, name.machines, name.aliases, (), _EXAMPLES[figure]) for figure, name in FIGURES.items()
    ]
    return SearchHelp(words=WORDS, properties=[*properties, tracker], figures=figures, kinds=tuple(KINDS), dates=DATES)


def _example(facet: Facet, name: str) -> str:
    values = VALUES.get(facet)
    given = {Facet.COMPANY: '"Brightline Mobile"', Facet.TOPIC: '"double charge"', Facet.EXTERNAL_ID: "crm-77"}
    return f"{name}:{values[0] if values else given.get(facet, 'brooks')}"
