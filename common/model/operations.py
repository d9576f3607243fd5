"""How the pipeline stands at a moment: what was read of it. A part that is None could not be read."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta

from common.model import schedule
from common.model.capacity import SymblAccount
from common.model.conversation import ConversationMetadata
from common.model.fairness import Line
from common.model.job import FailureClass, SymblAsyncRequest
from common.model.refusals import WebhookRefusals
from common.model.slot import Lease
from common.model.sweeping import SweepReport
from common.model.webhook import WebhookEvent

#: Counts stop here: they cost what they count.
COUNTED_UP_TO = 1_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class TakenSlot:
    """A lease, whose it is, and of which call; None where the row is gone."""

    lease: Lease
    request: SymblAsyncRequest | None
    call: ConversationMetadata | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Queue:
    """The lines in which somebody waits, and how many more lanes there are that were not counted."""

    lines: tuple[Line, ...]
    uncounted: int = 0

    @property
    def waiting(self) -> int:
        """How many wait in the lines that were counted."""
        return sum(line.waiting for line in self.lines)

    @property
    def is_bounded(self) -> bool:
        """Whether more may wait than were counted."""
        return self.uncounted > 0 or any(line.waiting >= COUNTED_UP_TO for line in self.lines)

    @property
    def since(self) -> datetime | None:
        """Since when the first of them may be claimed."""
        return min((line.since for line in self.lines if line.since), default=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FailedCall:
    """A request that was given up, and its call."""

    request: SymblAsyncRequest
    call: ConversationMetadata | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class FailureGroup:
    """What was given up for failures of one class: how many (up to COUNTED_UP_TO), and the latest few."""

    failure_class: FailureClass
    count: int
    latest: tuple[FailedCall, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Received:
    """A webhook event, and the call that it is about."""

    event: WebhookEvent
    call: ConversationMetadata | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Snapshot:
    """How the pipeline stands at a moment; `setting` is the most jobs that may ever be active."""

    as_of: datetime
    setting: int
    floor: timedelta
    account: SymblAccount | None
    slots: Sequence[TakenSlot] | None
    queue: Queue | None
    failures: Sequence[FailureGroup] | None
    refused: Sequence[WebhookRefusals] | None
    received: Sequence[Received] | None
    sweeps: Sequence[SweepReport] | None

    @property
    def cap(self) -> int:
        """How many jobs may be active now; the setting, where the account cannot be read."""
        return self.account.cap(self.setting, self.as_of) if self.account else self.setting


def expectation(taken: TakenSlot, *, now: datetime, floor: timedelta) -> tuple[timedelta, timedelta]:
    """How old the attempt in a slot is, and the age from which on it is due: 40 % of the recording's length.

    What was never sent is due as soon as its task must have been lost.
    """
    attempt = taken.request.attempt_of(taken.lease.attempt_id) if taken.request else None
    sent = attempt.age(now) if attempt else None
    if sent is None:
        return now - taken.lease.claimed_at, schedule.UNSENT_LIMIT
    return sent, schedule.overdue_after(taken.call.duration, floor=floor) if taken.call else floor
