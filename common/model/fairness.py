"""Whose turn it is when a slot is free.

Live before backfill, with a share of the turns for backfill; then the company with the fewest active jobs; then the
one whose turn was longest ago; within a lane the oldest request. Only the lanes are read to find who is next, never the
queue.
"""

from __future__ import annotations

import collections
import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING

from common.model.recording import Priority

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Mapping

#: While both wait, backfill gets this share of the turns: drawn by lot, so that it holds with any cap, however often
#: dispatch runs, and without a count that two dispatchers would have to agree on.
BACKFILL_SHARE = 0.1


@dataclasses.dataclass(frozen=True, order=True)
class Lane:
    """The requests of one company and one priority that wait for a slot."""

    company: str
    priority: Priority

    @property
    def name(self) -> str:
        """Its key."""
        return f"{self.priority}/{self.company}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line:
    """Who waits in a lane: how many, counted up to a limit, and since when the first of them may be claimed."""

    lane: Lane
    waiting: int
    since: datetime | None  #: None where nobody waits; to come, where it was put back and rests until then


@dataclasses.dataclass(frozen=True, kw_only=True)
class QueueLane:
    """What is stored of a lane. `waiting` False means that no request of it is pending; True, that one may be."""

    company: str
    priority: Priority
    waiting: bool

    @property
    def lane(self) -> Lane:
        """Which lane it is."""
        return Lane(self.company, self.priority)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DispatchTurns:
    """Names of lanes that have had a turn and still wait, the latest turn last."""

    lanes: tuple[str, ...] = ()


class Turns:
    """Deals turns to the lanes that wait. `active` is the number of active jobs by company, `before` the turns so far.

    A lane that never had a turn comes before those that had one.
    """

    def __init__(
        self,
        waiting: Iterable[Lane],
        *,
        active: Mapping[str, int],
        before: DispatchTurns,
        chance: random.Random,
    ) -> None:
        self._waiting = set(waiting)
        self._active = collections.Counter(active)
        self._turn = {name: turn for turn, name in enumerate(before.lanes, start=1)}
        self._latest = len(before.lanes)
        self._chance = chance

    def next(self) -> Lane | None:
        """Whose turn it is; None when nobody waits."""
        if not self._waiting:
            return None
        return min(self._group(), key=lambda lane: (self._active[lane.company], self._turn.get(lane.name, 0), lane))

    def taken(self, lane: Lane) -> None:
        """The lane had its turn: one more job of its company is active."""
        self._active[lane.company] += 1
        self._latest += 1
        self._turn[lane.name] = self._latest

    def empty(self, lane: Lane) -> None:
        """Nobody (else) waits in the lane."""
        self._waiting.discard(lane)

    def so_far(self) -> DispatchTurns:
        """To be kept for the next run, while there is more than one lane to be fair to.

        Lanes that have emptied begin anew.
        """
        had = [lane.name for lane in self._waiting if lane.name in self._turn]
        if len(self._waiting) == 1:
            return DispatchTurns()
        return DispatchTurns(lanes=tuple(sorted(had, key=self._turn.__getitem__)))

    def _group(self) -> list[Lane]:
        """The lanes of the priority whose turn it is."""
        live = [lane for lane in self._waiting if lane.priority is Priority.LIVE]
        backfill = [lane for lane in self._waiting if lane.priority is Priority.BACKFILL]
        if live and backfill:
            return backfill if self._chance.random() < BACKFILL_SHARE else live
        return live or backfill
