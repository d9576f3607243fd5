"""Each function under `functions-framework --target NAME` with the environment that deploy/functions.yaml gives it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests

from common.model.webhook import signature
from deploy.definitions import read_definitions
from deploy.local.settings import LocalSettings
from deploy.local.stack import SERVICE_ACCOUNT, Stack
from tests.local_stack import ROOT, free_port
from tests.tokens import api_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFINITIONS = read_definitions()
TOKEN = "a-token-of-a-person"
INTERNAL = ("dispatch_jobs", "submit_job", "collect_results", "sweep_jobs")
#: What stands for Google's services here; a deployed function finds those by itself.
INSTEAD_OF_GOOGLE = {
    "DATASTORE_EMULATOR_HOST", "STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", *DEFINITIONS.local,
}  # fmt: skip


class Deployed:
    """All functions, each in a process of its own, around one stack."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.ports = {name: free_port() for name in DEFINITIONS.functions}
        self._session = requests.Session()
        retries = requests.adapters.Retry(total=60, backoff_factor=0.1, backoff_max=0.5)
        self._session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
        self._session.trust_env = False

    @contextlib.contextmanager
    def running(self) -> Iterator[Deployed]:
        with contextlib.ExitStack() as ending:
            for name in DEFINITIONS.functions:
                process = subprocess.Popen(
                    [sys.executable, "-m", "functions_framework", "--target", name, "--source", "main.py",
                     "--host", "127.0.0.1", "--port", str(self.ports[name])],
                    cwd=ROOT, env=self.environment_of(name), start_new_session=True,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )  # fmt: skip
                ending.callback(process.wait)
                ending.callback(os.killpg, process.pid, 9)  # gunicorn's worker with its master
            yield self

    def environment_of(self, name: str) -> dict[str, str]:
        """What Cloud Run gives it, and nothing of ours besides."""
        function = DEFINITIONS.functions[name]
        values = {
            **self.stack.environment,
            "AUTH_MODE": "token" if function.is_for_people else "iam",
            "API_TOKENS": api_tokens(TOKEN),
            "EVENTS_SERVICE_ACCOUNT": SERVICE_ACCOUNT,
            "SHARE_SECRETS": "a-secret-of-links",
            "SIGNATURES_CHECKED_BY_IAM": "" if function.is_for_people else "true",
            "WITHHELD_SECRETS": ",".join(
                {"SYMBL_APP_ID", "SYMBL_APP_SECRET", "WEBHOOK_SECRETS"} - set(function.secrets)
            ),
        }
        given = {*DEFINITIONS.settings, *function.secrets, *INSTEAD_OF_GOOGLE}
        return {
            **{key: os.environ[key] for key in ("PATH", "HOME", "PYTHONDONTWRITEBYTECODE") if key in os.environ},
            **{key: value for key, value in values.items() if key in given and value},
            "CLOUD_RUN_TIMEOUT_SECONDS": str(function.timeout_s),
            "THREADS": str(function.concurrency),
        }

    def call(self, name: str, method: str = "POST", path: str = "/", **more: Any) -> requests.Response:
        return self._session.request(
            method, f"http://127.0.0.1:{self.ports[name]}{path}", timeout=60, allow_redirects=False, **more
        )

    def proof(self, name: str) -> dict[str, str]:
        audience = f"{self.stack.environment['TASKS_TARGET_BASE_URL']}/{name}"
        token = self.stack.identity.token(audience=audience, email=SERVICE_ACCOUNT, now=datetime.now(UTC))
        return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    stack = Stack(
        LocalSettings(
            port=free_port(),
            state=tmp_path_factory.mktemp("deployed"),
            symbl_api_url="http://127.0.0.1:9",  # nobody is asked anything
            sweep_interval_s=86400,
        ),
        functions=False,
    )
    stack.start()
    try:
        with Deployed(stack).running() as functions:
            yield functions
    finally:
        stack.stop()


@pytest.mark.parametrize("name", INTERNAL)
def test_an_internal_function_works_for_its_own_account_alone(deployed: Deployed, name: str) -> None:
    """With its own settings and secrets and nobody else's."""
    ids = {"request_id": "unknown-1", "attempt_id": "a"}
    assert deployed.call(name, headers=deployed.proof(name), json=ids).status_code == 200
    assert deployed.call(name, json=ids).status_code == 401


def test_the_webhook_takes_what_is_signed(deployed: Deployed) -> None:
    """Its path is below its name, as it is in production."""
    secret = deployed.stack.environment["WEBHOOK_SECRETS"]
    path = f"/r-1/a/{signature(secret, request_id='r-1', attempt_id='a')}"

    assert deployed.call("symbl_webhook", path=path, json={"id": "j", "status": "in_progress"}).status_code == 200
    assert deployed.call("symbl_webhook", path="/r-1/a/forged", json={}).status_code == 404


def test_an_event_of_the_bucket_is_taken(deployed: Deployed) -> None:
    """Of an object that is gone again: there is nothing to do."""
    event = {
        "ce-specversion": "1.0", "ce-id": "1", "ce-type": "google.cloud.storage.object.v1.finalized",
        "ce-source": "//storage.googleapis.com/projects/_/buckets/recordings", "ce-subject": "objects/gone.wav",
        "Content-Type": "application/json",
    }  # fmt: skip
    data = json.dumps({"bucket": "recordings", "name": "gone.wav", "generation": "1", "size": "352"})

    assert deployed.call("ingest_recording", headers={**event, **deployed.proof("ingest_recording")}, data=data).ok
    assert deployed.call("ingest_recording", headers=event, data=data).status_code == 401


@pytest.mark.parametrize(("name", "path"), [("recordings", "/api/v1/recordings"), ("dashboard", "/calls")])
def test_pages_and_api_are_for_who_has_a_token(deployed: Deployed, name: str, path: str) -> None:
    """The token is checked by the function itself."""
    known = {"Authorization": f"Bearer {TOKEN}"}

    assert deployed.call(name, "GET", path, headers=known).status_code == 200
    assert deployed.call(name, "GET", path, headers={"Authorization": "Bearer guessed"}).status_code == 401
