"""The repair of what got stuck: asks the engine about silent jobs, creates lost tasks again, starts dispatch again.

Costs what is due, not what there is. Due means "ask", not "late": nothing is given up while the engine says that it
works on it. Two sweeps at once do each thing once or harmlessly twice.
"""

from __future__ import annotations

import collections
import dataclasses
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from common import log
from common.bootstrap import services
from common.errors import CalltrackError
from common.model import schedule
from common.model.failures import Budgets, given_up
from common.model.job import FailureClass, JobStatus, SymblAsyncRequest, submission_age
from common.model.slot import claimable
from common.model.tasks import collect_task, dispatch_task, owed
from common.ports import AccountState, Inbox, RequestStore, SlotPool, SpeechIntelligence, TaskQueue
from functions import _edge

if TYPE_CHECKING:
    from collections.abc import Callable

    import flask
    from flask.typing import ResponseReturnValue

    from common.model.webhook import WebhookEvent

#: What one run looks at; the next run goes on where this one stopped.
BATCH = 200
#: An event that was queued again has a task that the queue repeats, and a request that the sweep asks about.
EVENT_REST = timedelta(minutes=30)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sweeper:
    """The stage's collaborators, and one method per thing that may have got stuck."""

    requests: RequestStore
    slots: SlotPool
    account: AccountState
    inbox: Inbox
    engine: SpeechIntelligence
    tasks: TaskQueue
    cap: int
    budgets: Budgets
    now: datetime
    found: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    def sweep(self) -> dict[str, int]:
        """Look at everything that is due; one fault does not keep the rest from its turn."""
        self._try("requests", self._look_at_requests)
        self._try("events", self._work_off_events)
        self._try("slots", self._free_orphans)
        self._try("dispatch", self._restart_dispatch)
        return dict(self.found)

    def _try(self, what: str, step: Callable[[], None]) -> None:
        try:
            step()
        except CalltrackError as error:
            self.found[f"{what}_errors"] += 1
            log.warning("sweep_step_failed", what=what, error=type(error).__name__, reason=str(error))
        except Exception as error:  # noqa: BLE001  # one row that cannot be read must not stop the repair of all others
            self.found[f"{what}_errors"] += 1
            log.defect("sweep_step_broke", error, what=what)

    def _look_at_requests(self) -> None:
        for request in self.requests.due(now=self.now, limit=BATCH):
            with log.context(request=request.id):
                self._try("request", lambda request=request: self._look_at(request))  # type: ignore[misc]  # bound now

    def _work_off_events(self) -> None:
        for event in self.inbox.due(now=self.now, limit=BATCH):
            self._try("event", lambda event=event: self._work_off(event))  # type: ignore[misc]  # bound now

    def _look_at(self, request: SymblAsyncRequest) -> None:
        """What a request needs follows from where it stands."""
        if owed(request) is not None:
            self._recreate_task(request)
        elif request.status is JobStatus.SUBMITTING and request.job_id is None:
            self._search_for(request)
        elif request.status.holds_slot:
            self._ask_about(request)
        else:
            self._change(request, lambda current: dataclasses.replace(current, next_check_at=None))

    def _recreate_task(self, request: SymblAsyncRequest) -> None:
        """The task for a claimed, unsent attempt or for uncollected results has vanished."""
        look_at = schedule.next_look(request, self.now)
        after = self._change(
            request,
            lambda current: current.task_recreated(next_check_at=look_at) if owed(current) is not None else current,
        )
        task = owed(after)
        if task is not None:
            self.tasks.enqueue(task)
            self.found["tasks_recreated"] += 1

    def _search_for(self, request: SymblAsyncRequest) -> None:
        """Sent, and no answer stored: the engine's conversations tell whether it has a job of it."""
        attempt = request.attempts[-1]
        conversation_id = self.engine.find_conversation(attempt.id, since=attempt.claimed_at, now=self.now)
        look_at = schedule.next_look(request, self.now)
        if conversation_id is not None:
            self._change(
                request,
                lambda current: (
                    current.recovered(conversation_id=conversation_id, now=self.now, next_check_at=look_at)
                    if current.status is JobStatus.SUBMITTING
                    else current
                ),
            )
            self.found["submissions_recovered"] += 1
            return
        age = submission_age(request, self.now)
        if age is None or age <= schedule.UNKNOWN_LIMIT:
            self._change(request, lambda current: current.looked_at(next_check_at=look_at))
            self.found["submissions_unknown"] += 1
            return
        self._send_again(request, "outcome unknown, and the engine has no conversation of it")

    def _send_again(self, request: SymblAsyncRequest, why: str) -> None:
        """The first try may have been accepted, and cannot be found: once more, counted, within the budget."""

        def change(current: SymblAsyncRequest) -> SymblAsyncRequest:
            if current.status is not request.status or current.job_id != request.job_id:
                return current
            error = given_up(current, FailureClass.UNKNOWN, why, now=self.now, budgets=self.budgets)
            if error is not None:
                return current.failed(error, now=self.now)
            return current.put_back(FailureClass.UNKNOWN, why=why, now=self.now, available_at=self.now)

        after = self._change(request, change)
        self.found["given_up" if after.status is JobStatus.FAILED else "ambiguous_resubmits"] += 1
        log.warning("outcome_unknown", status=after.status, reason=why)

    def _ask_about(self, request: SymblAsyncRequest) -> None:
        """The article's rule: an active job older than 40 % of its recording is asked about."""
        status = self.engine.job_status(request.job_id) if request.job_id else None
        self.found["jobs_asked_about"] += 1
        look_at = schedule.next_look(request, self.now)
        if status is None and request.job_id:
            self._after_lost_job(request, look_at)
            return
        if status is not None and not status.is_terminal:
            self._change(
                request,
                lambda current: (
                    current.reported(status, now=self.now, why="the engine said so", next_check_at=look_at).looked_at(
                        next_check_at=look_at
                    )
                    if current.status.holds_slot
                    else current
                ),
            )
            return
        # Ended, or known by its conversation only: the collect stage settles it.
        after = self._change(
            request,
            lambda current: current.task_recreated(next_check_at=look_at) if current.status.holds_slot else current,
        )
        self.tasks.enqueue(collect_task(after))
        self.found["webhooks_missed"] += 1

    def _after_lost_job(self, request: SymblAsyncRequest, look_at: datetime) -> None:
        """The engine answers 404 for a job that it gave us: twice in a row, and with no conversation, it is gone."""
        self.found["jobs_unknown_to_the_engine"] += 1
        attempt = request.attempts[-1]
        known = self.engine.find_conversation(attempt.id, since=attempt.claimed_at, now=self.now)
        if known is None and request.checks > 0:
            self._send_again(request, "the engine knows neither its job nor a conversation of it")
            return
        self._change(request, lambda current: current.looked_at(next_check_at=look_at))

    def _work_off(self, event: WebhookEvent) -> None:
        """A terminal event that nobody worked off: its task has vanished, or its request was not known."""
        request = self.requests.get(event.request_id)
        if request is None or not request.is_current(event.attempt_id) or not request.status.holds_slot:
            self.inbox.worked_off(event.id, now=self.now)
            self.found["events_without_work"] += 1
            return
        after = self._change(
            request, lambda current: current.task_recreated(next_check_at=schedule.next_look(current, self.now))
        )
        self.tasks.enqueue(collect_task(after, event_id=event.id))
        self.inbox.postpone(event.id, until=self.now + EVENT_REST)
        self.found["events_requeued"] += 1

    def _free_orphans(self) -> None:
        for lease in self.slots.leases():
            if self.slots.free_orphan(lease):
                self.found["slots_freed"] += 1
                log.warning("orphan_slot_freed", slot=lease.number, request=lease.request_id)

    def _restart_dispatch(self) -> None:
        """Somebody waits while there is room: the task of an arrival or a release was lost."""
        account = self.account.get()
        if account.rests_until(self.now):
            return
        free = claimable([lease.number for lease in self.slots.leases()], cap=account.cap(self.cap, self.now))
        if free and self.requests.anybody_waits(self.now):
            self.tasks.enqueue(dispatch_task(cause=f"sweep/{self.now.isoformat()}"))
            self.found["dispatch_restarted"] += 1

    def _change(
        self, request: SymblAsyncRequest, change: Callable[[SymblAsyncRequest], SymblAsyncRequest]
    ) -> SymblAsyncRequest:
        """Change it unless it has moved on since it was read: then its next look is somebody else's."""
        return self.requests.change(
            request.id,
            lambda current: change(current) if current.next_check_at == request.next_check_at else current,
        )


@_edge.internal_function
def sweep_jobs(request: flask.Request) -> ResponseReturnValue:  # noqa: ARG001  # the call is the message
    """Entry point of Cloud Scheduler."""
    s = services()
    found = Sweeper(
        requests=s.requests,
        slots=s.slots,
        account=s.account,
        inbox=s.inbox,
        engine=s.engine,
        tasks=s.tasks,
        cap=s.settings.symbl_max_active_jobs,
        budgets=s.settings.budgets,
        now=s.clock(),
    ).sweep()
    log.event("swept", **found)
    return {"found": found}
