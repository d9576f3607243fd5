"""When the sweep looks: the article's share, and back-offs that only grow and end somewhere."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from common.model import schedule
from common.model.lifecycle import JobStatus
from tests.factories import NOW, a_job

FLOOR = timedelta(seconds=60)


def test_a_job_is_overdue_at_two_fifths_of_its_recording() -> None:
    """An hour's call after 24 minutes; a short one not before the floor."""
    assert schedule.overdue_after(timedelta(hours=1), floor=FLOOR) == timedelta(minutes=24)
    assert schedule.overdue_after(timedelta(seconds=30), floor=FLOOR) == FLOOR


@given(st.timedeltas(timedelta(0), timedelta(hours=4)), st.timedeltas(timedelta(0), timedelta(hours=4)))
def test_longer_recordings_are_never_asked_about_earlier(one: timedelta, other: timedelta) -> None:
    """And none before the floor."""
    short, long = sorted((one, other))
    assert FLOOR <= schedule.overdue_after(short, floor=FLOOR) <= schedule.overdue_after(long, floor=FLOOR)


@given(st.integers(0, 10_000))
def test_looks_in_vain_come_less_and_less_often_and_never_stop(checks: int) -> None:
    """From 30 s to half an hour."""
    assert timedelta(seconds=30) <= schedule.wait_after(checks) <= schedule.wait_after(checks + 1)
    assert schedule.wait_after(checks + 1) <= timedelta(minutes=30)
    job = dataclasses.replace(a_job(JobStatus.SCHEDULED), checks=checks)
    assert schedule.next_look(job, NOW) == NOW + schedule.wait_after(checks)


@given(st.integers(0, 2000), st.floats(0, 1))
def test_a_second_try_waits_a_random_share_of_a_growing_time(attempts: int, chance: float) -> None:
    """At most five seconds at first and five minutes at last."""
    (attempt,) = a_job(JobStatus.SUBMITTING).attempts
    job = dataclasses.replace(a_job(), attempts=(attempt,) * attempts)
    more = dataclasses.replace(a_job(), attempts=(attempt,) * (attempts + 1))

    wait = schedule.retry_at(job, NOW, chance=chance) - NOW

    assert timedelta(0) <= wait <= schedule.retry_at(more, NOW, chance=chance) - NOW <= timedelta(minutes=5)
    if attempts <= 1:
        assert wait <= timedelta(seconds=5)


def test_advice_is_followed() -> None:
    """Whatever the chance is."""
    advice = timedelta(seconds=17)
    assert schedule.retry_at(a_job(), NOW, chance=0.1, advice=advice) == NOW + advice


def test_an_unknown_outcome_outlives_every_attempt_to_send() -> None:
    """Nobody may still be sending when it is looked for, or given up."""
    assert timedelta(seconds=240) < schedule.SUBMISSION_LIMIT < schedule.UNKNOWN_LIMIT
