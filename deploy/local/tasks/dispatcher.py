"""Which task goes out next, and what becomes of it afterwards.

The same three steps in both modes: *claim* a task that may be dispatched now, *deliver* it, *settle* it by the answer.
`run_next` takes them on the caller's thread, at a moment that the caller names; `Dispatcher.start` takes them by
itself, each delivery on a thread of its own.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import sqlite3
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from google.cloud import tasks_v2

from deploy.local.tasks import delivery
from deploy.local.tasks.messages import queue_of, retry_policy, short
from deploy.local.tasks.schedule import Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.identity import Identity
    from deploy.local.outbound import Answer, Connect
    from deploy.local.tasks.messages import Queue, Task
    from deploy.local.tasks.store import StoredTask, TaskStore

_LONGEST_SLEEP: Final = 60.0
"""Seconds. The machine may sleep, or its clock be set: look again at least this often."""


class Outcome(enum.StrEnum):
    """What became of a task after an attempt."""

    DONE = "done"  #: a 2xx; the task is gone
    RETRIED = "retried"  #: anything else; it waits for its next attempt
    GIVEN_UP = "given_up"  #: anything else, and no attempt is left; the task is gone


@dataclasses.dataclass(frozen=True, kw_only=True)
class Delivery:
    """One attempt of one task, as it went."""

    task: str  #: the full name
    queue: str  #: the queue's id
    url: str
    attempt: int  #: 1 for the first
    at: datetime  #: when it was dispatched
    status: int | None  #: the HTTP status; None without an answer
    error: str  #: without an answer: `DEADLINE_EXCEEDED` or `UNAVAILABLE`
    outcome: Outcome
    next_attempt_at: datetime | None  #: of a task that is retried


class Dispatcher:
    """Takes tasks from the store, at each queue's pace, to their targets.

    Args:
        store: the queues and tasks.
        identity: signs the OIDC tokens.
        clock: the present moment, aware.
        speed: how many seconds of *clock* pass in a second of the machine's.
        tombstone: how long a finished task's name stays taken.
        connect: opens the session for one delivery.
    """

    def __init__(
        self,
        store: TaskStore,
        *,
        identity: Identity,
        clock: Callable[[], datetime],
        speed: float = 1.0,
        tombstone: timedelta,
        connect: Connect,
    ) -> None:
        self._store = store
        self._identity = identity
        self._clock = clock
        self._speed = speed
        self._tombstone = tombstone
        self._connect = connect
        self._paces: dict[str, Pace] = {}
        self._changed = threading.Condition()
        self._woken = False
        self._stopping = False
        self._thread: threading.Thread | None = None

    # By itself

    def start(self) -> None:
        """Dispatch from now on, as tasks become due."""
        self._thread = threading.Thread(target=self._loop, name="tasks dispatcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Dispatch no more. Deliveries in flight are left alone: they count as unanswered at the next start."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def wake(self) -> None:
        """Look again: a task or a queue has changed."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def forget(self) -> None:
        """Let every queue begin with a full bucket and at full speed."""
        self._paces.clear()

    def _loop(self) -> None:
        while not self._stopping:
            while not self._stopping and (task := self.claim(self._clock())) is not None:
                threading.Thread(target=self._run, args=(task,), name=f"deliver {task.id}", daemon=True).start()
            self._sleep()

    def _sleep(self) -> None:
        next_at = self.next_due_at()
        wait = _LONGEST_SLEEP if next_at is None else (next_at - self._clock()).total_seconds() / self._speed
        with self._changed:
            if not self._woken and not self._stopping and wait > 0:
                self._changed.wait(min(wait, _LONGEST_SLEEP))
            self._woken = False

    def _run(self, task: StoredTask) -> None:
        # The store is closed under a delivery that outlives the server; the next start delivers the task again.
        with contextlib.suppress(sqlite3.ProgrammingError):
            self._complete(task, at=self._clock(), ended=self._clock)
            self.wake()

    # One at a time

    def run_next(self, now: datetime, queue: str | None = None) -> Delivery | None:
        """Deliver the one task that may be dispatched at *now*, and wait for it; None if there is none."""
        task = self.claim(now, queue)
        return self._complete(task, at=now, ended=lambda: now) if task is not None else None

    def next_due_at(self) -> datetime | None:
        """When a task may be dispatched next, by its schedule and its queue's rate; None while nothing waits."""
        with self._store.transaction():
            moments = [at for queue in self._store.queues() if (at := self._next_in(queue)) is not None]
            if (forced := self._store.next_forced()) is not None:
                moments.append(forced.message.schedule_time)
        return min(moments, default=None)

    def _next_in(self, queue: Queue) -> datetime | None:
        task = self._store.next_waiting(queue.name)
        if task is None or not self._open(queue):
            return None
        due: datetime = task.message.schedule_time
        return max(due, self._pace(queue, due).ready_at())

    # The steps

    def claim(self, now: datetime, queue_id: str | None = None) -> StoredTask | None:
        """The next task that may be dispatched at *now*, marked as being delivered; of all queues, the longest due."""
        with self._store.transaction():
            task = self._store.next_forced()
            if task is None or (queue_id is not None and short(queue_of(task.message.name)) != queue_id):
                task = self._longest_due(now, queue_id)
            if task is None:
                return None
            task = _dispatched(task, now)
            self._store.dispatched(task)
            return task

    def _longest_due(self, now: datetime, queue_id: str | None) -> StoredTask | None:
        candidates = []
        for queue in self._store.queues():
            if queue_id is not None and short(queue.name) != queue_id:
                continue
            task = self._store.next_waiting(queue.name)
            if task is None or task.message.schedule_time > now:
                continue
            if self._open(queue) and self._pace(queue, now).ready(now):
                candidates.append((task.message.schedule_time, task.id, task, queue))
        if not candidates:
            return None
        *_, task, queue = min(candidates, key=lambda c: c[:2])
        self._paces[queue.name] = self._pace(queue, now).dispatched(now)
        return task

    def _open(self, queue: Queue) -> bool:
        """Whether *queue* runs and has room for one more delivery beside those in flight."""
        limit: int = queue.rate_limits.max_concurrent_dispatches
        return bool(queue.state == tasks_v2.Queue.State.RUNNING) and self._store.running(queue.name) < limit

    def _pace(self, queue: Queue, now: datetime) -> Pace:
        """The queue's pace as it was last left; a full one at *now* if it never was, or for another rate."""
        pace = self._paces.get(queue.name)
        rate = queue.rate_limits.max_dispatches_per_second
        return pace if pace is not None and pace.rate == rate else Pace.fresh(rate, now)

    def _complete(self, task: StoredTask, *, at: datetime, ended: Callable[[], datetime]) -> Delivery:
        answer = delivery.deliver(task, identity=self._identity, now=at, connect=self._connect)
        return self._settle(task, answer, ended())

    def _settle(self, task: StoredTask, answer: Answer, now: datetime) -> Delivery:
        """Delete the task or schedule its next attempt, as *answer* demands."""
        with self._store.transaction():
            next_at = None
            queue = self._store.queue(queue_of(task.message.name))
            if queue is not None:  # it may have been deleted meanwhile, and the task with it
                self._paces[queue.name] = self._pace(queue, now).answered(answer.status, now)
                next_at = None if answer.accepted else _next_attempt(task, queue, answer, now)
            if next_at is None:
                self._store.delete_task(task, name_free_at=now + self._tombstone)
            else:
                self._store.rescheduled(_answered(task, answer, now, next_at))
        failed = Outcome.GIVEN_UP if next_at is None else Outcome.RETRIED
        return Delivery(
            task=task.message.name,
            queue=short(queue_of(task.message.name)),
            url=task.message.http_request.url,
            attempt=task.message.dispatch_count,
            at=task.message.last_attempt.dispatch_time,
            status=answer.status,
            error=answer.error,
            outcome=Outcome.DONE if answer.accepted else failed,
            next_attempt_at=next_at,
        )


