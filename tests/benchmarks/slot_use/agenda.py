"""What is to happen, in order of time. The clock goes from one thing to the next, and stands still meanwhile."""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING

from tests.benchmarks.slot_use.load import START
from tests.callee import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta


class Agenda:
    """A discrete-event simulation's heap and its clock."""

    def __init__(self) -> None:
        self.clock = ManualClock(START)
        self._entries: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def at(self, moment: datetime, action: Callable[[], None]) -> None:
        """Have `action` happen; of two at one moment, the one that was planned first."""
        heapq.heappush(self._entries, (moment, next(self._order), action))

    def after(self, delay: timedelta, action: Callable[[], None]) -> None:
        """Have `action` happen that much later."""
        self.at(self.clock() + delay, action)

    def every(
        self, period: timedelta, action: Callable[[], None], *, first: timedelta, over: Callable[[], bool]
    ) -> None:
        """Have `action` happen after `first`, then in each `period`, until all is over."""

        def again() -> None:
            if not over():
                action()
                self.after(period, again)

        self.after(first, again)

    def run(self) -> None:
        """Until nothing is left to happen."""
        while self._entries:
            self.clock.now, _, action = heapq.heappop(self._entries)
            action()
