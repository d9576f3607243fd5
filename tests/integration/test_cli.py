"""The command line against the real functions, on the local stack with replayed transcripts."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.local_stack import ROOT

if TYPE_CHECKING:
    from pathlib import Path

RECORDING = ROOT / "samples" / "office-supply-sales.wav"


def calltrack(stack_url: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", "--server", stack_url, "recordings", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def test_a_recording_goes_in_and_its_transcript_comes_out(stack_url: str) -> None:
    """What the flags say of it, the wait, the transcript in each form, and the same audio again."""
    # When a call is added and waited for
    added = calltrack(
        stack_url, "add", RECORDING, "--company", "Acme", "--agent-name", "Tom", "--direction", "outbound",
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
    turns = json.loads(calltrack(stack_url, "transcript", recording["id"], "--as", "json").stdout)["turns"]
    assert len(turns) > 5
    assert len(calltrack(stack_url, "transcript", recording["id"]).stdout.splitlines()) == len(turns)
    assert calltrack(stack_url, "transcript", recording["id"], "--as", "vtt").stdout.startswith("WEBVTT\n")
    rows = csv.DictReader(calltrack(stack_url, "transcript", recording["id"], "--format", "csv").stdout.splitlines())
    assert [row["text"] for row in rows] == [turn["text"] for turn in turns]
    # and the same audio is known already
    again = calltrack(stack_url, "add", RECORDING, "--company", "Acme", "--format", "value(id)")
    assert (again.returncode, again.stdout) == (0, f"{recording['id']}\n")
    assert "known already" in again.stderr


def test_a_refusal_of_the_api_is_told_in_its_words(stack_url: str, tmp_path: Path) -> None:
    """Partial failure, an invalid filter and an unknown id: the exit codes, and the API's document for a program."""
    (tmp_path / "noise.wav").write_bytes(b"no audio at all")
    partial = calltrack(stack_url, "add", RECORDING, tmp_path / "noise.wav", "--company", "Acme", "--format", "json")
    assert partial.returncode == 3
    problem = json.loads(partial.stderr)
    assert (problem["status"], problem["errors"][0]["field"]) == (400, "audio")
    assert calltrack(stack_url, "list", "--filter", "compny:x").returncode == 1
    assert calltrack(stack_url, "get", "gone").returncode == 4
