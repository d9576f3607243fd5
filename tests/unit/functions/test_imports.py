"""What an instance loads before it can answer: cold starts are paid for. Held by names, not by time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import main

ROOT = Path(__file__).resolve().parents[3]
#: What takes a tenth of a second or more, and is loaded where it is used: clients, codecs, parsers, descriptions.
HEAVY = {
    "av",
    "cryptography",
    "google.api_core",
    "google.cloud.datastore",
    "google.cloud.storage",
    "google.cloud.tasks_v2",
    "grpc",
    "jwt",
    "lark",
    "numpy",
    "requests",
    "snowballstemmer",
    "functions.api.examples",
    "functions.api.openapi",
    "functions.api.words",
}
#: The framework is loaded once, each entry point in a child of its own.
PROGRAM = """
import json, os, sys
import functions_framework
import main
for target in main.__all__:
    if os.fork() == 0:
        getattr(main, target)
        sys.stdout.write(json.dumps([target, sorted(sys.modules)]) + "\\n")
        sys.stdout.flush()
        os._exit(0)
    os.wait()
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    """The modules of each entry point's process."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    return {target: set(modules) for target, modules in map(json.loads, done.stdout.splitlines())}


def test_no_entry_point_loads_what_is_heavy(loaded: dict[str, set[str]]) -> None:
    """Not before the first call that needs it."""
    assert set(loaded) == set(main.__all__)
    assert {target: modules & HEAVY for target, modules in loaded.items() if modules & HEAVY} == {}


def test_an_entry_point_loads_its_own_stage_alone(loaded: dict[str, set[str]]) -> None:
    """All are deployed together, and each instance serves one."""
    stages = {getattr(main, target).__module__ for target in main.__all__}
    for target, modules in loaded.items():
        assert modules & stages == {getattr(main, target).__module__}


def test_pages_are_loaded_by_who_opens_them(loaded: dict[str, set[str]]) -> None:
    """The dashboard starts with its table of addresses and the frame of a page."""
    pages = {name for name in loaded["dashboard"] if name.startswith(("functions.pages.", "functions.views."))}
    assert pages == {"functions.pages.site"}
    assert not any(name.startswith("functions.pages") for name in loaded["recordings"])
