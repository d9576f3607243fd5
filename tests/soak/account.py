"""The account of a soak: both books side by side, what must hold between them, and the figures for people."""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING, Any

from common.model.failures import Budgets
from common.model.intelligence import ResultsState
from common.model.job import FailureClass, SymblAsyncRequest
from common.model.lifecycle import JobStatus
from tests.soak.ledger import EngineJob, most_active

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ON_EVERY_LINE = {"severity", "time", "message", "event", "request_id", "function"}


def is_settled(request: SymblAsyncRequest) -> bool:
    """Whether nothing more will happen to it by itself."""
    if request.status is JobStatus.COMPLETED:
        return request.results in {ResultsState.COMPLETE, ResultsState.FAILED}
    return request.status is JobStatus.FAILED


@dataclasses.dataclass(frozen=True, kw_only=True)
class Account:
    """What the product and the engine have written down."""

    requests: list[SymblAsyncRequest]
    jobs: list[EngineJob]
    log: list[dict[str, Any]]

    def jobs_of(self) -> Mapping[str, list[EngineJob]]:
        """The engine's jobs by request."""
        found = collections.defaultdict(list)
        for job in self.jobs:
            found[job.request_id].append(job)
        return found

    def unsettled(self) -> list[str]:
        """Requests that have not come to an end."""
        return [_story(request) for request in self.requests if not is_settled(request)]

    def unjustified(self) -> list[str]:
        """Failed requests for which neither the engine's books nor the budget of unknown outcomes give a reason."""
        jobs = self.jobs_of()
        return [
            _story(request)
            for request in self.requests
            if request.status is JobStatus.FAILED and not _justified(request, jobs[request.id])
        ]

    def without_results(self) -> list[str]:
        """Completed requests whose results are not complete."""
        return [
            _story(request)
            for request in self.requests
            if request.status is JobStatus.COMPLETED and request.results is not ResultsState.COMPLETE
        ]

    def uncounted(self) -> list[str]:
        """Requests with more jobs at the engine than one and the ambiguous resubmissions that were counted."""
        jobs = self.jobs_of()
        return [
            f"{_story(request)}: {len(jobs[request.id])} jobs"
            for request in self.requests
            if len(jobs[request.id]) > 1 + request.unknown_outcomes
        ]

    def sent_twice(self) -> list[str]:
        """Attempts that have more than one job at the engine: a POST that was repeated."""
        times = collections.Counter(job.attempt_id for job in self.jobs)
        return [attempt for attempt, count in times.items() if count > 1]

    def defects(self) -> list[str]:
        """What the functions have logged as errors of ours."""
        return [str(line["message"]) for line in self.log if line["severity"] == "ERROR"]

    def swept(self) -> dict[str, int]:
        """What all sweeps together found and did."""
        found: collections.Counter[str] = collections.Counter()
        for line in self.log:
            if line["event"] == "swept":
                found.update({k: v for k, v in line.items() if k not in _ON_EVERY_LINE and isinstance(v, int)})
        return dict(sorted(found.items()))

    def table(self, title: str, more: Mapping[str, object]) -> str:
        """The figures, a line each."""
        ends = collections.Counter(
            str(request.status) + (f" ({request.failure_class})" if request.failure_class else "")
            for request in self.requests
        )
        counts = collections.Counter(request.attempts_made for request in self.requests)
        duplicates = len(self.jobs) - len(self.jobs_of())
        resubmitted = sum(request.unknown_outcomes for request in self.requests)
        rows = {
            "recordings": len(self.requests),
            "ended": _counted(ends),
            "recordings by attempts": _counted(counts),
            "jobs at the engine": len(self.jobs),
            "  of them second ones": f"{duplicates}; {resubmitted} ambiguous resubmissions were counted",
            "active at once, at most": most_active(self.jobs),
            "sweeps found": _counted(self.swept()),
            **more,
        }
        width = max(len(name) for name in rows)
        return "\n".join([title, *(f"  {name:<{width}}  {value}" for name, value in rows.items())])


def _justified(request: SymblAsyncRequest, jobs: Iterable[EngineJob]) -> bool:
    match request.failure_class:
        case FailureClass.RECORDING:
            return any(job.status == "failed" and job.error == (request.error and request.error.reason) for job in jobs)
        case FailureClass.UNKNOWN:
            left = sum(1 for attempt in request.attempts if attempt.ended_as is FailureClass.UNKNOWN)
            return left > Budgets().unknown_outcomes
        case _:
            return False


def _counted(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _story(request: SymblAsyncRequest) -> str:
    """A request's whole life, for whoever looks for the fault."""
    lines = [f"  {t.at:%H:%M:%S} {t.before} -> {t.after}: {t.why}" for t in request.timeline]
    return "\n".join([f"{request.id}: {request.status}, {request.results}, {request.error}", *lines])
