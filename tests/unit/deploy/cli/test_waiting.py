"""When a recording is looked at again, and when it is through."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.cli.waiting import LONGEST_DELAY_S, MOST_LOOKS_PER_S, Stage, stage_of, wait
from tests.unit.deploy.cli.conftest import Time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def recording(status: str, results: str) -> dict[str, Any]:
    return {"request": {"status": status}, "results": {"state": results}}


@pytest.mark.parametrize(
    ("answer", "stage"),
    [
        (recording("pending", "waiting"), Stage.PENDING),
        (recording("submitting", "waiting"), Stage.SUBMITTING),
        (recording("scheduled", "waiting"), Stage.SCHEDULED),
        (recording("in_progress", "waiting"), Stage.IN_PROGRESS),
        (recording("completed", "waiting"), Stage.COMPLETED),
        (recording("completed", "partial"), Stage.COMPLETED),
        (recording("completed", "complete"), Stage.DONE),
        (recording("completed", "failed"), Stage.FAILED),
        (recording("failed", "waiting"), Stage.FAILED),
        (recording("some_day", "waiting"), Stage.PENDING),
        (recording("sending", "waiting"), Stage.PENDING),
        ({"request": None, "results": {"state": "waiting"}}, Stage.PENDING),
        ({}, Stage.PENDING),
    ],
)
def test_a_stage_follows_from_status_and_results(answer: dict[str, Any], stage: Stage) -> None:
    """Analysed is not through: the results must be there; words that we do not know end nothing."""
    assert stage_of(answer) is stage


def looks_of(
    time: Time, states: Callable[[str], Iterator[dict[str, Any]]], ids: list[str], timeout: float
) -> list[float]:
    """When each look happened."""
    looks: list[float] = []
    ahead = {id_: states(id_) for id_ in ids}

    def look(id_: str) -> dict[str, Any]:
        looks.append(time())
        return next(ahead[id_])

    wait(
        ids, look=look, seen=lambda *_: None, failed=lambda *_: None, clock=time, sleep=time.sleep, timeout=timeout
    )  # fmt: skip
    return looks


def test_looks_become_rarer_while_nothing_changes() -> None:
    """From one second by half as much again, up to ten."""
    looks = looks_of(Time(), lambda _: itertools.repeat(recording("in_progress", "waiting")), ["r1"], 60)
    gaps = [later - earlier for earlier, later in itertools.pairwise(looks)]
    assert gaps[:3] == pytest.approx([1.0, 1.5, 2.25])
    assert gaps[-1] == LONGEST_DELAY_S
    assert gaps == sorted(gaps)


def test_a_change_makes_looks_frequent_again() -> None:
    """What has begun to move may go on moving."""
    states = [recording("pending", "waiting")] * 5 + [recording("in_progress", "waiting")] * 50
    looks = looks_of(Time(), lambda _: iter(states), ["r1"], 60)
    assert looks[6] - looks[5] == 1.0


@given(count=st.integers(1, 50))
def test_many_recordings_do_not_become_many_requests(count: int) -> None:
    """However many are waited for, the server sees at most ten looks a second."""
    ids = [f"r{number}" for number in range(count)]
    looks = looks_of(Time(), lambda _: itertools.repeat(recording("in_progress", "waiting")), ids, 20)
    assert len(looks) > count
    assert all(later - earlier > 0.999 / MOST_LOOKS_PER_S for earlier, later in itertools.pairwise(looks))


@given(st.lists(st.integers(0, 8), min_size=1, max_size=6), st.floats(0, 60))
def test_a_wait_ends_when_all_are_through_or_time_is_up(steps: list[int], timeout: float) -> None:
    """Never later than the timeout; what it returns is exactly what was not seen to be through."""
    time = Time()
    through: set[str] = set()
    ahead = {
        f"r{number}": iter([recording("in_progress", "waiting")] * count + [recording("completed", "complete")])
        for number, count in enumerate(steps)
    }

    def seen(id_: str, answer: dict[str, Any]) -> None:
        if stage_of(answer).final:
            through.add(id_)

    left = wait(
        list(ahead),
        look=lambda id_: next(ahead[id_]),
        seen=seen,
        failed=lambda *_: None,
        clock=time,
        sleep=time.sleep,
        timeout=timeout,
    )
    assert set(left) == set(ahead) - through
    assert time() <= 1000 + timeout + 1e-6
    assert not left or time() == pytest.approx(1000 + timeout)