def _dispatched(task: StoredTask, now: datetime) -> StoredTask:
    """*task* at the start of an attempt."""
    message: Task = tasks_v2.Task(task.message)
    message.dispatch_count += 1
    # The answer stays the previous attempt's for now; without a response time it means nothing to API callers.
    message.last_attempt = tasks_v2.Attempt(
        schedule_time=message.schedule_time,
        dispatch_time=now,
        response_status=message.last_attempt.response_status,
    )
    if message.dispatch_count == 1:
        message.first_attempt = tasks_v2.Attempt(dispatch_time=now)
    return dataclasses.replace(task, message=message)


def _answered(task: StoredTask, answer: Answer, now: datetime, next_at: datetime) -> StoredTask:
    """*task* at the end of an attempt that failed."""
    message: Task = tasks_v2.Task(task.message)
    message.last_attempt.response_status = delivery.status_of(answer)
    message.schedule_time = next_at
    executions = task.executions
    if answer.status is not None:
        message.last_attempt.response_time = now
        message.response_count += 1
        executions += answer.status // 100 != 5  # noqa: PLR2004 - 5xx
    return dataclasses.replace(task, message=message, executions=executions, previous_status=answer.status)


def _next_attempt(task: StoredTask, queue: Queue, answer: Answer, now: datetime) -> datetime | None:
    """When a task whose attempt failed at *now* is tried again; None when it is given up."""
    message = task.message
    policy = retry_policy(message.retry_config if "retry_config" in message else queue.retry_config)
    exhausted = policy.exhausted(
        attempts=message.dispatch_count,
        first_attempt=message.first_attempt.dispatch_time,
        created=message.create_time,
        now=now,
    )
    return None if exhausted else now + max(policy.backoff(message.dispatch_count), answer.retry_after)
