"""Stacks of their own, in processes that can be killed."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from deploy.local.settings import LocalSettings
from tests.local_stack import Process, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def local_settings(tmp_path: Path) -> LocalSettings:
    """A stack of its own: free ports, its state in a temporary directory, a sweep every 20 s of its clock."""
    return LocalSettings(
        port=free_port(), engine_port=free_port(), state=tmp_path / "state", samples=False, sweep_interval_s=20
    )


@pytest.fixture
def run_process() -> Iterator[Any]:
    """Start a program; whatever still runs at the end of the test is killed."""
    with contextlib.ExitStack() as started:

        def start(*argv: str, **environment: str) -> Process:
            return started.enter_context(Process(list(argv), environment))

        yield start
