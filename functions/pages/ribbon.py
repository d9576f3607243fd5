"""The call ribbon: a call's shape in a small picture, who spoke when, in what mood, and where trackers fired. Pure.

Sixty bins; the agent above, the customer below, marks between them. Rectangles of one kind are one path, so that a list
of twenty-five ribbons costs a few kilobytes, compressed well under one each.
"""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING

from common.model.recording import Role
from common.model.search.document import mood
from common.model.transcript import clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from common.model.search.document import CallDocument, Spoken

BINS = 60
HEIGHT = 22
_LANES: Mapping[Role, tuple[int, int]] = {Role.AGENT: (0, 9), Role.CUSTOMER: (13, 9), Role.OTHER: (9, 4)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ribbon:
    """Paths by class (`agent`, `customer-negative` ...), marks as bins, and the same in words."""

    paths: tuple[tuple[str, str], ...]
    marks: tuple[int, ...]
    words: str


def ribbon_of(call: CallDocument) -> Ribbon | None:
    """The ribbon of a call; None where nothing was said, or nothing is known yet."""
    if not call.turns or not call.duration_s:
        return None
    bins: dict[tuple[Role, int], str] = {}
    for turn in call.turns:
        for number in _bins(turn, call.duration_s):
            bins[turn.role, number] = _class(turn)
    runs: dict[str, list[str]] = collections.defaultdict(list)
    for role, (top, height) in _LANES.items():
        for class_, first, length in _runs(bins.get((role, number)) for number in range(BINS)):
            runs[class_].append(f"M{first} {top}h{length}v{height}h-{length}z")
    marks = sorted({min(int(hit.start / call.duration_s * BINS), BINS - 1) for hit in call.hits})
    return Ribbon(
        paths=tuple((class_, "".join(parts)) for class_, parts in sorted(runs.items())),
        marks=tuple(marks),
        words=_in_words(call),
    )


def _bins(turn: Spoken, duration: float) -> range:
    first = int(turn.start / duration * BINS)
    last = int(max(turn.end - 0.01, turn.start) / duration * BINS)
    return range(max(first, 0), min(last, BINS - 1) + 1)


def _class(turn: Spoken) -> str:
    """A lane's own colour, but for a clear mood."""
    tone = mood(turn.polarity)
    return f"{turn.role}-{tone}" if tone in {"negative", "positive"} else str(turn.role)


def _runs(classes: Iterable[str | None]) -> Iterable[tuple[str, int, int]]:
    """Equal neighbours together: class, first bin, number of bins."""
    current, first, number = None, 0, 0
    for number, class_ in enumerate([*classes, None]):
        if class_ != current:
            if current is not None:
                yield current, first, number - first
            current, first = class_, number


def _in_words(call: CallDocument) -> str:
    talked = {role: sum(turn.end - turn.start for turn in call.turns if turn.role is role) for role in _LANES}
    shares = [
        f"{name} {round(100 * talked[role] / call.duration_s)} %"
        for role, name in ((Role.AGENT, "agent"), (Role.CUSTOMER, "customer"))
    ]
    tone = mood(call.polarity)
    found = f"; {', '.join(call.trackers)}" if call.trackers else ""
    return f"{clock(call.duration_s)} long: {', '.join(shares)}{f'; customer {tone}' if tone else ''}{found}"
