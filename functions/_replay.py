"""Run again what failed, one recording or many: the step behind `:replay` of the recordings API."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from common import log
from common.errors import AccountRefused, NotFound, TryLater, UnreadableAnswer
from common.model import schedule
from common.model.job import FailureClass, ReplayStage, SymblAsyncRequest, request_id_of
from common.model.lifecycle import JobStatus
from common.model.listing import page_token
from common.model.recording import RecordingId
from common.model.replay import NotReplayable, expect_replayable, is_under_way
from common.model.search.query import Node
from common.model.tasks import collect_task, dispatch_task, owed
from common.ports import RequestStore, SearchIndex, SpeechIntelligence, TaskQueue
from functions._inquiry import Inquiry
from functions._search import Search

if TYPE_CHECKING:
    from common.bootstrap import Services
    from common.model.access import Caller
    from common.model.answers import BulkReplayAnswer
    from common.model.job import Attempt
    from common.model.replay import BulkReplayOrder, ReplayOrder
    from common.model.tasks import Task
    from functions._inquiry import Standing

#: Raises where a request is not as it has to be.
Expectation = Callable[[SymblAsyncRequest], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BulkReplay:
    """What became of the recordings of one call: `recordings` are those that are (or would be) replayed."""

    matched: int
    recordings: tuple[RecordingId, ...]
    skipped: tuple[tuple[RecordingId, str], ...]
    dry_run: bool
    next_page_token: str | None

    def as_json(self) -> BulkReplayAnswer:
        """As the API answers it."""
        answer: BulkReplayAnswer = {
            "matched": self.matched,
            "replayed": len(self.recordings),
            "recordings": list(self.recordings),
            "skipped": [{"id": id_, "reason": reason} for id_, reason in self.skipped],
            "dry_run": self.dry_run,
        }
        if self.next_page_token:
            answer["next_page_token"] = self.next_page_token
        return answer


@dataclasses.dataclass(frozen=True, kw_only=True)
class Replayer:
    """The step's collaborators; `by` is who asks."""

    requests: RequestStore
    index: SearchIndex
    engine: SpeechIntelligence
    tasks: TaskQueue
    clock: Callable[[], datetime]
    by: str
    narrowed: Callable[[Node], Node] = lambda asked: asked  #: to what whoever asks may see

    @classmethod
    def of(cls, s: Services, caller: Caller) -> Replayer:
        """With what this installation has, for whoever calls."""
        return cls(
            requests=s.requests,
            index=s.search,
            engine=s.engine,
            tasks=s.tasks,
            clock=s.clock,
            by=caller.name,
            narrowed=caller.narrowed,
        )

    def one(
        self, recording_id: RecordingId, order: ReplayOrder, *, expect: Expectation = lambda _: None
    ) -> SymblAsyncRequest:
        """Have it run again, and say how it stood; asked for once more while that is under way, nothing changes.

        `expect` refuses a state that the caller has not read: at once, and again in the transaction that changes it.

        Raises:
            NotFound: there is no such recording.
            NotReplayable: there is nothing to run again from there.
            TryLater: the engine has to be asked, and cannot be now.
        """
        request = self.requests.of_recording(recording_id)
        if request is None:
            raise NotFound(f"There is no recording {recording_id!r}; GET /api/v1/recordings lists them.")
        expect(request)
        if self._replay(request, order, expect) and not order.validate_only:
            self._wake_dispatch(cause=request)
        return request

    def many(self, order: BulkReplayOrder) -> BulkReplay:
        """Have one page of what the order's filter finds run again; what cannot be is skipped, with the reason."""
        query = order.query(now=self.clock(), narrowed=self.narrowed)
        search = Search(index=self.index, requests=self.requests, query=query.asked)
        page = search.page(size=query.size, after=query.after)
        found = self.requests.get_many([request_id_of(call.recording_id) for call in page.calls])
        replayed: list[SymblAsyncRequest] = []
        skipped: list[tuple[RecordingId, str]] = []
        for request in found.values():
            try:
                if self._replay(request, order, lambda _: None):
                    replayed.append(request)
                else:
                    skipped.append((request.recording_id, "a replay of it is under way"))
            except (NotReplayable, TryLater) as error:  # the others have their turn all the same
                skipped.append((request.recording_id, str(error)))
        if replayed and not order.validate_only:
            self._wake_dispatch(cause=replayed[-1])
        return BulkReplay(
            matched=len(found),
            recordings=tuple(request.recording_id for request in replayed),
            skipped=tuple(skipped),
            dry_run=order.validate_only,
            next_page_token=page_token(page.next_key, query) if page.next_key else None,
        )

    def _replay(self, request: SymblAsyncRequest, order: ReplayOrder, expect: Expectation) -> bool:
        """Whether it is run again by this order, or would be; False where it is under way already."""
        if is_under_way(request, order.from_stage):
            return False
        expect_replayable(request, order.from_stage)
        if request.status is JobStatus.FAILED and order.from_stage is ReplayStage.COLLECT:
            self._expect_done(request)
        if order.from_stage is ReplayStage.SUBMIT:
            self._expect_unpaid(request, dry_run=order.validate_only)
        return order.validate_only or self._change(request, order, expect)

    def _change(self, request: SymblAsyncRequest, order: ReplayOrder, expect: Expectation) -> bool:
        now = self.clock()
        mine = False

        def change(current: SymblAsyncRequest) -> SymblAsyncRequest:
            nonlocal mine
            expect(current)
            mine = not is_under_way(current, order.from_stage)
            if not mine:
                return current
            expect_replayable(current, order.from_stage)
            return current.replayed(
                order.from_stage,
                by=self.by,
                reason=order.reason,
                now=now,
                next_check_at=now + schedule.COLLECTION_LIMIT,
            )

        after = self.requests.change(request.id, change)
        if mine:
            log.event("request_replayed", request=after.id, from_stage=order.from_stage, by=self.by)
            if task := owed(after):
                self._enqueue(task)
        return mine

    def _expect_done(self, request: SymblAsyncRequest) -> None:
        """A job that was given up here may have come to its end since; only then are there results to fetch."""
        standing = self._ask(request, request.attempts[-1])
        if standing.status is not JobStatus.COMPLETED:
            raise NotReplayable(
                f"Recording {request.recording_id} has no results to collect: the engine says of its job "
                f"{standing.status or 'that there is none'}; replay it from submit."
            )

    def _expect_unpaid(self, request: SymblAsyncRequest, *, dry_run: bool) -> None:
        """An attempt whose outcome was never known may have been accepted: then a new one would be paid for twice."""
        for attempt in request.attempts:
            if not (attempt.may_run or attempt.ended_as is FailureClass.UNKNOWN):
                continue
            standing = self._ask(request, attempt)
            if standing.conversation_id is None or standing.status is JobStatus.FAILED:
                continue
            what = (
                f"Recording {request.recording_id} is at the engine already, as conversation {standing.conversation_id}"
            )
            if not standing.has_ended:
                raise NotReplayable(f"{what}, and under way there; wait for its end, or delete it there.")
            if not dry_run:
                self._enqueue(collect_task(request, attempt_id=attempt.id))
            raise NotReplayable(f"{what}, and completed: its results are fetched now, nothing is sent again.")

    def _ask(self, request: SymblAsyncRequest, attempt: Attempt) -> Standing:
        try:
            inquiry = Inquiry(requests=self.requests, engine=self.engine)
            return inquiry.about(request, attempt, now=self.clock())
        except (AccountRefused, UnreadableAnswer) as error:
            raise TryLater(f"the engine cannot be asked about its job: {error}") from error

    def _wake_dispatch(self, *, cause: SymblAsyncRequest) -> None:
        """Once for a whole page: dispatch fills every free slot each time it runs.

        `cause` is one that was replayed: its count of replays keeps the name of the task from being an old one.
        """
        self._enqueue(dispatch_task(cause=f"{cause.id}/replayed {len(cause.replays)}"))

    def _enqueue(self, task: Task) -> None:
        """The replay is committed: if the task cannot be created now, the sweep does it."""
        try:
            self.tasks.enqueue(task)
        except TryLater as error:
            log.warning("task_not_created", reason=str(error))
