"""The names of what may be asked, in both spellings, and the words that some of them take."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from common.model.job import FailureClass
from common.model.lifecycle import JobStatus
from common.model.recording import LANGUAGES, Direction, Priority
from common.model.search.query import Facet, Figure

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, kw_only=True)
class Name:
    """How people and machines call a property; `aliases` are read and never written."""

    people: str
    machines: str
    aliases: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every name that is read."""
        return (self.people, self.machines, *self.aliases)


FACETS: Mapping[Facet, Name] = {
    Facet.COMPANY: Name(people="company", machines="company"),
    Facet.AGENT: Name(people="agent", machines="agent", aliases=("agents",)),
    Facet.CUSTOMER: Name(people="customer", machines="customer", aliases=("caller",)),
    Facet.TOPIC: Name(people="topic", machines="topics"),
    Facet.SENTIMENT: Name(people="sentiment", machines="sentiment"),
    Facet.DIRECTION: Name(people="direction", machines="direction"),
    Facet.PRIORITY: Name(people="priority", machines="priority"),
    Facet.LANGUAGE: Name(people="language", machines="language"),
    Facet.IS: Name(people="is", machines="state"),
    Facet.STATUS: Name(people="status", machines="status"),
    Facet.FAILURE_CLASS: Name(people="failure_class", machines="failure_class"),
    Facet.EXTERNAL_ID: Name(people="external_id", machines="external_id"),
}
FIGURES: Mapping[Figure, Name] = {
    Figure.LENGTH: Name(people="length", machines="duration"),
    Figure.SILENCE: Name(people="silence", machines="silence_ratio"),
    Figure.TALK: Name(people="talk", machines="talk_ratio"),
    Figure.POLARITY: Name(people="sentiment", machines="customer_polarity"),
    Figure.STARTED_AT: Name(people="start_time", machines="start_time", aliases=("started_at",)),
    Figure.HOUR: Name(people="hour", machines="hour"),
}
#: What a call may have, and the machines' field for it: `has:topic` is `topics:*`.
KINDS: Mapping[str, str] = {
    "transcript": "transcript",
    "topic": "topics",
    "tracker": "trackers",
    "question": "questions",
    "action-item": "action_items",
    "follow-up": "follow_ups",
    "summary": "summary",
}
#: The only values of these; all others take any text.
VALUES: Mapping[Facet, tuple[str, ...]] = {
    Facet.SENTIMENT: ("negative", "neutral", "positive"),
    Facet.DIRECTION: tuple(Direction),
    Facet.PRIORITY: tuple(Priority),
    Facet.LANGUAGE: LANGUAGES,
    Facet.IS: ("processing", "completed", "failed"),
    Facet.STATUS: tuple(JobStatus),
    Facet.FAILURE_CLASS: tuple(FailureClass),
    Facet.HAS: tuple(KINDS),
}
TRACKER = Name(people="tracker", machines="trackers")
SCOPE = "by"
PRESENCE = ("has", "missing")
DATES = ("after", "before", "on")
#: Functions, as machines write what was said by whom, and which tracker was found when.
SAID, TRACKER_HIT = FUNCTIONS = ("said", "tracker_hit")
#: Known of other systems, and not of ours.
NOT_YET = frozenset({"score", "audio", "comment", "comments", "review"})


def plain(name: str) -> str:
    """A name or word as it is compared: `Action-Item` is `action_item`."""
    return name.lower().replace("-", "_")


FACET_OF: Mapping[str, Facet] = {spelt: facet for facet, name in FACETS.items() for spelt in name.all}
FIGURE_OF: Mapping[str, Figure] = {spelt: figure for figure, name in FIGURES.items() for spelt in name.all}
KIND_OF: Mapping[str, str] = {field: kind for kind, field in KINDS.items()} | {plain(kind): kind for kind in KINDS}
KNOWN: tuple[str, ...] = tuple(
    dict.fromkeys((*FACET_OF, *FIGURE_OF, *TRACKER.all, SCOPE, *PRESENCE, *DATES, *KINDS.values()))
)
