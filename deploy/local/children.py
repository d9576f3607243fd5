"""Child processes that never outlive their parent, `kill -9` of the parent included.

Run as a program, this file is the guard between the two:

    parent  --pipe-->  guard  -->  the command

The parent holds the pipe's only writing end and never writes. However it dies, the kernel closes that end, the guard
reads end-of-file and kills the whole session: itself, the command and whatever the command has started. A pipe, unlike
Linux's PR_SET_PDEATHSIG, has no race at the start, is not tied to the *thread* that started the child, reaches
grandchildren, and works on macOS.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

GRACE: Final = timedelta(milliseconds=700)
"""How long a child may take to end after SIGTERM before it is killed: `Child.stop` takes less than a second."""

_SIGNALLED: Final = 128  # a shell's convention: 128 + n says "ended by signal n"


class Child:
    """One command in a session of its own, its output appended to a log file.

    Args:
        argv: the command and its arguments.
        log: the file that gets its standard output and error.
        env: its whole environment; the parent's when None.
        on_death: called with the exit status, on a thread of its own, if the command ends without `stop`.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        on_death: Callable[[int], None] | None = None,
    ) -> None:
        self._argv = list(argv)
        self._log = log
        self._env = dict(env) if env is not None else None
        self._on_death = on_death
        self._stopping = threading.Event()
        self._guard: subprocess.Popen[bytes] | None = None
        self._watch = threading.Thread(target=self._wait, name=f"watch {Path(self._argv[0]).name}", daemon=True)

    def start(self) -> None:
        """Start the command.

        Raises:
            OSError: the log cannot be written.
        """
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._guard = subprocess.Popen(
                # -I and -S: the guard needs the standard library alone, and starts in a fraction of the time.
                [sys.executable, "-I", "-S", __file__, *self._argv],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
                start_new_session=True,
            )
        self._watch.start()

    @property
    def running(self) -> bool:
        """Whether the command has been started and has not ended."""
        return self._guard is not None and self._guard.poll() is None

    @property
    def pid(self) -> int:
        """The process (and process group) id of the guard, which holds the command."""
        if self._guard is None:
            raise RuntimeError("the child has no process id before start()")
        return self._guard.pid

    def stop(self) -> None:
        """End the command and all it started: SIGTERM, then SIGKILL after `GRACE`. Does nothing if it has ended."""
        self._stopping.set()
        if self._guard is None:
            return
        self._signal(signal.SIGTERM)
        self._watch.join(GRACE.total_seconds())
        self._signal(signal.SIGKILL)
        self._watch.join()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _wait(self) -> None:
        guard = self._guard
        if guard is None:  # cannot be: start() sets it before it starts this thread
            return
        status = guard.wait()
        self._signal(signal.SIGKILL)  # what a killed guard has left behind
        if guard.stdin is not None:
            guard.stdin.close()
        if not self._stopping.is_set() and self._on_death is not None:
            self._on_death(status)


def _guarded(argv: Sequence[str]) -> int:
    """Run *argv* until it ends or until standard input does; its exit status."""
    # Handlers of our own, rather than SIG_IGN, because a command would inherit that one.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    try:
        command = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    except OSError as e:
        sys.stderr.write(f"{argv[0]} did not start: {e}\n")
        return _SIGNALLED - 1  # a shell's "command not found"
    threading.Thread(target=_die_with_parent, daemon=True).start()
    status = command.wait()
    return status if status >= 0 else _SIGNALLED - status


def _die_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(_guarded(sys.argv[1:]))
