"""The last stage: pages for people, probes for machines, and the rest of the API.

Pages are finished HTML that is read with JavaScript off; a small script adds the player's conveniences.
`functions.routes` has every address, `functions.views` what is read for it, `functions.pages` how it is shown. What
answers an address is imported when somebody first asks for it.
"""

from __future__ import annotations

import functools
import importlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import flask
import werkzeug.exceptions
from werkzeug.routing import Map, Rule

from common import log
from common.bootstrap import services
from common.errors import NotFound
from functions import _edge
from functions._access import expect_may
from functions._audit import note
from functions._delete import gone_if_deleted
from functions._site import site
from functions.routes import ROUTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask.typing import ResponseReturnValue

    from functions.api.serving import Api
    from functions.routes import Route

_MAP = Map(
    [Rule(route.path, endpoint=route, methods=[route.method]) for route in ROUTES],
    merge_slashes=False,
)


def _problem_page(problem: Mapping[str, Any]) -> flask.Response:
    route = _route_of(flask.request)
    if route is not None and route.module == "summary" and route.is_open:
        from functions.views import summary  # noqa: PLC0415  # those who open links pay for it

        return summary.problem_page(problem)
    if problem["status"] == HTTPStatus.UNAUTHORIZED and services().settings.auth_mode == "token":
        from functions.views import signing_in  # noqa: PLC0415  # once in twelve hours

        return signing_in.form_page(next_path=signing_in.next_of(flask.request))
    if problem["metadata"].get("column") and route is not None and route.view == "calls":
        from functions.pages.calls import mistaken  # noqa: PLC0415  # the list is loaded already

        text = flask.request.args["filter"].strip()
        mistake = mistaken(text, **problem["metadata"])
        return site().page("calls_mistaken.html", problem=problem, mistake=mistake, filter=flask.request.args["filter"])
    return site().page("problem.html", problem=problem)


def _is_open(request: flask.Request) -> bool:
    route = _route_of(request)
    return route is not None and route.is_open


def _route_of(request: flask.Request) -> Route | None:
    try:
        return _match(request)[0]
    except werkzeug.exceptions.HTTPException:
        return None


@_edge.page_function(problem_page=_problem_page, is_open=_is_open)
def dashboard(request: flask.Request) -> ResponseReturnValue:
    """Entry point of the pages, of /health and /ready, and of all of /api/v1 but the recordings."""
    path = site().path_of(request.path)
    if path.startswith("/api/"):
        return _api().answer(request, path=path)
    try:
        route, arguments = _match(request)
    except werkzeug.exceptions.NotFound:
        raise NotFound(f"There is nothing at {request.path}; {site().link('/calls')} lists the calls.") from None
    if route.role is not None:
        expect_may(_edge.caller(), role=route.role, reach=route.reach, arguments=arguments)
    recording_id = arguments.get("recording_id")
    with log.context(recording=recording_id), gone_if_deleted(lambda: services().deletions, recording_id):
        answer = flask.make_response(_view(route)(request, **arguments))
        note(route.action, arguments, answer)
        return answer


def _match(request: flask.Request) -> tuple[Route, Mapping[str, str]]:
    """The route and its arguments; raises werkzeug's NotFound or MethodNotAllowed."""
    route, arguments = _MAP.bind("").match(site().path_of(request.path), method=request.method)
    return route, arguments


def _view(route: Route) -> Callable[..., ResponseReturnValue]:
    views: Mapping[str, Callable[..., ResponseReturnValue]] = importlib.import_module(
        f"functions.views.{route.module}"
    ).VIEWS
    return views[route.view]


@functools.cache
def _api() -> Api:
    from functions.api.of_companies import OPERATIONS  # noqa: PLC0415  # programs pay for it
    from functions.api.serving import Api  # noqa: PLC0415  # likewise
    from functions.views import audit, checkup, companies  # noqa: PLC0415  # likewise

    return Api(OPERATIONS, {**companies.VIEWS, **checkup.VIEWS, **audit.VIEWS})
