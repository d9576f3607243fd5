"""The local stack: Datastore, Cloud Tasks, Cloud Storage with its events, Cloud Scheduler, all functions, the engine.

One process, two children (storage and engine) that die with it, and one directory that holds all state: killed at any
moment and started again, it goes on where it was.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests

from deploy.local.children import Child
from deploy.local.control import ControlServer
from deploy.local.datastore import DatastoreServer, load_indexes
from deploy.local.identity import Identity
from deploy.local.ports import HOST, RememberedPorts, expect_free
from deploy.local.scheduler import Job, Scheduler
from deploy.local.settings import ROOT, LocalSettings
from deploy.local.storage import StorageServer
from deploy.local.tasks import TasksServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

PROJECT = "calltrack-local"
LOCATION = "local1"
BUCKET = "recordings"
SERVICE_ACCOUNT = f"pipeline@{PROJECT}.iam.gserviceaccount.com"
SWEEP = "sweep-jobs"
_ENGINE_START_S = 20.0


class AlreadyRunning(Exception):  # noqa: N818
    """Another stack uses the same state."""


class Stack:
    """Everything that the product needs around it, on loopback.

    `functions=False` leaves the functions to somebody else (`environment` tells them where everything is); `overrides`
    are settings of the functions, `engine` those of the engine, over this stack's own choices.

    Queues and scheduler go by `clock`, of which `speed` seconds pass in one of the machine's; `identity` signs for
    the service account, by default that of the state directory.
    """

    def __init__(
        self,
        settings: LocalSettings,
        *,
        functions: bool = True,
        overrides: Mapping[str, str] | None = None,
        engine: Mapping[str, str] | None = None,
        on_death: Callable[[str], None] = lambda _: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        speed: float = 1.0,
        identity: Identity | None = None,
    ) -> None:
        self.settings = settings
        self.url = f"http://{HOST}:{settings.port}"
        self.environment: dict[str, str] = {}
        self._functions = functions
        self._overrides = dict(overrides or {})
        self._engine = dict(engine or {})
        self._on_death = on_death
        self._identity = identity
        self._clock = clock
        self._speed = speed
        self._stack = contextlib.ExitStack()
        self._ports = RememberedPorts(settings.state / "ports.json")

    def start(self) -> None:
        """Start all parts, in the order in which they need each other.

        Raises:
            AlreadyRunning, PortTaken: the message says what to do.
        """
        with contextlib.ExitStack() as undo:
            undo.callback(self._stack.close)
            self._start()
            undo.pop_all()

    def stop(self) -> None:
        """Stop all parts, the last one first, in about a second."""
        self._stack.close()

    def _start(self) -> None:
        settings, state = self.settings, self.settings.state
        state.mkdir(parents=True, exist_ok=True)
        self._stack.enter_context(_lock(state))
        if self._functions:
            expect_free(settings.port, variable="PORT", what="the product")
        if not settings.symbl_api_url:
            expect_free(settings.engine_port, variable="ENGINE_PORT", what="the engine")

        self.identity = self._identity or Identity.load_or_create(state / "identity")
        credentials = state / "identity" / "service-account.json"
        self.identity.write_service_account_file(credentials, project=PROJECT, email=SERVICE_ACCOUNT)
        datastore = settings.datastore_host or self._start_datastore()
        tasks = self._start_tasks()
        storage = self._start_storage()
        self.scheduler = self._make_scheduler()
        control = ControlServer(identity=self.identity, scheduler=self.scheduler, tasks=self.tasks)
        control_url = control.start(HOST, self._ports.port("control"))
        self._stack.callback(control.stop)
        engine = settings.symbl_api_url or self._start_engine()

        self.environment = {
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "GOOGLE_APPLICATION_CREDENTIALS": str(credentials),
            "DATASTORE_EMULATOR_HOST": datastore,
            "CLOUD_TASKS_EMULATOR_HOST": tasks,
            "STORAGE_EMULATOR_HOST": storage,
            "RECORDINGS_BUCKET": BUCKET,
            "INGEST_ALLOW_PRIVATE_URLS": "true",
            "SYMBL_API_URL": engine,
            "SYMBL_APP_ID": "local",
            "SYMBL_APP_SECRET": "local",
            "PUBLIC_BASE_URL": self.url,
            "WEBHOOK_BASE_URL": f"{self.url}/symbl_webhook",
            "WEBHOOK_SECRETS": _kept_secret(state / "identity" / "webhook-secret"),
            "TASKS_LOCATION": LOCATION,
            "TASKS_TARGET_BASE_URL": self.url,
            "TASKS_SERVICE_ACCOUNT": SERVICE_ACCOUNT,
            "OIDC_JWKS_URL": f"{control_url}/jwks",
            "OIDC_ISSUER": self.identity.issuer,
            "AUTH_MODE": "none",
            "SWEEP_INTERVAL_S": str(settings.sweep_interval_s),
            **self._overrides,
        }
        self._write_environment()
        if self._functions:
            self._start_functions()
        self.tasks.start_dispatching()  # not before there is somebody to answer: a refused task waits 5 s
        self.scheduler.start()
        self._stack.callback(self.scheduler.stop)

    def _start_datastore(self) -> str:
        indexes = load_indexes(ROOT / "deploy" / "index.yaml")
        server = DatastoreServer(path=self.settings.state / "datastore.sqlite", indexes=indexes)
        address = server.start(HOST, self._ports.port("datastore"))
        self._stack.callback(server.stop)
        return address

    def _start_tasks(self) -> str:
        path = self.settings.state / "tasks.sqlite"
        self.tasks = TasksServer(
            path=path, identity=self.identity, clock=self._clock, speed=self._speed, dispatching=False
        )
        address = self.tasks.start(HOST, self._ports.port("tasks"))
        self._stack.callback(self.tasks.stop)
        self.tasks.create_queues(ROOT / "deploy" / "queues.yaml", project=PROJECT, location=LOCATION)
        return address

    def _start_storage(self) -> str:
        state = self.settings.state
        server = StorageServer(
            root=state / "storage",
            events=state / "storage-events.sqlite",
            buckets=[BUCKET],
            project=PROJECT,
            deliver_to=f"{self.url}/ingest_recording",
            identity=self.identity,
            service_account=SERVICE_ACCOUNT,
            log=state / "log" / "storage.log",
            on_death=lambda status: self._on_death(f"the storage server ended with status {status}"),
        )
        url = server.start(HOST, self._ports.port("storage"))
        self._stack.callback(server.stop)
        return url

    def _make_scheduler(self) -> Scheduler:
        sweep = Job(
            name=SWEEP,
            every=timedelta(seconds=self.settings.sweep_interval_s),
            url=f"{self.url}/sweep_jobs",
            audience=f"{self.url}/sweep_jobs",
            service_account=SERVICE_ACCOUNT,
        )
        return Scheduler([sweep], identity=self.identity, clock=self._clock, speed=self._speed)

    def _start_engine(self) -> str:
        log = self.settings.state / "log" / "engine.log"
        environment = {
            "ENGINE_STATE": str(self.settings.state / "engine"),
            **{name: value for name, value in os.environ.items() if name.startswith("ENGINE_")},
            "ENGINE_HOST": HOST,
            "ENGINE_PORT": str(self.settings.engine_port),
            "ENGINE_ALLOW_PRIVATE_URLS": "true",
            **self._engine,
        }
        child = Child(
            [sys.executable, "-m", "deploy.engine"],
            log=log,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            on_death=lambda status: self._on_death(f"the engine ended with status {status}: see {log}"),
        )
        child.start()
        self._stack.callback(child.stop)
        url = f"http://{HOST}:{self.settings.engine_port}"
        _wait_for(f"{url}/health", child, log)
        return url

    def _start_functions(self) -> None:
        os.environ.update(self.environment)
        from deploy.local.functions import FunctionsServer  # noqa: PLC0415  # needs the environment

        server = FunctionsServer(self.settings.port)
        server.start()
        self._stack.callback(server.stop)

    def _write_environment(self) -> None:
        """For people who start one function by hand: `set -a; . .local/env`."""
        path = self.settings.state / "env"
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}='{value}'\n" for name, value in self.environment.items()))


@contextlib.contextmanager
def _lock(state: Path) -> Iterator[None]:
    """Two stacks must not share their state; the lock ends with the process, however that ends."""
    with (state / "lock").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyRunning(
                f"Another `make run` uses {state}. Stop it, or choose another state: LOCAL_STATE=.local2 PORT=8081 "
                "ENGINE_PORT=8091 make run"
            ) from None
        yield


def _kept_secret(path: Path) -> str:
    """Made once: webhook URLs that the engine still has stay good."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    return path.read_text()


def _wait_for(url: str, child: Child, log: Path) -> None:
    give_up_at = time.monotonic() + _ENGINE_START_S
    while time.monotonic() < give_up_at and child.running:
        with contextlib.suppress(requests.RequestException):
            if requests.get(url, timeout=1).ok:
                return
        time.sleep(0.05)
    raise RuntimeError(f"The engine at {urlsplit(url).netloc} did not start: see {log}")
