"""The soak's own arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.soak.ledger import EngineJob, most_active, quickest

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
times = st.lists(st.timedeltas(timedelta(seconds=1), timedelta(minutes=20)), min_size=1, max_size=30)


def a_job(start: int, end: int | None) -> EngineJob:
    """Accepted and ended so many seconds after noon."""
    return EngineJob(
        id="job",
        request_id="request",
        attempt_id="attempt",
        status="completed" if end is not None else "in_progress",
        accepted_at=NOON + timedelta(seconds=start),
        started_at=None,
        ended_at=None if end is None else NOON + timedelta(seconds=end),
        length=timedelta(0),
        error=None,
    )


def test_jobs_that_touch_are_active_at_once() -> None:
    """One that starts in the millisecond in which another ends counts beside it: nothing is masked."""
    assert most_active([a_job(0, 10), a_job(10, 20)]) == 2
    assert most_active([a_job(0, 10), a_job(11, 20)]) == 1


def test_a_job_without_an_end_stays_active() -> None:
    assert most_active([a_job(0, None), a_job(50, 60), a_job(70, None)]) == 2
    assert most_active([]) == 0


@given(times, st.integers(1, 40))
def test_the_least_time_is_that_of_a_list_schedule(work: list[timedelta], servers: int) -> None:
    """Between what the longest job or the shared work takes and what one server would; never over twice the best."""
    least = quickest(work, servers)
    shared = max(*work, sum(work, timedelta(0)) / servers)
    assert shared <= least + timedelta(microseconds=1)
    assert least <= 2 * shared
    assert quickest(work, 1) == sum(work, timedelta(0))
    assert quickest(work, len(work)) == max(work)
