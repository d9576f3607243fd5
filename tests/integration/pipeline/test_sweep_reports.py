"""Each sweep leaves a report for people to read."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from common.model.sweeping import Finding
from common.model.webhook import signature
from tests.integration.pipeline.test_refusals import counted_calls

if TYPE_CHECKING:
    import pytest

    from tests.integration.pipeline.installation import Installation

MINUTE = timedelta(minutes=1)


def test_what_a_sweep_found_outlives_the_quiet_ones_after_it(installation: Installation) -> None:
    """When it ran, and what it found; of those that found nothing the latest alone."""
    path = f"/gone-1/attempt-1/{signature('new-webhook-secret', 'gone-1', 'attempt-1')}"
    installation.webhook(path, {"id": "j-1", "status": "completed"})
    began_at = installation.clock.advance(timedelta(minutes=3))
    assert installation.sweep() == {"events_without_work": 1}
    for _ in range(3):
        installation.clock.advance(MINUTE)
        installation.sweep()

    latest, telling = installation.services.sweep_log.latest()

    assert (latest.began_at, latest.has_findings) == (installation.clock(), False)
    assert (telling.began_at, telling.took) == (began_at, timedelta(0))
    assert telling.found == (Finding(what="events_without_work", count=1),)


def test_a_sweep_whose_report_cannot_be_kept_has_done_its_work(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says so in the log."""
    row = installation.stored.entity(installation.stored.key("SweepReports", "default"))
    row["reports"] = ["unreadable"]
    installation.stored.put(row)

    assert installation.sweep() == {}
    assert "sweep_report_not_kept" in capsys.readouterr().out


def test_looking_for_lost_events_and_reporting_cost_a_sweep_three_calls(installation: Installation) -> None:
    """One to see that no scan is due, two to keep the report; the rest is what looks at jobs and slots."""
    installation.sweep()
    installation.clock.advance(MINUTE)

    with counted_calls(installation) as calls:
        installation.sweep()

    assert (calls["lookup"], calls["commit"]) == (3, 1)
