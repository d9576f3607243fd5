"""How many jobs may be active now: the setting, lowered at once when the engine says 429, raised again step by step.

Raising costs no write: the cap of any moment follows from the last lowering.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta

#: A lowered cap grows by one job (or a tenth, if that is more) for each such period without a 429.
RAISE_EVERY = timedelta(seconds=60)
_TENTH = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lowering:
    """The last 429: from `at` on the cap is `cap`, and rises from there."""

    cap: int
    at: datetime


@dataclasses.dataclass(frozen=True, kw_only=True)
class SymblAccount:
    """What every instance must know about the engine's account: whether it rests, and how many jobs it takes."""

    reason: str | None = None  #: why dispatch rests, or rested last
    stopped_at: datetime | None = None
    stopped_until: datetime | None = None
    unproven: bool = False  #: our credentials were refused: one submission proves them before others follow
    lowering: Lowering | None = None

    def rests_until(self, now: datetime) -> datetime | None:
        """Not to dispatch before; None while all is well."""
        return self.stopped_until if self.stopped_until and self.stopped_until > now else None

    def cap(self, setting: int, now: datetime) -> int:
        """How many jobs may be active at `now`, between 1 and `setting`."""
        return effective_cap(setting, self.lowering, now)

    def stopped(self, *, reason: str, now: datetime, until: datetime) -> SymblAccount:
        """Dispatch nothing before `until`; it starts again by itself. A longer rest stays as it is."""
        if self.stopped_until and self.stopped_until >= until:
            return self
        return dataclasses.replace(self, reason=reason, stopped_at=now, stopped_until=until)

    def refused(self, *, reason: str, now: datetime, until: datetime) -> SymblAccount:
        """The engine refuses our credentials: rest until then, and let one submission through first."""
        return dataclasses.replace(self.stopped(reason=reason, now=now, until=until), unproven=True)

    def proving(self, *, until: datetime) -> SymblAccount:
        """One submission is let through; the others rest until it is answered, or until then."""
        return dataclasses.replace(self, stopped_until=until)

    def proved(self, *, good: bool, now: datetime) -> SymblAccount:
        """The submission was answered: the credentials are good, or it failed for a reason that tells nothing."""
        return dataclasses.replace(self, unproven=self.unproven and not good, stopped_until=now)

    def throttled(self, setting: int, *, active: int, now: datetime) -> SymblAccount:
        """The engine said 429 while `active` slots were taken, that of the refused job included."""
        return dataclasses.replace(self, lowering=lowered(setting, self.lowering, active=active, now=now))


def effective_cap(setting: int, last: Lowering | None, now: datetime) -> int:
    """The cap at `now`, between 1 and `setting`."""
    if last is None:
        return setting
    cap = last.cap
    for _ in range((now - last.at) // RAISE_EVERY):  # ends with the setting, however long ago it was
        if cap >= setting:
            break
        cap += max(1, cap // _TENTH)
    return max(1, min(cap, setting))


def lowered(setting: int, last: Lowering | None, *, active: int, now: datetime) -> Lowering:
    """The cap after a 429 that came while `active` slots were taken, that of the refused job included.

    Each 429 takes one at least, so that several at once, which all counted the same slots, add up. Clocks of instances
    differ: time does not go back behind the last lowering.
    """
    at = max(now, last.at) if last else now
    return Lowering(cap=max(1, min(effective_cap(setting, last, now), active) - 1), at=at)
