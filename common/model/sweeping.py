"""What sweeps found: the reports that are kept for people to read."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

KEPT_REPORTS = 20
#: Counts of work that every healthy day has: they are shown, but keep no report from giving way to another.
ROUTINE = frozenset({"jobs_asked_about", "objects_scanned"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """How often a sweep met one thing (`tasks_recreated`, `events_lost`, `requests_errors` ...)."""

    what: str
    count: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepReport:
    """One run of the sweep."""

    began_at: datetime
    took: timedelta
    found: tuple[Finding, ...]

    @classmethod
    def of(cls, found: Mapping[str, int], *, began_at: datetime, ended_at: datetime) -> SweepReport:
        """What was found, by name."""
        findings = tuple(Finding(what=what, count=found[what]) for what in sorted(found))
        return cls(began_at=began_at, took=ended_at - began_at, found=findings)

    @property
    def has_findings(self) -> bool:
        """Whether anything was found beside the routine."""
        return any(finding.what not in ROUTINE for finding in self.found)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepReports:
    """The last reports, the latest first: that one, and before it those that found something."""

    reports: tuple[SweepReport, ...] = ()

    def and_then(self, report: SweepReport) -> SweepReports:
        """With one more; what says nothing any more, or is too old, is left out."""
        earlier = [kept for kept in self.reports if kept.has_findings]
        return SweepReports(reports=(report, *earlier[: KEPT_REPORTS - 1]))
