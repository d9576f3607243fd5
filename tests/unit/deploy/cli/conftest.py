from __future__ import annotations

import dataclasses
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from deploy.cli.app import main
from deploy.cli.surroundings import Surroundings
from tests.unit.deploy.cli.stand_in import ApiStandIn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Stream(io.StringIO):
    """What was written, and whether the program took it for a terminal."""

    def __init__(self, *, tty: bool) -> None:
        super().__init__()
        self._tty = tty

    def isatty(self) -> bool:
        return self._tty


class Time:
    """Passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.naps: list[float] = []
        self.on_nap: Callable[[int], None] = lambda _: None  #: told how many naps there were

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds
        self.naps.append(seconds)
        self.on_nap(len(self.naps))


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a command line ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Stdout as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def problems(self) -> list[dict[str, Any]]:
        """Stderr as JSON lines."""
        return [json.loads(line) for line in self.err.splitlines()]


class Cli:
    """Runs command lines in this process, against the stand-in and a time of its own."""

    def __init__(self, server: str) -> None:
        self.environ = {"CALLTRACK_SERVER": server}
        self.time = Time()
        self.opened: list[str] = []
        self.answers: list[str] = []  #: what the person types, question by question; nobody is there without one
        self.questions: list[str] = []

    def _ask(self, question: str) -> str | None:
        self.questions.append(question)
        return self.answers.pop(0) if self.answers else None

    def __call__(self, *arguments: str | Path, tty: bool = False) -> Outcome:
        out, err = Stream(tty=tty), Stream(tty=tty)
        around = Surroundings(
            stdout=out,
            stderr=err,
            environ=self.environ,
            clock=self.time,
            sleep=self.time.sleep,
            open_page=self.opened.append,
            ask=self._ask,
        )
        code = main([str(argument) for argument in arguments], around)
        return Outcome(int(code), out.getvalue(), err.getvalue())


@pytest.fixture
def api() -> Iterator[ApiStandIn]:
    server = ApiStandIn()
    yield server
    server.close()


@pytest.fixture
def cli(api: ApiStandIn) -> Cli:
    return Cli(api.url)


@pytest.fixture
def call(tmp_path: Path) -> Path:
    """A recording in a file."""
    path = tmp_path / "call.wav"
    path.write_bytes(b"RIFF....WAVE a call")
    return path
