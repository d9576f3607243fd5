from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import functions_framework
import pytest

from deploy.engine.engine import create_engine
from deploy.engine.settings import EngineSettings
from deploy.local.control import ControlServer
from deploy.local.storage import StorageServer
from deploy.local.tasks import TasksServer
from tests.conftest import PROJECT, ROOT, SETTINGS
from tests.factories import SAMPLES
from tests.integration.pipeline.installation import (
    FUNCTIONS,
    Installation,
    IntoTheFunctions,
    Served,
    a_past_clock,
    functions_apps,
)
from tests.symbl_stand_in import SymblStandIn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import flask

    from deploy.engine.engine import Engine
    from deploy.local.datastore import DatastoreServer
    from deploy.local.identity import Identity
    from tests.callee import ManualClock


@pytest.fixture(scope="session")
def apps() -> dict[str, flask.Flask]:
    return functions_apps()


@pytest.fixture(scope="session")
def jwks_url(identity: Identity) -> Iterator[str]:
    control = ControlServer(identity=identity)
    yield f"{control.start()}/jwks"
    control.stop()


@pytest.fixture(scope="session")
def webhooks(apps: dict[str, flask.Flask]) -> Iterator[str]:
    """The webhook on a port, for the engine to call."""
    served = Served(apps["symbl_webhook"])
    yield served.url
    served.close()


@pytest.fixture(scope="session")
def storage_and_url(
    identity: Identity, apps: dict[str, flask.Flask], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[StorageServer, str]]:
    server = StorageServer(
        root=tmp_path_factory.mktemp("storage") / "objects",
        events=None,
        buckets=[],
        project=PROJECT,
        deliver_to=f"{FUNCTIONS}/ingest_recording",
        identity=identity,
        service_account=SETTINGS["TASKS_SERVICE_ACCOUNT"],
        deliver=False,
        connect=IntoTheFunctions(apps).connect,
        clock=lambda: datetime(2026, 1, 1, tzinfo=UTC),  # events are always due
    )
    yield server, server.start()
    server.stop()


@pytest.fixture
def clock() -> ManualClock:
    return a_past_clock()


@pytest.fixture
def tasks_and_address(
    identity: Identity, clock: ManualClock, apps: dict[str, flask.Flask]
) -> Iterator[tuple[TasksServer, str]]:
    server = TasksServer(identity=identity, clock=clock, dispatching=False, connect=IntoTheFunctions(apps).connect)
    server.create_queues(ROOT / "deploy" / "queues.yaml", project=PROJECT, location="us-central1")
    yield server, server.start()
    server.stop()


@pytest.fixture
def installation(
    apps: dict[str, flask.Flask],
    empty_datastore: DatastoreServer,
    datastore_address: str,
    tasks_and_address: tuple[TasksServer, str],
    storage_and_url: tuple[StorageServer, str],
    identity: Identity,
    environment: Callable[..., None],
    jwks_url: str,
    key_file: str,
    webhooks: str,
    clock: ManualClock,
) -> Installation:
    tasks, tasks_address = tasks_and_address
    storage, storage_url = storage_and_url
    built = Installation(
        apps=apps,
        datastore_server=empty_datastore,
        tasks=tasks,
        storage=storage,
        identity=identity,
        set_environment=environment,
        clock=clock,
        settings={
            "RECORDINGS_BUCKET": f"recordings-{uuid.uuid4().hex[:8]}",
            "DATASTORE_EMULATOR_HOST": datastore_address,
            "STORAGE_EMULATOR_HOST": storage_url,
            "CLOUD_TASKS_EMULATOR_HOST": tasks_address,
            "OIDC_JWKS_URL": jwks_url,
            "GOOGLE_APPLICATION_CREDENTIALS": key_file,
            "TASKS_TARGET_BASE_URL": FUNCTIONS,
            "WEBHOOK_BASE_URL": webhooks,
        },
    )
    storage.forget_events()
    built.configure()
    built.services.audio._bucket.create()
    return built


@pytest.fixture
def engine(tmp_path: Path, clock: ManualClock, installation: Installation) -> Iterator[Engine]:
    """The engine that is shipped, replaying the sample calls' transcripts; works only in `run_pending`."""
    settings = EngineSettings(
        state=tmp_path / "engine",
        analyzer="replay",
        replay_dir=SAMPLES,
        allow_private_urls=True,
        max_active_jobs=5,
        start_after_s=0,
    )
    built = create_engine(settings, clock=clock)
    served = Served(built.app)
    installation.configure(SYMBL_API_URL=served.url)
    yield built
    served.close()
    built.stop()


@pytest.fixture
def symbl(installation: Installation) -> Iterator[SymblStandIn]:
    """A server that misbehaves as a test wants it to."""
    stand_in = SymblStandIn()
    installation.configure(SYMBL_API_URL=stand_in.url)
    yield stand_in
    stand_in.close()


@pytest.fixture(scope="module")
def pages() -> flask.Flask:
    """The dashboard, over the same installation."""
    app: flask.Flask = functions_framework.create_app("dashboard", str(ROOT / "main.py"))
    return app
