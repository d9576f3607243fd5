"""Request in, response out: who may call, errors to status codes, ids to the log's context."""

from __future__ import annotations

import functools
import json
import re
import uuid
from typing import TYPE_CHECKING, Any

import flask
import functions_framework
from werkzeug.exceptions import HTTPException

from common import log
from common.adapters.outages import passing_fault
from common.bootstrap import services
from common.errors import AccountRefused, Forbidden, Problem, Rejected, TryLater, Unauthenticated, UnreadableAnswer
from functions._access import bearer, caller_of, from_loopback, is_of_another_site
from functions.api.reasons import REASONS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from cloudevents.http import CloudEvent
    from flask.typing import ResponseReturnValue

    from common.model.access import Caller
    from common.model.answers import FieldProblem, ProblemAnswer
    from common.model.transcript import Rendering, Turn

    View = Callable[[flask.Request], ResponseReturnValue]
    ProblemPage = Callable[[Mapping[str, Any]], flask.Response]

RETRY_AFTER_S = "5"
_PROBLEM_TYPE = "application/problem+json"
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2}).*")
_CLOUD_TRACE = re.compile(r"([0-9a-f]{32})(?:/([0-9]{1,20}))?(?:;o=([01]))?")
#: What the router and the parser of requests refuse; all else of theirs is INVALID.
_REASONS_OF_STATUS: Mapping[int, str] = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "TOO_LARGE"}
#: Nothing is loaded from elsewhere and nothing runs inline. Pages add what they need.
SECURITY_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-store",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


def public_function(view: View) -> View:
    """An HTTP function for people and programs: checks who calls, answers errors as problem+json."""
    return _served(_answering_problems(_authenticated(view)))


def page_function(*, problem_page: ProblemPage, is_open: Callable[[flask.Request], bool]) -> Callable[[View], View]:
    """A public function that people open in a browser: they get their errors as the page that `problem_page` renders.

    What `is_open` needs no proof of who calls: probes have no token.
    """

    def decorated(view: View) -> View:
        checked = _authenticated(view)

        @functools.wraps(view)
        def opened(request: flask.Request) -> ResponseReturnValue:
            return view(request) if is_open(request) else checked(request)

        return _served(_showing_problems(_answering_problems(opened), problem_page))

    return decorated


def open_function(view: View) -> View:
    """An HTTP function that has its own proof of who calls (the webhook's HMAC)."""
    return _served(_answering_problems(view))


def internal_function(view: View) -> View:
    """An HTTP function for Cloud Tasks and Cloud Scheduler alone.

    Answers 200 when there is nothing (more) to do, 503 when the queue should try again: any other answer would make the
    queue repeat what can never succeed.
    """

    def answer(request: flask.Request) -> ResponseReturnValue:
        settings = services().settings
        refused = _refusal_of_service(
            request,
            audiences=[f"{settings.tasks_target_base_url}/{view.__name__}"],
            emails=[settings.tasks_service_account],
        )
        if refused is not None:
            return refused
        try:
            return view(request)
        except Rejected as error:
            log.defect("task_unusable", error)
            return {"unusable": str(error)}, 200
        except Exception as error:  # noqa: BLE001  # the outermost frame: the queue tries again, the log has it all
            if passing_fault(error) or isinstance(error, (AccountRefused, UnreadableAnswer)):
                log.warning("task_deferred", error=type(error).__name__, reason=str(error))
                return {"deferred": str(error)}, 503
            log.defect("task_failed", error)
            return {"defect": type(error).__name__}, 500

    return _served(functools.wraps(view)(answer))


