"""The doctor and the smoke test of a deployment, against a whole local stack."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.local_stack import ROOT, all_recordings


def run(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=90
    )
    return done.returncode, done.stdout + done.stderr


def test_a_sample_call_goes_through_and_leaves_nothing(stack_url: str) -> None:
    """The doctor finds everything well, and the call is analysed, read and deleted, as after a deployment."""
    before = {recording["id"] for recording in all_recordings(stack_url)}

    code, said = run("-m", "deploy.smoke", "--server", stack_url, "--wait", "60")

    assert code == 0, said
    assert {recording["id"] for recording in all_recordings(stack_url)} == before


def test_the_doctor_says_what_is_well_and_how_it_is(stack_url: str) -> None:
    """A row for each part."""
    code, said = run("-m", "deploy.cli", "--server", stack_url, "doctor", "--format", "json")

    checks: list[dict[str, Any]] = json.loads(said)
    assert code == 0
    assert [check["name"] for check in checks] == [
        "settings", "access", "datastore", "indexes", "bucket", "queues", "engine", "webhook", "sweep",
    ]  # fmt: skip
    assert [check["name"] for check in checks if not check["ok"] or check["mend"]] == []
