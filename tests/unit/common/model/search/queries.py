"""Every kind of query, for properties: trees as reading a text gives them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from common.model.recording import Role
from common.model.search.fields import FACETS, VALUES
from common.model.search.query import (
    Compare,
    Comparison,
    Condition,
    Equals,
    Facet,
    Figure,
    Node,
    Phrase,
    Tracker,
    Word,
    at,
    conjunction,
    disjunction,
    negation,
)
from common.model.search.words import words_of

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_LETTERS = st.characters(exclude_categories=("Cc", "Cs"))
_NAMES = st.text(_LETTERS, max_size=12).map(lambda text: " ".join(text.split())).filter(bool)
_ROLES = st.none() | st.sampled_from(Role)
_WORD = (
    st.text(_LETTERS, min_size=1, max_size=8).map(words_of).filter(lambda words: len(words) == 1).map(lambda w: w[0])
)
_COMMON_WORDS = st.sampled_from(["refund", "don't", "or", "and", "not", "24", "über", "हिन्दी"])
_PREFIXES = (_COMMON_WORDS | _WORD).filter(lambda word: sum(sign.isalnum() for sign in word) >= 3)
_SECONDS = st.integers(0, 604_800_000).map(lambda ms: ms / 1000) | st.integers(0, 604_800).map(float)
_SHARES = st.floats(0, 1, allow_subnormal=False) | st.integers(0, 1000).map(lambda share: share / 1000)
_POLARITIES = st.floats(-1, 1, allow_subnormal=False) | st.integers(-100, 100).map(lambda score: score / 100)
_MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001  # bounds are naive
_DAYS = _MOMENTS.map(lambda moment: moment.replace(hour=0, minute=0, second=0, microsecond=0))
_AMOUNTS = {
    Figure.LENGTH: _SECONDS,
    Figure.SILENCE: _SHARES,
    Figure.TALK: _SHARES,
    Figure.POLARITY: _POLARITIES,
    Figure.STARTED_AT: (_MOMENTS | _DAYS).map(at),
    Figure.HOUR: st.integers(0, 24).map(float),
}


@st.composite
def _trackers(draw: st.DrawFn) -> Tracker:
    after, before = sorted(draw(st.sets(_SECONDS.filter(bool), min_size=2, max_size=2)))
    shown = draw(st.tuples(st.booleans(), st.booleans()))
    return Tracker(draw(_NAMES), draw(_ROLES), after if shown[0] else None, before if shown[1] else None)


def _equals(facet: Facet) -> SearchStrategy[Equals]:
    return st.builds(Equals, st.just(facet), st.sampled_from(VALUES[facet]) if facet in VALUES else _NAMES)


def _compares(figure: Figure) -> SearchStrategy[Compare]:
    return st.builds(Compare, st.just(figure), st.sampled_from(Comparison), _AMOUNTS[figure])


CONDITIONS: SearchStrategy[Condition] = st.one_of(
    st.builds(Word, _COMMON_WORDS | _WORD, by=_ROLES),
    st.builds(Word, _PREFIXES, prefix=st.just(True), by=_ROLES),
    st.builds(Phrase, st.lists(_COMMON_WORDS | _WORD, min_size=1, max_size=3).map(tuple), _ROLES),
    _trackers(),
    st.sampled_from([*FACETS, Facet.HAS]).flatmap(_equals),
    st.sampled_from(Figure).flatmap(_compares),
)


def _compounds(parts: SearchStrategy[Node]) -> SearchStrategy[Node]:
    several = st.lists(parts, min_size=1, max_size=4)
    return several.map(conjunction) | several.map(disjunction) | parts.map(negation)


QUERIES: SearchStrategy[Node] = st.recursive(CONDITIONS, _compounds, max_leaves=8)
#: Texts near to queries: what people type, cut and joined at random.
_PIECES = [
    "agent:", "reyes", '"gift card"', "(", ")", " ", "OR", "AND", "NOT", "-", "by:agent ", "by:", "tracker:x", "<60s",
    ">=", "said(", "tracker_hit(", ",", '"', "\\", "*", "can*", "hour:", "9..17", "after:", "today", "sentiment",
    "<-0.3", "%", "20", "topics:*", "missing:summary", "is:failed", "!=", "=", ":", "..", "\x00", "\ud800", "é",
    "\u2028", "1h", "start_time", "2026-11-01", "24:00", "9999-12-31", "0" * 40, "is:", "length>", "٣", "(" * 12,
    "x y z " * 8,
]  # fmt: skip
NEARLY_QUERIES: SearchStrategy[str] = st.lists(st.sampled_from(_PIECES), max_size=14).map("".join)
ANY_TEXT: SearchStrategy[str] = NEARLY_QUERIES | st.text(max_size=60) | st.text(st.characters(codec=None), max_size=30)