def event_function(receive: Callable[[CloudEvent], None]) -> Callable[[CloudEvent], None]:
    """A function for the bucket's events, which Eventarc delivers, and Cloud Tasks where one was lost.

    Eventarc makes its tokens for the address that it calls, whichever of the function's it is. On loopback with
    AUTH_MODE=none an event may come without any token: what it leads to depends on the bucket alone.
    """

    @functools.wraps(receive)
    def received(event: CloudEvent) -> None:
        request = flask.request
        flask.g.request_id = _request_id(request)
        with log.context(request_id=flask.g.request_id, function=receive.__name__, **_trace(request)):
            settings = services().settings
            by_hand = settings.auth_mode == "none" and from_loopback(request)
            if not by_hand or "Authorization" in request.headers:
                refused = _refusal_of_service(
                    request,
                    audiences=[
                        f"{settings.tasks_target_base_url}/{receive.__name__}",
                        f"https://{request.host}",
                        f"https://{request.host}{request.full_path.rstrip('?')}",
                    ],
                    emails=[settings.tasks_service_account, settings.events_account],
                )
                if refused is not None:
                    flask.abort(refused)
            receive(event)

    functions_framework.cloud_event(received)
    return received


def _refusal_of_service(
    request: flask.Request, *, audiences: Collection[str], emails: Collection[str]
) -> flask.Response | None:
    """The answer to whoever is none of our service accounts; None for those who are."""
    try:
        services().callers.verify_caller(bearer(request), audiences=audiences, emails=emails)
    except Unauthenticated as error:
        log.warning("call_refused", reason=str(error))
        return problem(error)
    except TryLater as error:  # the keys are out of reach
        log.warning("task_deferred", error=type(error).__name__, reason=str(error))
        return flask.make_response({"deferred": str(error)}, 503)
    return None


def task_body(request: flask.Request, *required: str) -> dict[str, str]:
    """The ids that a task carries.

    Raises:
        Rejected: where one is missing: the task can never succeed.
    """
    given = request.get_json(silent=True)
    body = given if isinstance(given, dict) else {}
    missing = [Problem(name, "is missing") for name in required if not isinstance(body.get(name), str)]
    if missing:
        raise Rejected(missing)
    return {name: value for name, value in body.items() if isinstance(value, str)}


def json_body(request: flask.Request) -> bytes:
    """The body of a call that changes something.

    Raises:
        Rejected: where it is not declared as JSON. No form of another site can declare that, so a browser that is
            signed in here is of no use to it.
    """
    if request.mimetype != "application/json":
        raise Rejected([Problem("Content-Type", "must be application/json")])
    return request.get_data()


def expect_same_origin(request: flask.Request) -> None:
    """Refuse a form that a page of another site has sent with this browser's sign-in.

    Stricter than what holds for every call: a form comes from a browser, which says so.

    Raises:
        Forbidden: where it is not one of our own pages.
    """
    if is_of_another_site(request) is not False or request.headers.get("Sec-Fetch-Site") == "none":
        raise Forbidden("this was not sent from a page of this site; open the page here and send its form")


def caller() -> Caller:
    """Who makes the call that is being served."""
    found: Caller = flask.g.caller
    return found


def json_answer(body: Mapping[str, object], status: int = 200) -> flask.Response:
    """An answer with its members in the order in which they were written."""
    return flask.Response(json.dumps(body, ensure_ascii=False) + "\n", status=status, content_type="application/json")


def empty_answer(status: int, **headers: str) -> flask.Response:
    """An answer that its headers say all of."""
    response = flask.Response(status=status, headers=headers)
    del response.headers["Content-Type"]
    return response


def text_answer(rendering: Rendering, turns: Sequence[Turn]) -> flask.Response:
    """A transcript as a file."""
    return flask.Response(rendering.render(turns), content_type=f"{rendering.media_type}; charset=utf-8")


def problem(error: Rejected, *, headers: Mapping[str, str] | None = None) -> flask.Response:
    """An answer of RFC 9457 that names the fields and the mend."""
    return _problem(
        error.reason,
        detail=str(error),
        errors=[{"field": p.field, "detail": p.detail} for p in error.problems],
        metadata=error.metadata,
        headers=headers,
    )


def _served(view: View) -> View:
    """Register with the Functions Framework, with a request id in every answer and on every line of the log."""

    @functools.wraps(view)
    def served(request: flask.Request) -> ResponseReturnValue:
        flask.g.request_id = _request_id(request)
        with log.context(request_id=flask.g.request_id, function=view.__name__, **_trace(request)):
            response = flask.make_response(view(request))
        response.headers["X-Request-Id"] = flask.g.request_id
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    functions_framework.http(served)
    return served


