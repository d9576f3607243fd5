"""Queries answered by reading every call, without any of the product's own search: what its answers are held to."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import snowballstemmer

from common.model.recording import Role
from common.model.search.query import (
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
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from common.model.search.document import CallDocument

_english = snowballstemmer.stemmer("english")


def plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+(?:'[a-z0-9]+)*", plain(text))


def reads(node: Node, call: CallDocument) -> bool:  # noqa: C901, PLR0911  # one step per kind
    """Whether a patient reader would say that the query means this call."""
    if isinstance(node, And):
        return all(reads(part, call) for part in node.parts)
    if isinstance(node, Or):
        return any(reads(part, call) for part in node.parts)
    if isinstance(node, Not):
        return not reads(node.part, call)
    if isinstance(node, Word):
        wanted = plain(node.text)
        for word in (word for text in texts(call, node.by) for word in words(text)):
            if word.startswith(wanted) if node.prefix else _english.stemWord(word) == _english.stemWord(wanted):
                return True
        return False
    if isinstance(node, Phrase):
        wanted_row = f" {' '.join(plain(word) for word in node.words)} "
        return any(wanted_row in f" {' '.join(words(text))} " for text in texts(call, node.by))
    if isinstance(node, Tracker):
        return any(
            plain(hit.tracker) == plain(node.name)
            and node.by in {None, hit.role}
            and (node.after or 0) <= hit.start < (node.before if node.before is not None else float("inf"))
            for hit in call.hits
        )
    if isinstance(node, Equals):
        return plain(node.value) in {plain(value) for value in values(node.facet, call)}
    assert isinstance(node, Compare)
    known = figure(node.figure, call)
    if known is None:
        return False
    return {
        Comparison.LESS: known < node.value,
        Comparison.AT_MOST: known <= node.value,
        Comparison.MORE: known > node.value,
        Comparison.AT_LEAST: known >= node.value,
    }[node.comparison]


def texts(call: CallDocument, by: Role | None) -> Iterable[str]:
    if by is None:
        yield from (call.name, *call.agents, *call.customers, call.summary)
    yield from (turn.text for turn in call.turns if by in {None, turn.role})


def values(facet: Facet, call: CallDocument) -> Iterable[str]:
    if facet in {Facet.AGENT, Facet.CUSTOMER}:
        role, names = (Role.AGENT, call.agents) if facet is Facet.AGENT else (Role.CUSTOMER, call.customers)
        return [
            *names,
            *(w for name in names for w in words(name)),
            *(speaker.email for speaker in call.speakers if speaker.role is role and speaker.email),
        ]
    mood = None
    if call.polarity is not None:
        mood = "negative" if call.polarity < -0.3 else "positive" if call.polarity > 0.3 else "neutral"
    found: dict[Facet, list[str | None]] = {
        Facet.COMPANY: [call.company],
        Facet.TOPIC: list(call.topics),
        Facet.SENTIMENT: [mood],
        Facet.DIRECTION: [call.direction],
        Facet.PRIORITY: [call.priority],
        Facet.LANGUAGE: [call.language_code],
        Facet.IS: [call.state],
        Facet.STATUS: [call.state],
        Facet.FAILURE_CLASS: [call.failure_class],
        Facet.HAS: list(call.has),
        Facet.EXTERNAL_ID: [call.external_id],
    }
    return [value for value in found[facet] if value is not None]


def figure(which: Figure, call: CallDocument) -> float | None:
    if which is Figure.HOUR:
        return (call.started_at.hour + call.started_at.minute / 60 + call.timezone_offset / 60) % 24 // 1
    return {
        Figure.LENGTH: call.duration_s,
        Figure.SILENCE: call.silence,
        Figure.TALK: call.talk,
        Figure.POLARITY: call.polarity,
        Figure.STARTED_AT: call.started_at.timestamp(),
    }[which]
