"""What an instance pays before it can answer: import time and memory of each entry point's module, in a fresh process.

Times are of this machine; read them against each other. The bytecode is compiled first, as a deployed function's is.
"""

from __future__ import annotations

import compileall
import json
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("recordings", "dispatch", "submit", "webhook", "collect", "sweep", "dashboard")
PROGRAM = """
import json, resource, sys, time
began = time.perf_counter()
import {module}
took = time.perf_counter() - began
wanted = ("av", "google.cloud.datastore", "google.cloud.storage", "google.cloud.tasks_v2")
heavy = [name for name in wanted if name in sys.modules]
print(json.dumps([took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, heavy]))
"""


@pytest.mark.benchmark
def test_import_of_each_stage() -> None:
    """Prints the median of five imports of each stage, and which heavy clients it brought in."""
    for package in ("common", "functions"):
        compileall.compile_dir(ROOT / package, quiet=1)
    print(f"\n{'module':24}{'import':>9}{'memory':>10}  heavy clients")
    for stage in STAGES:
        runs = [_import(f"functions.{stage}") for _ in range(5)]
        took, memory = statistics.median(run[0] for run in runs), max(run[1] for run in runs)
        print(f"functions.{stage:14}{took:8.2f}s{memory:7.0f} MB  {', '.join(runs[0][2]) or '-'}")


def _import(module: str) -> tuple[float, float, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(module=module)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    took, memory, heavy = json.loads(done.stdout)
    return took, memory, heavy
