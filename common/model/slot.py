"""Slots: the right to have one job active at the engine, and the rule that keeps the cap when it shrinks."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING

from common.model.job import AttemptId, RequestId, SlotNumber

if TYPE_CHECKING:
    import random
    from collections.abc import Collection

    from common.model.job import SymblAsyncRequest


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lease:
    """Slot `number` belongs to this attempt of this request until the engine is known to be done with it."""

    number: SlotNumber
    request_id: RequestId
    attempt_id: AttemptId
    company: str  #: whose job it is
    claimed_at: datetime
    quarantined_at: datetime | None = None  #: since when the request has left the attempt, while its job may still run


def is_orphan(lease: Lease, request: SymblAsyncRequest | None) -> bool:
    """Whether nothing of its request counts for the slot any more."""
    place = request.places.get(lease.number) if request else None
    return place is None or place.attempt_id != lease.attempt_id


def claimable(leased: Collection[SlotNumber], *, cap: int) -> list[SlotNumber]:
    """The free slots that may be claimed without ever having more than `cap` leases.

    Without a shrunken cap these are simply the free ones below it. After a cut, leases above the new cap still count,
    so only the lowest k slots may be used, with k the largest number such that k + (leases at or above k) <= cap. As a
    claim never takes a slot at or above k, dispatchers that look at different moments cannot exceed the cap together.
    """
    k = cap
    while k > 0 and k + sum(1 for number in leased if number >= k) > cap:
        k -= 1
    taken = set(leased)
    return [number for number in range(k) if number not in taken]


def in_random_order(slots: list[SlotNumber], chance: random.Random) -> list[SlotNumber]:
    """Two dispatchers that start together should not want the same slot first."""
    return chance.sample(slots, len(slots))
