"""The doctor and the smoke test of a deployment, against a whole local stack."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.local_stack import REPLAY, ROOT, Process, all_recordings, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    environment = {
        "LOCAL_STATE": str(tmp_path_factory.mktemp("doctor") / "state"),
        "PORT": str(port),
        "ENGINE_PORT": str(free_port()),
        "SAMPLES": "0",
        "SWEEP_INTERVAL_S": "1",
        **REPLAY,
    }
    with Process(["-m", "deploy.local"], environment) as stack:
        stack.wait_for(rf"http://127\.0\.0\.1:{port}")
        yield f"http://127.0.0.1:{port}"


def run(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=90
    )
    return done.returncode, done.stdout + done.stderr


def test_a_sample_call_goes_through_and_leaves_nothing(server: str) -> None:
    """The doctor finds everything well, and the call is analysed, read and deleted, as after a deployment."""
    code, said = run("-m", "deploy.smoke", "--server", server, "--wait", "60")

    assert code == 0, said
    assert all_recordings(server) == []


def test_the_doctor_says_what_is_well_and_how_it_is(server: str) -> None:
    """A row for each part."""
    code, said = run("-m", "deploy.cli", "--server", server, "doctor", "--format", "json")

    checks: list[dict[str, Any]] = json.loads(said)
    assert code == 0
    assert [check["name"] for check in checks] == [
        "settings", "access", "datastore", "indexes", "bucket", "queues", "engine", "webhook", "sweep",
    ]  # fmt: skip
    assert [check["name"] for check in checks if not check["ok"] or check["mend"]] == []
