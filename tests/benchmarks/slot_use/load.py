"""What all three rules are given: a backlog, how long the engine takes for each recording, and which faults strike.

Every draw follows from the seed, what is drawn, the recording and the number of its try. So it is the same whatever a
rule does before, and however often it does it.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
#: What it takes from one party to another, the work of the one that is called included: a webhook, a task, a call.
HOP = timedelta(milliseconds=200)

#: Lengths of calls are lognormal (L. Brown et al., "Statistical Analysis of a Telephone Call Center", JASA 100, 2005).
#: These give a mean of 6.6 min, and now and then a call of an hour.
_MEDIAN = timedelta(minutes=5)
_SIGMA = 0.75
_SHORTEST, _LONGEST = timedelta(seconds=10), timedelta(hours=4)  # what is longer is split before it is submitted
#: A job takes 40 % of its recording's length on average. Were it 40 % exactly, the sweep, whose first look is at that
#: moment, would be lucky each time.
_JOB_SHARES = (0.3, 0.5)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Faults:
    """What goes wrong, as shares from 0 to 1."""

    name: str
    lost_webhooks: float = 0.0  #: of the webhooks that say that a job has ended
    refused: float = 0.0  #: of the submissions: certainly not accepted (no connection, 429)
    unanswered: float = 0.0  #: of the submissions: no answer (time-out, 5xx); half of them were accepted


@dataclasses.dataclass(frozen=True, kw_only=True)
class Load:
    """A backlog of `recordings`, all there at START, for `slots` jobs at a time."""

    recordings: int
    slots: int
    faults: Faults
    seed: int

    @functools.cached_property
    def lengths(self) -> tuple[timedelta, ...]:
        """Of the recordings, in the order in which they are to be analysed."""
        chance = random.Random(f"{self.seed}/lengths")
        drawn = (_MEDIAN * math.exp(chance.gauss(0, _SIGMA)) for _ in range(self.recordings))
        return tuple(min(max(length, _SHORTEST), _LONGEST) for length in drawn)

    @functools.cached_property
    def jobs(self) -> tuple[timedelta, ...]:
        """How long the engine takes for each."""
        chance = random.Random(f"{self.seed}/jobs")
        return tuple(length * chance.uniform(*_JOB_SHARES) for length in self.lengths)

    @property
    def since_last_sweep(self) -> float:
        """How much of the time between two sweeps has gone by at START: 0 to 1."""
        return self._draw("phase", 0, 0)

    def loses_webhook(self, number: int, attempt: int) -> bool:
        """Whether nobody is told that this attempt (from 1) of recording `number` has ended."""
        return self._draw("webhook", number, attempt) < self.faults.lost_webhooks

    def is_refused(self, number: int, attempt: int) -> bool:
        """Whether the submission fails before the engine has it."""
        return self._draw("refused", number, attempt) < self.faults.refused

    def is_unanswered(self, number: int, attempt: int) -> bool:
        """Whether the submission gets no answer."""
        return self._draw("unanswered", number, attempt) < self.faults.unanswered

    def is_accepted_all_the_same(self, number: int, attempt: int) -> bool:
        """Whether the engine works on what it gave no answer to."""
        return self._draw("accepted", number, attempt) < 0.5

    def _draw(self, what: str, number: int, attempt: int) -> float:
        return random.Random(f"{self.seed}/{what}/{number}/{attempt}").random()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """What came of a load: `took` is until the last slot is free again."""

    recordings: int
    slots: int
    work: timedelta  #: of the engine, on what was analysed
    took: timedelta
    analysed: int
    lost: Mapping[str, timedelta] = dataclasses.field(default_factory=dict)  #: slot time without work, by its cause

    @property
    def slot_use(self) -> float:
        """Work done, as a share of slots times time."""
        return self.share(self.work)

    def share(self, time: timedelta) -> float:
        """Of the slots' time."""
        return time / (self.slots * self.took)
