"""Every stage in the framework it ships in, over real servers that go on only when a test says so."""

from __future__ import annotations

import dataclasses
import io
import json
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import flask
import functions_framework
import requests
from requests.adapters import BaseAdapter
from werkzeug.serving import WSGIRequestHandler, make_server

from common import bootstrap
from common.model.tasks import Stage
from deploy.local.datastore import DatastoreServer
from deploy.local.identity import Identity
from deploy.local.storage import StorageServer
from deploy.local.tasks import TasksServer
from tests.callee import ManualClock
from tests.conftest import ROOT

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from google.cloud import datastore
    from werkzeug.test import TestResponse

    from common.model.job import SymblAsyncRequest
    from deploy.local.tasks.dispatcher import Delivery

TARGETS = (
    "ingest_recording",
    "recordings",
    "dispatch_jobs",
    "submit_job",
    "symbl_webhook",
    "collect_results",
    "sweep_jobs",
)
FUNCTIONS = "http://functions.test"
QUEUE = {
    Stage.DISPATCH: "dispatch-jobs",
    Stage.SUBMIT: "submit-job",
    Stage.COLLECT: "collect-results",
    Stage.INGEST: "collect-results",
}


def functions_apps() -> dict[str, flask.Flask]:
    """One app per entry point, from the file that is deployed."""
    return {target: functions_framework.create_app(target, str(ROOT / "main.py")) for target in TARGETS}


class IntoTheFunctions(BaseAdapter):
    """Carries calls of queue, bucket and scheduler to the functions, inside the process."""

    def __init__(self, apps: Mapping[str, flask.Flask]) -> None:
        super().__init__()
        self._clients = {target: app.test_client() for target, app in apps.items()}

    def connect(self) -> requests.Session:
        """A session whose every request ends here."""
        session = requests.Session()
        session.trust_env = False
        session.mount(FUNCTIONS, self)
        return session

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Call the function that the path begins with."""
        target = str(request.url).removeprefix(f"{FUNCTIONS}/").split("/")[0]
        answer = self._clients[target].open(
            "/", method=request.method, headers=dict(request.headers), data=request.body or b""
        )
        response = requests.Response()
        response.status_code = answer.status_code
        response.headers.update(dict(answer.headers))
        response._content = answer.data
        response.request = request
        response.url = str(request.url)
        return response

    def close(self) -> None:
        """Nothing is held open."""


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        """Tests look at what was stored."""


class Served:
    """A WSGI application on a port of loopback, for callers in other threads."""

    def __init__(self, app: WSGIApplication) -> None:
        self._server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@dataclasses.dataclass(kw_only=True)
class Installation:
    """All of it, empty. Time stands still, some way in the past, until a test moves it: tokens are really checked."""

    apps: Mapping[str, flask.Flask]
    datastore_server: DatastoreServer
    tasks: TasksServer
    storage: StorageServer
    identity: Identity
    set_environment: Callable[..., None]
    settings: dict[str, str]
    clock: ManualClock
    put_off: list[tuple[timedelta, Callable[[], None]]] = dataclasses.field(default_factory=list)  #: for later

    def configure(self, **settings: str) -> None:
        """Start the functions anew with other settings."""
        self.set_environment(**{**self.settings, **settings})
        services = bootstrap.services()
        services.clock = self.clock  # type: ignore[method-assign]  # the one clock of this installation
        services.later = lambda wait, do: self.put_off.append((wait, do))  # type: ignore[method-assign]  # likewise

    @property
    def bucket(self) -> str:
        """The bucket of this installation alone."""
        return self.services.settings.recordings_bucket

    @property
    def services(self) -> bootstrap.Services:
        """What the functions use."""
        return bootstrap.services()

    @property
    def stored(self) -> datastore.Client:
        """A look into Datastore."""
        return self.datastore_server.in_process_client(self.services.settings.google_cloud_project)

    # What happens outside

    def add(self, audio: bytes | None, metadata: object, *, name: str = "call.wav") -> TestResponse:
        """POST a recording, as multipart; `metadata` as a file part where it is bytes."""
        data: dict[str, Any] = {
            "metadata": metadata if isinstance(metadata, str) else json.dumps(metadata, default=str)
        }
        if isinstance(metadata, bytes):
            data["metadata"] = (io.BytesIO(metadata), "metadata.json")
        if audio is not None:
            data["audio"] = (io.BytesIO(audio), name)
        return (
            self.apps["recordings"]
            .test_client()
            .post(
                "/api/v1/recordings",
                data=data,
                content_type="multipart/form-data",
            )
        )

    def get(self, path: str) -> TestResponse:
        """Read from the API."""
        return self.apps["recordings"].test_client().get(f"/api/v1/recordings{path}")

    def drop(self, name: str, content: bytes, metadata: Mapping[str, str] | None = None) -> None:
        """Put an object into the bucket, as somebody with gsutil would."""
        blob = self.services.audio._bucket.blob(name)
        blob.metadata = dict(metadata or {})
        blob.upload_from_string(content, content_type="application/octet-stream")

    def deliver_events(self, count: int = 1) -> list[int | None]:
        """Deliver the bucket's events once `count` of them are there; the statuses of the answers."""
        waiting = self.storage.events()
        while sum(event.object["bucket"] == self.bucket for event in waiting) < count:
            waiting = self.storage.events(at_least=len(waiting) + 1)
        delivered = self.storage.deliver_due(self.clock())
        return [delivery.status for delivery in delivered if delivery.event.object["bucket"] == self.bucket]

    def run(self, stage: Stage | None = None) -> list[Delivery]:
        """Deliver the tasks that are due, of one stage or of all, with what they enqueue."""
        return self.tasks.run_due(self.clock(), QUEUE[stage] if stage else None)

    def call_internal(self, target: str, body: object = None, *, token: str | None = "") -> TestResponse:
        """POST to an internal function; by default with the token that Cloud Scheduler would send."""
        if token == "":
            token = self.token(target)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.apps[target].test_client().post("/", json=body or {}, headers=headers)

    def token(self, target: str, *, email: str | None = None, now: datetime | None = None) -> str:
        """A token for `target`, signed by the installation's identity."""
        settings = self.services.settings
        return self.identity.token(
            audience=f"{settings.tasks_target_base_url}/{target}",
            email=email or settings.tasks_service_account,
            now=now or self.clock(),
        )

    def sweep(self) -> dict[str, int]:
        """Run the sweep; what it found."""
        answer = self.call_internal("sweep_jobs")
        assert answer.status_code == 200, answer.text
        found: dict[str, int] = answer.get_json()["found"]
        found.pop("objects_scanned", None)  # the first sweep of each installation looks through its bucket
        return found

    def webhook(self, path: str, body: object) -> TestResponse:
        """What the engine POSTs to the webhook."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.apps["symbl_webhook"].test_client().post(path, data=data, content_type="application/json")

    # What can be seen

    def request(self, recording_id: str) -> SymblAsyncRequest:
        """The stored request of a recording."""
        found = self.services.requests.of_recording(recording_id)
        assert found is not None
        return found

    def count(self, kind: str) -> int:
        """How many entities of a kind there are."""
        query = self.stored.query(kind=kind)
        query.keys_only()
        return len(list(query.fetch()))

    def objects(self) -> list[str]:
        """The names of the bucket's objects."""
        return sorted(blob.name for blob in self.services.audio._bucket.list_blobs())


def a_past_clock() -> ManualClock:
    """Forty minutes ago: tokens of that hour are still good, and time can pass without waiting for it."""
    return ManualClock(datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=40))
