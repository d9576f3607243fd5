"""What deploy/apply.sh asks Terraform for, with a stand-in that writes down what it was told."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUNNING = f"europe-docker.pkg.dev/p/engine@sha256:{'a' * 64}"
NEW = f"europe-docker.pkg.dev/p/engine@sha256:{'b' * 64}"
STAND_IN = f"""#!/bin/sh
echo "$* image=$TF_VAR_engine_image" >> "$TOLD"
case "$*" in
*"state show"*) exit 1 ;;
*output*engine_image*) printf %s {RUNNING} ;;
esac
"""


@pytest.fixture
def told(tmp_path: Path) -> Callable[..., list[str]]:
    """Run it; each call of terraform that changes something, or that a change is made from."""
    program = tmp_path / "terraform"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    log = tmp_path / "told"

    def run(*arguments: str, **environment: str) -> list[str]:
        around = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "TOLD": str(log), **environment}
        command = [str(ROOT / "deploy" / "apply.sh"), *arguments]
        subprocess.run(command, env=around, check=True, capture_output=True, timeout=30)
        asked = log.read_text().splitlines()
        return [line for line in asked if " init " not in line and not line.startswith(("state show", "import"))]

    return run


def test_an_apply_that_names_no_image_keeps_the_engine_that_runs(told: Callable[..., list[str]]) -> None:
    """The pipeline changes, and no job is lost with an instance."""
    applied = [line for line in told("apply", "my-project", "europe-west1") if "apply" in line]

    assert [line.split()[0] for line in applied] == ["-chdir=.", "-chdir=platform"]
    assert applied[1].endswith(f"image={RUNNING}")


def test_an_apply_with_an_image_changes_the_engine(told: Callable[..., list[str]]) -> None:
    """It is the build that names one."""
    assert told("apply", "my-project", "europe-west1", NEW)[-1].endswith(f"image={NEW}")


def test_a_plan_changes_nothing(told: Callable[..., list[str]]) -> None:
    """Of neither configuration."""
    assert [line for line in told("plan", "my-project", "europe-west1", NEW) if " plan " not in line] == []


def test_what_was_said_outlives_what_worked_on_it(told: Callable[..., list[str]]) -> None:
    """Bucket and database are given out of Terraform's hands before the rest is destroyed."""
    *_, given_away, destroyed = told("destroy", "my-project", "europe-west1")

    assert given_away.startswith("state rm google_storage_bucket.recordings google_firestore_database.calls ")
    assert destroyed.startswith("destroy ")


def test_everything_goes_where_that_is_said(told: Callable[..., list[str]]) -> None:
    """In so many words."""
    assert [
        line for line in told("destroy", "my-project", "europe-west1", EVERYTHING="yes") if "state rm" in line
    ] == []
