"""How a pipeline at work looks in Datastore: slots, queue, failures, webhooks and sweeps, as the stages store them."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from common.adapters.datastore.account import DatastoreAccount
from common.adapters.datastore.codec import to_entity
from common.adapters.datastore.inbox import DatastoreInbox
from common.adapters.datastore.kinds import SYMBL_SLOT, WEBHOOK_REFUSALS, slot_key
from common.adapters.datastore.sweeps import DatastoreSweepLog
from common.model.failures import error_of
from common.model.job import FailureClass
from common.model.lifecycle import JobStatus
from common.model.recording import Priority
from common.model.refusals import Refusal, WebhookRefusals
from common.model.slot import Lease
from common.model.sweeping import SweepReport
from tests.factories import a_conversation, a_job, an_event, ended_badly
from tests.integration.dashboard.rows import CallRows, belonging

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.cloud import datastore

    from common.model.job import SymblAsyncRequest

COMPANIES = ("Brightline Mobile", "Northside Plumbing", "Office Supply Direct")


@dataclasses.dataclass
class Flow:
    """Writes what the stages write; every call is another one, and `now` is when the page is opened."""

    rows: CallRows
    now: datetime
    made: int = 0

    @property
    def client(self) -> datastore.Client:
        """Of the Datastore that is written to."""
        return self.rows.client

    def taken(
        self, status: JobStatus = JobStatus.IN_PROGRESS, *, age: timedelta, length: timedelta, **fields: Any
    ) -> SymblAsyncRequest:
        """A job that holds a slot since `age`, of a recording of `length`."""
        number = self._next()
        conversation = a_conversation(number, **{"company": COMPANIES[number % 3], "duration": length, **fields})
        job = belonging(
            a_job(status, number=number, attempt_id=f"attempt-{number}", slot=number, now=self.now - age), conversation
        )
        self.rows.put(conversation, job)
        self.lease(job, since=self.now - age)
        return job

    def quarantined(self, *, age: timedelta, length: timedelta) -> SymblAsyncRequest:
        """A job that was given up as stuck, and that the engine still counts."""
        job = self.taken(age=age, length=length)
        error = error_of(FailureClass.STUCK, "in_progress for 24 h")
        stuck = ended_badly(job, error, now=self.now - timedelta(minutes=30))
        self.rows.put(a_conversation(self.made, company=job.company, duration=length), stuck)
        self.lease(job, since=self.now - age, quarantined_at=self.now - timedelta(minutes=30))
        return stuck

    def lease(self, job: SymblAsyncRequest, *, since: datetime, quarantined_at: datetime | None = None) -> None:
        """The slot of a job's latest attempt."""
        attempt = job.attempts[-1]
        lease = Lease(
            number=attempt.slot,
            request_id=job.id,
            attempt_id=attempt.id,
            company=job.company,
            claimed_at=since,
            quarantined_at=quarantined_at,
        )
        self.client.put(to_entity(lease, slot_key(self.client, lease.number), indexed=SYMBL_SLOT.indexed))

    def waiting(
        self, count: int, company: str = "Acme", *, priority: Priority = Priority.LIVE, age: timedelta = timedelta(0)
    ) -> None:
        """Calls of one lane, the oldest of them of that age."""
        for _ in range(count):
            number = self._next()
            conversation = a_conversation(number, company=company, priority=priority)
            job = dataclasses.replace(a_job(number=number, now=self.now - age), priority=priority)
            self.rows.put(conversation, belonging(job, conversation))

    def failed(
        self, failure_class: FailureClass, reason: str = "no speech in it", *, ago: timedelta = timedelta(hours=1)
    ) -> str:
        """A call that was given up; its id."""
        number = self._next()
        conversation = a_conversation(number, company=COMPANIES[number % 3], name=f"Call {number}")
        pending = a_job(number=number, now=self.now - ago - timedelta(minutes=5))
        job = ended_badly(pending, error_of(failure_class, reason), now=self.now - ago)
        return self.rows.put(conversation, belonging(job, conversation))

    def webhook(self, job: SymblAsyncRequest, status: JobStatus, *, ago: timedelta, **fields: Any) -> None:
        """News of a job, kept in the inbox."""
        event = an_event(job, status, received_at=self.now - ago, **fields)
        DatastoreInbox(self.client).receive(event, lambda request, _: request)

    def refused(self, reason: Refusal, count: int) -> None:
        """Calls of the webhook that were none, today."""
        day = self.now.date().isoformat()
        row = WebhookRefusals(day=day, reason=reason, count=count, last_at=self.now)
        self.client.put(WEBHOOK_REFUSALS.entity(self.client, f"{day}/{reason}", row))

    def swept(self, found: Mapping[str, int], *, ago: timedelta) -> None:
        """A run of the sweep."""
        began_at = self.now - ago
        report = SweepReport.of(found, began_at=began_at, ended_at=began_at + timedelta(milliseconds=840))
        DatastoreSweepLog(self.client).add(report)

    def refuse_account(self, *, until: datetime) -> None:
        """The engine refuses our credentials."""
        DatastoreAccount(self.client).change(
            lambda account: account.refused(reason="401: appId or appSecret is wrong", now=self.now, until=until)
        )

    def throttle(self, *, active: int, setting: int = 50) -> None:
        """The engine said 429 just now."""
        DatastoreAccount(self.client).change(
            lambda account: account.throttled(setting, active=active, now=self.now - timedelta(seconds=30))
        )

    def spoil(self, kind: str, name: str) -> None:
        """A row that nobody can read: there is nothing of what must be in it."""
        entity = self.client.entity(self.client.key(kind, name))
        entity.update({"reports": "spoilt", "waiting": True, "unproven": "spoilt", "received_at": self.now})
        self.client.put(entity)

    def of_everything(self) -> None:
        """A busy afternoon, with something to see in each block."""
        minute = timedelta(minutes=1)
        late = self.taken(age=35 * minute, length=20 * minute, name="Billing dispute, third call")
        due = self.taken(age=6 * minute, length=10 * minute)
        fresh = [self.taken(age=n * minute / 4, length=30 * minute) for n in range(10)]
        self.taken(JobStatus.SUBMITTING, age=minute / 12, length=30 * minute)
        self.quarantined(age=1450 * minute, length=48 * minute)
        self.waiting(3, "Brightline Mobile", age=4 * minute)
        self.waiting(7, "Northside Plumbing", priority=Priority.BACKFILL, age=95 * minute)
        for _ in range(4):
            self.failed(FailureClass.RECORDING)
        self.failed(FailureClass.NOT_ACCEPTED, "not accepted for 72 h, last: 429 Too Many Requests")
        self.webhook(late, JobStatus.SCHEDULED, ago=35 * minute)
        self.webhook(late, JobStatus.IN_PROGRESS, ago=34 * minute)
        self.webhook(due, JobStatus.COMPLETED, ago=minute)
        self.webhook(fresh[0], JobStatus.COMPLETED, ago=minute / 2, worked_off_at=self.now)
        self.refused(Refusal.SIGNATURE, 12)
        self.refused(Refusal.BODY, 1)
        self.swept({"tasks_recreated": 2, "jobs_asked_about": 5}, ago=62 * minute)
        self.swept({"jobs_asked_about": 3, "slots_quarantined": 1}, ago=minute / 2)

    def _next(self) -> int:
        self.made += 1
        return self.made
