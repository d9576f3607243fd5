"""The first calls of an instance come at once, and each builds what it needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import SETTINGS

ROOT = Path(__file__).resolve().parents[3]
_ALL_AT_ONCE = """
import functools, sys, threading
from common.bootstrap import Services, services

sys.setswitchinterval(1e-6)
names = [name for name, value in vars(Services).items() if isinstance(value, functools.cached_property)]
start, found = threading.Barrier(len(names)), []

def use(name):
    start.wait()
    found.append(getattr(services(), name))

threads = [threading.Thread(target=use, args=(name,)) for name in names]
for thread in threads: thread.start()
for thread in threads: thread.join()
sys.exit(len(found) != len(names))
"""


def test_threads_that_build_services_at_once_do_not_break_each_others_imports() -> None:
    """Google's packages import in circles: two threads in them at once fail both, at an instance's first calls."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _ALL_AT_ONCE],
            env={**os.environ, **SETTINGS, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)  # one alone is sometimes lucky
    ]
    assert [process.communicate()[1] for process in processes] == [""] * 3
    assert [process.returncode for process in processes] == [0] * 3
