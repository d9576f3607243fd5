"""The README's lines for one function alone, run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from deploy.local.stack import Stack
from tests.local_stack import REPLAY, ROOT, Process, all_recordings, free_port, wait_until_settled

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.settings import LocalSettings

README = (Path(ROOT) / "README.md").read_text()


def section_blocks(title: str) -> list[str]:
    section = README.partition(f"## {title}")[2].partition("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)


@pytest.mark.skipif(not Path(ROOT, ".venv").exists(), reason="the README's lines use .venv")
def test_one_function_alone_takes_a_storage_event_sent_by_curl(
    local_settings: LocalSettings, run_process: Callable[..., Process]
) -> None:
    """The function answers 2xx and the recording goes all the way through the rest of the stack."""
    serve, send = section_blocks("One function alone")
    stack = Stack(local_settings, functions=False, engine=REPLAY)
    stack.start()
    port = free_port()
    here = {".local/env": str(local_settings.state / "env"), "8081": str(port)}
    function = subprocess.Popen(["sh", "-c", replaced(serve, here)], cwd=ROOT, start_new_session=True)
    try:
        functions = run_process("-m", "deploy.local.functions", "--port", str(local_settings.port), **stack.environment)
        functions.wait_for("Functions ready")
        wait_for_port(port)
        sent = subprocess.run(
            ["sh", "-c", replaced(send, here)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
        )
        assert re.search(r"^HTTP/1.1 2\d\d", sent.stdout, flags=re.MULTILINE), sent.stdout + sent.stderr
        (recording,) = wait_until_settled(stack.url, count=1)
        assert recording["company"] == "Acme"
        assert recording["request"]["status"] == "completed"
        assert len(all_recordings(stack.url)) == 1
    finally:
        os.killpg(function.pid, 9)
        function.wait()
        stack.stop()


def replaced(text: str, here: dict[str, str]) -> str:
    for before, after in here.items():
        text = text.replace(before, after)
    return text


def wait_for_port(port: int) -> None:
    """The Functions Framework takes a second or two to listen."""
    session = requests.Session()
    session.mount(
        "http://",
        requests.adapters.HTTPAdapter(max_retries=requests.adapters.Retry(30, backoff_factor=0.05, backoff_max=0.5)),
    )
    session.get(f"http://127.0.0.1:{port}/", timeout=10)
