"""Which reports of sweeps are kept."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from common.model.sweeping import KEPT_REPORTS, ROUTINE, Finding, SweepReport, SweepReports
from tests.factories import NOW

MINUTE = timedelta(minutes=1)


def a_report(number: int, **found: int) -> SweepReport:
    began_at = NOW + number * MINUTE
    return SweepReport.of(found, began_at=began_at, ended_at=began_at + timedelta(seconds=2))


def test_a_report_says_when_how_long_and_what() -> None:
    """By name, in one order."""
    report = a_report(1, tasks_recreated=2, events_lost=1)

    assert (report.began_at, report.took) == (NOW + MINUTE, timedelta(seconds=2))
    assert report.found == (Finding(what="events_lost", count=1), Finding(what="tasks_recreated", count=2))
    assert report.has_findings
    assert not a_report(1, **dict.fromkeys(ROUTINE, 7)).has_findings


@given(st.lists(st.sampled_from(["nothing", "objects_scanned", "events_lost"]), min_size=1, max_size=80))
def test_the_latest_report_is_kept_and_the_last_ones_that_found_something(found: list[str]) -> None:
    """A quiet hour does not push out what happened before it."""
    reports = [a_report(n, **({} if what == "nothing" else {what: 1})) for n, what in enumerate(found)]

    kept = SweepReports()
    for report in reports:
        kept = kept.and_then(report)

    telling = [report for report in reversed(reports[:-1]) if report.has_findings]
    assert kept.reports == (reports[-1], *telling[: KEPT_REPORTS - 1])
