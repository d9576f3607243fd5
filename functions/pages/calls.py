"""What the list of calls shows: one query, one lookup and one count; no transcript is opened. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from common.model.intelligence import SectionState, missing_sections
from common.model.listing import DEFAULT_ORDER
from common.model.recording import RecordingId
from common.model.search.facets import Facet, narrowed, says, value_of
from common.model.search.grammar import as_people_write, terms_of
from common.model.search.query import Node
from common.model.search.results import COUNTED, excerpts
from common.model.transcript import clock
from functions.pages import marking
from functions.pages.ribbon import Ribbon, ribbon_of
from functions.pages.transcript import position_text
from functions.pages.words import Moment, Mood, Status, label, length, moment, mood, plural, status_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from common.model.job import SymblAsyncRequest
    from common.model.listing import ListQuery
    from common.model.search.document import CallDocument

Parameters = dict[str, "str | list[str]"]

_FIRST = "first"
#: An excerpt of a turn is cut to so many characters, and begins at most so many before what was found.
LONGEST_HIT = 220
LEAD_IN = 60
#: How many pages a reader can go back one by one; further back, "Newest" leads to the beginning.
TRAIL = 8
#: What a reader may sort by, and whether descending is what is asked for first.
_SORTED_BY: Mapping[str, tuple[str, bool]] = {
    "started_at": ("Started", True),
    "duration": ("Length", True),
    "sentiment": ("Customer", False),
}
_DIRECTION: Mapping[bool, str] = {True: "desc", False: "asc"}
#: By column: which calls come first where it ascends, and where it descends.
_ORDER_IN_WORDS: Mapping[str, tuple[str, str]] = {
    "started_at": ("the earliest first", "the latest first"),
    "created_at": ("the first added first", "the last added first"),
    "duration": ("the shortest first", "the longest first"),
    "sentiment": ("the unhappiest first", "the happiest first"),
}
_WORD = re.compile(r"[\w-]+")
_COUNTED: Mapping[str, str] = {
    "trackers": "tracker",
    "questions": "question",
    "action_items": "action item",
    "follow_ups": "follow-up",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hit:
    """Where a call was found: a turn, in pieces that say whether they were looked for."""

    position: str
    anchor: str
    at: str
    name: str
    pieces: tuple[tuple[str, bool], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Narrowing:
    """A value of a call, and the search for the calls that have it too; None where the search says so already."""

    text: str
    search: Parameters | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class CallRow:
    """One call of the list."""

    id: RecordingId
    name: str
    company: Narrowing
    agents: tuple[Narrowing, ...]
    started: Moment
    length: str
    status: Status
    ribbon: Ribbon | None
    mood: Mood | None
    trackers: tuple[Narrowing, ...]
    results: str
    hits: tuple[Hit, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chip:
    """One condition of the search, and the search without it."""

    text: str
    without: Parameters
    rest: Node
    count: str | None = None  #: how many calls are found without it


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sorting:
    """A column to sort by: where a click leads, and in words how it is sorted by now, if it is."""

    text: str
    parameters: Parameters
    now: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mistake:
    """Where a query cannot be read: its text before, at and after that place, and how it may have been meant."""

    before: str
    at: str
    after: str
    meant: str | None


def mistaken(text: str, *, column: str, suggestion: str | None = None) -> Mistake:
    """`column` counts characters from 1; `suggestion` stands for the word that is there."""
    start = int(column) - 1
    found = _WORD.match(text, start)
    end = found.end() if found else min(start + 1, len(text))
    return Mistake(
        before=text[:start],
        at=text[start:end],
        after=text[end:],
        meant=f"{text[:start]}{suggestion}{text[end:]}" if suggestion else None,
    )


def call_rows(
    calls: Iterable[CallDocument],
    requests: Mapping[RecordingId, SymblAsyncRequest],
    *,
    asked: Node,
    kept: Mapping[str, str],
) -> list[CallRow]:
    """The rows in the order of `calls`; one whose request is gone is left out. `kept` goes along to other searches."""
    return [_row(call, requests[call.recording_id], asked, kept) for call in calls if call.recording_id in requests]


def chips(query: ListQuery, kept: Mapping[str, str]) -> list[Chip]:
    """The conditions of a search, each of which can be taken off."""
    return [Chip(text=term.text, without=_search(term.rest, kept), rest=term.rest) for term in terms_of(query.asked)]


def with_counts(taken_off: Iterable[Chip], counts: Iterable[int | None]) -> list[Chip]:
    """Each with how many calls are found without it."""
    return [
        chip if count is None else dataclasses.replace(chip, count=_in_words(count))
        for chip, count in zip(taken_off, counts, strict=True)
    ]


def _search(node: Node, kept: Mapping[str, str]) -> Parameters:
    """The parameters of a search, in the order and with the size of this one."""
    text = as_people_write(node)
    return {**({"filter": text} if text else {}), **{name: kept[name] for name in kept if name != "filter"}}


def sortings(query: ListQuery, kept: Mapping[str, str]) -> list[Sorting]:
    """The columns by which the list may be sorted; the present one leads to its other direction."""
    column, _, direction = query.order.partition(" ")
    descends = direction == "desc"
    return [
        Sorting(
            text=text,
            parameters={**kept, "order_by": f"{name} {_DIRECTION[not descends if name == column else first]}"},
            now=_ORDER_IN_WORDS[name][descends] if name == column else None,
        )
        for name, (text, first) in _SORTED_BY.items()
    ]


def order_in_words(query: ListQuery) -> str:
    """Which calls come first."""
    column, _, direction = query.order.partition(" ")
    return _ORDER_IN_WORDS[column][direction == "desc"]


def found_in_words(count: int | None, *, shown: int, first: bool, more: bool) -> str:
    """How many calls there are, as far as is known."""
    if count is None and first and not more:
        return plural(shown, "call")
    if count is None:
        onwards = ", and more; how many, only opening each of them would tell" if more else ""
        return f"{plural(shown, 'call')} here{onwards}"
    return _in_words(count)


def _in_words(count: int) -> str:
    if count >= COUNTED:
        return f"more than {COUNTED - 1:,} calls".replace(",", " ")
    return plural(count, "call")


def _row(call: CallDocument, request: SymblAsyncRequest, asked: Node, kept: Mapping[str, str]) -> CallRow:
    looked_for = marking.asked(asked)
    return CallRow(
        id=call.recording_id,
        name=call.name,
        company=_narrowing(asked, kept, Facet.COMPANY, call.company),
        agents=tuple(_narrowing(asked, kept, Facet.AGENT, name) for name in call.agents),
        started=moment(call.started_at, call.timezone_offset),
        length=length(timedelta(seconds=call.duration_s)),
        status=status_of(request),
        ribbon=ribbon_of(call),
        mood=mood(call.polarity) if call.polarity is not None else None,
        trackers=tuple(_narrowing(asked, kept, Facet.TRACKER, name) for name in call.trackers),
        results=_results(request),
        hits=tuple(
            Hit(
                position=position_text(hit.start),
                anchor=f"turn-{hit.number}",
                at=clock(hit.start),
                name=hit.name,
                pieces=_excerpt(hit.text, looked_for(hit.role, hit.text)),
            )
            for hit in excerpts(asked, call)
        ),
    )


def _excerpt(text: str, spans: Sequence[tuple[int, int]]) -> tuple[tuple[str, bool], ...]:
    """A turn with what was found in it marked; a long one is cut to where it was first found."""
    start = 0
    if len(text) > LONGEST_HIT and spans and spans[0][0] > LEAD_IN:
        first = spans[0][0]
        start = max(text.rfind(" ", first - LEAD_IN, first - LEAD_IN // 2) + 1, first - LEAD_IN)
    end = start + LONGEST_HIT
    kept = [(max(a, start) - start, min(b, end) - start) for a, b in spans if a < end and b > start]
    before = (("… ", False),) if start else ()
    after = ((" …", False),) if end < len(text) else ()
    return (*before, *marking.pieces(text[start:end], kept), *after)


def _narrowing(asked: Node, kept: Mapping[str, str], facet: Facet, name: str) -> Narrowing:
    value = value_of(facet, name)
    if says(asked, facet, value):
        return Narrowing(text=name, search=None)
    found = narrowed(asked, facet, value.condition)
    return Narrowing(text=name, search=_search(found, kept) if found is not None else None)


def _results(request: SymblAsyncRequest) -> str:
    """What was found, in counts; what is missing, by name; empty where nothing is there."""
    stored = {section.name: section.count for section in request.sections if section.state is SectionState.STORED}
    if not stored:
        return ""
    found = [plural(stored[name], thing) for name, thing in _COUNTED.items() if stored.get(name)]
    missing = [label(section.name).lower() for section in missing_sections(request.sections)]
    parts = [", ".join(found) or "transcript only"] + ([f"still without {', '.join(missing)}"] if missing else [])
    return "; ".join(parts)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Paging:
    """Where the neighbouring pages are: cursors lead only onwards, so a page's address carries the way it was reached.

    `trail` has the tokens of the pages before this one, "first" for the first; the latest is last. `kept` goes along
    from page to page: filter, order, size.
    """

    token: str | None
    trail: tuple[str, ...]
    next_token: str | None
    kept: Mapping[str, str]

    @property
    def context(self) -> dict[str, str]:
        """What goes along to a call's page: by it that page knows what to mark, and what stands beside the call.

        The order is always told: without it, a call of the bare list would be one that was opened from nowhere.
        """
        return {"order_by": DEFAULT_ORDER, **{name: value for name, value in self.kept.items() if name != "page_size"}}

    @property
    def is_first(self) -> bool:
        """Whether nothing is newer."""
        return not self.token

    @property
    def newest(self) -> Parameters:
        """Parameters of the first page."""
        return dict(self.kept)

    @property
    def newer(self) -> Parameters | None:
        """Parameters of the page before; None on the first, and where the way back is forgotten."""
        if not self.trail:
            return None
        *before, latest = self.trail
        return {**self.kept, "page_token": "" if latest == _FIRST else latest, "trail": before}

    @property
    def older(self) -> Parameters | None:
        """Parameters of the page that follows; None on the last."""
        if not self.next_token:
            return None
        return {**self.kept, "page_token": self.next_token, "trail": [*self.trail, self.token or _FIRST][-TRAIL:]}
