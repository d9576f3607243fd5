"""The engine as a process: it starts, says where, stops at once, and explains what keeps it from starting."""

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from deploy.engine.settings import REPOSITORY


def environment(tmp_path: Path, **settings: str) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("ENGINE_")},
        "ENGINE_PORT": "0",
        "ENGINE_STATE": str(tmp_path / "state"),
        "ENGINE_ANALYZER": "replay",
        "ENGINE_REPLAY_DIR": str(tmp_path),
        **settings,
    }


def command() -> list[str]:
    return [sys.executable, "-m", "deploy.engine"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running engine and its URL."""
    process = subprocess.Popen(command(), cwd=REPOSITORY, env=environment(tmp_path), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("Engine ready at http://127.0.0.1:")
    yield process, line.split()[3]
    process.kill()
    process.wait()
    process.stdout.close()


class Running:
    """An engine's process, and calls to it."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self._process = process
        self._url = url
        body = {"type": "application", "appId": "local", "appSecret": "local"}
        token = requests.post(f"{url}/oauth2/token:generate", json=body, timeout=5).json()["accessToken"]
        self._headers = {"x-api-key": token}

    def submit(self, audio: bytes) -> str:
        answer = requests.post(f"{self._url}/v1/process/audio", data=audio, headers=self._headers, timeout=10)
        job_id: str = answer.json()["jobId"]
        return job_id

    def get(self, path: str) -> Any:
        answer = requests.get(f"{self._url}{path}", headers=self._headers, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait_until(self, job_id: str, status: str) -> None:
        give_up_at = time.monotonic() + 60
        while (found := self.get(f"/v1/job/{job_id}")["status"]) != status:
            assert time.monotonic() < give_up_at, f"{found}, not {status}"
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill -9."""
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def running(tmp_path: Path, **settings: str) -> Iterator[Running]:
    env = environment(tmp_path, **settings)
    process = subprocess.Popen(command(), cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Running(process, process.stdout.readline().split()[3])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_it_takes_the_audio_itself_and_no_more_than_it_should(tmp_path: Path) -> None:
    """What waitress refuses by itself reads as what the engine refuses."""
    env = environment(tmp_path, ENGINE_MAX_UPLOAD_BYTES=str(4 * 1024**2))
    process = subprocess.Popen(command(), cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        url = process.stdout.readline().split()[3]
        body = {"type": "application", "appId": "local", "appSecret": "local"}
        token = requests.post(f"{url}/oauth2/token:generate", json=body, timeout=5).json()["accessToken"]
        headers = {"x-api-key": token, "Content-Type": "audio/wav"}
        answers = [
            requests.post(f"{url}/v1/process/audio", data=bytes(4 * 1024**2 + more), headers=headers, timeout=10)
            for more in (0, 1)
        ]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert [answer.status_code for answer in answers] == [201, 413]
    assert "Too Large" in answers[1].json()["message"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_stops_within_a_second(server: tuple[subprocess.Popen[str], str], number: signal.Signals) -> None:
    process, url = server
    assert requests.get(f"{url}/ready", timeout=5).json()["engine"] == "local-replay"
    began = time.monotonic()
    process.send_signal(number)
    assert process.wait(timeout=5) == 0
    assert time.monotonic() - began < 1.0


def test_killed_in_the_middle_it_takes_up_that_job_alone(tmp_path: Path) -> None:
    """Kill -9: what was done stays done, what was waiting still waits, what was at work is begun again."""
    for name, duration_s in (("done", 0.001), ("at work", 36.0), ("waiting", 36.0)):
        audio = f"audio of {name}".encode()
        turn = {"channel": "mono", "start": 0.0, "end": 1.0, "text": f"This one is {name}."}
        sha256 = hashlib.sha256(audio).hexdigest()
        (tmp_path / f"{name}.json").write_text(
            json.dumps({"sha256": sha256, "duration_s": duration_s, "turns": [turn]})
        )

    slowly = {"ENGINE_START_AFTER_S": "0", "ENGINE_PROCESSING_SHARE": "100", "ENGINE_WORKERS": "1"}
    with running(tmp_path, **slowly) as first:
        done = first.submit(b"audio of done")
        first.wait_until(done, "completed")
        before = first.get(f"/v1/job/{done}/details")
        at_work = first.submit(b"audio of at work")
        first.wait_until(at_work, "in_progress")
        waiting = first.submit(b"audio of waiting")  # the one worker is busy: it stays where it is
        first.kill()
    with running(tmp_path) as second:
        second.wait_until(at_work, "completed")
        second.wait_until(waiting, "completed")
        assert second.get(f"/v1/job/{done}/details") == before
        conversations = second.get("/v1/conversations")["conversations"]
        texts = [second.get(f"/v1/conversations/{c['id']}/messages")["messages"] for c in conversations]
    assert sorted(message["text"] for messages in texts for message in messages) == [
        "This one is at work.",
        "This one is done.",
        "This one is waiting.",
    ]


def test_a_taken_port_is_explained_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            command(),
            cwd=REPOSITORY,
            env=environment(tmp_path, ENGINE_PORT=port),
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr == f"Port {port} is taken: stop what listens there, or set ENGINE_PORT to a free one.\n"


def test_wrong_settings_are_explained(tmp_path: Path) -> None:
    ended = subprocess.run(
        command(),
        cwd=REPOSITORY,
        env=environment(tmp_path, ENGINE_WORKERS="none"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "ENGINE_WORKERS: " in ended.stderr
    assert "Traceback" not in ended.stderr
