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
from common.model.failures import Budgets, error_of
from common.model.intelligence import SECTIONS, Section, SectionState, missing_sections
from common.model.job import OWED_RESULTS, FailureClass
from common.model.lifecycle import JobStatus, Maker
from common.model.tasks import dispatch_task
from common.ports import Inbox, RequestStore, ResultStore, SpeechIntelligence, TaskQueue, Verdict
from functions import _edge
from functions._inquiry import Inquiry

if TYPE_CHECKING:
    from collections.abc import Mapping

    import flask
    from flask.typing import ResponseReturnValue

    from common.model.intelligence import Rows, SectionKind
    from common.model.job import Attempt, AttemptId, RequestId, SymblAsyncRequest

#: A section that the engine still has not this long after the job's end is not going to come.
SECTION_LIMIT = timedelta(minutes=15)


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
    budgets: Budgets
    clock: Callable[[], datetime]

    def collect(
        self, request_id: RequestId, attempt_id: AttemptId, event_id: str | None = None
    ) -> CollectReport | None:
        """Settle the status of an attempt's job, then store what the engine has; None where there is no request."""
        request = self.requests.get(request_id)
        if request is None:
            return None
        attempt = request.attempt_of(attempt_id)
        if attempt is not None and _is_open(request, attempt):
            request = self._settle(request, attempt, event_id)
        settled = None if _waits(request, attempt_id) else event_id
        if request.status is JobStatus.COMPLETED and request.results in OWED_RESULTS:
            return self._fetch(request, settled)
        if settled:
            self.inbox.worked_off(settled, now=self.clock())
        return CollectReport(status=request.status, results=request.results)

    def _settle(self, request: SymblAsyncRequest, attempt: Attempt, event_id: str | None) -> SymblAsyncRequest:
        """Ask the engine, and take over what it says."""
        now = self.clock()
        standing = Inquiry(requests=self.requests, engine=self.engine).about(request, attempt, now=now)
        if standing.status is JobStatus.COMPLETED and standing.conversation_id is not None:
            return self._complete(request, attempt, standing.conversation_id, event_id)
        if standing.status is JobStatus.FAILED:
            return self._fail(request, attempt, event_id)
        if standing.status is None or standing.has_ended:
            return request  # the sweep goes on looking for it
        status = standing.status
        return self.requests.change(
            request.id,
            lambda current: (
                current.reported(
                    status,
                    by=Maker.COLLECT,
                    now=now,
                    why="the engine said so",
                    next_check_at=current.next_check_at,
                    event_id=event_id,
                )
                if current.is_current(attempt.id)
                else current
            ),
        )

    def _complete(
        self, request: SymblAsyncRequest, attempt: Attempt, conversation_id: str, event_id: str | None
    ) -> SymblAsyncRequest:
        now = self.clock()
        look_at = now + schedule.COLLECTION_LIMIT

        def change(current: SymblAsyncRequest) -> SymblAsyncRequest:
            if not (current.is_current(attempt.id) and current.status.holds_slot):
                if current.attempt_of(attempt.id) is None:
                    return current
                return current.completed_by(
                    attempt.id, conversation_id=conversation_id, now=now, next_check_at=look_at, event_id=event_id
                )
            known = current
            if current.conversation_id is None:
                known = current.recovered(
                    conversation_id=conversation_id, by=Maker.COLLECT, now=now, next_check_at=look_at
                )
            return known.reported(
                JobStatus.COMPLETED,
                by=Maker.COLLECT,
                now=now,
                why="the engine said so",
                next_check_at=look_at,
                event_id=event_id,
            )

        after = self.requests.change(request.id, change, seen=request)
        log.event("job_completed", attempt=attempt.id, conversation=conversation_id, job=attempt.job_id)
        self._wake_dispatch(attempt)
        return after

    def _fail(self, request: SymblAsyncRequest, attempt: Attempt, event_id: str | None) -> SymblAsyncRequest:
        """The engine has ended the job without results; for an attempt that was left, that only frees its slot."""
        now = self.clock()
        job_id = attempt.job_id or attempt.told_job_id
        said = self.engine.verdict(job_id) if job_id else Verdict(reason=None, exchange=None)
        reason = said.reason or "the engine reports that the job failed, and gives no reason"
        error = error_of(FailureClass.RECORDING, reason, exchange=said.exchange)

        def change(current: SymblAsyncRequest) -> SymblAsyncRequest:
            if current.is_current(attempt.id) and current.status.holds_slot:
                return current.failed(error, by=Maker.COLLECT, now=now, event_id=event_id)
            return current.attempt_over(attempt.id, now=now)

        after = self.requests.change(request.id, change, seen=request)
        log.event(
            "job_failed",
            attempt=attempt.id,
            job=attempt.job_id,
            status=after.status,
            failure_class=error.failure_class,
            reason=error.reason,
        )
        self._wake_dispatch(attempt)
        return after

    def _fetch(self, request: SymblAsyncRequest, event_id: str | None) -> CollectReport:
        """Fetch what is missing; with that, the event is worked off. A section that fails does not hold the others."""
        now = self.clock()
        fetched: list[tuple[SectionKind, Rows]] = []
        sections: list[Section] = []
        for kind in missing_sections(request.sections):
            rows, section = self._fetch_section(kind, request, now)
            sections.append(section)
            if rows is not None:
                fetched.append((kind, rows))
        after = self.results.keep(
            fetched,
            request=request,
            change=lambda current: (
                current.collected(sections, next_check_at=schedule.next_look(current, now))
                if current.status is JobStatus.COMPLETED and current.conversation_id == request.conversation_id
                else current
            ),
            event_id=event_id,
            now=self.clock(),
            known=self._stored(request),
        )
        log.event("results_stored", conversation=request.conversation_id, stored=len(fetched), results=after.results)
        return CollectReport(status=after.status, results=after.results, stored=len(fetched))

    def _stored(self, request: SymblAsyncRequest) -> Mapping[str, Rows]:
        """The sections that an earlier run has stored: seldom any."""
        assert request.conversation_id is not None  # noqa: S101  # as in _fetch_section
        missing = missing_sections(request.sections)
        stored = [kind for kind in SECTIONS if kind not in missing]
        return self.results.get_all(stored, request.conversation_id) if stored else {}

    def _fetch_section(
        self, kind: SectionKind, request: SymblAsyncRequest, now: datetime
    ) -> tuple[Rows | None, Section]:
        assert request.conversation_id is not None  # noqa: S101  # COMPLETED is entered only with one
        age = now - (request.collecting_since or now)
        try:
            rows = self.engine.section(kind, request.conversation_id)
        except (TryLater, UnreadableAnswer) as error:
            log.warning("section_not_fetched", section=kind.name, error=type(error).__name__, reason=str(error))
            state = SectionState.GIVEN_UP if age > self.budgets.results_for else SectionState.ERROR
            return None, Section(name=kind.name, state=state, error=str(error), at=now)
        if rows is not None:
            return rows, Section(name=kind.name, state=SectionState.STORED, count=len(rows), at=now)
        late = age > SECTION_LIMIT
        state = SectionState.ABSENT if late else SectionState.NOT_READY
        return (() if late else None), Section(name=kind.name, state=state, at=now)

    def _wake_dispatch(self, attempt: Attempt) -> None:
        """A slot is free: somebody's turn, if anybody waits. If the task cannot be created now, the sweep does it.

        The look comes after the commit that has freed the slot: who arrives after the look finds the slot free.
        """
        if not self.requests.anybody_waits(self.clock()):
            return
        try:
            self.tasks.enqueue(dispatch_task(cause=f"{attempt.id}/released"))
        except CalltrackError as error:
            log.warning("task_not_created", reason=str(error))


def _is_open(request: SymblAsyncRequest, attempt: Attempt) -> bool:
    """Whether the engine's word on this attempt could change anything.

    An attempt that was left because its outcome was unknown had a job after all, if there is news of it.
    """
    if request.is_current(attempt.id) and request.status.holds_slot:
        return True
    left_unknown = attempt.ended_as is FailureClass.UNKNOWN and request.status is not JobStatus.COMPLETED
    return attempt.may_run or left_unknown


def _waits(request: SymblAsyncRequest, attempt_id: AttemptId) -> bool:
    """Whether the end that an event has told of is still to be found at the engine."""
    attempt = request.attempt_of(attempt_id)
    return attempt is not None and (attempt.may_run or (request.is_current(attempt_id) and request.status.holds_slot))


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
            budgets=s.settings.budgets,
            clock=s.clock,
        ).collect(body["request_id"], body["attempt_id"], body.get("event_id"))
    return dataclasses.asdict(report) if report else {"status": "unknown request"}
