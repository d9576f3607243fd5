"""Probes for machines, and the files that pages load."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from common.bootstrap import services
from functions._site import site
from functions.pages.readiness import Readiness

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import flask
    from flask.typing import ResponseReturnValue

    from common.bootstrap import Services


def _health(_: flask.Request) -> ResponseReturnValue:
    """The process answers; nothing is asked of anybody."""
    return {"status": "ok"}


def _ready(_: flask.Request) -> ResponseReturnValue:
    """200 when every part that the functions need answers, 503 naming those that do not."""
    parts = _readiness(services()).report()
    missing = [name for name, part in parts.items() if not part.ok]
    answer = {
        "status": "not ready" if missing else "ready",
        "not_ready": missing,
        "parts": {name: part.as_json() for name, part in parts.items()},
    }
    return answer, 503 if missing else 200


@functools.lru_cache(maxsize=1)
def _readiness(s: Services) -> Readiness:
    """One for as long as these services live, since it remembers the engine's answer."""
    return Readiness(
        {
            "datastore": lambda: s.account.stopped_until(s.clock()),
            "storage": lambda: s.audio.expect_bucket(),  # noqa: PLW0108  # making the client is part of the check
            "engine": lambda: s.engine.prepare(),  # noqa: PLW0108  # likewise
        },
        cached=frozenset({"engine"}),
        clock=s.clock,
    )


def _asset(_: flask.Request, digest: str, name: str) -> ResponseReturnValue:
    return site().asset(digest, name)


VIEWS: Mapping[str, Callable[..., ResponseReturnValue]] = {
    "health": _health,
    "ready": _ready,
    "asset": _asset,
}