def _answering_problems(view: View) -> View:
    @functools.wraps(view)
    def answer(request: flask.Request) -> ResponseReturnValue:
        try:
            return view(request)
        except Rejected as error:
            return problem(error)
        except HTTPException as error:
            response = _problem(_REASONS_OF_STATUS.get(error.code or 400, "INVALID"), detail=error.description)
            for name, value in error.get_headers(request.environ):
                if name == "Allow":
                    response.headers[name] = value
            return response
        except Exception as error:  # noqa: BLE001  # the outermost frame: the caller learns an id, the log everything
            passing = passing_fault(error)
            if passing is not None:
                log.warning("call_deferred", error=type(error).__name__, reason=str(error))
                return _problem("UNAVAILABLE", detail=f"{passing}; try again in a few seconds")
            log.defect("call_failed", error)
            return _problem(
                "DEFECT",
                detail=f"This should not have happened. Tell us the request id {flask.g.request_id}.",
            )

    return answer


def _showing_problems(view: View, problem_page: ProblemPage) -> View:
    @functools.wraps(view)
    def shown(request: flask.Request) -> ResponseReturnValue:
        response = flask.make_response(view(request))
        if response.mimetype == _PROBLEM_TYPE:
            response.vary.add("Accept")
            if request.accept_mimetypes.best_match([_PROBLEM_TYPE, "application/json", "text/html"]) == "text/html":
                page = problem_page(json.loads(response.get_data()))
                response.set_data(page.get_data())
                response.headers.update(page.headers)
        return response

    return shown


def _authenticated(view: View) -> View:
    """Nobody gets further whose name is not known."""

    @functools.wraps(view)
    def authenticated(request: flask.Request) -> ResponseReturnValue:
        flask.g.caller = caller_of(request)
        with log.context(caller=flask.g.caller.name):
            return view(request)

    return authenticated


def _request_id(request: flask.Request) -> str:
    given = request.headers.get("X-Request-Id", "")
    return given if re.fullmatch(r"[A-Za-z0-9_-]{8,64}", given) else uuid.uuid4().hex


def _trace(request: flask.Request) -> dict[str, Any]:
    """Cloud Logging shows a line with its request, and Cloud Trace with its span, when it carries them.

    Headers: https://www.w3.org/TR/trace-context/#traceparent-header, https://cloud.google.com/trace/docs/trace-context;
    fields: https://cloud.google.com/logging/docs/structured-logging.
    """
    if found := _TRACEPARENT.fullmatch(request.headers.get("traceparent", "")):
        trace, span, sampled = found[1], found[2], bool(int(found[3], 16) & 1)
    elif found := _CLOUD_TRACE.fullmatch(request.headers.get("X-Cloud-Trace-Context", "")):
        trace, span, sampled = found[1], f"{int(found[2] or 0):016x}", found[3] == "1"
    else:
        return {}
    project = services().settings.google_cloud_project
    return {
        "logging.googleapis.com/trace": f"projects/{project}/traces/{trace}",
        "logging.googleapis.com/spanId": span,
        "logging.googleapis.com/trace_sampled": sampled,
    }


def _problem(
    reason: str,
    *,
    detail: str | None,
    errors: list[FieldProblem] | None = None,
    metadata: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> flask.Response:
    known = REASONS[reason]
    body: ProblemAnswer = {
        "type": _help_on(reason),
        "title": known.title,
        "status": known.status,
        "detail": detail,
        "instance": flask.request.path,
        "code": known.code,
        "reason": reason,
        "domain": "calltrack",
        "metadata": dict(metadata or {}),
        "errors": errors or [],
        "request_id": flask.g.request_id,
        "retryable": known.retryable,
    }
    response = flask.Response(
        json.dumps(body, ensure_ascii=False) + "\n", status=known.status, content_type=_PROBLEM_TYPE
    )
    if known.retryable:
        response.headers["Retry-After"] = RETRY_AFTER_S
    response.headers.update(headers or {})
    return response


def _help_on(reason: str) -> str:
    """Where the reason is explained; a defect, which may be one of the settings, is asked about by its request id."""
    return "about:blank" if reason == "DEFECT" else f"{services().settings.public_base_url}/help/api#{reason}"
