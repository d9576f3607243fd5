"""Faults over a real socket: connections that close, answers that come too late, and threads that race."""

import contextlib
import errno
import json
import select
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from werkzeug.serving import make_server

from deploy.engine.settings import REPOSITORY
from tests.contract.engine.stage import Outside, StageFactory
from tests.contract.engine.test_server import command, environment

SUBMIT = "/v1/process/audio/url"
CREDENTIALS = {"type": "application", "appId": "local", "appSecret": "local"}
LATE_S = 0.3


class Served:
    """An engine in a process of its own, and a client of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        token = self.session.post(f"{url}/oauth2/token:generate", json=CREDENTIALS, timeout=5).json()["accessToken"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def fail(self, *switches: dict[str, Any]) -> None:
        plan = {"faults": list(switches)}
        assert self.session.put(f"{self.url}/engine/faults", json=plan, timeout=5).status_code == 200

    def submit(self, attempt: str, timeout: float = 5, **fields: Any) -> requests.Response:
        body = {"url": "http://127.0.0.1:9/call", "metadata": {"attempt": attempt}, **fields}
        return self.session.post(f"{self.url}{SUBMIT}", json=body, timeout=timeout)

    def attempts(self) -> set[str]:
        found = self.session.get(f"{self.url}/v1/conversations", timeout=5).json()["conversations"]
        return {conversation["metadata"]["attempt"] for conversation in found}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = {"ENGINE_FAULTS_API": "true", "ENGINE_ALLOW_PRIVATE_URLS": "true"}
    process = subprocess.Popen(
        command(),
        cwd=REPOSITORY,
        env=environment(tmp_path_factory.mktemp("engine"), **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Served(process.stdout.readline().split()[3])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def werkzeug(make_stage: StageFactory) -> Iterator[Served]:
    """For tests that serve the engine from their own process."""
    server = make_server("127.0.0.1", 0, make_stage(faults_api=True).engine.app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield Served(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


@pytest.fixture(params=["served", "werkzeug"])
def either(request: pytest.FixtureRequest) -> Served:
    """The engine's own server, and Werkzeug's."""
    server: Served = request.getfixturevalue(request.param)
    return server


def asked(url: str) -> socket.socket:
    """A connection on which `GET /health` was sent."""
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5)
    connection.sendall(b"GET /health HTTP/1.1\r\nHost: engine\r\n\r\n")
    return connection


def test_a_connection_is_reset(either: Served) -> None:
    """Not a byte, and no end either: ECONNRESET. The next connection is answered."""
    either.fail({"fault": "connection_closed", "path": "/health", "next": 3})
    for _ in range(3):
        with asked(either.url) as connection, pytest.raises(ConnectionResetError) as caught:
            connection.recv(1)
        assert caught.value.errno == errno.ECONNRESET
    assert requests.get(f"{either.url}/health", timeout=5).json() == {"status": "ok"}


def test_a_connection_is_closed(either: Served) -> None:
    """As a server does that has said all it had to say: not a byte, then the end."""
    either.fail({"fault": "connection_closed", "how": "closed", "path": "/health", "next": 3})
    for _ in range(3):
        with asked(either.url) as connection:
            assert connection.recv(1) == b""
    assert requests.get(f"{either.url}/health", timeout=5).json() == {"status": "ok"}


@pytest.mark.parametrize(("when", "exists"), [("before", False), ("after", True)])
def test_a_submission_is_reset(either: Served, when: str, *, exists: bool) -> None:
    """Before its job exists, or after."""
    either.fail({"fault": "connection_closed", "on": "submissions", "when": when})
    with pytest.raises(requests.ConnectionError, match="Connection reset by peer"):
        either.submit(f"reset {when}")
    assert (f"reset {when}" in either.attempts()) is exists


def test_a_submission_is_accepted_and_never_answered(either: Served) -> None:
    """The client waits as long as it cares to; its job exists."""
    either.fail({"fault": "no_answer", "on": "submissions"})
    with pytest.raises(requests.ReadTimeout):
        either.submit("unanswered", timeout=LATE_S / 3)
    assert "unanswered" in either.attempts()


def test_however_many_wait_for_nothing_the_others_are_answered(served: Served) -> None:
    """More than there are threads, and more connections than waitress takes unasked."""
    served.fail({"fault": "no_answer", "path": "/health", "when": "before"})
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(asked(served.url)) for _ in range(300)]
        began = time.monotonic()
        assert served.session.get(f"{served.url}/ready", timeout=5).status_code == 200
        assert time.monotonic() - began < 2
        heard, _, _ = select.select(waiting, [], [], 0)
        assert heard == []


def test_a_client_times_out_though_its_job_was_accepted(served: Served) -> None:
    served.fail({"fault": "slow_answer", "on": "submissions", "by_s": LATE_S})
    with pytest.raises(requests.ReadTimeout):
        served.submit("slow", timeout=LATE_S / 3)
    assert "slow" in served.attempts()


def test_a_read_is_slow(served: Served) -> None:
    served.fail({"fault": "slow_answer", "path": "/ready", "by_s": LATE_S / 3})
    assert served.session.get(f"{served.url}/ready", timeout=5).elapsed.total_seconds() >= LATE_S / 3


def test_an_engine_that_is_away_can_be_called_back(served: Served) -> None:
    served.fail({"fault": "away"})
    with pytest.raises(requests.ConnectionError, match="Connection aborted"):
        served.attempts()
    assert requests.delete(f"{served.url}/engine/faults", auth=("local", "local"), timeout=5).json()["faults"] == []
    assert served.session.get(f"{served.url}/ready", timeout=5).status_code == 200


def test_scheduled_comes_before_the_answer_though_couriers_race_for_it(served: Served, outside: Outside) -> None:
    """Once, and whoever of them has it."""
    served.fail({"fault": "webhook_early"})
    for number in range(10):
        answer = served.submit(f"early {number}", webhookUrl=outside.url(f"/hook/{number}"))
        told = [post["body"] for post in outside.posts if post["path"] == f"/hook/{number}"]
        assert {"id": answer.json()["jobId"], "status": "scheduled"} in told
        assert [body["status"] for body in told].count("scheduled") == 1


def test_faults_can_be_given_by_a_file(tmp_path: Path) -> None:
    """For a run that is to fail from its first moment on."""
    (tmp_path / "faults.json").write_text(json.dumps([{"fault": "away"}]))
    settings = environment(tmp_path, ENGINE_FAULTS=str(tmp_path / "faults.json"))
    process = subprocess.Popen(
        command(), cwd=REPOSITORY, env=settings, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().split()[3]
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{url}/health", timeout=5)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
