"""When the sweep looks at what: the article's rule of 40 %, and the back-offs."""

from __future__ import annotations

import enum
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from common.model.job import SymblAsyncRequest

#: "Any job older than about 40 % of its recording's length" (the article).
OVERDUE_SHARE = 0.4

#: A claim whose submission was never sent is looked at after this: its task must have been lost.
UNSENT_LIMIT = timedelta(seconds=15)
#: Longer than a submission may take from `sent_at` on (read time-out 180 s, function 200 s, dispatch deadline 240 s).
SUBMISSION_LIMIT = timedelta(seconds=250)
#: How long an attempt whose outcome is unknown may stay unfound at the engine before it counts as lost.
UNKNOWN_LIMIT = timedelta(minutes=10)
#: How long the one submission may take that shows whether our credentials are good again.
PROVING_LIMIT = SUBMISSION_LIMIT
#: A collection that was queued is looked at after this.
COLLECTION_LIMIT = timedelta(seconds=120)

#: A request about which the engine could not be asked is not asked about again before.
UNANSWERED_REST = timedelta(seconds=60)

_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(minutes=30)
#: After a refused submission: 5 s, 10 s, 20 s ... at most 5 min.
_FIRST_RETRY = timedelta(seconds=5)
_LONGEST_RETRY = timedelta(minutes=5)


def overdue_after(duration: timedelta, *, floor: timedelta) -> timedelta:
    """The age at which a job is worth asking about: 40 % of its recording's length, but no less than `floor`."""
    return max(floor, duration * OVERDUE_SHARE)


class Punctuality(enum.StrEnum):
    """How the age of a job compares with what was expected of it."""

    ON_TIME = "on_time"  #: younger than the age at which it is worth asking about
    DUE = "due"  #: the sweep asks the engine about it
    LATE = "late"  #: as old as its whole recording is long, or more


def punctuality(age: timedelta, expected: timedelta) -> Punctuality:
    """By the age at which a job is due; as that is 40 % of a recording, the whole of it follows from it."""
    if age < expected:
        return Punctuality.ON_TIME
    return Punctuality.DUE if age < expected / OVERDUE_SHARE else Punctuality.LATE


def wait_after(checks: int) -> timedelta:
    """How long to wait after the n-th look (from 0) in vain: doubling from 30 s to 30 min."""
    return min(_FIRST_WAIT * (1 << min(checks, 10)), _LONGEST_WAIT)


def next_look(request: SymblAsyncRequest, now: datetime) -> datetime:
    """When to look again after a look in vain."""
    return now + wait_after(request.checks)


def retry_at(request: SymblAsyncRequest, now: datetime, *, chance: float, advice: timedelta | None = None) -> datetime:
    """When a request that was put back may be claimed again: the engine's advice, else full jitter (chance in 0..1)."""
    if advice is not None:
        return now + advice
    longest = min(_FIRST_RETRY * (1 << min(max(request.attempts_made - 1, 0), 10)), _LONGEST_RETRY)
    return now + longest * chance
