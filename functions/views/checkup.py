"""The API of the installation's health, for who runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.bootstrap import services
from functions import _edge
from functions._checkup import checks_of, examine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import flask
    from flask.typing import ResponseReturnValue


def _check(_: flask.Request) -> ResponseReturnValue:
    """200 whatever is found: that something is broken is the answer, not a failure to give one."""
    answers = examine(checks_of(services(), _edge.caller()))
    return {"ok": all(answer["ok"] for answer in answers), "checks": answers}


VIEWS: Mapping[str, Callable[..., ResponseReturnValue]] = {"check_installation": _check}
