"""Children never outlive their parent."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING

import pytest

from deploy.local.children import GRACE, Child

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PYTHON = [sys.executable, "-I", "-S", "-u", "-c"]
SLEEPS = "import os, time; print(os.getpid()); time.sleep(60)"
STUBBORN = "import os, signal, time; signal.signal(15, signal.SIG_IGN); print(os.getpid()); time.sleep(60)"
WITH_GRANDCHILD = (
    "import os, subprocess, sys, time;"
    "p = subprocess.Popen([sys.executable, '-I', '-S', '-c', 'import time; time.sleep(60)']);"
    "print(os.getpid(), p.pid); time.sleep(60)"
)


def eventually(holds: Callable[[], bool], timeout: float = 5.0) -> bool:
    """Whether *holds* becomes true: other processes take their time."""
    deadline = time.monotonic() + timeout
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.005)
    return holds()


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(status.strip()) and not status.startswith("Z")


def pids_in(log: Path) -> list[int]:
    """What a test's command printed."""
    assert eventually(lambda: log.exists() and log.read_text().endswith("\n"))
    return [int(pid) for pid in log.read_text().split()]


def test_a_child_is_stopped_within_a_second(tmp_path: Path) -> None:
    """SIGTERM is enough for most."""
    child = Child([*PYTHON, SLEEPS], log=tmp_path / "log")
    child.start()
    (pid,) = pids_in(tmp_path / "log")
    started = time.monotonic()
    child.stop()
    assert time.monotonic() - started < GRACE.total_seconds()
    assert not alive(pid)
    assert not child.running


def test_a_child_that_ignores_sigterm_is_killed_within_a_second(tmp_path: Path) -> None:
    """After the grace comes SIGKILL."""
    child = Child([*PYTHON, STUBBORN], log=tmp_path / "log")
    child.start()
    (pid,) = pids_in(tmp_path / "log")
    started = time.monotonic()
    child.stop()
    assert time.monotonic() - started < 1
    assert not alive(pid)


def test_an_unexpected_death_is_told_with_its_status(tmp_path: Path) -> None:
    """The parent learns at once that a child ended by itself."""
    told: queue.Queue[int] = queue.Queue()
    Child([*PYTHON, "raise SystemExit(3)"], log=tmp_path / "log", on_death=told.put).start()
    assert told.get(timeout=5) == 3


def test_a_death_by_signal_is_told_as_a_shell_tells_it(tmp_path: Path) -> None:
    """128 + the signal's number."""
    told: queue.Queue[int] = queue.Queue()
    Child([*PYTHON, SLEEPS], log=tmp_path / "log", on_death=told.put).start()
    os.kill(pids_in(tmp_path / "log")[0], signal.SIGKILL)
    assert told.get(timeout=5) == 128 + signal.SIGKILL


def test_an_expected_end_is_not_told(tmp_path: Path) -> None:
    """stop() is no accident."""
    told: queue.Queue[int] = queue.Queue()
    child = Child([*PYTHON, SLEEPS], log=tmp_path / "log", on_death=told.put)
    child.start()
    child.stop()
    assert told.empty()


def test_a_command_that_cannot_be_started_says_why_in_its_log(tmp_path: Path) -> None:
    """A misspelt command is a death with a reason."""
    told: queue.Queue[int] = queue.Queue()
    Child(["/no/such/command"], log=tmp_path / "log", on_death=told.put).start()
    assert told.get(timeout=5) == 127
    assert "/no/such/command did not start" in (tmp_path / "log").read_text()


def test_a_kill_of_the_guard_takes_the_command_along(tmp_path: Path) -> None:
    """Somebody kills the process between parent and command: nothing stays behind, and the parent is told."""
    told: queue.Queue[int] = queue.Queue()
    child = Child([*PYTHON, SLEEPS], log=tmp_path / "log", on_death=told.put)
    child.start()
    (pid,) = pids_in(tmp_path / "log")
    os.kill(child.pid, signal.SIGKILL)
    assert told.get(timeout=5) == -signal.SIGKILL
    assert eventually(lambda: not alive(pid))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_death_of_the_parent_ends_child_and_grandchild(how: signal.Signals, tmp_path: Path) -> None:
    """`kill -9` of the parent leaves nothing running."""
    # Given a process with a child that has a child
    log = tmp_path / "log"
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(f"""
                import pathlib, time
                from deploy.local.children import Child
                Child({[*PYTHON, WITH_GRANDCHILD]!r}, log=pathlib.Path({str(log)!r})).start()
                time.sleep(60)
            """),
        ]
    )
    try:
        child, grandchild = pids_in(log)
        assert alive(child)
        assert alive(grandchild)
        # When it dies
        parent.send_signal(how)
        parent.wait()
        # Then both are gone
        assert eventually(lambda: not alive(child))
        assert eventually(lambda: not alive(grandchild))
    finally:
        parent.kill()
        parent.wait()
