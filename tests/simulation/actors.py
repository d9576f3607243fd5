"""Stages as actors: each runs in a thread of its own and stands still before every call until it is told to go on.

Only one thread ever runs, and it is handed on explicitly, so a run is repeated exactly by giving the same orders.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tests.simulation.calls import Died, Fate

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

#: No call takes as long: who has not come to the next one by then waits for something that will not happen.
PATIENCE_S = 60.0

_here = threading.local()


class Actor:
    """One run of a stage: it stands before `next_call`, or has ended (None), perhaps with an `error`."""

    def __init__(self, name: str, work: Callable[[], object], *, born: datetime) -> None:
        self.name = name
        self.born = born
        self.next_call: str | None = None
        self.error: BaseException | None = None
        self._work = work
        self._fate = Fate.WELL
        self._dies = False
        self._go, self._back = threading.Lock(), threading.Lock()  # binary semaphores: ten times as quick as the others
        self._go.acquire()
        self._back.acquire()
        threading.Thread(target=self._run, name=name, daemon=True).start()
        self._await()

    def __repr__(self) -> str:
        return f"<{self.name}, before {self.next_call}>"

    def go_on(self, fate: Fate = Fate.WELL) -> None:
        """Make the next call, with this fate, and come to the one after it."""
        self._fate = fate
        self._go.release()
        self._await()

    def die(self) -> None:
        """The process ends where it stands."""
        self._dies = True
        self.go_on()

    def stand_before(self, call: str) -> Fate:
        """In the actor's own thread: wait for the order; the fate of the call that is made then."""
        if self._dies:  # what still runs of a dead process, such as a rollback, is not to be seen
            raise Died
        self.next_call = call
        self._back.release()
        self._go.acquire()
        if self._dies:
            raise Died
        return self._fate

    def _await(self) -> None:
        """Until it stands before a call, or has ended."""
        assert self._back.acquire(timeout=PATIENCE_S), f"{self!r} hangs: does it wait for another, who stands still?"

    def _run(self) -> None:
        _here.actor = self
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001  # whoever gave the order decides about it
            self.error = error
        self.next_call = None
        self._back.release()


def stand_before(call: str) -> Fate:
    """The gate of all actors: the one whose thread it is stands still; whoever is none just passes."""
    actor: Actor | None = getattr(_here, "actor", None)
    return actor.stand_before(call) if actor else Fate.WELL
