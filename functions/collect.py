"""Stage 5: ask the engine how a job stands; when it is done, free the slot and fetch each kind of result."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from common import log
from common.bootstrap import services
from common.errors import CalltrackError, TryLater, UnreadableAnswer
from common.model import schedule
from common.model.failures import TREATMENTS
from common.model.intelligence import SECTIONS, Section, SectionState, missing_sections
from common.model.job import FailureClass, JobError, JobStatus, SymblAsyncRequest
from common.model.tasks import dispatch_task
from common.ports import Inbox, RequestStore, ResultStore, SpeechIntelligence, TaskQueue
from functions import _edge

if TYPE_CHECKING:
    import flask
    from flask.typing import ResponseReturnValue

    from common.model.intelligence import Rows, SectionKind
    from common.model.job import AttemptId, RequestId

#: A section that the engine still has not this long after the job's end is not going to come.
SECTION_LIMIT = timedelta(minutes=15)
_SUMMARY = next(section for section in SECTIONS if section.name == "summary")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CollectReport:
    """Where the request stands after a run."""

    status: JobStatus
    results: str
    stored: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Collector:
    """The stage's collaborators and what it does with one request. Every step may run again."""

    requests: RequestStore
    results: ResultStore
    inbox: Inbox
    engine: SpeechIntelligence
    tasks: TaskQueue
    clock: Callable[[], datetime]

    def collect(
        self, request_id: RequestId, attempt_id: AttemptId, event_id: str | None = None
    ) -> CollectReport | None:
        """Settle the job's status, then store what the engine has; None where there is nothing to settle."""
        request = self.requests.get(request_id)
        if request is None:
            return None
        report = CollectReport(status=request.status, results=request.results)
        if request.is_current(attempt_id):
            if request.status.holds_slot:
                request = self._settle(request)
            if request.status is JobStatus.COMPLETED:
                report = self._fetch(request)
            else:
                report = CollectReport(status=request.status, results=request.results)
        if event_id and (report.status.is_terminal or not request.is_current(attempt_id)):
            self.inbox.worked_off(event_id, now=self.clock())
        return report

    def _settle(self, request: SymblAsyncRequest) -> SymblAsyncRequest:
        """Ask the engine, and take over what it says."""
        status = self._ask(request)
        now = self.clock()
        if status is JobStatus.COMPLETED:
            conversation_id = request.conversation_id or self._search(request, now)
            if conversation_id is None:
                return request  # the sweep goes on looking for it
            return self._complete(request, conversation_id, now)
        if status is JobStatus.FAILED:
            return self._fail(request, now)
        if status is not None:
            return self._change(
                request,
                lambda current: current.reported(
                    status, now=now, why="the engine said so", next_check_at=current.next_check_at
                ),
            )
        return request

    def _ask(self, request: SymblAsyncRequest) -> JobStatus | None:
        if request.job_id:
            return self.engine.job_status(request.job_id)
        if request.conversation_id and self.engine.section(_SUMMARY, request.conversation_id) is not None:
            return JobStatus.COMPLETED  # without a job id, the summary tells: it is 404 while the job runs
        return None

    def _search(self, request: SymblAsyncRequest, now: datetime) -> str | None:
        attempt = request.attempts[-1]
        return self.engine.find_conversation(attempt.id, since=attempt.claimed_at, now=now)

    def _complete(self, request: SymblAsyncRequest, conversation_id: str, now: datetime) -> SymblAsyncRequest:
        look_at = now + schedule.COLLECTION_LIMIT

        def change(current: SymblAsyncRequest) -> SymblAsyncRequest:
            if not current.status.holds_slot:
                return current
            known = current
            if current.conversation_id is None:
                known = current.recovered(conversation_id=conversation_id, now=now, next_check_at=look_at)
            return known.reported(JobStatus.COMPLETED, now=now, why="the engine said so", next_check_at=look_at)

        after = self._change(request, change)
        log.event("job_completed", conversation=conversation_id, job=after.job_id)
        self._wake_dispatch(after)
        return after

    def _fail(self, request: SymblAsyncRequest, now: datetime) -> SymblAsyncRequest:
        said = self.engine.failure_reason(request.job_id) if request.job_id else None
        error = JobError(
            failure_class=FailureClass.RECORDING,
            reason=said or "the engine reports that the job failed, and gives no reason",
            check=TREATMENTS[FailureClass.RECORDING].check,
        )
        after = self._change(
            request, lambda current: current.failed(error, now=now) if current.status.holds_slot else current
        )
        log.event("request_failed", failure_class=error.failure_class, reason=error.reason)
        self._wake_dispatch(after)
        return after

    def _fetch(self, request: SymblAsyncRequest) -> CollectReport:
        """Fetch what is missing. A section that fails does not hold the others."""
        assert request.conversation_id is not None  # noqa: S101  # COMPLETED is entered only with one
        now = self.clock()
        fetched: list[tuple[SectionKind, Rows]] = []
        sections: list[Section] = []
        for kind in missing_sections(request.sections):
            rows, section = self._fetch_section(kind, request, now)
            sections.append(section)
            if rows is not None:
                fetched.append((kind, rows))
        if not sections:
            return CollectReport(status=request.status, results=request.results)
        self.results.put(fetched, conversation_id=request.conversation_id, recording_id=request.recording_id)
        after = self._change(
            request, lambda current: current.collected(sections, next_check_at=schedule.next_look(current, now))
        )
        log.event("results_stored", conversation=request.conversation_id, stored=len(fetched), results=after.results)
        return CollectReport(status=after.status, results=after.results, stored=len(fetched))

    def _fetch_section(
        self, kind: SectionKind, request: SymblAsyncRequest, now: datetime
    ) -> tuple[Rows | None, Section]:
        assert request.conversation_id is not None  # noqa: S101  # as above
        try:
            rows = self.engine.section(kind, request.conversation_id)
        except (TryLater, UnreadableAnswer) as error:
            log.warning("section_not_fetched", section=kind.name, error=type(error).__name__, reason=str(error))
            return None, Section(name=kind.name, state=SectionState.ERROR, error=str(error), at=now)
        if rows is not None:
            return rows, Section(name=kind.name, state=SectionState.STORED, count=len(rows), at=now)
        late = request.completed_at is not None and now - request.completed_at > SECTION_LIMIT
        state = SectionState.ABSENT if late else SectionState.NOT_READY
        return (() if late else None), Section(name=kind.name, state=state, at=now)

    def _change(
        self, request: SymblAsyncRequest, change: Callable[[SymblAsyncRequest], SymblAsyncRequest]
    ) -> SymblAsyncRequest:
        """Change it only while the attempt is still the current one."""
        attempt_id = request.attempts[-1].id
        return self.requests.change(
            request.id, lambda current: change(current) if current.is_current(attempt_id) else current
        )

    def _wake_dispatch(self, request: SymblAsyncRequest) -> None:
        """A slot is free: somebody's turn. If the task cannot be created now, the sweep does it."""
        try:
            self.tasks.enqueue(dispatch_task(cause=f"{request.attempts[-1].id}/released"))
        except CalltrackError as error:
            log.warning("task_not_created", reason=str(error))


@_edge.internal_function
def collect_results(request: flask.Request) -> ResponseReturnValue:
    """Entry point of the collect queue."""
    s = services()
    body = _edge.task_body(request, "request_id", "attempt_id")
    with log.context(request=body["request_id"], attempt=body["attempt_id"]):
        report = Collector(
            requests=s.requests,
            results=s.results,
            inbox=s.inbox,
            engine=s.engine,
            tasks=s.tasks,
            clock=s.clock,
        ).collect(body["request_id"], body["attempt_id"], body.get("event_id"))
    return dataclasses.asdict(report) if report else {"status": "unknown request"}
