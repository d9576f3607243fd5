"""The pages in a real browser: the dashboard on a port, audio from a storage server, Debian's Chromium."""

from __future__ import annotations

import dataclasses
import shutil
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import functions_framework
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from playwright.sync_api import Browser, sync_playwright
from werkzeug.serving import make_server

from common import bootstrap
from deploy.local.storage import StorageServer
from deploy.local.tasks import TasksServer
from tests.conftest import PROJECT, ROOT, SETTINGS
from tests.factories import sample_calls
from tests.integration.dashboard.rows import CallRows
from tests.tokens import an_identity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.cloud import datastore
    from playwright.sync_api import ConsoleMessage, Error, Page

    from deploy.local.datastore import DatastoreServer
    from tests.factories import SampleCall

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip(f"no Chromium on PATH (looked for {', '.join(_NAMES)}); on Debian: apt-get install {_NAMES[0]}")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def storage_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Cloud Storage with the bucket of recordings."""
    server = StorageServer(
        root=tmp_path_factory.mktemp("storage") / "objects",
        events=None,
        buckets=["recordings"],
        project=PROJECT,
        deliver_to=None,
        identity=an_identity(),
        deliver=False,
    )
    yield server.start()
    server.stop()


@pytest.fixture(scope="module")
def sample() -> SampleCall:
    """A call of a minute in plain PCM."""
    return next(call for call in sample_calls() if call.path.name == "cancellation-retention.wav")


@pytest.fixture(scope="module")
def generation(storage_url: str, sample: SampleCall) -> int:
    """The sample's audio lies in the bucket; its generation."""
    client = storage.Client(
        project=PROJECT, credentials=AnonymousCredentials(), client_options={"api_endpoint": storage_url}
    )
    blob = client.bucket("recordings").blob(f"samples/{sample.path.name}")
    blob.upload_from_filename(str(sample.path), content_type="audio/wav")
    return int(blob.generation)


@pytest.fixture(scope="module")
def tasks_address() -> Iterator[str]:
    """Cloud Tasks with the queues, which deliver nothing."""
    server = TasksServer(identity=an_identity(), dispatching=False)
    server.create_queues(ROOT / "deploy" / "queues.yaml", project=PROJECT, location="us-central1")
    yield server.start()
    server.stop()


@pytest.fixture(scope="module")
def address(datastore_address: str, storage_url: str, tasks_address: str, key_file: str) -> Iterator[str]:
    """Where the dashboard is served."""
    app = functions_framework.create_app("dashboard", str(ROOT / "main.py"))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    settings = {
        **SETTINGS,
        "DATASTORE_EMULATOR_HOST": datastore_address,
        "STORAGE_EMULATOR_HOST": storage_url,
        "CLOUD_TASKS_EMULATOR_HOST": tasks_address,
        "GOOGLE_APPLICATION_CREDENTIALS": key_file,
        "SYMBL_MAX_ACTIVE_JOBS": "50",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        bootstrap.services.cache_clear()
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        server.server_close()
    bootstrap.services.cache_clear()


@pytest.fixture
def rows(empty_datastore: DatastoreServer, datastore_client: datastore.Client) -> CallRows:
    """An empty Datastore to put calls into."""
    return CallRows(empty_datastore, datastore_client)


@pytest.fixture
def call(rows: CallRows, sample: SampleCall, generation: int) -> str:
    """The path of a finished call whose audio can be played."""
    return f"/calls/{rows.put_sample(sample, generation=generation)}"


@contextmanager
def complaints_of(page: Page, complaints: list[str]) -> Iterator[None]:
    """Add what the browser complains about while the block runs."""

    def hear(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    def catch(error: Error) -> None:
        complaints.append(str(error))

    page.on("console", hear)
    page.on("pageerror", catch)
    yield
    page.remove_listener("console", hear)
    page.remove_listener("pageerror", catch)


@dataclasses.dataclass
class Visitor:
    """Opens pages in fresh contexts, and keeps what the browser complained about."""

    browser: Browser
    address: str
    complaints: list[str] = dataclasses.field(default_factory=list)

    @contextmanager
    def visit(self, path: str, **context: Any) -> Iterator[Page]:
        """A page; keywords are those of a browser's context."""
        with self.browser.new_context(base_url=self.address, **context) as opened:
            page = opened.new_page()
            with complaints_of(page, self.complaints):
                page.goto(path)
                yield page


@pytest.fixture
def visitor(browser: Browser, address: str) -> Iterator[Visitor]:
    """A visitor whose browser has nothing to complain about: no script error, no breach of the policy."""
    visiting = Visitor(browser, address)
    yield visiting
    assert visiting.complaints == []
