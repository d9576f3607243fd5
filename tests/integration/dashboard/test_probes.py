"""Whether the process answers, and whether it can work."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from werkzeug.serving import make_server

from deploy.engine.app import build_app
from deploy.engine.engine import create_engine
from deploy.engine.settings import EngineSettings
from deploy.local.storage import StorageServer
from tests.conftest import PROJECT
from tests.factories import SAMPLES
from tests.tokens import an_identity, api_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask.testing import FlaskClient


@pytest.fixture(scope="module")
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The engine, to be had tokens from with local/local."""
    settings = EngineSettings(analyzer="replay", replay_dir=SAMPLES, state=tmp_path_factory.mktemp("engine"))
    engine = create_engine(settings)
    server = make_server("127.0.0.1", 0, build_app(engine), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    engine.store.close()


@pytest.fixture(scope="module")
def storage_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Cloud Storage with the bucket called recordings."""
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


@pytest.fixture
def ready(pages: Callable[..., FlaskClient], engine_url: str, storage_url: str) -> Callable[..., FlaskClient]:
    """A dashboard that has everything; keywords take something away."""

    def client(**settings: str) -> FlaskClient:
        given = {
            "SYMBL_API_URL": engine_url,
            "SYMBL_APP_SECRET": "local",
            "STORAGE_EMULATOR_HOST": storage_url,
        }
        return pages(**{**given, **settings})

    return client


def test_health_asks_nobody(pages: Callable[..., FlaskClient]) -> None:
    """It answers where nothing else does."""
    response = pages(DATASTORE_EMULATOR_HOST="127.0.0.1:9").get("/health")

    assert (response.status_code, response.get_json()) == (200, {"status": "ok"})


def test_ready_says_how_each_part_answered(ready: Callable[..., FlaskClient]) -> None:
    """200 with the milliseconds of Datastore, storage and engine."""
    response = ready().get("/ready")

    answer = response.get_json()
    assert (response.status_code, answer["status"], answer["not_ready"]) == (200, "ready", [])
    assert set(answer["parts"]) == {"datastore", "storage", "engine"}
    assert all(part["ok"] and part["ms"] >= 0 and part["as_of"].endswith("Z") for part in answer["parts"].values())


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({"SYMBL_API_URL": "http://127.0.0.1:9"}, "engine"),
        ({"SYMBL_APP_SECRET": "wrong"}, "engine"),
        ({"STORAGE_EMULATOR_HOST": "http://127.0.0.1:9"}, "storage"),
        ({"RECORDINGS_BUCKET": "no-such-bucket"}, "storage"),
    ],
)
def test_ready_names_what_is_not(ready: Callable[..., FlaskClient], settings: dict[str, str], missing: str) -> None:
    """503 with the part, and the kind of error alone: anybody may ask, and what it says may be secret."""
    response = ready(**settings).get("/ready")

    answer = response.get_json()
    assert (response.status_code, answer["status"], answer["not_ready"]) == (503, "not ready", [missing])
    assert answer["parts"][missing]["why"].isidentifier()


def test_probes_have_no_token(ready: Callable[..., FlaskClient]) -> None:
    """/ready answers without one where everything else wants one."""
    client = ready(AUTH_MODE="token", API_TOKENS=api_tokens("secret"))

    assert client.get("/ready").status_code == 200
