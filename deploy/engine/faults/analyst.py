"""An analyst who leaves jobs lying, or gives them up, before having listened."""

import threading
from collections.abc import Collection
from pathlib import Path

from deploy.engine.analysis.heard import Heard, Listener
from deploy.engine.errors import AnalysisFailed, NotFound
from deploy.engine.faults.conversations import of_conversation
from deploy.engine.faults.plan import JobFailed, JobStuck, Target
from deploy.engine.faults.strikes import Strikes
from deploy.engine.instants import Clock, Wait
from deploy.engine.jobs import Analyst
from deploy.engine.settings import EngineSettings
from deploy.engine.store import ACTIVE, Job, Store


class FaultyAnalyst(Analyst):
    """Analyses, but for what the plan says. Whether a job gets stuck is decided once, when its turn comes."""

    def __init__(
        self, store: Store, settings: EngineSettings, clock: Clock, listener: Listener, *, wait: Wait, strikes: Strikes
    ) -> None:
        super().__init__(store, settings, clock, listener, wait=wait)
        self._strikes = strikes
        self._met: set[str] = set()
        self._stuck: set[str] = set()
        self._lock = threading.Lock()

    def stuck(self) -> list[str]:
        """The ids of the jobs that are stuck; one that was deleted meanwhile is not."""
        with self._lock:
            return sorted(job_id for job_id in self._stuck if self._store.job(job_id).status in ACTIVE)

    def release(self, job_id: str) -> None:
        """Let a stuck job go on.

        Raises:
            NotFound: that job is not stuck.
        """
        with self._lock:
            if job_id not in self._stuck:
                raise NotFound(f"Job {job_id} is not stuck: GET /engine/faults lists those that are.")
            self._stuck.remove(job_id)

    def release_all(self) -> None:
        """Let every stuck job go on."""
        with self._lock:
            self._stuck.clear()

    def _runnable(self, besides: Collection[str]) -> Job | None:
        with self._lock:
            return super()._runnable({*besides, *self._stuck})

    def _analyse(self, found: Job) -> None:
        stuck = self._stops(found)
        if stuck is None:
            super()._analyse(found)
        elif stuck.at == "in_progress":
            self._store.started(found, self._clock())

    def _stops(self, job: Job) -> JobStuck | None:
        with self._lock:
            if job.id in self._met:
                return None
            self._met.add(job.id)
            stuck = self._strikes.first(self._target(job), JobStuck)
            if stuck is not None:
                self._stuck.add(job.id)
            return stuck

    def _hear(self, job: Job, audio: Path) -> Heard:
        failed = self._strikes.first(self._target(job), JobFailed)
        if failed is not None:
            raise AnalysisFailed(failed.reason)
        return super()._hear(job, audio)

    def _target(self, job: Job) -> Target:
        return Target(key=f"job {job.id}", **of_conversation(self._store, job.conversation_id))
