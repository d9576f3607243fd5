"""Serve what the table declares: find the operation, hold the request to its parameters, apply what they mean."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import flask
from werkzeug.routing import Map, Rule

from common import log
from common.bootstrap import services
from functions import _edge
from functions._access import expect_may
from functions._audit import note
from functions._delete import gone_if_deleted
from functions.api import etags
from functions.api.description import IDEMPOTENCY_KEY, IF_NONE_MATCH
from functions.api.idempotency import idempotently

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flask.typing import ResponseReturnValue

    from functions.api.description import Operation

    View = Callable[..., ResponseReturnValue]


class Api:
    """Some of the operations, each with the function that answers it: request and path parameters to response."""

    def __init__(self, operations: Sequence[Operation], views: Mapping[str, View]) -> None:
        self._served = {operation.id: (operation, views[operation.id]) for operation in operations}
        self._map = Map(
            [Rule(operation.rule, endpoint=operation.id, methods=[operation.method]) for operation in operations],
            merge_slashes=False,
        )

    def answer(self, request: flask.Request, *, path: str | None = None) -> ResponseReturnValue:
        """The operation's answer. `path`: the request's, below the base path.

        Raises:
            NotFound, MethodNotAllowed (werkzeug's), Rejected.
        """
        id_, arguments = self._map.bind("").match(path or request.path, method=request.method)
        operation, view = self._served[id_]
        operation.expect_path(arguments)
        expect_may(_edge.caller(), role=operation.role, reach=operation.reach, arguments=arguments)
        operation.expect_query(request.args)
        recording_id = arguments.get("recording_id")
        with log.context(recording=recording_id), gone_if_deleted(lambda: services().deletions, recording_id):
            if operation.takes(IDEMPOTENCY_KEY):
                answer = flask.make_response(idempotently(request, lambda: view(request, **arguments)))
            else:
                answer = flask.make_response(view(request, **arguments))
            note(operation.action, arguments, answer)
        if operation.takes(IF_NONE_MATCH):
            return _conditional(answer, request)
        return answer


def tagged(answer: flask.Response, etag: str) -> flask.Response:
    """The answer with its tag."""
    answer.headers["ETag"] = etag
    return answer


def known_already(request: flask.Request, etag: str) -> flask.Response | None:
    """304 where the caller has it as it is."""
    if not etags.is_known(request.headers.get("If-None-Match"), etag):
        return None
    return _edge.empty_answer(304, ETag=etag)


def _conditional(answer: flask.Response, request: flask.Request) -> flask.Response:
    """With a tag of its bytes, unless it has one; 304 where the caller has them."""
    if answer.status_code != HTTPStatus.OK:
        return answer
    answer.add_etag()
    return known_already(request, answer.headers["ETag"]) or answer
