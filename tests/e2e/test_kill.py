"""kill -9 in the middle of the six calls: none is lost, none is analysed twice, no child outlives its parent."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import requests

from deploy.local.samples import SampleLoader
from tests.fast_clock import FastClock
from tests.fast_stack import fast_stack
from tests.local_stack import REPLAY, EngineView, Process, wait_until_gone, wait_until_settled

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.settings import LocalSettings

#: What dies while it is being sent is held for minutes before it is sent again: it may have arrived.
SPEED = 20.0
SWEEP = {"SWEEP_INTERVAL_S": "20", "SWEEP_FLOOR_S": "20"}


def assert_each_once(recordings: list[dict[str, Any]], engine: EngineView) -> None:
    """Six recordings, complete, and six conversations at the engine: one of each recording."""
    assert len(recordings) == 6
    assert {recording["request"]["status"] for recording in recordings} == {"completed"}
    assert {recording["results"]["state"] for recording in recordings} == {"complete"}
    submitted = [conversation["metadata"]["requestId"] for conversation in engine.conversations()]
    assert sorted(submitted) == sorted(recording["request"]["id"] for recording in recordings)


#: What the log says, and how often, before each death.
DEATHS = [('"event": "slot_claimed"', 2), ('"event": "job_accepted"', 2), ('"event": "job_completed"', 2)]


def test_the_functions_killed_thrice_lose_nothing(
    local_settings: LocalSettings, run_process: Callable[..., Process]
) -> None:
    """The functions die right after a claim, an acceptance, a completion; the rest of the stack lives on."""
    clock = FastClock(SPEED)
    stack = fast_stack(local_settings, clock=clock, functions=False, overrides=SWEEP, engine=REPLAY)
    stack.start()
    try:
        serve = ("-m", "tests.soak.functions", str(local_settings.port), str(clock))
        functions = run_process(*serve, **stack.environment)
        functions.wait_for("Functions ready")
        sender = threading.Thread(target=_load_until_taken, args=(stack.url,), daemon=True)
        sender.start()
        for pattern, times in DEATHS:
            functions.wait_for(pattern, times=times)
            functions.kill()
            functions = run_process(*serve, **stack.environment)
            functions.wait_for("Functions ready")
        sender.join(timeout=60)
        recordings = wait_until_settled(stack.url, count=6)
        assert_each_once(recordings, EngineView(stack.environment["SYMBL_API_URL"]))
    finally:
        stack.stop()


def _load_until_taken(url: str) -> None:
    """A sender that repeats what broke off, as senders do: the same audio is taken once."""
    while True:
        try:
            SampleLoader(url, lambda _: None).load()
        except requests.RequestException:
            continue
        return


def test_the_whole_stack_killed_goes_on_where_it_was(
    local_settings: LocalSettings, run_process: Callable[..., Process]
) -> None:
    """Killed after the second acceptance and again after the second completion; its children die with it."""
    environment = {
        **REPLAY,
        "LOCAL_STATE": str(local_settings.state),
        "PORT": str(local_settings.port),
        "ENGINE_PORT": str(local_settings.engine_port),
        **SWEEP,
    }
    clock = FastClock(SPEED)
    engine = EngineView(f"http://127.0.0.1:{local_settings.engine_port}")
    for pattern, times in (("scheduled", 2), ("fetching results", 2)):
        stack = run_process("-m", "tests.fast_stack", str(clock), **environment)
        stack.wait_for(pattern, times=times)
        stack.kill()
        wait_until_gone(engine.url)
    stack = run_process("-m", "tests.fast_stack", str(clock), **environment)
    stack.wait_for("Ready at")
    recordings = wait_until_settled(f"http://127.0.0.1:{local_settings.port}", count=6)
    assert_each_once(recordings, engine)


def test_ctrl_c_stops_the_stack_in_a_second(local_settings: LocalSettings, run_process: Callable[..., Process]) -> None:
    """In the middle of its work, and says that nothing is lost."""
    stack = run_process(
        "-m",
        "deploy.local",
        **REPLAY,
        LOCAL_STATE=str(local_settings.state),
        PORT=str(local_settings.port),
        ENGINE_PORT=str(local_settings.engine_port),
    )
    stack.wait_for("submitting")
    status, took = stack.stop()
    assert status == 0
    assert took < 3, f"{took:.1f} s"  # one second on a machine that is not busy with other tests
    assert "goes on where it was" in "".join(stack.lines)
