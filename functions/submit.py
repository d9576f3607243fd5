"""Stage 3: send one claimed request to the engine. Mark it as sent, then send, then keep the ids."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from common import log
from common.bootstrap import services
from common.errors import (
    AccountRefused,
    CalltrackError,
    NotAccepted,
    OutcomeUnknown,
    RefusedByEngine,
    Throttled,
    TryLater,
)
from common.model import schedule
from common.model.failures import Budgets, error_of, given_up
from common.model.job import FailureClass, SymblAsyncRequest
from common.model.lifecycle import JobStatus, Maker
from common.model.tasks import dispatch_task
from common.model.webhook import webhook_url
from common.ports import (
    AccountState,
    AudioStore,
    CompanyStore,
    RecordingStore,
    RequestStore,
    SlotPool,
    SpeechIntelligence,
    Submission,
    TaskQueue,
)
from functions import _edge

if TYPE_CHECKING:
    import flask
    from flask.typing import ResponseReturnValue

    from common.model.capacity import SymblAccount
    from common.model.company import CompanyDefaults
    from common.model.conversation import ConversationMetadata
    from common.model.job import AttemptId, JobError, RequestId
    from common.ports import (
        Accepted,
    )

#: signBlob's keys may be gone after 12 h; our engine downloads when it accepts, Symbl within its queue.
URL_LIFETIME = timedelta(hours=6)
#: How long dispatching rests after the engine refused our credentials; then one submission tries again.
ACCOUNT_REST = timedelta(minutes=5)


class Outcome(enum.StrEnum):
    """What became of a submission."""

    NOTHING_TO_DO = "nothing_to_do"  #: already sent, or another attempt's turn
    ACCEPTED = "accepted"
    PUT_BACK = "put_back"
    UNKNOWN = "unknown"
    FAILED = "failed"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Submitter:
    """The stage's collaborators and what it does with one request."""

    requests: RequestStore
    recordings: RecordingStore
    companies: CompanyStore
    slots: SlotPool
    account: AccountState
    audio: AudioStore
    engine: SpeechIntelligence
    tasks: TaskQueue
    cap: int
    webhook_base_url: str
    webhook_secret: str
    confidence_threshold: float
    sweep_floor: timedelta
    budgets: Budgets
    clock: Callable[[], datetime]
    chance: Callable[[], float]

    def submit(self, request_id: RequestId, attempt_id: AttemptId, company: str | None = None) -> Outcome:
        """Send this attempt unless somebody may have sent it already; `company`, whose it is, as its task names it."""
        found = self.recordings.to_submit(request_id, company=company)
        if found is None or not found.request.may_be_sent(attempt_id):
            return Outcome.NOTHING_TO_DO
        request, conversation = found.request, found.conversation
        if conversation is None:
            gone = error_of(FailureClass.DEFECT, "its metadata is gone: who deleted its rows?")
            return self._give_up(request, attempt_id, gone)
        try:
            self.engine.prepare()
            defaults = found.defaults or self.companies.defaults(conversation.company)  # its task named no company
            submission = self._submission(request, attempt_id, conversation, defaults)
            if not self._mark_sent(request_id, attempt_id):
                return Outcome.NOTHING_TO_DO
            accepted = self.engine.submit(submission)
        except CalltrackError as error:
            return self._after(error, request, attempt_id)
        self._keep(accepted, request, attempt_id, conversation)
        self._tell_account(request, good=True)
        return Outcome.ACCEPTED

    def _submission(
        self,
        request: SymblAsyncRequest,
        attempt_id: AttemptId,
        conversation: ConversationMetadata,
        defaults: CompanyDefaults,
    ) -> Submission:
        return Submission(
            url=self._signed_url(conversation),
            webhook_url=webhook_url(
                self.webhook_base_url, secret=self.webhook_secret, request_id=request.id, attempt_id=attempt_id
            ),
            attempt_id=attempt_id,
            request_id=request.id,
            conversation=conversation,
            trackers=defaults.trackers,
            confidence_threshold=conversation.confidence_threshold or self.confidence_threshold,
        )

    def _signed_url(self, conversation: ConversationMetadata) -> str:
        """The recording's URL for the engine. Whatever goes wrong here, nothing was sent: it may wait in the queue."""
        try:
            return self.audio.signed_url(conversation.object_name, conversation.generation, lifetime=URL_LIFETIME)
        except TryLater as error:
            raise NotAccepted(f"the recording's URL could not be signed: {error}") from error

    def _mark_sent(self, request_id: RequestId, attempt_id: AttemptId) -> bool:
        """Compare and set: of several deliveries of one task, one may send."""
        now = self.clock()
        mine = False

        def change(request: SymblAsyncRequest) -> SymblAsyncRequest:
            nonlocal mine
            mine = request.may_be_sent(attempt_id)
            if not mine:
                return request
            return request.marked_sent(now=now, next_check_at=now + schedule.SUBMISSION_LIMIT)

        self.requests.change(request_id, change)
        return mine

    def _keep(
        self, accepted: Accepted, request: SymblAsyncRequest, attempt_id: AttemptId, conversation: ConversationMetadata
    ) -> None:
        now = self.clock()
        look_at = now + schedule.overdue_after(conversation.duration, floor=self.sweep_floor)

        def change(current: SymblAsyncRequest) -> SymblAsyncRequest:
            if not current.is_current(attempt_id):
                return current
            return current.accepted(
                conversation_id=accepted.conversation_id, job_id=accepted.job_id, now=now, next_check_at=look_at
            )

        self.requests.change(request.id, change)
        log.event("job_accepted", request=request.id, conversation=accepted.conversation_id, job=accepted.job_id)

    def _after(self, error: CalltrackError, request: SymblAsyncRequest, attempt_id: AttemptId) -> Outcome:
        """Each class of failure has its own way on."""
        log.warning("submission_failed", request=request.id, error=type(error).__name__, reason=str(error))
        if isinstance(error, AccountRefused):
            self._rest(error)
            return self._put_back(request, attempt_id, error, why=f"account refused: {error}", advice=ACCOUNT_REST)
        self._tell_account(request, good=isinstance(error, (Throttled, RefusedByEngine)))
        if isinstance(error, OutcomeUnknown):  # it holds its slot, and the sweep looks for its conversation
            self.requests.change(request.id, lambda current: current.unanswered(attempt_id, error.exchange))
            return Outcome.UNKNOWN
        if isinstance(error, Throttled):
            self._lower_cap(error)
            return self._put_back(request, attempt_id, error, why=str(error), advice=error.retry_after)
        if isinstance(error, NotAccepted):
            return self._put_back(request, attempt_id, error, why=str(error), advice=None)
        if isinstance(error, RefusedByEngine):
            return self._give_up(request, attempt_id, _as(FailureClass.RECORDING, error))
        if isinstance(error, TryLater):
            raise error
        return self._give_up(request, attempt_id, _as(FailureClass.DEFECT, error))

    def _rest(self, refusal: AccountRefused) -> None:
        """No submission can succeed: none is tried for a while, and then a single one."""
        now = self.clock()
        until = now + ACCOUNT_REST
        self.account.change(lambda account: account.refused(reason=str(refusal), now=now, until=until))
        log.warning("account_refused", reason=str(refusal), rests_until=until)

    def _tell_account(self, request: SymblAsyncRequest, *, good: bool) -> None:
        """If this was the one that had to prove our credentials: the others may go on, or one more has to try."""
        if not request.attempts[-1].proves:
            return
        now = self.clock()
        self.account.change(lambda account: account.proved(good=good, now=now))
        self.tasks.enqueue(dispatch_task(cause=f"{request.attempts[-1].id}/proved"))

    def _lower_cap(self, refusal: Throttled) -> None:
        """The engine takes no more jobs than it has; where it says until when, nothing is sent to it before."""
        now, active = self.clock(), len(self.slots.leases())

        def change(account: SymblAccount) -> SymblAccount:
            after = account.throttled(self.cap, active=active, now=now)
            if refusal.retry_after is None:
                return after
            return after.stopped(reason=str(refusal), now=now, until=now + refusal.retry_after)

        account = self.account.change(change)
        log.event("cap_lowered", cap=account.cap(self.cap, now), active=active, rests_until=account.rests_until(now))

    def _put_back(
        self,
        request: SymblAsyncRequest,
        attempt_id: AttemptId,
        refusal: CalltrackError,
        *,
        why: str,
        advice: timedelta | None,
    ) -> Outcome:
        """Nothing was accepted: wait for another turn, unless that has been going on for too long."""
        now, chance = self.clock(), self.chance()

        def change(current: SymblAsyncRequest) -> SymblAsyncRequest:
            if not current.is_current(attempt_id) or current.status is not JobStatus.SUBMITTING:
                return current
            error = given_up(
                current, FailureClass.NOT_ACCEPTED, why, now=now, budgets=self.budgets, exchange=refusal.exchange
            )
            if error is not None:
                return current.failed(error, by=Maker.SUBMIT, now=now)
            again = schedule.retry_at(current, now, chance=chance, advice=advice)
            return current.put_back(FailureClass.NOT_ACCEPTED, why=why, by=Maker.SUBMIT, now=now, available_at=again)

        after = self.requests.change(request.id, change)
        if after.status is JobStatus.FAILED:
            return self._tell_failure(after)
        self.tasks.enqueue(dispatch_task(cause=f"{attempt_id}/put back", not_before=after.available_at))
        return Outcome.PUT_BACK

    def _give_up(self, request: SymblAsyncRequest, attempt_id: AttemptId, error: JobError) -> Outcome:
        now = self.clock()

        def change(current: SymblAsyncRequest) -> SymblAsyncRequest:
            if not current.is_current(attempt_id) or not current.status.holds_slot:
                return current
            return current.failed(error, by=Maker.SUBMIT, now=now)

        after = self.requests.change(request.id, change)
        return self._tell_failure(after) if after.status is JobStatus.FAILED else Outcome.NOTHING_TO_DO

    def _tell_failure(self, request: SymblAsyncRequest) -> Outcome:
        error = request.error
        log.event("request_failed", failure_class=error and error.failure_class, reason=error and error.reason)
        self.tasks.enqueue(dispatch_task(cause=f"{request.id}/{request.attempts_made}/failed"))
        return Outcome.FAILED


def _as(failure_class: FailureClass, error: CalltrackError) -> JobError:
    return error_of(failure_class, str(error), exchange=error.exchange)


@_edge.internal_function
def submit_job(request: flask.Request) -> ResponseReturnValue:
    """Entry point of the submit queue."""
    s = services()
    body = _edge.task_body(request, "request_id", "attempt_id")
    with log.context(request=body["request_id"], attempt=body["attempt_id"]):
        outcome = Submitter(
            requests=s.requests,
            recordings=s.recordings,
            companies=s.companies,
            slots=s.slots,
            account=s.account,
            audio=s.audio,
            engine=s.engine,
            tasks=s.tasks,
            cap=s.settings.symbl_max_active_jobs,
            webhook_base_url=s.settings.webhook_base_url,
            webhook_secret=s.settings.webhook_secrets[0].get_secret_value(),
            confidence_threshold=s.settings.confidence_threshold,
            sweep_floor=s.settings.sweep_floor,
            budgets=s.settings.budgets,
            clock=s.clock,
            chance=s.chance.random,
        ).submit(body["request_id"], body["attempt_id"], body.get("company"))
    return {"outcome": outcome}
