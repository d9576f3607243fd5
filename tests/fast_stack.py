"""The local stack by a fast clock: what takes the product minutes to be sure of is over in seconds.

`python -m tests.fast_stack CLOCK` is `make run` by that clock, with the settings of the environment.
"""

from __future__ import annotations

import functools
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from common.bootstrap import Services
from deploy.local.__main__ import main
from deploy.local.identity import Identity
from deploy.local.stack import Stack
from tests.fast_clock import FastClock

if TYPE_CHECKING:
    from deploy.local.settings import LocalSettings


class PunctualIdentity(Identity):
    """Signs by the machine's clock, against which the functions check identity tokens."""

    def token(self, *, audience: str, email: str, now: datetime) -> str:
        del now
        return super().token(audience=audience, email=email, now=datetime.now(UTC))


def fast_stack(settings: LocalSettings, *, clock: FastClock, **options: Any) -> Stack:
    """A stack whose queues and scheduler go by `clock`."""
    identity = PunctualIdentity(Identity.load_or_create(settings.state / "identity").key)
    return Stack(settings, clock=clock, speed=clock.speed, identity=identity, **options)


def run(clock: FastClock) -> int:
    """Until Ctrl-C, SIGTERM or the death of a child."""
    Services.clock = clock  # type: ignore[method-assign]  # the product has no setting for another clock
    return main(functools.partial(fast_stack, clock=clock))


if __name__ == "__main__":
    sys.exit(run(FastClock.parse(sys.argv[1])))
