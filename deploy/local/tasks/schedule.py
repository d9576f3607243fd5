"""When a queue may dispatch, when a failed task is tried again, and when it is given up. Pure: no clock, no I/O.

The rules are those of `google.cloud.tasks.v2` `RateLimits` and `RetryConfig`:
https://cloud.google.com/tasks/docs/reference/rpc/google.cloud.tasks.v2
"""

from __future__ import annotations

import dataclasses
import math
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

NO_LIMIT: Final = timedelta(0)

RETENTION: Final = timedelta(days=31)
"""A task older than this is dropped, whatever its retry settings say. https://cloud.google.com/tasks/docs/quotas"""

_MICROSECOND: Final = timedelta(microseconds=1)
_FARTHEST_DOUBLING: Final = 64  # 2**64 microseconds are half a million years

# Cloud Tasks chooses the burst itself and publishes no formula. Ten for slow queues and a hundred for the default
# 500/s are what its queues show.
_SMALLEST_BURST: Final = 10
_LARGEST_BURST: Final = 100

_WHOLE_TOKEN: Final = 1.0 - 1e-9  # what sums of floats may lack

_OVERLOADED: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_SLOWEST: Final = 1 / 64
_RECOVERY: Final = 0.1


@dataclasses.dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """What happens to a task after an attempt that failed. The defaults are Cloud Tasks' own for a new queue."""

    max_attempts: int = 100  #: the first one included; -1 for no limit
    max_retry_duration: timedelta = NO_LIMIT  #: from the first attempt on; zero for no limit
    min_backoff: timedelta = timedelta(milliseconds=100)
    max_backoff: timedelta = timedelta(hours=1)
    max_doublings: int = 16

    def backoff(self, failures: int) -> timedelta:
        """The wait after the *failures*-th failure (1, 2, ...).

        It doubles `max_doublings` times, then grows by the last doubled value, and stays at `max_backoff`: 10 s, 300 s
        and three doublings give 10, 20, 40, 80, 160, 240, 300, 300, ... (Google's own example).
        """
        doublings = min(failures - 1, self.max_doublings, _FARTHEST_DOUBLING)
        steps = max(1, failures - self.max_doublings)
        wait = (self.min_backoff // _MICROSECOND) * (1 << doublings) * steps
        return min(wait, self.max_backoff // _MICROSECOND) * _MICROSECOND

    def exhausted(self, *, attempts: int, first_attempt: datetime, created: datetime, now: datetime) -> bool:
        """Whether a task is given up after *attempts* failed ones: once every limit that is set has been reached."""
        if now - created >= RETENTION:
            return True
        reached = []
        if self.max_attempts > 0:
            reached.append(attempts >= self.max_attempts)
        if self.max_retry_duration > NO_LIMIT:
            reached.append(now - first_attempt >= self.max_retry_duration)
        return bool(reached) and all(reached)


def burst_size(rate: float) -> int:
    """How many tasks a queue with *rate* dispatches per second may send at once after a rest."""
    return min(max(math.ceil(rate), _SMALLEST_BURST), _LARGEST_BURST)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pace:
    """A queue's token bucket at one moment: a dispatch takes a token, and tokens come back at `rate` per second.

    Cloud Tasks lowers the effective rate of a whole queue whose workers answer 429 or 503, and does not say by how
    much. The model here: each such answer halves rate and burst (down to 1/64 of what is configured), and each other
    answer gives a tenth of the configured value back.
    """

    rate: float  #: dispatches per second, as configured
    tokens: float
    as_of: datetime
    throttle: float = 1.0  #: the effective share of rate and burst

    @classmethod
    def fresh(cls, rate: float, now: datetime) -> Pace:
        """The pace of a queue that has rested long enough for its full burst."""
        return cls(rate=rate, tokens=burst_size(rate), as_of=now)

    @property
    def effective_rate(self) -> float:
        """Tokens that come back per second."""
        return self.rate * self.throttle

    @property
    def capacity(self) -> float:
        """The most tokens that the bucket holds."""
        return max(1.0, burst_size(self.rate) * self.throttle)

    def at(self, now: datetime) -> Pace:
        """The same bucket, refilled up to *now*. A clock that went back refills nothing, and holds nothing up."""
        elapsed = max(0.0, (now - self.as_of).total_seconds())
        tokens = min(self.capacity, self.tokens + elapsed * self.effective_rate)
        return dataclasses.replace(self, tokens=tokens, as_of=now)

    def ready_at(self) -> datetime:
        """When a whole token is there: `as_of` or later."""
        if self.tokens >= _WHOLE_TOKEN:
            return self.as_of
        # Rounded up: a token that is a fraction of a microsecond away is not there.
        return self.as_of + math.ceil((1.0 - self.tokens) / self.effective_rate * 1e6) * _MICROSECOND

    def ready(self, now: datetime) -> bool:
        """Whether a task may be dispatched at *now*."""
        return self.at(now).tokens >= _WHOLE_TOKEN

    def dispatched(self, now: datetime) -> Pace:
        """The bucket after a dispatch at *now*."""
        refilled = self.at(now)
        return dataclasses.replace(refilled, tokens=max(0.0, refilled.tokens - 1.0))

    def answered(self, status: int | None, now: datetime) -> Pace:
        """The bucket after a worker answered with *status* (None: no answer)."""
        throttle = max(_SLOWEST, self.throttle / 2) if status in _OVERLOADED else min(1.0, self.throttle + _RECOVERY)
        return dataclasses.replace(self.at(now), throttle=throttle).at(now)
