"""The two rules that ours is measured against, as models."""

from __future__ import annotations

import collections
import heapq
from datetime import timedelta

from common.model.schedule import OVERDUE_SHARE
from tests.benchmarks.slot_use.agenda import Agenda
from tests.benchmarks.slot_use.load import HOP, START, Load, Run

_HOUR = timedelta(hours=1)


def ideal(load: Load) -> Run:
    """First come, first served, by somebody who knows everything at once, and whom no fault strikes."""
    free_at = [timedelta(0)] * load.slots
    for job in load.jobs:
        heapq.heapreplace(free_at, free_at[0] + job)
    return Run(
        recordings=load.recordings,
        slots=load.slots,
        work=sum(load.jobs, timedelta(0)),
        took=max(free_at),
        analysed=load.recordings,
    )


def article(load: Load) -> Run:
    """The article's rule."""
    return _Article(load).run()


class _Article:
    """Each trigger submits one recording: an arrival, a webhook that says `completed`, an end that the sweep finds.

    A submission that fails is kept as failed, and starts nothing: with it ends the chain of triggers in which each job
    starts the next. The sweep comes once an hour, and asks about active jobs older than 40 % of their recording.
    """

    def __init__(self, load: Load) -> None:
        self._load = load
        self._agenda = Agenda()
        self._waiting = collections.deque(range(load.recordings))
        self._ends: dict[int, timedelta] = {}  # of active jobs, by recording, since START
        self._started: dict[int, timedelta] = {}
        self._free_since = timedelta(0)
        self._analysed: list[int] = []

    def run(self) -> Run:
        for _ in range(self._load.recordings):
            self._trigger()
        self._agenda.every(
            _HOUR, self._sweep, first=_HOUR * (1 - self._load.since_last_sweep), over=lambda: not self._ends
        )
        self._agenda.run()
        return Run(
            recordings=self._load.recordings,
            slots=self._load.slots,
            work=sum((self._load.jobs[number] for number in self._analysed), timedelta(0)),
            took=self._free_since,
            analysed=len(self._analysed),
        )

    @property
    def _now(self) -> timedelta:
        return self._agenda.clock() - START

    def _trigger(self) -> None:
        if not self._waiting or len(self._ends) >= self._load.slots:
            return
        number = self._waiting.popleft()
        if self._load.is_refused(number, 1) or self._load.is_unanswered(number, 1):
            return
        self._started[number] = self._now + HOP
        self._ends[number] = self._started[number] + self._load.jobs[number]
        if not self._load.loses_webhook(number, 1):
            self._agenda.at(START + self._ends[number] + HOP, lambda: self._ended(number))

    def _ended(self, number: int) -> None:
        """Known by webhook or by sweep, whichever is first."""
        if number in self._ends:
            del self._ends[number]
            self._analysed.append(number)
            self._free_since = self._now
            self._agenda.after(HOP, self._trigger)

    def _sweep(self) -> None:
        for number, ends in list(self._ends.items()):
            overdue = self._now - self._started[number] > self._load.lengths[number] * OVERDUE_SHARE
            if overdue and ends <= self._now:
                self._ended(number)
