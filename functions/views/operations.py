"""Whether it flows, and where not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import flask

from common.bootstrap import services
from functions import _audit, _edge
from functions._operations import Operations, replay_of_class
from functions._replay import Replayer
from functions._site import site
from functions.pages.operations import Replayed, operations_answer, operations_view

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask.typing import ResponseReturnValue


def _operations(request: flask.Request) -> ResponseReturnValue:
    """Whether it flows, and where not: what `Operations` reads, each part by itself."""
    return site().page(
        "operations.html",
        ops=operations_view(Operations.of(services()).snapshot(), replayed=Replayed.of(request.args)),
        request_id=flask.g.request_id,
    )


def _operations_json(_: flask.Request) -> ResponseReturnValue:
    return _edge.json_answer(operations_answer(Operations.of(services()).snapshot()))


def _replay_class(request: flask.Request) -> ResponseReturnValue:
    """The form under a class of failures."""
    _edge.expect_same_origin(request)
    failure_class, order = replay_of_class(request.form)
    outcome = Replayer.of(services(), _edge.caller()).many(order)
    _audit.about(reason=order.reason)
    told = Replayed(
        failure_class=failure_class,
        replayed=len(outcome.recordings),
        skipped=len(outcome.skipped),
        page_token=outcome.next_page_token if outcome.skipped else None,
    )
    return flask.redirect(site().link("/ops", **told.parameters), 303)


VIEWS: Mapping[str, Callable[..., ResponseReturnValue]] = {
    "operations": _operations,
    "operations_json": _operations_json,
    "replay_class": _replay_class,
}
