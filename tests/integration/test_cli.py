"""The command line against the real functions, on the local stack with replayed transcripts."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.local_stack import REPLAY, ROOT, Process, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RECORDING = ROOT / "samples" / "office-supply-sales.wav"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a stack without recordings."""
    port = free_port()
    environment = {
        "LOCAL_STATE": str(tmp_path_factory.mktemp("stack") / "state"),
        "PORT": str(port),
        "ENGINE_PORT": str(free_port()),
        "SAMPLES": "0",
    }
    with Process(["-m", "deploy.local"], {**environment, **REPLAY, "PYTHONPATH": str(ROOT)}) as stack:
        stack.wait_for("Ready at")
        yield f"http://127.0.0.1:{port}"
        stack.stop()


def calltrack(server: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", "--server", server, "recordings", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def test_a_recording_goes_in_and_its_transcript_comes_out(server: str) -> None:
    """What the flags say of it, the wait, the transcript in each form, and the same audio again."""
    # When a call is added and waited for
    added = calltrack(
        server, "add", RECORDING, "--company", "Acme", "--agent-name", "Tom", "--direction", "outbound",
        "--started-at", "2026-03-18T16:42:00-04:00", "--wait", "--timeout", "50",
    )  # fmt: skip
    # Then it is complete, with what was said of it
    assert added.returncode == 0, added.stderr
    recording = json.loads(added.stdout)
    assert recording["results"]["state"] == "complete"
    assert recording["direction"] == "outbound"
    assert recording["started_at"] == "2026-03-18T20:42:00.000Z"
    assert "Tom" in [speaker["name"] for speaker in recording["speakers"]]
    # and its transcript has the same turns in every form
    turns = json.loads(calltrack(server, "transcript", recording["id"], "--as", "json").stdout)["turns"]
    assert len(turns) > 5
    assert len(calltrack(server, "transcript", recording["id"]).stdout.splitlines()) == len(turns)
    assert calltrack(server, "transcript", recording["id"], "--as", "vtt").stdout.startswith("WEBVTT\n")
    rows = csv.DictReader(calltrack(server, "transcript", recording["id"], "--format", "csv").stdout.splitlines())
    assert [row["text"] for row in rows] == [turn["text"] for turn in turns]
    # and the same audio is known already
    again = calltrack(server, "add", RECORDING, "--company", "Acme", "--format", "value(id)")
    assert (again.returncode, again.stdout) == (0, f"{recording['id']}\n")
    assert "known already" in again.stderr


def test_a_refusal_of_the_api_is_told_in_its_words(server: str, tmp_path: Path) -> None:
    """Partial failure, an invalid filter and an unknown id: the exit codes, and the API's document for a program."""
    (tmp_path / "noise.wav").write_bytes(b"no audio at all")
    partial = calltrack(server, "add", RECORDING, tmp_path / "noise.wav", "--company", "Acme", "--format", "json")
    assert partial.returncode == 3
    problem = json.loads(partial.stderr)
    assert (problem["status"], problem["errors"][0]["field"]) == (400, "audio")
    assert calltrack(server, "list", "--filter", "compny:x").returncode == 1
    assert calltrack(server, "get", "gone").returncode == 4
