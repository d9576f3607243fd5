"""The whole local stack as a process of its own, and a look at what its engine has on its books."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[1]
REPLAY = {"ENGINE_ANALYZER": "replay", "ENGINE_REPLAY_DIR": str(ROOT / "samples")}
PATIENCE_S = 100.0


#: Below those that the system gives to whoever asks, each process from a place of its own on.
_PORTS = itertools.cycle(range(10_000, 32_000))
_SKIPPED = os.getpid() * 61 % 22_000
next(itertools.islice(_PORTS, _SKIPPED, _SKIPPED), None)


def free_port() -> int:
    """One that nobody listens on, and that no outgoing connection is given before it is listened on."""
    for port in _PORTS:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("unreachable: the ports never end")


@dataclasses.dataclass
class Process:
    """A program of the project in a process of its own; its output is read line by line as it comes."""

    argv: list[str]
    environment: dict[str, str]

    def __enter__(self) -> Self:
        self.lines: list[str] = []
        self._said = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, *self.argv],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """Kill -9."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._reader.join()

    def stop(self, number: signal.Signals = signal.SIGINT) -> tuple[int, float]:
        """Its exit status, and how many seconds it took to end."""
        began = time.monotonic()
        self._process.send_signal(number)
        status = self._process.wait(timeout=20)
        return status, time.monotonic() - began

    def wait_for(self, pattern: str, *, times: int = 1, patience_s: float = PATIENCE_S) -> None:
        """Until `pattern` was said that often; fails at once if the process ends before."""
        expression = re.compile(pattern)

        def said() -> bool:
            return sum(1 for line in self.lines if expression.search(line)) >= times

        with self._said:
            done = self._said.wait_for(lambda: said() or self._process.poll() is not None, timeout=patience_s)
            story = f"{pattern!r} was not said {times} times:\n" + "".join(self.lines[-40:])
            assert done, story
            assert said(), story

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._said:
                self.lines.append(line)
                self._said.notify_all()
        self._process.wait()
        with self._said:
            self._said.notify_all()


@contextlib.contextmanager
def running_stack(
    state: Path, settings: Mapping[str, str], *, until: str, patience_s: float = PATIENCE_S
) -> Iterator[tuple[str, str]]:
    """The URLs of a stack and of its engine, once it has said `until`; both are killed afterwards."""
    port, engine_port = str(free_port()), str(free_port())
    environment = {"LOCAL_STATE": str(state), "PORT": port, "ENGINE_PORT": engine_port, **settings}
    with Process(["-m", "deploy.local"], environment) as stack:
        stack.wait_for(until, patience_s=patience_s)
        yield f"http://127.0.0.1:{port}", f"http://127.0.0.1:{engine_port}"


@dataclasses.dataclass(frozen=True)
class EngineView:
    """What the engine has on its books, asked with its own API."""

    url: str

    def get(self, path: str, **query: str) -> Any:
        credentials = {"type": "application", "appId": "local", "appSecret": "local"}
        token = requests.post(f"{self.url}/oauth2/token:generate", json=credentials, timeout=10).json()["accessToken"]
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.get(f"{self.url}{path}", params=query, headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def conversations(self) -> list[dict[str, Any]]:
        all_times = {"startTime": "2000-01-01T00:00:00.000Z", "endTime": "2100-01-01T00:00:00.000Z"}
        found: list[dict[str, Any]] = self.get("/v1/conversations", limit="1000", **all_times)["conversations"]
        return found


def all_recordings(url: str) -> list[dict[str, Any]]:
    answer = requests.get(f"{url}/api/v1/recordings", timeout=30)
    answer.raise_for_status()
    found: list[dict[str, Any]] = answer.json()["recordings"]
    return found


def wait_until_settled(url: str, *, count: int) -> list[dict[str, Any]]:
    """The recordings, once `count` of them are complete or failed; connection errors are waited out."""
    give_up_at = time.monotonic() + PATIENCE_S
    found: list[dict[str, Any]] = []
    while time.monotonic() < give_up_at:
        with contextlib.suppress(requests.RequestException):
            found = all_recordings(url)
            if sum(1 for recording in found if is_settled(recording)) >= count:
                return found
        time.sleep(0.1)
    states = [(r["file_name"], r["request"]["status"], r["results"]) for r in found]
    raise AssertionError(f"not settled in {PATIENCE_S} s: {states}")


def wait_until_gone(url: str) -> None:
    """Until nobody answers there: the system ends a killed process's children in its own time."""
    give_up_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_at:
        try:
            requests.get(f"{url}/health", timeout=5)
        except requests.ConnectionError:
            return
        time.sleep(0.02)
    raise AssertionError(f"somebody still answers at {url}")


def is_settled(recording: dict[str, Any]) -> bool:
    return bool(recording["request"]["status"] == "failed" or recording["results"]["state"] == "complete")


@dataclasses.dataclass(frozen=True)
class RealCalls:
    """The six sample calls after the real engine has heard them: recordings as the API gives them, by sample name."""

    url: str
    engine: EngineView
    recordings: dict[str, dict[str, Any]]

    def transcript(self, name: str) -> list[dict[str, Any]]:
        path = f"{self.url}/api/v1/recordings/{self.recordings[name]['id']}/transcript"
        turns: list[dict[str, Any]] = requests.get(path, timeout=30).json()["turns"]
        return turns
