"""Jobs run on time, alone, and under their service account's name."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import jwt
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.scheduler import Job, Scheduler, next_run
from tests.callee import Call, Callee, HttpCallee, ManualClock
from tests.fast_clock import FastClock
from tests.tokens import an_identity

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def a_job(url: str = "http://f/sweep", every: timedelta = MINUTE) -> Job:
    return Job(name="sweep-jobs", every=every, url=url, audience="http://f/sweep", service_account="cron@x.com")


def test_a_job_carries_cloud_schedulers_headers_and_token() -> None:
    """The function can tell who calls, and for when."""
    callee = Callee()
    clock = ManualClock(datetime.now(UTC).replace(microsecond=0))
    scheduler = Scheduler([a_job()], identity=an_identity(), clock=clock, connect=callee.connect)
    assert scheduler.run_now("sweep-jobs") == 200
    (call,) = callee.calls
    assert (call.method, call.url, call.body, call.timeout) == ("POST", "http://f/sweep", b"", 180)
    assert call.headers["User-Agent"] == "Google-Cloud-Scheduler"
    assert call.headers["X-CloudScheduler"] == "true"
    assert call.headers["X-CloudScheduler-JobName"] == "sweep-jobs"
    assert datetime.fromisoformat(call.headers["X-CloudScheduler-ScheduleTime"]) == clock.now
    key = jwt.PyJWKSet.from_dict(json.loads(json.dumps(an_identity().jwks()))).keys[0]
    token = call.headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, key.key, algorithms=["RS256"], audience="http://f/sweep")
    assert claims["email"] == "cron@x.com"


@pytest.mark.parametrize(
    ("answer", "status"), [(503, 503), (requests.ReadTimeout(), 504), (requests.ConnectionError(), 503)]
)
def test_a_run_by_hand_tells_what_came_of_it(answer: int | Exception, status: int) -> None:
    """The function's status, or a gateway's when there was no answer."""
    assert Scheduler([a_job()], identity=an_identity(), connect=Callee(answer).connect).run_now("sweep-jobs") == status


def test_an_unknown_job_is_an_error() -> None:
    """Nothing runs by a misspelt name."""
    with pytest.raises(KeyError):
        Scheduler([a_job()], identity=an_identity()).run_now("sweep")


def test_a_job_runs_again_and_again_until_it_is_stopped() -> None:
    """By itself, every period, each for the time it was due."""
    callee = HttpCallee()
    scheduler = Scheduler([a_job(callee.url, timedelta(milliseconds=20))], identity=an_identity())
    scheduler.start()
    try:
        due = [datetime.fromisoformat(c.headers["X-CloudScheduler-ScheduleTime"]) for c in callee.wait_for(3)]
    finally:
        scheduler.stop()
        callee.close()
    assert due == sorted(set(due))


def test_where_the_clock_is_fast_a_period_is_short() -> None:
    """An hour of a clock that runs 180,000 times as fast takes 20 ms."""
    callee, clock = HttpCallee(), FastClock(180_000)
    job = a_job(callee.url, timedelta(hours=1))
    scheduler = Scheduler([job], identity=an_identity(), clock=clock, speed=clock.speed)
    scheduler.start()
    try:
        first, second = callee.wait_for(2)
    finally:
        scheduler.stop()
        callee.close()
    due = [datetime.fromisoformat(call.headers["X-CloudScheduler-ScheduleTime"]) for call in (first, second)]
    assert due[1] - due[0] >= timedelta(hours=1)


def test_two_executions_of_a_job_never_overlap() -> None:
    """A run by hand waits for the one under way, as timers do."""
    running, most = 0, 0
    count = threading.Lock()

    def busy(_: Call) -> int:
        nonlocal running, most
        with count:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.02)
        with count:
            running -= 1
        return 200

    callee = HttpCallee(busy)
    scheduler = Scheduler([a_job(callee.url)], identity=an_identity())
    hands = [threading.Thread(target=scheduler.run_now, args=("sweep-jobs",)) for _ in range(4)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    callee.close()
    assert len(callee.calls) == 4
    assert most == 1


@given(
    st.timedeltas(min_value=timedelta(milliseconds=1), max_value=timedelta(days=1)),
    st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=30)),
)
def test_turns_that_were_missed_are_made_up_for_once(every: timedelta, took: timedelta) -> None:
    """After a long execution, or a sleep of the machine, a job runs once at once, then keeps its rhythm."""
    now = NOW + took
    due = next_run(NOW, every, now)
    assert (due - NOW) % every == timedelta(0)
    assert due > NOW
    assert due > now - every
    after = next_run(due, every, max(now, due))
    assert after > now
