"""Whose turn it is: live first, backfill not starved, companies alike."""

from __future__ import annotations

import collections
import itertools
import random
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.model.fairness import BACKFILL_SHARE, DispatchTurns, Lane, Turns
from common.model.recording import Priority

if TYPE_CHECKING:
    from collections.abc import Mapping

LIVE_A, LIVE_B, LIVE_C = (Lane(company, Priority.LIVE) for company in "ABC")
BACKFILL_A, BACKFILL_B = (Lane(company, Priority.BACKFILL) for company in "AB")
LANES = st.builds(Lane, st.sampled_from("ABCD"), st.sampled_from(Priority))


def turns(
    *waiting: Lane, active: Mapping[str, int] = MappingProxyType({}), before: tuple[str, ...] = (), seed: int = 0
) -> Turns:
    """`active` by company."""
    return Turns(waiting, active=active, before=DispatchTurns(lanes=before), chance=random.Random(seed))


class Office:
    """Slots, a queue of so many requests per lane, and dispatch runs that keep nothing but the turns."""

    def __init__(self, slots: int, waiting: dict[Lane, int], *, seed: int) -> None:
        self.slots = slots
        self.waiting = collections.Counter(waiting)
        self.active: list[Lane] = []
        self.claims: list[Lane] = []
        self._turns = DispatchTurns()
        self._chance = random.Random(seed)

    def dispatch(self) -> None:
        """One run."""
        dealt = Turns(
            [lane for lane, waiting in self.waiting.items() if waiting],
            active=collections.Counter(lane.company for lane in self.active),
            before=self._turns,
            chance=self._chance,
        )
        while len(self.active) < self.slots and (lane := dealt.next()):
            self.waiting[lane] -= 1
            self.active.append(lane)
            self.claims.append(lane)
            dealt.taken(lane)
            if not self.waiting[lane]:
                dealt.empty(lane)
        self._turns = dealt.so_far()

    def end_one(self) -> None:
        """Some job ends."""
        self.active.pop(self._chance.randrange(len(self.active)))


def test_nobody_waits_nobody_is_next() -> None:
    """Also once the last lane is empty."""
    dealt = turns(LIVE_A)
    dealt.empty(LIVE_A)

    assert dealt.next() is turns().next() is None


def test_the_company_with_the_fewest_active_jobs_is_next() -> None:
    """Of live calls and of backfill alike."""
    assert turns(LIVE_A, LIVE_B, LIVE_C, active={"A": 3, "B": 1, "C": 2}).next() == LIVE_B
    assert turns(BACKFILL_A, BACKFILL_B, active={"A": 1, "B": 2}).next() == BACKFILL_A


def test_among_equals_the_turn_that_was_longest_ago_decides() -> None:
    """And who had none comes first."""
    assert turns(LIVE_A, LIVE_B, before=(LIVE_B.name, LIVE_A.name)).next() == LIVE_B
    assert turns(LIVE_A, LIVE_B, LIVE_C, before=(LIVE_B.name, LIVE_A.name)).next() == LIVE_C


def test_what_is_kept_is_the_order_of_those_that_still_wait() -> None:
    """Nothing while one lane waits alone: there is nobody to be fair to."""
    dealt = turns(LIVE_A, LIVE_B, LIVE_C, before=(LIVE_B.name, LIVE_A.name))
    dealt.taken(LIVE_B)
    dealt.empty(LIVE_C)

    assert dealt.so_far() == DispatchTurns(lanes=(LIVE_A.name, LIVE_B.name))
    dealt.empty(LIVE_A)
    assert dealt.so_far() == DispatchTurns()


@given(st.sets(LANES), st.integers(), st.dictionaries(st.sampled_from("ABCD"), st.integers(0, 9)))
def test_next_is_somebody_who_waits(waiting: set[Lane], seed: int, active: dict[str, int]) -> None:
    """And nobody else while anybody does."""
    following = turns(*waiting, active=active, seed=seed).next()

    assert following in waiting or (following is None and not waiting)


@given(st.integers(), st.integers(2, 6), st.integers(1, 12))
def test_equals_take_turns(seed: int, companies: int, slots: int) -> None:
    """Whether runs are long or short, the number of claims of two companies differs by one at most."""
    lanes = [Lane(f"company {number}", Priority.LIVE) for number in range(companies)]
    office = Office(slots, dict.fromkeys(lanes, 1000), seed=seed)

    for _ in range(20):
        office.dispatch()
        counts = collections.Counter(dict.fromkeys(lanes, 0))
        counts.update(office.claims)
        assert max(counts.values()) - min(counts.values()) <= 1
        office.active.clear()


@pytest.mark.parametrize("seed", range(5))
def test_a_live_call_passes_the_backfill_of_another_company(seed: int) -> None:
    """2,000 of A wait, 50 run: B's call has the next free slot, but for the share of backfill."""
    waits = []
    for call in range(200):
        office = Office(50, {BACKFILL_A: 2000}, seed=seed * 1000 + call)
        office.dispatch()
        office.waiting[LIVE_B] = 1
        freed = 0
        while LIVE_B not in office.active:
            office.end_one()
            office.dispatch()
            freed += 1
        waits.append(freed)

    assert waits.count(1) / len(waits) > 1 - 2 * BACKFILL_SHARE
    assert max(waits) <= 5


@pytest.mark.parametrize("slots", [1, 2, 50])
def test_backfill_has_its_share_with_any_cap(slots: int) -> None:
    """While live calls never end: about a tenth of the claims, be there one slot, two or fifty."""
    office = Office(slots, {BACKFILL_A: 10_000, LIVE_B: 10_000}, seed=slots)

    for _ in range(4000):
        office.dispatch()
        office.end_one()

    share = office.claims.count(BACKFILL_A) / len(office.claims)
    assert BACKFILL_SHARE * 0.8 < share < BACKFILL_SHARE * 1.2


@pytest.mark.parametrize("slots", [1, 2])
def test_a_small_cap_does_not_keep_backfill_waiting(slots: int) -> None:
    """No stretch of live turns is long enough to speak of starving."""
    office = Office(slots, {BACKFILL_A: 10_000, LIVE_B: 10_000}, seed=7)
    for _ in range(4000):
        office.dispatch()
        office.end_one()

    had = [turn for turn, lane in enumerate(office.claims) if lane is BACKFILL_A]
    assert max(later - sooner for sooner, later in itertools.pairwise(had)) < 12 / BACKFILL_SHARE


def test_backfill_alone_uses_every_slot() -> None:
    """No slot is kept free for calls that may come."""
    office = Office(50, {BACKFILL_A: 2000}, seed=0)
    office.dispatch()

    assert office.claims == [BACKFILL_A] * 50
