"""Our stages' own code over the embedded Datastore; engine, queues and scheduler live in simulated time.

A stage takes no time by itself: what it costs is in the hop that brings it its task.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import random
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import yaml

from common.adapters.datastore.account import DatastoreAccount
from common.adapters.datastore.companies import DatastoreCompanies
from common.adapters.datastore.inbox import DatastoreInbox
from common.adapters.datastore.intelligence import DatastoreResults
from common.adapters.datastore.lanes import DatastoreLanes
from common.adapters.datastore.recordings import DatastoreRecordings
from common.adapters.datastore.requests import DatastoreRequests
from common.adapters.datastore.slots import DatastoreSlots
from common.errors import NotAccepted, OutcomeUnknown
from common.model.failures import Budgets
from common.model.job import AttemptId
from common.model.lifecycle import JobStatus
from common.model.tasks import Stage, dispatch_task
from common.ports import Accepted, Verdict
from deploy.local.datastore import DatastoreServer, load_indexes
from deploy.local.tasks.schedule import Pace
from functions.collect import Collector
from functions.dispatch import dispatch
from functions.submit import Submitter
from functions.sweep import Sweeper
from functions.webhook import event_of, receive
from tests.benchmarks.slot_use.agenda import Agenda
from tests.benchmarks.slot_use.load import HOP, START, Load, Run
from tests.conftest import PROJECT, ROOT
from tests.factories import a_conversation, a_pending_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from common.model.intelligence import Rows, SectionKind
    from common.model.job import SymblAsyncRequest
    from common.model.tasks import Task
    from common.ports import Submission

WEBHOOKS = "https://hooks.example"
SECRET = "webhook-secret"
SWEEP = FLOOR = timedelta(seconds=60)
QUEUES = {Stage.DISPATCH: "dispatch-jobs", Stage.SUBMIT: "submit-job", Stage.COLLECT: "collect-results"}

#: What slot time without work goes to: until a start, until an end is known, to submissions that gave no job, until a
#: free slot is claimed, and at the end, when nobody waits.
LOSSES = START_UP, RELEASE, NO_JOB, FREE, TAIL = ("starting", "noticing the end", "no job", "unclaimed", "nobody waits")


def ours(load: Load) -> Run:
    """Analyse the whole load."""
    indexes = load_indexes(ROOT / "deploy" / "index.yaml")
    with (
        DatastoreServer(indexes=indexes) as server,
        open(os.devnull, "w", encoding="utf-8") as nowhere,  # noqa: PTH123  # a device, no path of ours
        contextlib.redirect_stdout(nowhere),  # a line of log for each step of thousands
    ):
        return _Pipeline(load, server).run()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """One that the engine accepted."""

    id: str
    number: int
    attempt_id: AttemptId
    starts: datetime
    ends: datetime


class Engine:
    """SpeechIntelligence: works on as many jobs as there are slots, and would take no more."""

    def __init__(self, load: Load, agenda: Agenda, deliver: Callable[[str, bytes], None]) -> None:
        self._load = load
        self._agenda = agenda
        self._deliver = deliver
        self._numbers = {a_conversation(number).id: number for number in range(load.recordings)}
        self._tries = [0] * load.recordings
        self.jobs: dict[AttemptId, Job] = {}

    def prepare(self) -> None:
        """Its token never ends."""

    def submit(self, submission: Submission) -> Accepted:
        """Accept, unless a fault strikes."""
        number = self._numbers[submission.conversation.id]
        self._tries[number] += 1
        attempt = self._tries[number]
        if self._load.is_refused(number, attempt):
            raise NotAccepted("connection refused")
        unanswered = self._load.is_unanswered(number, attempt)
        if unanswered and not self._load.is_accepted_all_the_same(number, attempt):
            raise OutcomeUnknown("502 from a proxy")
        job = self._accept(number, submission)
        self._tell(submission.webhook_url, job, lost=self._load.loses_webhook(number, attempt))
        if unanswered:
            raise OutcomeUnknown("the answer was lost")
        return Accepted(conversation_id=f"of-{job.id}", job_id=job.id)

    def job_status(self, job_id: str) -> JobStatus | None:
        """How a job stands."""
        job = self.jobs.get(job_id)
        if job is None:
            return None
        now = self._agenda.clock()
        if now < job.starts:
            return JobStatus.SCHEDULED
        return JobStatus.IN_PROGRESS if now < job.ends else JobStatus.COMPLETED

    def verdict(self, job_id: str) -> Verdict:  # noqa: ARG002  # none fails
        """Nothing fails here."""
        return Verdict(reason=None, exchange=None)

    def find_conversation(self, attempt_id: AttemptId, *, since: datetime, now: datetime) -> str | None:  # noqa: ARG002
        """The conversation that an attempt made."""
        return f"of-{attempt_id}" if attempt_id in self.jobs else None

    def section(self, section: SectionKind, conversation_id: str) -> Rows | None:
        """Empty rows; no summary while the job runs."""
        running = self.job_status(conversation_id.removeprefix("of-")) is not JobStatus.COMPLETED
        return None if section.name == "summary" and running else ()

    def _accept(self, number: int, submission: Submission) -> Job:
        starts = self._agenda.clock() + HOP
        active = sum(job.ends > starts for job in self.jobs.values())
        assert active < self._load.slots, "more active jobs than the account has"
        assert all(job.number != number for job in self.jobs.values()), "the same recording was analysed twice"
        job = Job(
            id=submission.attempt_id,
            number=number,
            attempt_id=submission.attempt_id,
            starts=starts,
            ends=starts + self._load.jobs[number],
        )
        self.jobs[job.id] = job
        return job

    def _tell(self, url: str, job: Job, *, lost: bool) -> None:
        news = [(job.starts, JobStatus.SCHEDULED), (job.starts, JobStatus.IN_PROGRESS)]
        if not lost:
            news.append((job.ends, JobStatus.COMPLETED))
        for at, status in news:
            body = json.dumps({"id": job.id, "status": status}).encode()
            self._agenda.at(at + HOP, partial(self._deliver, url, body))


class Queues:
    """Cloud Tasks: each name once, nothing before its time, nothing faster than `deploy/queues.yaml` allows."""

    def __init__(self, agenda: Agenda, work: Callable[[Task], None]) -> None:
        settings = yaml.safe_load((ROOT / "deploy" / "queues.yaml").read_text(encoding="utf-8"))["queues"]
        self._paces = {
            stage: Pace.fresh(settings[queue]["rate_limits"]["max_dispatches_per_second"], START)
            for stage, queue in QUEUES.items()
        }
        self._agenda = agenda
        self._work = work
        self._names: set[str] = set()

    def enqueue(self, task: Task) -> None:
        """Create it, or find that it was created."""
        if task.name not in self._names:
            self._names.add(task.name)
            now = self._agenda.clock()
            self._agenda.at(max(now, task.not_before or now) + HOP, partial(self._deliver, task))

    def _deliver(self, task: Task) -> None:
        now = self._agenda.clock()
        pace = self._paces[task.stage].at(now)
        if not pace.ready(now):
            self._agenda.at(pace.ready_at(), partial(self._deliver, task))
            return
        self._paces[task.stage] = pace.dispatched(now)
        self._work(task)


class Audio:
    """AudioStore, as far as a submission asks."""

    bucket = "recordings"

    def signed_url(self, name: str, generation: int, *, lifetime: timedelta) -> str:
        """A URL that nobody reads."""
        return f"https://storage.example/{name}?generation={generation}&expires={lifetime}"


class _Pipeline:
    """An installation with the whole load in it."""

    def __init__(self, load: Load, server: DatastoreServer) -> None:
        client = server.in_process_client(PROJECT)
        self._load = load
        self._agenda = Agenda()
        self._chance = random.Random(load.seed)
        self._ids = (f"attempt-{number}" for number in itertools.count(1))
        self._engine = Engine(load, self._agenda, self._hear)
        self._queues = Queues(self._agenda, self._work)
        self._requests, self._recordings = DatastoreRequests(client), DatastoreRecordings(client)
        self._slots = DatastoreSlots(client)
        self._ports: dict[str, Any] = {
            "requests": self._requests,
            "recordings": self._recordings,
            "slots": self._slots,
            "lanes": DatastoreLanes(client),
            "inbox": DatastoreInbox(client),
            "companies": DatastoreCompanies(client),
            "results": DatastoreResults(client),
            "account": DatastoreAccount(client),
            "audio": Audio(),
            "engine": self._engine,
            "tasks": self._queues,
        }
        self._request_ids = [self._add(number) for number in range(load.recordings)]

    def run(self) -> Run:
        """Until nobody waits and every slot is free."""
        self._queues.enqueue(dispatch_task(cause="the backlog"))
        self._agenda.every(
            SWEEP,
            self._sweep,
            first=SWEEP * (1 - self._load.since_last_sweep),
            over=lambda: not self._slots.leases() and self._requests.count_pending() == 0,
        )
        self._agenda.run()
        return self._account([request for id_ in self._request_ids if (request := self._requests.get(id_))])

    def _add(self, number: int) -> str:
        """Recordings of one company, added one after the other."""
        conversation = a_conversation(number, duration=self._load.lengths[number])
        request = a_pending_job(number, now=START - timedelta(seconds=self._load.recordings - number))
        self._recordings.add(conversation, request, allow_duplicate=False)
        return request.id

    # The stages

    def _only(self, *names: str) -> dict[str, Any]:
        return {name: self._ports[name] for name in names}

    def _work(self, task: Task) -> None:
        if task.stage is Stage.DISPATCH:
            dispatch(
                **self._only("requests", "slots", "lanes", "account", "tasks"),
                cap=self._load.slots,
                now=self._agenda.clock(),
                new_id=lambda: next(self._ids),
                chance=self._chance,
            )
        elif task.stage is Stage.SUBMIT:
            Submitter(
                **self._only("requests", "recordings", "companies", "slots", "account", "audio", "engine", "tasks"),
                cap=self._load.slots,
                webhook_base_url=WEBHOOKS,
                webhook_secret=SECRET,
                confidence_threshold=0.6,
                sweep_floor=FLOOR,
                budgets=Budgets(),
                clock=self._agenda.clock,
                chance=self._chance.random,
            ).submit(task.body["request_id"], task.body["attempt_id"])
        else:
            # Its first question goes to the engine, and what frees the slot is the answer.
            self._agenda.after(HOP, partial(self._collect, task.body))

    def _collect(self, body: dict[str, str]) -> None:
        Collector(
            **self._only("requests", "results", "inbox", "engine", "tasks"), budgets=Budgets(), clock=self._agenda.clock
        ).collect(body["request_id"], body["attempt_id"], body.get("event_id"))

    def _hear(self, url: str, body: bytes) -> None:
        event = event_of(url.removeprefix(WEBHOOKS), body, secrets=[SECRET], now=self._agenda.clock())
        receive(event, **self._only("inbox", "tasks"))

    def _sweep(self) -> None:
        Sweeper(
            **self._only("requests", "slots", "account", "inbox", "engine", "tasks"),
            cap=self._load.slots,
            budgets=Budgets(),
            clock=self._agenda.clock,
        ).sweep()

    # What came of it

    def _account(self, requests: list[SymblAsyncRequest]) -> Run:
        """Each slot's time is work, or lost to one of five things."""
        leases = [lease for request in requests for lease in _leases_of(request)]
        ended, last_claim = max(lease.released_at for lease in leases), max(lease.claimed_at for lease in leases)
        lost = dict.fromkeys(LOSSES, timedelta(0))
        for lease in leases:
            job = self._engine.jobs.get(lease.attempt_id)
            if job is None:
                lost[NO_JOB] += lease.released_at - lease.claimed_at
            else:
                lost[START_UP] += job.starts - lease.claimed_at
                lost[RELEASE] += lease.released_at - job.ends
        last_release = {lease.slot: lease.released_at for lease in sorted(leases, key=lambda lease: lease.released_at)}
        lost[TAIL] = sum((ended - max(last, last_claim) for last in last_release.values()), timedelta(0))
        work = sum((job.ends - job.starts for job in self._engine.jobs.values()), timedelta(0))
        lost[FREE] = self._load.slots * (ended - START) - work - sum(lost.values(), timedelta(0))
        analysed = sum(request.status is JobStatus.COMPLETED for request in requests)
        return Run(
            recordings=self._load.recordings,
            slots=self._load.slots,
            work=work,
            took=ended - START,
            analysed=analysed,
            lost=lost,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Held:
    """A slot, by one attempt, from the claim to the release."""

    slot: int
    attempt_id: AttemptId
    claimed_at: datetime
    released_at: datetime


def _leases_of(request: SymblAsyncRequest) -> list[_Held]:
    """All that it has had, by its timeline."""
    released = {
        line.attempt_id: line.at
        for line in request.timeline
        if line.before is not None and line.before.holds_slot and not line.after.holds_slot
    }
    return [
        _Held(slot=a.slot, attempt_id=a.id, claimed_at=a.claimed_at, released_at=released[a.id])
        for a in request.attempts
    ]
