"""Stage 2: give every free slot to the request that is next in line, and queue its submission."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from common import log
from common.bootstrap import services
from common.errors import TryLater
from common.model import schedule, slot
from common.model.tasks import submit_task
from functions import _edge

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from datetime import datetime

    import flask
    from flask.typing import ResponseReturnValue

    from common.model.job import AttemptId, RequestId, SlotNumber, SymblAsyncRequest
    from common.ports import AccountState, RequestStore, SlotPool, TaskQueue


@dataclasses.dataclass(frozen=True, kw_only=True)
class DispatchReport:
    """What a run found and did."""

    free_slots: int = 0
    claimed: int = 0
    stopped_until: str | None = None


def dispatch(
    *,
    requests: RequestStore,
    slots: SlotPool,
    account: AccountState,
    tasks: TaskQueue,
    cap: int,
    now: datetime,
    new_id: Callable[[], AttemptId],
    chance: random.Random,
) -> DispatchReport:
    """Claim all free slots, oldest request first; one lost race costs that slot its turn, not the run."""
    stopped = account.stopped_until(now)
    if stopped:
        return DispatchReport(stopped_until=stopped.isoformat())
    free = slot.claimable([lease.number for lease in slots.leases()], cap=cap)
    waiting = requests.next_in_line(limit=len(free), now=now) if free else []
    claimed = 0
    for number, request_id in zip(slot.in_random_order(free, chance), waiting, strict=False):
        request = _claim(slots, number, request_id, attempt_id=new_id(), now=now)
        if request is None:
            continue
        claimed += 1
        log.event("slot_claimed", request=request_id, slot=number, attempt=request.attempts[-1].id)
        _enqueue(tasks, request)
    return DispatchReport(free_slots=len(free), claimed=claimed)


def _claim(
    slots: SlotPool, number: SlotNumber, request_id: RequestId, *, attempt_id: AttemptId, now: datetime
) -> SymblAsyncRequest | None:
    return slots.claim(
        number,
        request_id=request_id,
        attempt_id=attempt_id,
        now=now,
        next_check_at=now + schedule.UNSENT_LIMIT,
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
        account=s.account,
        tasks=s.tasks,
        cap=s.settings.symbl_max_active_jobs,
        now=s.clock(),
        new_id=s.new_id,
        chance=s.chance,
    )
    log.event("dispatched", **dataclasses.asdict(report))
    return dataclasses.asdict(report)
