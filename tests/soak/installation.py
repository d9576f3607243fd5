"""The whole product in three processes that can be killed one by one, and a look into each of its stores."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self
from unittest import mock

import requests
from google.api_core.exceptions import GoogleAPIError
from google.cloud import datastore

from common.adapters.cloud_tasks import tasks_client
from common.adapters.datastore.kinds import SYMBL_ASYNC_REQUEST
from common.adapters.datastore.slots import DatastoreSlots
from deploy.local.children import Child
from deploy.local.ports import is_free
from deploy.local.stack import LOCATION, PROJECT
from tests.local_stack import ROOT, free_port
from tests.soak.ledger import EngineJob, read_jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from common.model.job import SymblAsyncRequest
    from common.model.slot import Lease
    from tests.fast_clock import FastClock

START_S = 30.0
_POLL_S = 0.05
#: All active jobs are in progress at once, those too that were accepted while we did not know.
_SPARE_WORKERS = 4


class Part:
    """A program that is started, killed and started again; all that it says goes to one log."""

    def __init__(self, module: str, *argv: str, log: Path, ready: str) -> None:
        self.log = log
        self._argv = [sys.executable, "-m", module, *argv]
        self._ready = ready
        self._starts = 0
        self._child: Child | None = None

    def launch(self, environment: Mapping[str, str]) -> None:
        """Start it, and do not wait."""
        self._starts += 1
        self._child = Child(self._argv, log=self.log, env={**os.environ, "PYTHONPATH": str(ROOT), **environment})
        self._child.start()

    def wait(self) -> None:
        """Until it says that it is ready."""
        assert self._child is not None
        give_up_at = time.monotonic() + START_S
        while self.log.read_text().count(self._ready) < self._starts:
            assert self._child.running, f"{self._argv} ended: see {self.log}"
            assert time.monotonic() < give_up_at, f"{self._argv} is not ready: see {self.log}"
            time.sleep(_POLL_S)

    def kill(self) -> None:
        """Kill -9; what it has started dies with it."""
        assert self._child is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.stop()

    def stop(self) -> None:
        """Ask it to end."""
        if self._child is not None:
            self._child.stop()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scene:
    """How an installation is set up."""

    cap: int
    engine_cap: int = 1_000_000
    share: float = 0.4  #: of a recording's length that the engine takes for it
    faults: tuple[dict[str, Any], ...] = ()
    seed: int = 0
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)  #: of the functions


class Installation:
    """Starts everything on entry, ends it on exit; its state lies in `root`."""

    def __init__(self, root: Path, transcripts: Path, clock: FastClock, scene: Scene) -> None:
        self.clock = clock
        self._root = root
        self._state = root / "state"
        self._engine_state = root / "engine"
        self._engine_url = f"http://127.0.0.1:{free_port()}"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        settings = {"SYMBL_MAX_ACTIVE_JOBS": str(scene.cap), **scene.settings}
        log = root / "log"
        log.mkdir(parents=True)
        self._stack = Part(
            "tests.soak.stack",
            *(str(self._state), str(port), self._engine_url, str(clock), json.dumps(settings)),
            log=log / "stack.log",
            ready="Stack ready",
        )
        self._engine = Part("tests.soak.engine", str(clock), log=log / "engine.log", ready="Engine ready")
        self._functions = Part(
            "tests.soak.functions", str(port), str(clock), log=log / "functions.log", ready="Functions ready"
        )
        self._engine_environment = {
            "ENGINE_STATE": str(self._engine_state),
            "ENGINE_PORT": self._engine_url.rpartition(":")[2],
            "ENGINE_ANALYZER": "replay",
            "ENGINE_REPLAY_DIR": str(transcripts),
            "ENGINE_ALLOW_PRIVATE_URLS": "true",
            "ENGINE_MAX_ACTIVE_JOBS": str(scene.engine_cap),
            "ENGINE_WORKERS": str(min(scene.cap + _SPARE_WORKERS, 64)),
            "ENGINE_PROCESSING_SHARE": str(scene.share),
            "ENGINE_FAULTS": json.dumps(scene.faults),
            "ENGINE_FAULTS_SEED": str(scene.seed),
            "ENGINE_FAULTS_API": "true",
        }

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            for part in (self._stack, self._engine, self._functions):
                undo.callback(part.stop)
            self._start_all()
            self._ended = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.close()

    def _start_all(self) -> None:
        self._stack.launch({})
        self._stack.wait()  # before the engine takes up jobs whose audio it still has to fetch
        self._engine.launch(self._engine_environment)
        self._functions.launch(self._environment)
        self._engine.wait()
        self._functions.wait()
        with mock.patch.dict(os.environ, {"DATASTORE_EMULATOR_HOST": self._environment["DATASTORE_EMULATOR_HOST"]}):
            self._datastore = datastore.Client(project=PROJECT)

    @property
    def _environment(self) -> dict[str, str]:
        """What the stack tells the functions."""
        return dict(word.split("=", 1) for word in shlex.split((self._state / "env").read_text()))

    # What is done to it

    def kill_functions(self) -> None:
        self._functions.kill()
        self._functions.launch(self._environment)
        self._functions.wait()

    def kill_engine(self, *, away_s: float = 0) -> None:
        """Kill it, and start it again after so many seconds of the fast clock."""
        self._engine.kill()
        self.clock.wait(away_s)
        self._engine.launch(self._engine_environment)
        self._engine.wait()

    def kill_everything(self) -> None:
        """Functions, engine, queues, stores: all at once. Their ports are waited for, so that all keep theirs."""
        for part in (self._functions, self._engine, self._stack):
            part.kill()
        ports = json.loads((self._state / "ports.json").read_text()).values()
        while not all(is_free(port) for port in ports):
            time.sleep(_POLL_S)
        self._start_all()

    def lift_faults(self) -> None:
        """From now on nothing goes wrong, and stuck jobs go on."""
        requests.delete(f"{self._engine_url}/engine/faults", auth=("local", "local"), timeout=10).raise_for_status()

    @contextlib.contextmanager
    def dispatch_paused(self) -> Iterator[None]:
        """As an operator would pause it: the queue takes tasks and delivers none."""
        client = tasks_client(self._environment["CLOUD_TASKS_EMULATOR_HOST"])
        queue = client.queue_path(PROJECT, LOCATION, "dispatch-jobs")
        client.pause_queue(name=queue)
        yield
        client.resume_queue(name=queue)

    # What is seen of it

    def stuck(self) -> set[str]:
        """The ids of the requests whose jobs the engine leaves lying until it is told to go on."""
        answer = requests.get(f"{self._engine_url}/engine/faults", auth=("local", "local"), timeout=10)
        jobs = set(answer.json()["stuckJobs"])
        return {job.request_id for job in self.jobs() if job.id in jobs}

    def jobs(self) -> list[EngineJob]:
        """The engine's books."""
        return read_jobs(self._engine_state)

    def requests(self) -> list[SymblAsyncRequest]:
        """The product's books."""
        rows = self._datastore.query(kind=SYMBL_ASYNC_REQUEST.name).fetch()
        return [SYMBL_ASYNC_REQUEST.row_of(entity) for entity in rows]

    def leases(self) -> list[Lease]:
        """Who holds a slot."""
        return DatastoreSlots(self._datastore).leases()

    def log_lines(self) -> Iterator[dict[str, Any]]:
        """The events that the functions have logged."""
        for line in self._functions.log.read_text().splitlines():
            if line.startswith("{"):
                with contextlib.suppress(ValueError):  # cut short by a kill
                    yield json.loads(line)

    def wait_until(self, done: Callable[[], bool], *, patience_s: float, what: str) -> None:
        """Look once a second; whoever cannot be asked just then is asked again."""
        give_up_at = time.monotonic() + patience_s
        while True:
            with contextlib.suppress(GoogleAPIError, requests.RequestException):
                if done():
                    return
            assert time.monotonic() < give_up_at, f"after {patience_s:.0f} s: {what}; see {self._root}"
            time.sleep(1)
