"""`make run`: the whole product on this machine, with six sample calls. Ctrl-C stops it; its state stays."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

import requests

from common import log
from deploy.local.console import Console
from deploy.local.datastore.storage import SchemaError
from deploy.local.ports import PortTaken
from deploy.local.samples import SampleLoader
from deploy.local.settings import LocalSettings, UnusableSetting, local_settings
from deploy.local.stack import AlreadyRunning, Stack

if TYPE_CHECKING:
    from collections.abc import Callable


def main(make_stack: Callable[..., Stack] = Stack) -> int:
    """Run until Ctrl-C, SIGTERM or the death of a child."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        settings = local_settings(os.environ)
    except UnusableSetting as error:
        return _stopped(str(error))
    console = Console(settings.state / "log" / "functions.jsonl", sys.stdout)
    log.send_to(console.write)
    deaths: list[str] = []

    def died(what: str) -> None:
        deaths.append(what)
        ended.set()

    stack = make_stack(settings, overrides=_chosen_settings(), on_death=died)
    try:
        stack.start()
    except (AlreadyRunning, PortTaken, SchemaError, RuntimeError, OSError) as error:
        return _stopped(str(error))
    console.say(f"Ready at {stack.url}  (Ctrl-C stops it; state is kept in {settings.state})")
    threading.Thread(target=_warn_without_model, args=(stack, console, ended), daemon=True).start()
    if settings.samples:
        threading.Thread(target=_load_samples, args=(settings, stack, console, ended), daemon=True).start()
    ended.wait()
    stack.stop()
    if deaths:
        return _stopped(deaths[0])
    console.say("Stopped. `make run` goes on where it was.")
    sys.stdout.flush()
    os._exit(0)  # calls that wait for the engine must not hold up Ctrl-C: whatever they do is done again


def _chosen_settings() -> dict[str, str]:
    """What a person set for the functions, over the stack's own choices."""
    names = ("SYMBL_APP_ID", "SYMBL_APP_SECRET", "SYMBL_MAX_ACTIVE_JOBS", "CONFIDENCE_THRESHOLD", "SWEEP_FLOOR_S")
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def _warn_without_model(stack: Stack, console: Console, ended: threading.Event) -> None:
    """Say it now, not only when the first job fails."""
    if stack.settings.symbl_api_url:
        console.say(f"The engine is {stack.settings.symbl_api_url}")
        return
    while not ended.is_set():
        try:
            state = requests.get(f"{stack.environment['SYMBL_API_URL']}/ready", timeout=10).json()
        except requests.RequestException:
            return  # it has ended: that is told by who watches it
        if state["ready"]:
            return
        if "being loaded" not in state["reason"]:
            console.say(f"No recording can be analysed, jobs will end as failed: {state['reason']}")
            return
        ended.wait(1)


def _load_samples(settings: LocalSettings, stack: Stack, console: Console, ended: threading.Event) -> None:
    """The six calls, on the first start; a start that was cut short is taken up again."""
    done = settings.state / "samples-loaded"
    if done.exists():
        console.say(f"Calls: {stack.url}/calls")
        return
    console.say("Loading six sample calls; the first results take about half a minute.")
    loader = SampleLoader(stack.url, console.say)
    try:
        ids = loader.load()
        done.touch()
        recordings = loader.wait(ids)
    except requests.RequestException as error:
        if not ended.is_set():
            console.say(f"The sample calls could not be loaded: {error}")
        return
    failed = [recording for recording in recordings if recording["request"]["status"] == "failed"]
    ready = len(recordings) - len(failed)
    console.say()
    console.say(f"{ready} of {len(recordings)} sample calls are analysed. Look at them: {stack.url}/calls")


def _stopped(reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
