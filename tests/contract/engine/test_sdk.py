"""Symbl's official Python SDK, unchanged but for its host, against the engine on a sample call."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.engine.settings import REPOSITORY
from tests.contract.engine.stage import Outside
from tests.contract.engine.test_server import command, environment

SDK = Path(sys.prefix) / "symbl-sdk"
CALL = REPOSITORY / "samples" / "billing-dispute.mp3"
NAMES = {"url": "By URL", "file": "By file"}
EITHER = pytest.mark.parametrize("way", ["url", "file"])


@pytest.fixture(scope="module")
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An engine in a process of its own that knows the sample calls, and tells entities as the SDK reads them."""
    settings = {
        "ENGINE_REPLAY_DIR": str(CALL.parent),
        "ENGINE_ALLOW_PRIVATE_URLS": "true",
        "ENGINE_ENTITIES_SHAPE": "legacy",
    }
    env = environment(tmp_path_factory.mktemp("engine"), **settings)
    process = subprocess.Popen(
        command(), cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    yield process.stdout.readline().split()[3]
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture(scope="module")
def told(engine_url: str) -> Any:
    """What the SDK read of the call, sent in both ways."""
    if not (SDK / "symbl").is_dir():
        pytest.skip(f"Symbl's SDK is not in {SDK}: `python3 deploy/setup.py test` puts it there, where it can be had")
    outside = Outside()
    outside.files["/call.mp3"] = CALL.read_bytes()
    script = Path(__file__).with_name("sdk.py")
    done = subprocess.run(
        [sys.executable, str(script), str(SDK), engine_url, outside.url("/call.mp3"), str(CALL)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    outside.close()
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@EITHER
def test_it_submits_and_waits(told: Any, way: str) -> None:
    assert told[way]["status"] == "completed"
    assert told[way]["get_conversation"]["name"] == NAMES[way]


@EITHER
def test_it_reads_every_kind_of_result(told: Any, way: str) -> None:
    """Whatever it cannot parse it answers with a message about the conversation's id."""
    found = told[way]
    for read, key in (
        ("get_messages", "messages"), ("get_topics", "topics"), ("get_questions", "questions"),
        ("get_action_items", "action_items"), ("get_follow_ups", "follow_ups"), ("get_members", "members"),
        ("get_entities", "entities"), ("get_analytics", "members"), ("get_analytics", "metrics"),
    ):  # fmt: skip
        assert found[read].get(key), (read, found[read])
    assert [tracker["name"] for tracker in found["get_trackers"]] == ["Money"]
    assert [metric["type"] for metric in found["get_analytics"]["metrics"]] == [
        "total_silence",
        "total_talk_time",
        "total_overlap",
    ]
    assert {message["_from"]["name"] for message in found["get_messages"]["messages"]} == {"Ann", "Carl"}


@EITHER
def test_it_changes_a_member(told: Any, way: str) -> None:
    assert "updated successfully" in told[way]["put_members"]["message"]
    assert {member["name"] for member in told[way]["members_after"]["members"]} == {"Anna", "Carl"}
