"""Stage 2: give every free slot to the request whose turn it is, and queue its submission."""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING

from common import log
from common.bootstrap import services
from common.errors import TryLater
from common.model import schedule, slot
from common.model.fairness import Lane, Turns
from common.model.tasks import submit_task
from functions import _edge

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    import flask
    from flask.typing import ResponseReturnValue

    from common.model.capacity import SymblAccount
    from common.model.job import AttemptId, RequestId, SlotNumber, SymblAsyncRequest
    from common.ports import AccountState, LaneStore, RequestStore, SlotPool, TaskQueue

    Heads = collections.deque[RequestId]
    """Those of a lane that are left to be claimed, the oldest first."""

#: One query for so many costs less than one for the lanes and one more for each that has a turn.
SHORT_QUEUE = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class DispatchReport:
    """What a run found and did."""

    cap: int | None = None
    free_slots: int = 0
    claimed: int = 0
    stopped_until: str | None = None


def dispatch(
    *,
    requests: RequestStore,
    slots: SlotPool,
    lanes: LaneStore,
    account: AccountState,
    tasks: TaskQueue,
    cap: int,
    now: datetime,
    new_id: Callable[[], AttemptId],
    chance: random.Random,
    short_queue: int = SHORT_QUEUE,
) -> DispatchReport:
    """Claim all free slots, each for whose turn it is; one lost race costs that slot its turn, not the run.

    `cap` is the setting; the account may allow less, and a single claim where our credentials have to be proved. The
    account is read before the leases: whoever claims by an older view of either finds it changed. A queue of fewer than
    `short_queue` is read whole; of a longer one, the lanes are asked for their oldest.
    """
    state, before = account.get_with_turns()
    stopped = state.rests_until(now)
    if stopped:
        return DispatchReport(stopped_until=stopped.isoformat())
    effective = state.cap(cap, now)
    leases = slots.leases()
    free = slot.claimable([lease.number for lease in leases], cap=effective)
    if state.unproven:
        free = free[:1]
    if not free:
        return DispatchReport(cap=effective)
    queue = requests.first_in_line(limit=short_queue, now=now)
    whole = by_lane(queue) if len(queue) < short_queue else None
    turns = Turns(
        lanes.waiting() if whole is None else whole,
        active=collections.Counter(lease.company for lease in leases),
        before=before,
        chance=chance,
    )
    line = Line(requests, lanes, turns, known=whole or {}, needed=len(free), now=now)
    claimed = 0
    for number in slot.in_random_order(free, chance):
        following = line.next()
        if following is None:
            break
        lane, request_id = following
        request = _claim(slots, number, request_id, attempt_id=new_id(), now=now, planned_on=state)
        if request is None:
            continue
        claimed += 1
        turns.taken(lane)
        log.event("slot_claimed", request=request_id, slot=number, attempt=request.attempts[-1].id)
        _enqueue(tasks, request)
    if turns.so_far() != before:
        lanes.keep_turns(turns.so_far())
    return DispatchReport(cap=effective, free_slots=len(free), claimed=claimed)


class Line:
    """Who is next, asking each lane once, when its first turn comes, for as many as may be needed of it.

    Lanes of which all are `known` are not asked.
    """

    def __init__(
        self,
        requests: RequestStore,
        lanes: LaneStore,
        turns: Turns,
        *,
        known: Mapping[Lane, Heads],
        needed: int,
        now: datetime,
    ) -> None:
        self._requests = requests
        self._lanes = lanes
        self._turns = turns
        self._needed = needed
        self._now = now
        self._heads = dict(known)

    def next(self) -> tuple[Lane, RequestId] | None:
        """The request whose turn it is, and its lane; None when nobody is left."""
        while lane := self._turns.next():
            heads = self._heads_of(lane)
            if heads:
                return lane, heads.popleft()
            self._turns.empty(lane)
        return None

    def _heads_of(self, lane: Lane) -> Heads:
        """A lane without heads is said to be empty, if it is, by the run that finds it so.

        Not by the one that takes its last request: a lane in which one call follows another would change all the time.
        """
        if lane not in self._heads:
            heads = self._requests.next_in_line(lane, limit=self._needed, now=self._now)
            self._heads[lane] = collections.deque(heads)
            if not heads:
                self._lanes.found_empty(lane)
        return self._heads[lane]


def by_lane(queue: Sequence[tuple[Lane, RequestId]]) -> dict[Lane, Heads]:
    """Who waits in each lane, in the order of the queue."""
    heads: dict[Lane, Heads] = collections.defaultdict(collections.deque)
    for lane, request_id in queue:
        heads[lane].append(request_id)
    return heads


def _claim(
    slots: SlotPool,
    number: SlotNumber,
    request_id: RequestId,
    *,
    attempt_id: AttemptId,
    now: datetime,
    planned_on: SymblAccount,
) -> SymblAsyncRequest | None:
    return slots.claim(
        number,
        request_id=request_id,
        attempt_id=attempt_id,
        now=now,
        next_check_at=now + schedule.UNSENT_LIMIT,
        planned_on=planned_on,
    )


def _enqueue(tasks: TaskQueue, request: SymblAsyncRequest) -> None:
    """The claim is committed: a task that cannot be created now is created by the sweep."""
    try:
        tasks.enqueue(submit_task(request))
    except TryLater as error:
        log.warning("task_not_created", request=request.id, reason=str(error))


@_edge.internal_function
def dispatch_jobs(request: flask.Request) -> ResponseReturnValue:  # noqa: ARG001  # any call means: look again
    """Entry point of the dispatch queue."""
    s = services()
    report = dispatch(
        requests=s.requests,
        slots=s.slots,
        lanes=s.lanes,
        account=s.account,
        tasks=s.tasks,
        cap=s.settings.symbl_max_active_jobs,
        now=s.clock(),
        new_id=s.new_id,
        chance=s.chance,
    )
    log.event("dispatched", **dataclasses.asdict(report))
    return dataclasses.asdict(report)
