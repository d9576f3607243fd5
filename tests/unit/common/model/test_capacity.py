"""The cap that follows the engine: down at once, up step by step, never past the setting."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.model.capacity import RAISE_EVERY, Lowering, SymblAccount, effective_cap, lowered
from tests.factories import NOW

SETTINGS = st.integers(1, 1000)
AGES = st.integers(-60, 100_000).map(lambda seconds: timedelta(seconds=seconds))
LOWERINGS = st.builds(Lowering, cap=st.integers(1, 1200), at=AGES.map(lambda age: NOW - age))


def test_without_a_429_the_cap_is_the_setting() -> None:
    """Nothing is stored, nothing is lowered."""
    assert effective_cap(50, None, NOW) == 50


def test_a_429_takes_one_job_less_than_were_active() -> None:
    """The engine takes as many as it has, the refused one apart."""
    assert lowered(50, None, active=31, now=NOW) == Lowering(cap=30, at=NOW)


def test_a_lowered_cap_rises_by_one_or_a_tenth_each_minute() -> None:
    """From 8 to 12 by ones; from 30 by threes."""
    minutes = [NOW + RAISE_EVERY * number for number in range(5)]

    assert [effective_cap(50, Lowering(cap=8, at=NOW), now) for now in minutes] == [8, 9, 10, 11, 12]
    assert [effective_cap(50, Lowering(cap=30, at=NOW), now) for now in minutes] == [30, 33, 36, 39, 42]


@given(SETTINGS, LOWERINGS, AGES)
def test_the_cap_is_between_one_and_the_setting(setting: int, last: Lowering, age: timedelta) -> None:
    """However old the lowering is, with a setting that has changed since and a clock that runs behind."""
    assert 1 <= effective_cap(setting, last, NOW + age) <= setting


@given(SETTINGS, LOWERINGS, AGES, AGES)
def test_without_another_429_it_only_rises(setting: int, last: Lowering, one: timedelta, other: timedelta) -> None:
    """And it is the setting again at last."""
    sooner, later = sorted((one, other))

    assert effective_cap(setting, last, NOW + sooner) <= effective_cap(setting, last, NOW + later)
    assert effective_cap(setting, last, last.at + RAISE_EVERY * 1000) == setting


@given(SETTINGS, st.none() | LOWERINGS, st.integers(0, 1200), AGES)
def test_a_429_always_lowers_unless_it_is_one_already(
    setting: int, last: Lowering | None, active: int, age: timedelta
) -> None:
    """At once, and below what was active; an instance whose clock is behind cannot undo another's lowering."""
    now = NOW + age
    before, after = effective_cap(setting, last, now), lowered(setting, last, active=active, now=now)

    assert after.cap == effective_cap(setting, after, now) < max(before, 2)
    assert after.cap <= max(1, active - 1)
    assert last is None or after.at >= last.at


@given(st.integers(2, 200), st.data())
def test_refusals_of_one_burst_find_the_engines_own_limit(setting: int, data: st.DataObject) -> None:
    """All slots are filled at once; the engine takes as many as it wants, and each refused job lowers the cap."""
    limit = data.draw(st.integers(1, setting))
    last, active = None, setting
    for _ in range(setting - limit):
        last = lowered(setting, last, active=active, now=NOW)
        active -= 1  # it is put back

    assert effective_cap(setting, last, NOW) == limit == active


@given(st.integers(1, 60), st.integers(1, 60))
def test_over_hours_it_keeps_to_the_engines_limit(setting: int, limit: int) -> None:
    """Each minute all slots are filled: never more than a tenth, or one, too many, and never fewer than it takes."""
    last, now, caps = None, NOW, []
    for _ in range(180):
        cap = effective_cap(setting, last, now)
        for active in range(cap, limit, -1):
            last = lowered(setting, last, active=active, now=now)
        caps.append(cap)
        now += RAISE_EVERY

    assert caps[0] == setting
    assert set(caps[1:]) <= set(range(min(setting, limit), min(setting, limit + max(1, limit // 10)) + 1))


@pytest.mark.parametrize(("first", "second", "kept"), [(60, 30, 60), (30, 60, 60)])
def test_a_rest_is_never_cut_short(first: int, second: int, kept: int) -> None:
    """Two refusals may give different advice: the longer one holds, with its reason, and ends by itself."""
    account = SymblAccount()
    for seconds in (first, second):
        account = account.stopped(reason=f"{seconds} s", now=NOW, until=NOW + timedelta(seconds=seconds))

    until = NOW + timedelta(seconds=kept)
    assert (account.rests_until(NOW), account.reason) == (until, f"{kept} s")
    assert account.rests_until(until) is None


def test_rest_and_cap_are_apart() -> None:
    """Neither forgets the other."""
    rest = SymblAccount().stopped(reason="401", now=NOW, until=NOW + RAISE_EVERY)
    throttled = rest.throttled(50, active=10, now=NOW)
    rests_again = throttled.stopped(reason="429", now=NOW, until=NOW + RAISE_EVERY * 2)

    assert (throttled.cap(50, NOW), throttled.rests_until(NOW)) == (9, NOW + RAISE_EVERY)
    assert (rests_again.cap(50, NOW), rests_again.rests_until(NOW)) == (9, NOW + RAISE_EVERY * 2)
