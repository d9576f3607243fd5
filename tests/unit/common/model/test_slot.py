"""The rule that keeps the cap, whoever looks when."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule

from common.model.slot import claimable, in_random_order

CAPS = st.integers(1, 8)


def test_without_a_cut_every_free_slot_below_the_cap_may_be_claimed() -> None:
    """An empty pool offers all of them, a full one none."""
    assert claimable([], cap=3) == [0, 1, 2]
    assert claimable([1], cap=3) == [0, 2]
    assert claimable([0, 1, 2], cap=3) == []


def test_after_a_cut_leases_above_the_new_cap_still_count() -> None:
    """With two jobs above a cap of three, one more may start; with three, none."""
    assert claimable([7, 9], cap=3) == [0]
    assert claimable([7, 8, 9], cap=3) == []


@given(st.sets(st.integers(0, 12)), CAPS)
def test_one_dispatcher_alone_never_exceeds_the_cap(leased: set[int], cap: int) -> None:
    """And wherever there is room, and nobody holds a slot above the cap, it uses all of it."""
    free = claimable(leased, cap=cap)

    assert not set(free) & leased
    assert not free or len(leased) + len(free) <= cap
    if all(number < cap for number in leased):
        assert len(leased) + len(free) == cap


@given(st.lists(st.integers(0, 20), unique=True), st.integers())
def test_the_order_is_random_but_the_slots_are_the_same(slots: list[int], seed: int) -> None:
    """Nothing is lost and nothing is doubled."""
    assert sorted(in_random_order(slots, random.Random(seed))) == sorted(slots)


class DispatchersWithStaleViews(RuleBasedStateMachine):
    """Dispatchers look, then claim, later, while others claim and jobs end; the cap is cut and raised.

    A claim takes a slot only if it is free at that moment: that is the store's transaction. A new cap is a new
    revision, which the dispatchers of the old one do not outlive.
    """

    views = Bundle("views")

    def __init__(self) -> None:
        super().__init__()
        self.cap = 4
        self.revision = 0
        self.leased: set[int] = set()

    @rule(target=views)
    def look(self) -> tuple[int, list[int]]:
        return self.revision, claimable(self.leased, cap=self.cap)

    @rule(view=views, chance=st.randoms(use_true_random=False))
    def claim(self, view: tuple[int, list[int]], chance: random.Random) -> None:
        """However old the view is."""
        revision, free = view
        if revision != self.revision or not free:
            return
        wanted = chance.choice(free)
        if wanted not in self.leased:
            self.leased.add(wanted)
            assert len(self.leased) <= self.cap

    @rule(chance=st.randoms(use_true_random=False))
    def release(self, chance: random.Random) -> None:
        if self.leased:
            self.leased.discard(chance.choice(sorted(self.leased)))

    @rule(cap=CAPS)
    def change_cap(self, cap: int) -> None:
        self.cap = cap
        self.revision += 1


DispatchersWithStaleViews.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestDispatchersWithStaleViews = DispatchersWithStaleViews.TestCase
