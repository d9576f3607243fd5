"""The engine as a process: it starts, says where, stops at once, and explains what keeps it from starting."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

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
