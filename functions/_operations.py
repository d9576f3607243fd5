"""How the pipeline stands: what the Operations page reads. Each part is bounded, and fails alone.

It costs what is shown, never what is stored: counts stop at a limit, lists at a few rows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from common import log
from common.errors import Problem, Rejected
from common.model.job import FailureClass, recording_of
from common.model.operations import COUNTED_UP_TO, FailedCall, FailureGroup, Queue, Received, Snapshot, TakenSlot
from common.model.replay import MAX_COUNT, BulkReplayOrder, order_from
from common.ports import (
    AccountState,
    Inbox,
    LaneStore,
    RecordingStore,
    RefusalLog,
    RequestStore,
    SlotPool,
    SweepLog,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from common.bootstrap import Services
    from common.model.capacity import SymblAccount
    from common.model.refusals import WebhookRefusals
    from common.model.sweeping import SweepReport

T = TypeVar("T")

PARTS = 7
#: Lanes whose queue is counted; the others are only known to have one.
LANES = 20
LATEST_FAILED = 3
LATEST_EVENTS = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Operations:
    """The step's collaborators; `cap` is the setting, `floor` the age before which no job is overdue."""

    requests: RequestStore
    recordings: RecordingStore
    slots: SlotPool
    lanes: LaneStore
    account: AccountState
    inbox: Inbox
    refusals: RefusalLog
    sweep_log: SweepLog
    cap: int
    floor: timedelta
    clock: Callable[[], datetime]

    @classmethod
    def of(cls, s: Services) -> Operations:
        """Over this instance's services."""
        return cls(
            requests=s.requests,
            recordings=s.recordings,
            slots=s.slots,
            lanes=s.lanes,
            account=s.account,
            inbox=s.inbox,
            refusals=s.refusals,
            sweep_log=s.sweep_log,
            cap=s.settings.symbl_max_active_jobs,
            floor=s.settings.sweep_floor,
            clock=s.clock,
        )

    def snapshot(self) -> Snapshot:
        """Everything, read at the same time: the page takes as long as its slowest part."""
        now = self.clock()
        with ThreadPoolExecutor(PARTS, thread_name_prefix="operations") as pool:

            def begin(name: str, read: Callable[[], T]) -> Callable[[], T | None]:
                return pool.submit(copy_context().run, _tried, name, read).result

            account = begin("account", self._account)
            slots = begin("slots", self._taken)
            queue = begin("queue", self._queue)
            failures = begin("failures", self._failures)
            refused = begin("refused", lambda: self._refused(now))
            received = begin("received", self._received)
            sweeps = begin("sweeps", self._sweeps)
            return Snapshot(
                as_of=now,
                setting=self.cap,
                floor=self.floor,
                account=account(),
                slots=slots(),
                queue=queue(),
                failures=failures(),
                refused=refused(),
                received=received(),
                sweeps=sweeps(),
            )

    def _account(self) -> SymblAccount:
        return self.account.get()

    def _taken(self) -> tuple[TakenSlot, ...]:
        """One query, and where any slot is taken two lookups."""
        leases = self.slots.leases()
        requests = self.requests.get_many(sorted({lease.request_id for lease in leases}))
        calls = self.recordings.get_many(sorted({recording_of(lease.request_id) for lease in leases}))
        return tuple(
            TakenSlot(
                lease=lease,
                request=requests.get(lease.request_id),
                call=calls.get(recording_of(lease.request_id)),
            )
            for lease in leases
        )

    def _queue(self) -> Queue:
        """One query, and two for each lane in which somebody waits."""
        lanes = sorted(self.lanes.waiting())
        lines = [self.requests.line_of(lane, up_to=COUNTED_UP_TO) for lane in lanes[:LANES]]
        return Queue(lines=tuple(line for line in lines if line.waiting), uncounted=len(lanes[LANES:]))

    def _failures(self) -> tuple[FailureGroup, ...]:
        """A count for each class, a query for each that has any, and one lookup."""
        counts = {kind: self.requests.count_failed(kind, up_to=COUNTED_UP_TO) for kind in FailureClass}
        latest = {
            kind: self.requests.latest_failed(kind, limit=LATEST_FAILED) for kind, count in counts.items() if count
        }
        calls = self.recordings.get_many([request.recording_id for found in latest.values() for request in found])
        return tuple(
            FailureGroup(
                failure_class=kind,
                count=counts[kind],
                latest=tuple(FailedCall(request=request, call=calls.get(request.recording_id)) for request in found),
            )
            for kind, found in latest.items()
        )

    def _refused(self, now: datetime) -> Sequence[WebhookRefusals]:
        return self.refusals.of_day(now.date())

    def _received(self) -> tuple[Received, ...]:
        """One query, and where anything came one lookup."""
        events = self.inbox.latest(limit=LATEST_EVENTS)
        calls = self.recordings.get_many(sorted({recording_of(event.request_id) for event in events}))
        return tuple(Received(event=event, call=calls.get(recording_of(event.request_id))) for event in events)

    def _sweeps(self) -> Sequence[SweepReport]:
        return self.sweep_log.latest()


def replay_of_class(form: Mapping[str, str]) -> tuple[FailureClass, BulkReplayOrder]:
    """What the form under a class of failures asks for: as many of them as one call may replay.

    Raises:
        Rejected: naming the field and the mend.
    """
    try:
        failure_class = FailureClass(form.get("failure_class", ""))
    except ValueError:
        raise Rejected([Problem("failure_class", f"must be one of: {', '.join(FailureClass)}")]) from None
    given = {name: value for name, value in form.items() if value and name in {"reason", "page_token"}}
    order = {**given, "filter": f"failure_class:{failure_class}", "max_count": MAX_COUNT}
    return failure_class, order_from(BulkReplayOrder, order)


def _tried(name: str, read: Callable[[], T]) -> T | None:
    """None where the part cannot be read: the others are worth showing."""
    try:
        return read()
    except Exception as error:  # noqa: BLE001  # whatever keeps it from being read, the page says so
        log.defect("operations_part_unreadable", error, part=name)
        return None
