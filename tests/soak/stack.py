"""What is around the functions and the engine: the local stack, its queues and its scheduler by a fast clock."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path

from deploy.local.settings import LocalSettings
from tests.fast_clock import FastClock
from tests.fast_stack import fast_stack


def main(state: str, port: str, engine_url: str, clock_text: str, overrides: str) -> None:
    clock = FastClock.parse(clock_text)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    stack = fast_stack(
        LocalSettings(port=int(port), state=Path(state), symbl_api_url=engine_url),
        functions=False,
        overrides=json.loads(overrides),
        clock=clock,
        on_death=lambda _: ended.set(),
    )
    stack.start()
    print("Stack ready", flush=True)
    ended.wait()
    stack.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
