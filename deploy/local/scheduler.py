"""A stand-in for Cloud Scheduler: jobs that POST to a URL at a fixed period, and at once when told to.

Like Cloud Scheduler: its headers, an OIDC token, a deadline per attempt, no retry, and never two executions of one job
at a time: a start that would overlap is delayed.
https://cloud.google.com/scheduler/docs/reference/rpc/google.cloud.scheduler.v1#httptarget
"""

from __future__ import annotations

import dataclasses
import threading
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from deploy.local.outbound import call, direct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from deploy.local.identity import Identity
    from deploy.local.outbound import Connect

ATTEMPT_DEADLINE: Final = timedelta(minutes=3)
"""Cloud Scheduler's default for HTTP targets."""

_LONGEST_SLEEP: Final = 60.0  # seconds; the machine may sleep, or its clock be set

_NO_ANSWER: Final = {
    "DEADLINE_EXCEEDED": HTTPStatus.GATEWAY_TIMEOUT,
    "UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """What is called, and how often."""

    name: str
    every: timedelta
    url: str
    audience: str  #: of the OIDC token
    service_account: str  #: the e-mail address in the OIDC token
    attempt_deadline: timedelta = ATTEMPT_DEADLINE


def next_run(last: datetime, every: timedelta, now: datetime) -> datetime:
    """When the job that was scheduled for *last*, and has ended at *now*, runs next.

    In the past if its turn came while it ran: then it runs at once, and once only, however many turns have passed.
    """
    turns = max(1, (now - last) // every)
    return last + turns * every


class Scheduler:
    """Runs jobs, each on a thread of its own.

    Args:
        jobs: the jobs; the first run of each is one period after `start`.
        identity: signs the OIDC tokens.
        clock: the present moment, aware.
        speed: how many seconds of *clock* pass in a second of the machine's; deadlines are the machine's.
        connect: opens the session for one call; tests may lead it into the process.
    """

    def __init__(
        self,
        jobs: Iterable[Job],
        *,
        identity: Identity,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        speed: float = 1.0,
        connect: Connect = direct,
    ) -> None:
        self._jobs = {job.name: job for job in jobs}
        self._turns = {name: threading.Lock() for name in self._jobs}
        self._identity = identity
        self._clock = clock
        self._speed = speed
        self._connect = connect
        self._stopping = threading.Event()

    def start(self) -> None:
        """Run the jobs from now on."""
        for job in self._jobs.values():
            threading.Thread(target=self._loop, args=(job,), name=f"scheduler {job.name}", daemon=True).start()

    def stop(self) -> None:
        """Start no more executions; one that is under way is left alone."""
        self._stopping.set()

    def run_now(self, name: str) -> int:
        """Run a job, after its execution that may be under way, and wait for it.

        Returns:
            The HTTP status of the answer; 504 if the deadline passed, 503 if nothing answered.

        Raises:
            KeyError: there is no such job.
        """
        return self._run(self._jobs[name], self._clock())

    def _loop(self, job: Job) -> None:
        due = self._clock() + job.every
        while not self._stopping.is_set():
            wait = (due - self._clock()).total_seconds() / self._speed
            if wait > 0:
                self._stopping.wait(min(wait, _LONGEST_SLEEP))
                continue
            self._run(job, due)
            due = next_run(due, job.every, self._clock())

    def _run(self, job: Job, scheduled: datetime) -> int:
        with self._turns[job.name]:
            token = self._identity.token(audience=job.audience, email=job.service_account, now=self._clock())
            headers = {
                "User-Agent": "Google-Cloud-Scheduler",
                "X-CloudScheduler": "true",
                "X-CloudScheduler-JobName": job.name,
                "X-CloudScheduler-ScheduleTime": scheduled.astimezone(UTC).isoformat().replace("+00:00", "Z"),
                "Authorization": f"Bearer {token}",
            }
            answer = call(
                "POST", job.url, headers=headers, body=b"", deadline=job.attempt_deadline, connect=self._connect
            )
        return answer.status if answer.status is not None else _NO_ANSWER[answer.error]
