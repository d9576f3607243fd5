"""Servers that are started once for all tests, and the environment that points the product at them."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import settings

from common import bootstrap
from deploy.engine.errors import ModelMissing
from deploy.engine.models import find_model
from deploy.engine.settings import EngineSettings
from deploy.local.datastore import DatastoreServer, load_indexes
from deploy.local.identity import Identity
from tests.contract.datastore.backends import find_emulator, run_emulator
from tests.local_stack import REPLAY, EngineView, RealCalls, all_recordings, running_stack
from tests.sharing import ByFiles, place_of, share_of
from tests.tokens import an_identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from google.cloud import datastore
    from xdist.remote import Producer


ROOT = Path(__file__).resolve().parents[1]
PROJECT = "calltrack-test"
MEASURED = "measured"

# A busy machine is no fault of the code: limits of time are the whole suite's.
# For a night: --hypothesis-profile=thorough.
settings.register_profile("patient", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first."""
    items.sort(key=lambda item: place_of(item.nodeid))


def pytest_collection_finish() -> None:
    """Thousands of tests with all that they import live as long as the process: the collector need not look at them."""
    gc.collect()
    gc.freeze()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFiles:
    """Workers share the tests by files."""
    return ByFiles(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests have measured, whichever worker ran them."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties:
            if name == MEASURED:
                terminalreporter.write_line(f"\n{value}")


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Shows figures after the run."""
    return lambda text: record_property(MEASURED, text)


def _expect_shared(items: Iterable[pytest.Item]) -> None:
    """That one worker has all of these, since what they need takes long to start."""
    shares = {share_of(item.nodeid) for item in items}
    assert len(shares) <= 1, f"name them in tests/sharing.py: {sorted(shares)}"


@pytest.fixture(scope="session")
def identity() -> Identity:
    """Signs what Google signs in production."""
    return an_identity()


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Credentials that sign URLs, with a short key: processes that are killed and restarted by the hundred load it."""
    path = tmp_path_factory.mktemp("identity") / "account.json"
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    Identity(key).write_service_account_file(path, project=PROJECT, email=SETTINGS["TASKS_SERVICE_ACCOUNT"])
    return str(path)


@pytest.fixture(scope="session")
def datastore_server() -> Iterator[DatastoreServer]:
    """The embedded Datastore, holding queries to deploy/index.yaml as production does."""
    with DatastoreServer(indexes=load_indexes(ROOT / "deploy" / "index.yaml")) as server:
        yield server


@pytest.fixture(scope="session")
def google_address(request: pytest.FixtureRequest) -> Iterator[str]:
    """Google's own emulator of the Datastore, once for all tests."""
    _expect_shared(item for item in request.session.items if item.get_closest_marker("google"))
    found = find_emulator()
    if isinstance(found, str):
        pytest.skip(f"Google's emulator is not installed: {found}")
    yield from run_emulator(*found)


@pytest.fixture(scope="session")
def real_calls(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCalls]:
    """The six sample calls, through the whole local stack and the real engine: about 40 s, once for all tests.

    Skipped, with the reason, where the speech model cannot be had.
    """
    _expect_shared(item for item in request.session.items if "real_calls" in getattr(item, "fixturenames", ()))
    try:
        find_model(EngineSettings(), ask_hub=False)
    except ModelMissing as missing:
        pytest.skip(f"the speech model cannot be had: {missing}")
    state, until = tmp_path_factory.mktemp("real") / "state", r"\d of 6 sample calls are analysed"
    with running_stack(state, {}, until=until, patience_s=280) as (url, engine_url):
        whole = [
            requests.get(f"{url}/api/v1/recordings/{listed['id']}", timeout=30).json() for listed in all_recordings(url)
        ]
        recordings = {recording["external_id"]: recording for recording in whole}
        yield RealCalls(url=url, engine=EngineView(engine_url), recordings=recordings)


@pytest.fixture(scope="session")
def stack_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A whole local stack without recordings, whose engine replays transcripts; who adds to it looks for its own."""
    _expect_shared(item for item in request.session.items if "stack_url" in getattr(item, "fixturenames", ()))
    state = tmp_path_factory.mktemp("stack") / "state"
    with running_stack(state, {"SAMPLES": "0", "SWEEP_INTERVAL_S": "1", **REPLAY}, until="Ready at") as (url, _):
        yield url


@pytest.fixture(scope="session")
def datastore_address(datastore_server: DatastoreServer) -> str:
    """Its socket, for what takes DATASTORE_EMULATOR_HOST."""
    return datastore_server.start()


@pytest.fixture
def empty_datastore(datastore_server: DatastoreServer) -> DatastoreServer:
    """The embedded Datastore with nothing in it."""
    datastore_server.reset()
    return datastore_server


@pytest.fixture
def datastore_client(empty_datastore: DatastoreServer) -> datastore.Client:
    """Google's own client, past the socket, on an empty Datastore."""
    return empty_datastore.in_process_client(PROJECT)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Sets every setting (keywords override, None leaves one out) and forgets services built from older ones."""

    def set_all(**settings: str | None) -> None:
        bootstrap.services.cache_clear()
        for name, value in {**SETTINGS, **settings}.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)

    yield set_all
    bootstrap.services.cache_clear()


#: A whole environment. Ports that nobody listens on: a test names the servers that it has.
SETTINGS = {
    "GOOGLE_CLOUD_PROJECT": PROJECT,
    "RECORDINGS_BUCKET": "recordings",
    "SYMBL_API_URL": "http://127.0.0.1:9",
    "SYMBL_APP_ID": "local",
    "SYMBL_APP_SECRET": "local",
    "SYMBL_MAX_ACTIVE_JOBS": "5",
    "PUBLIC_BASE_URL": "http://127.0.0.1:8080",
    "WEBHOOK_BASE_URL": "http://127.0.0.1:8080/symbl_webhook",
    "WEBHOOK_SECRETS": "new-webhook-secret,old-webhook-secret",
    "TASKS_TARGET_BASE_URL": "http://functions.test",
    "TASKS_SERVICE_ACCOUNT": "tasks@calltrack-test.iam.gserviceaccount.com",
    "CLOUD_TASKS_EMULATOR_HOST": "127.0.0.1:9",
    "DATASTORE_EMULATOR_HOST": "127.0.0.1:9",
    "STORAGE_EMULATOR_HOST": "http://127.0.0.1:9",
    "OIDC_JWKS_URL": "http://127.0.0.1:9/jwks",
    "AUTH_MODE": "none",
    "SWEEP_FLOOR_S": "60",
}
