"""When tasks go out, come back and are given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from deploy.local.tasks.schedule import RETENTION, Pace, RetryPolicy, burst_size

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)

rates = st.floats(min_value=0.01, max_value=500, allow_nan=False)
pauses = st.lists(st.timedeltas(min_value=timedelta(0), max_value=timedelta(seconds=90)), max_size=25)
policies = st.builds(
    lambda low, spread, doublings: RetryPolicy(min_backoff=low, max_backoff=low + spread, max_doublings=doublings),
    st.timedeltas(min_value=MICROSECOND, max_value=timedelta(days=1)),
    st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=1)),
    st.integers(min_value=0, max_value=10_000),
)


def test_the_wait_doubles_then_grows_evenly_then_stays() -> None:
    """The example of Google's own documentation of max_doublings."""
    policy = RetryPolicy(min_backoff=10 * SECOND, max_backoff=300 * SECOND, max_doublings=3)
    waits = [policy.backoff(n).total_seconds() for n in range(1, 9)]
    assert waits == [10, 20, 40, 80, 160, 240, 300, 300]


def test_without_doublings_the_wait_grows_evenly() -> None:
    """No doubling leaves the linear growth, by the first wait."""
    policy = RetryPolicy(min_backoff=10 * SECOND, max_backoff=35 * SECOND, max_doublings=0)
    assert [policy.backoff(n).total_seconds() for n in range(1, 6)] == [10, 20, 30, 35, 35]


@given(policies, st.integers(min_value=1, max_value=100_000))
def test_a_wait_is_within_its_bounds_and_never_shorter_than_the_one_before(policy: RetryPolicy, failures: int) -> None:
    """However many failures and doublings: no overflow, no step back."""
    wait = policy.backoff(failures)
    assert policy.min_backoff <= wait <= policy.max_backoff
    assert wait <= policy.backoff(failures + 1)


def _exhausted(policy: RetryPolicy, *, attempts: int, after: timedelta) -> bool:
    return policy.exhausted(attempts=attempts, first_attempt=NOW, created=NOW, now=NOW + after)


def test_a_task_is_given_up_when_both_limits_are_reached() -> None:
    """Cloud Tasks stops only when max_attempts and max_retry_duration are both satisfied."""
    policy = RetryPolicy(max_attempts=3, max_retry_duration=60 * SECOND)
    assert not _exhausted(policy, attempts=3, after=59 * SECOND)
    assert not _exhausted(policy, attempts=2, after=60 * SECOND)
    assert _exhausted(policy, attempts=3, after=60 * SECOND)


def test_a_limit_that_is_not_set_does_not_keep_a_task_alive() -> None:
    """With one limit only, that one decides."""
    attempts_only = RetryPolicy(max_attempts=3)
    assert not _exhausted(attempts_only, attempts=2, after=timedelta(days=1))
    assert _exhausted(attempts_only, attempts=3, after=SECOND)
    duration_only = RetryPolicy(max_attempts=-1, max_retry_duration=60 * SECOND)
    assert not _exhausted(duration_only, attempts=1000, after=59 * SECOND)
    assert _exhausted(duration_only, attempts=1, after=60 * SECOND)


def test_without_limits_only_the_retention_ends_a_task() -> None:
    """-1 attempts and no duration: 31 days."""
    policy = RetryPolicy(max_attempts=-1)
    assert not _exhausted(policy, attempts=10**6, after=RETENTION - SECOND)
    assert _exhausted(policy, attempts=1, after=RETENTION)


@given(rates, pauses)
def test_no_stretch_of_time_sees_more_dispatches_than_burst_and_rate_allow(
    rate: float, arrivals: list[timedelta]
) -> None:
    """A queue that dispatches whenever it may keeps to its token bucket, whenever it looks."""
    # Given a queue that takes every chance, at its own ready_at or later
    pace, now, dispatches = Pace.fresh(rate, NOW), NOW, []
    for pause in arrivals:
        now = max(now + pause, pace.at(now + pause).ready_at())
        assert pace.at(now).ready(now)
        pace = pace.dispatched(now)
        dispatches.append(now)
    # Then in no window are there more than burst + rate x length
    for i, start in enumerate(dispatches):
        for j in range(i, len(dispatches)):
            length = (dispatches[j] - start).total_seconds()
            assert j - i + 1 <= burst_size(rate) + rate * length + 1e-3


@given(rates)
def test_a_token_is_there_at_ready_at_and_not_a_millisecond_before(rate: float) -> None:
    """ready_at is exact, so that nobody wakes in vain or sleeps too long."""
    pace = Pace.fresh(rate, NOW)
    while pace.ready(NOW):
        pace = pace.dispatched(NOW)
    ready_at = pace.ready_at()
    assert pace.at(ready_at).ready(ready_at)
    just_before = ready_at - timedelta(milliseconds=1)
    assert not pace.at(just_before).ready(just_before)


def test_an_overloaded_worker_halves_the_pace_and_other_answers_restore_it() -> None:
    """429 and 503 slow the queue; anything else gives a tenth back each time."""
    pace = Pace.fresh(10, NOW).answered(503, NOW).answered(429, NOW)
    assert pace.effective_rate == 2.5
    assert pace.capacity == 2.5
    for _ in range(8):
        pace = pace.answered(200, NOW)
    assert pace.effective_rate == 10


@given(rates, st.lists(st.sampled_from([200, 429, 500, 503, None]), max_size=60))
def test_the_pace_is_never_above_what_is_configured_and_never_nil(rate: float, answers: list[int | None]) -> None:
    """Whatever workers answer, a queue neither races nor dies."""
    pace = Pace.fresh(rate, NOW)
    for answer in answers:
        pace = pace.answered(answer, NOW)
        assert rate / 64 <= pace.effective_rate <= rate
        assert 1 <= pace.capacity <= burst_size(rate)
        assert 0 <= pace.tokens <= pace.capacity


def test_a_clock_that_goes_back_refills_nothing_and_holds_nothing_up() -> None:
    """A machine's clock may be set; the bucket neither fills nor drains by it, and its tokens stay of use."""
    pace = Pace.fresh(1, NOW).dispatched(NOW)
    earlier = NOW - timedelta(hours=1)
    assert pace.at(earlier).tokens == pace.tokens
    assert pace.ready(earlier)
