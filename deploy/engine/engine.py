"""The engine as one object: its store, its steps, its threads and its WSGI app.

`create_engine` puts the collaborators together and is the one place where a different one could be put in.
"""

import logging
import threading
from collections.abc import Callable
from typing import IO, Any

from deploy.engine.analysis.heard import Listener
from deploy.engine.analysis.replay import ReplayListener
from deploy.engine.app import build_app
from deploy.engine.errors import Conflict, SettingsError
from deploy.engine.instants import Clock, Wait, utc_now
from deploy.engine.jobs import Analyst, Fetcher, audio_directory, audio_path, fetched_at_once, sweep_audio
from deploy.engine.models import wrong_file
from deploy.engine.settings import EngineSettings
from deploy.engine.store import ACTIVE, Job, Store
from deploy.engine.submission import Submission
from deploy.engine.tokens import Tokens
from deploy.engine.trackers import TrackerRegister, with_account_trackers
from deploy.engine.uploads import Audio, received
from deploy.engine.webhooks import Courier

FETCHERS = 4
COURIERS = 4
_IDLE_S = 1.0
_STOP_S = 0.5
_log = logging.getLogger(__name__)


class Bell:
    """Wakes idle threads; a ring between looking and waiting is not lost."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rings = 0

    @property
    def rings(self) -> int:
        """How often it rang so far."""
        return self._rings

    def ring(self) -> None:
        """Wake everybody."""
        with self._condition:
            self._rings += 1
            self._condition.notify_all()

    def wait(self, heard: int, timeout_s: float) -> None:
        """Wait for the first ring after the *heard*-th."""
        with self._condition:
            self._condition.wait_for(lambda: self._rings != heard, timeout_s)


class Engine:
    """Accepts recordings and works them off, in threads of its own (`start`) or step by step (`run_pending`)."""

    def __init__(
        self, settings: EngineSettings, *, store: Store, listener: Listener, clock: Clock, wait: Wait | None = None
    ) -> None:
        self.settings = settings
        self.store = store
        self.listener = listener
        self.clock = clock
        self.wait = wait or self._wait
        self.tokens = Tokens(store, settings, clock)
        self.trackers = TrackerRegister(store)
        self.analyst = Analyst(store, settings, clock, listener, wait=self.wait)
        self._fetcher = Fetcher(store, settings, clock)
        self.courier = Courier(store, settings, clock)
        self._bell = Bell()
        self._stopping = threading.Event()
        sweep_audio(store, settings)
        self._threads: list[threading.Thread] = []
        self.app = build_app(self)

    def accept(self, submission: Submission, conversation_id: str | None = None) -> Job:
        """Take a recording in by its URL; see `Store.accept` for the refusals.

        Raises:
            BadRequest: its URL does not give a recording, where the settings want to know at once.
            Conflict: its URL is being worked on, where the settings make that one.
        """
        if self.settings.bad_url == "refuse":
            with fetched_at_once(submission.url, self.settings) as audio:
                return self._accept(submission, conversation_id, audio)
        return self._accept(submission, conversation_id)

    def accept_audio(self, submission: Submission, stream: IO[bytes], conversation_id: str | None = None) -> Job:
        """Take a recording in as it is; see `Store.accept` for the refusals.

        Raises:
            BadRequest: there is no audio in it.
        """
        with received(stream, audio_directory(self.settings)) as audio:
            return self._accept(submission, conversation_id, audio)

    def _accept(self, submission: Submission, conversation_id: str | None, audio: Audio | None = None) -> Job:
        cap = self.settings.max_active_jobs
        with self.store.transaction():  # the clock is looked at by whoever has its turn, so that the books are in order
            known = self._known(submission)
            if known is not None and conversation_id is None:
                return known
            whole = with_account_trackers(submission, self.store.trackers())
            job = self.store.accept(whole, conversation_id=conversation_id, cap=cap, now=self.clock())
            if audio is not None:
                audio.path.rename(audio_path(self.settings, job))
                self.store.fetched(job, audio.sha256)
        _log.info("job %s accepted for conversation %s", job.id, job.conversation_id)
        self._bell.ring()
        return job

    def _known(self, submission: Submission) -> Job | None:
        """The job that already is for this recording, where the settings want no second one."""
        twin = self.store.newest_job_of_url(submission.url) if submission.url else None
        if twin is None:
            return None
        if self.settings.async_conflict == "active_url" and twin.status in ACTIVE:
            raise Conflict(f"Job {twin.id} is at work on this recording (ENGINE_ASYNC_CONFLICT=active_url).")
        return twin if self.settings.idempotency == "url" else None

    def delete(self, conversation_id: str) -> None:
        """Forget a conversation, its results and its audio."""
        for job in self.store.delete_conversation(conversation_id, self.clock()):
            audio_path(self.settings, job).unlink(missing_ok=True)
        self._bell.ring()

    def state(self) -> dict[str, Any]:
        """What `/ready` tells: whether recordings can be analysed, and how much is waiting."""
        missing = self.listener.ready()
        return {
            "ready": missing is None,
            "analyzer": self.settings.analyzer,
            "engine": self.listener.name,
            **({"reason": missing} if missing else {}),
            "queue": {
                "activeJobs": self.store.active_jobs(),
                "maxActiveJobs": self.settings.max_active_jobs,
                "webhooks": self.store.pending_deliveries(),
            },
        }

    def run_pending(self) -> int:
        """Do in this thread all that can be done now (due webhooks, downloads, analyses); return the steps taken."""
        steps = (self.courier.step, self._fetcher.step, self.analyst.step)
        count = 0
        while any(step() for step in steps):
            count += 1
        return count

    def start(self) -> None:
        """Work in threads from now on; they die with the process."""
        pools = (("fetch", self._fetcher.step, FETCHERS), ("webhook", self.courier.step, COURIERS),
                 ("analyse", self.analyst.step, self.settings.workers))  # fmt: skip
        for name, step, size in pools:
            for index in range(size):
                thread = threading.Thread(target=self._work, args=(step,), name=f"{name}-{index}", daemon=True)
                thread.start()
                self._threads.append(thread)

    def stop(self) -> None:
        """Stop taking up work and let go of the store; what is half done is done again after the next start."""
        self._stopping.set()
        self._bell.ring()
        for thread in self._threads:
            thread.join(_STOP_S / len(self._threads))
        self.store.close()

    def _wait(self, seconds: float) -> bool:
        """Let *seconds* pass; true if the engine's end cut it short."""
        return self._stopping.wait(seconds)

    def _work(self, step: Callable[[], bool]) -> None:
        while not self._stopping.is_set():
            heard = self._bell.rings
            try:
                if step():
                    self._bell.ring()
                else:
                    self._bell.wait(heard, self._idle_s())
            except Exception:  # noqa: BLE001 - a worker outlives whatever one step runs into
                if self._stopping.is_set():
                    return
                _log.exception("a step broke; it is tried again")
                self._bell.wait(heard, _IDLE_S)

    def _idle_s(self) -> float:
        due = self.store.next_due()
        return _IDLE_S if due is None else min(_IDLE_S, max(0.05, (due - self.clock()).total_seconds()))


def create_engine(
    settings: EngineSettings,
    *,
    clock: Clock = utc_now,
    listener: Listener | None = None,
    wait: Wait | None = None,
) -> Engine:
    """Put an engine together; nothing runs yet.

    *wait* lets seconds of the *clock* pass where a job is to last, or a fault makes an answer slow.

    Raises:
        SettingsError: another engine uses the same state directory, or a file of the model is not the right one.
    """
    listener = listener or _listener(settings)
    store = Store(settings.state)
    engine = Engine(settings, store=store, listener=listener, clock=clock, wait=wait)
    if settings.faulty:
        from deploy.engine.faults.installation import install  # noqa: PLC0415 - only where faults are asked for

        install(engine)
    return engine


def _listener(settings: EngineSettings) -> Listener:
    if settings.replay_dir is not None and settings.analyzer == "replay":
        return ReplayListener(settings.replay_dir)
    from deploy.engine.analysis.recognition import WhisperListener  # noqa: PLC0415 - replay needs none of it

    problem = wrong_file(settings)
    if problem:
        raise SettingsError(problem)
    return WhisperListener(settings)
