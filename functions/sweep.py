"""The repair of what got stuck: asks the engine about silent jobs, creates lost tasks again, starts dispatch again.

Costs what is due, not what there is. Due means "ask", not "late": nothing is given up while the engine says that it
works on it, within a long limit. Two sweeps at once do each thing once or harmlessly twice.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from common import log
from common.bootstrap import services
from common.errors import AccountRefused, CalltrackError, TryLater, UnreadableAnswer
from common.model import schedule
from common.model.failures import Budgets, given_up
from common.model.job import FailureClass
from common.model.lifecycle import JobStatus, Maker
from common.model.slot import claimable, is_orphan
from common.model.sweeping import SweepReport
from common.model.tasks import collect_task, dispatch_task, owed
from common.ports import AccountState, Inbox, RequestStore, SlotPool, SpeechIntelligence, SweepLog, TaskQueue
from functions import _edge
from functions._delete import Deleter
from functions._inquiry import Inquiry
from functions._reconcile import Reconciler

if TYPE_CHECKING:
    from collections.abc import Iterable

    import flask
    from flask.typing import ResponseReturnValue

    from common.bootstrap import Services
    from common.errors import Exchange
    from common.model.job import Attempt, SymblAsyncRequest
    from common.model.slot import Lease
    from common.model.webhook import WebhookEvent
    from functions._inquiry import Standing

T = TypeVar("T")

#: A part of the sweep that is kept elsewhere: how often it met what.
Step = Callable[[], Mapping[str, int]]
#: What one run looks at; the next run goes on where this one stopped.
BATCH = 200
#: ... and for how long it begins to look at anything more: well within the function's time-out.
RUN_LIMIT = timedelta(seconds=120)
#: An engine that failed to answer so often is not asked again in this run.
PATIENCE = 3
#: An event that was queued again has a task that the queue repeats, and a request that the sweep asks about.
EVENT_REST = timedelta(minutes=30)


@dataclasses.dataclass(kw_only=True)
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
    clock: Callable[[], datetime]
    further: Mapping[str, Step] = dataclasses.field(default_factory=dict)  #: done last, by name

    def __post_init__(self) -> None:
        self.now = self.clock()
        self.found: collections.Counter[str] = collections.Counter()
        self._inquiry = Inquiry(requests=self.requests, engine=self.engine)
        self._unanswered = 0
        self._read_leases: list[Lease] | None = None

    def sweep(self) -> dict[str, int]:
        """Look at everything that is due; one fault does not keep the rest from its turn."""
        self._try("requests", self._look_at_requests)
        self._try("events", self._work_off_events)
        self._try("slots", self._free_orphans)
        self._try("dispatch", self._restart_dispatch)
        for name, step in self.further.items():
            self._try(name, lambda step=step: self.found.update(step()))  # type: ignore[misc]  # bound now
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
        for request in self._in_time(self.requests.due(now=self.now, limit=BATCH)):
            with log.context(request=request.id):
                self._try("request", lambda request=request: self._look_at(request))  # type: ignore[misc]  # bound now

    def _work_off_events(self) -> None:
        for event in self._in_time(self.inbox.due(now=self.now, limit=BATCH)):
            self._try("event", lambda event=event: self._work_off(event))  # type: ignore[misc]  # bound now

    def _in_time(self, items: Iterable[T]) -> Iterable[T]:
        """Those for which there is time in this run."""
        for item in items:
            if self.clock() - self.now > RUN_LIMIT:
                self.found["out_of_time"] += 1
                return
            yield item

    def _look_at(self, request: SymblAsyncRequest) -> None:
        """What a request needs follows from where it stands."""
        for attempt in request.quarantined:
            self._ask(request, attempt, self._after_left)
        if owed(request) is not None:
            self._recreate_task(request)
        elif request.status.holds_slot:
            self._ask(request, request.attempts[-1], self._after_current)
        elif request.quarantined:
            self._look_again(request)
        else:
            self._change(request, lambda current: current.owed_nothing())

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

    def _ask(
        self,
        request: SymblAsyncRequest,
        attempt: Attempt,
        then: Callable[[SymblAsyncRequest, Attempt, Standing], None],
    ) -> None:
        """Ask the engine about an attempt, unless it has been silent too often: then the request waits a little."""
        if self._unanswered >= PATIENCE:
            self.found["not_asked"] += 1
            return
        self.found["jobs_asked_about"] += 1
        try:
            standing = self._inquiry.about(request, attempt, now=self.now)
        except (TryLater, AccountRefused, UnreadableAnswer) as error:
            self._unanswered += not isinstance(error, UnreadableAnswer)
            self.found["unanswered"] += 1
            log.warning("job_not_told", attempt=attempt.id, error=type(error).__name__, reason=str(error))
            rest = self.now + schedule.UNANSWERED_REST
            self._change(request, lambda current: dataclasses.replace(current, next_check_at=rest))
            return
        self._unanswered = 0
        then(request, attempt, standing)

    def _after_current(self, request: SymblAsyncRequest, attempt: Attempt, standing: Standing) -> None:
        """The article's rule: an active job older than 40 % of its recording is asked about; this is the answer."""
        if standing.has_ended:
            self._collect(request, attempt)
        elif standing.status is not None:
            self._still_there(request, standing.status, f"the engine has said {standing.status}")
        elif standing.conversation_id is not None:
            known = "nothing has told the end of its job" if attempt.job_id is None else "the engine has lost its job"
            self._recover(request, standing.conversation_id, f"its conversation is there, and {known}")
        elif attempt.job_id is not None:
            self._after_lost_job(request, attempt)
        else:
            self._still_unknown(request, attempt)

    def _collect(self, request: SymblAsyncRequest, attempt: Attempt) -> None:
        """It has ended and its webhook was lost: the collect stage settles it."""
        look_at = schedule.next_look(request, self.now)
        after = self._change(request, lambda current: current.task_recreated(next_check_at=look_at))
        self.tasks.enqueue(collect_task(after, attempt_id=attempt.id))
        self.found["webhooks_missed"] += 1

    def _still_there(self, request: SymblAsyncRequest, status: JobStatus, said: str) -> None:
        """The engine works on it: nothing is given up within the long limit."""
        self._unless_stuck(
            request,
            said,
            lambda current, look_at: current.reported(
                status, by=Maker.SWEEP, now=self.now, why="the engine said so", next_check_at=look_at
            ),
        )

    def _recover(self, request: SymblAsyncRequest, conversation_id: str, said: str) -> None:
        """The answer was lost, or the job, and its conversation is there: there may be results yet."""
        after = self._unless_stuck(
            request,
            said,
            lambda current, look_at: current.recovered(
                conversation_id=conversation_id, by=Maker.SWEEP, now=self.now, next_check_at=look_at
            ),
        )
        self.found["submissions_recovered"] += after.conversation_id != request.conversation_id

    def _unless_stuck(
        self,
        request: SymblAsyncRequest,
        said: str,
        step: Callable[[SymblAsyncRequest, datetime], SymblAsyncRequest],
    ) -> SymblAsyncRequest:
        look_at = schedule.next_look(request, self.now)
        exchange = self._last_words(request.attempts[-1])

        def change(current: SymblAsyncRequest) -> SymblAsyncRequest:
            if not current.status.holds_slot:
                return current
            error = given_up(current, FailureClass.STUCK, said, now=self.now, budgets=self.budgets, exchange=exchange)
            if error is not None:
                return current.failed(error, by=Maker.SWEEP, now=self.now)
            return step(current, look_at).looked_at(next_check_at=look_at)

        after = self._change(request, change)
        self._tell_if_failed(after)
        return after

    def _last_words(self, attempt: Attempt) -> Exchange | None:
        """What the engine says of a job that is about to be given up, as it says it."""
        age = attempt.age(self.now)
        if attempt.job_id is None or age is None or age < self.budgets.active_for:
            return attempt.exchange
        return self.engine.verdict(attempt.job_id).exchange

    def _still_unknown(self, request: SymblAsyncRequest, attempt: Attempt) -> None:
        """Sent, no answer stored, and the engine has no conversation of it, or none that it lists yet."""
        age = attempt.age(self.now)
        if age is not None and age > schedule.UNKNOWN_LIMIT:
            self._send_again(request, "outcome unknown, and the engine has no conversation of it")
            return
        self._look_again(request)
        self.found["submissions_unknown"] += 1

    def _after_lost_job(self, request: SymblAsyncRequest, attempt: Attempt) -> None:
        """The engine answers 404 for a job that it gave us: twice in a row, and with no conversation, it is gone.

        Unless it is young: neither the job nor its conversation need be found at once everywhere.
        """
        self.found["jobs_unknown_to_the_engine"] += 1
        age = attempt.age(self.now)
        if request.checks > 0 and age is not None and age > schedule.UNKNOWN_LIMIT:
            self._send_again(request, "the engine knows neither its job nor a conversation of it")
            return
        self._look_again(request)

    def _send_again(self, request: SymblAsyncRequest, why: str) -> None:
        """The first try may have been accepted, and cannot be found: once more, counted, within the budget."""

        def change(current: SymblAsyncRequest) -> SymblAsyncRequest:
            if current.status is not request.status or current.job_id != request.job_id:
                return current
            said_last = current.attempts[-1].exchange
            error = given_up(current, FailureClass.UNKNOWN, why, now=self.now, budgets=self.budgets, exchange=said_last)
            if error is not None:
                return current.failed(error, by=Maker.SWEEP, now=self.now)
            return current.put_back(FailureClass.UNKNOWN, why=why, by=Maker.SWEEP, now=self.now, available_at=self.now)

        after = self._change(request, change)
        if after.status is JobStatus.PENDING:
            self.found["ambiguous_resubmits"] += 1
            log.warning("submitted_again", reason=why)
        self._tell_if_failed(after)

    def _after_left(self, request: SymblAsyncRequest, attempt: Attempt, standing: Standing) -> None:
        """A quarantined slot: it is free when the engine says that the job has ended, or knows nothing of it."""
        self.found["slots_quarantined"] += 1
        if standing.has_ended:
            self._collect(request, attempt)
            return
        age = attempt.age(self.now) or timedelta(0)
        if standing.status is not None:
            return
        if standing.conversation_id is None:
            gone = request.checks > 0 if attempt.job_id else age > schedule.UNKNOWN_LIMIT
        else:  # nothing can ever tell the end of a job without a record, unless its summary comes
            gone = age > 2 * self.budgets.active_for
        if gone:
            self._change(request, lambda current: current.attempt_over(attempt.id, now=self.now))
            self.found["slots_released"] += 1

    def _tell_if_failed(self, request: SymblAsyncRequest) -> None:
        if request.status is JobStatus.FAILED and request.error is not None:
            self.found["given_up"] += 1
            log.warning("request_failed", failure_class=request.error.failure_class, reason=request.error.reason)

    def _work_off(self, event: WebhookEvent) -> None:
        """A terminal event that nobody worked off: its task has vanished, or its request was not known."""
        request = self.requests.get(event.request_id)
        attempt = request.attempt_of(event.attempt_id) if request else None
        waits = (
            request is not None
            and attempt is not None
            and (attempt.may_run or (request.status.holds_slot and request.is_current(attempt.id)))
        )
        if request is None or not waits:
            self.inbox.worked_off(event.id, now=self.now)
            self.found["events_without_work"] += 1
            return
        after = self._change(
            request, lambda current: current.task_recreated(next_check_at=schedule.next_look(current, self.now))
        )
        self.tasks.enqueue(collect_task(after, attempt_id=event.attempt_id, event_id=event.id))
        self.inbox.postpone(event.id, until=self.now + EVENT_REST)
        self.found["events_requeued"] += 1

    @property
    def _leases(self) -> list[Lease]:
        """Read once, when what was due has been looked at: a slot that is freed after that wakes dispatch by itself.

        No `cached_property`: before Python 3.12 the one that reads makes those of all other sweeps wait.
        """
        if self._read_leases is None:
            self._read_leases = self.slots.leases()
        return self._read_leases

    def _free_orphans(self) -> None:
        requests = self.requests.get_many(sorted({lease.request_id for lease in self._leases}))
        for lease in list(self._leases):
            if is_orphan(lease, requests.get(lease.request_id)) and self.slots.free_orphan(lease):
                self._leases.remove(lease)
                self.found["slots_freed"] += 1
                log.warning("orphan_slot_freed", slot=lease.number, request=lease.request_id)

    def _restart_dispatch(self) -> None:
        """Somebody waits while there is room: the task of an arrival or a release was lost."""
        account = self.account.get()
        free = claimable([lease.number for lease in self._leases], cap=account.cap(self.cap, self.now))
        since = self.requests.waiting_since(self.now)
        waiting_s = round((self.now - since).total_seconds()) if since else 0
        log.event("load_seen", active=len(self._leases), free=len(free), waiting_s=waiting_s)  # alerts go by it
        if free and since and not account.rests_until(self.now):
            self.tasks.enqueue(dispatch_task(cause=f"sweep/{self.now.isoformat()}"))
            self.found["dispatch_restarted"] += 1

    def _look_again(self, request: SymblAsyncRequest) -> None:
        look_at = schedule.next_look(request, self.now)
        self._change(request, lambda current: current.looked_at(next_check_at=look_at))

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
    began_at = s.clock()
    found = Sweeper(
        requests=s.requests,
        slots=s.slots,
        account=s.account,
        inbox=s.inbox,
        engine=s.engine,
        tasks=s.tasks,
        cap=s.settings.symbl_max_active_jobs,
        budgets=s.settings.budgets,
        clock=s.clock,
        further={"bucket": lambda: _reconcile(s), "deletions": lambda: _go_on_deleting(s)},
    ).sweep()
    log.event("swept", **found)
    _keep(SweepReport.of(found, began_at=began_at, ended_at=s.clock()), s.sweep_log)
    return {"found": found}


def _reconcile(s: Services) -> Mapping[str, int]:
    """Built where it runs, so that a bucket out of reach is no more than a step that failed."""
    return Reconciler(
        audio=s.audio,
        recordings=s.recordings,
        intake=s.intake,
        scans=s.scans,
        tasks=s.tasks,
        every=s.settings.bucket_scan_interval,
        now=s.clock(),
    ).reconcile()


def _go_on_deleting(s: Services) -> Mapping[str, int]:
    """One query where nothing is owed."""
    return Deleter(deletions=s.deletions, audio=s.audio, engine=s.engine, clock=s.clock).go_on()


def _keep(report: SweepReport, sweep_log: SweepLog) -> None:
    """For people to read; a sweep has done its work without."""
    try:
        sweep_log.add(report)
    except Exception as error:  # noqa: BLE001  # a report that cannot be kept must not look like a failed sweep
        log.defect("sweep_report_not_kept", error)
