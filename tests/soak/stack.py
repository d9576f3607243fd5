"""What is around the functions and the engine: the local stack, its queues and its scheduler by a fast clock."""

from __future__ import annotations

import json
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.identity import Identity
from deploy.local.settings import LocalSettings
from deploy.local.stack import Stack
from tests.fast_clock import FastClock


class PunctualIdentity(Identity):
    """Signs by the machine's clock, against which the functions check identity tokens."""

    def token(self, *, audience: str, email: str, now: datetime) -> str:
        del now
        return super().token(audience=audience, email=email, now=datetime.now(UTC))


def main(state: str, port: str, engine_url: str, clock_text: str, overrides: str) -> None:
    clock = FastClock.parse(clock_text)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    directory = Path(state)
    stack = Stack(
        LocalSettings(port=int(port), state=directory, symbl_api_url=engine_url),
        functions=False,
        overrides=json.loads(overrides),
        clock=clock,
        speed=clock.speed,
        identity=PunctualIdentity(Identity.load_or_create(directory / "identity").key),
        on_death=lambda _: ended.set(),
    )
    stack.start()
    print("Stack ready", flush=True)
    ended.wait()
    stack.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
