"""The WSGI application that stands before the engine's own and answers in its place, wrongly or not at all."""

import dataclasses
import io
import json
import re
from collections.abc import Iterable
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.wrappers import Request, Response

from deploy.engine.faults.connections import ConnectionClosed, break_off
from deploy.engine.faults.conversations import Traits, of_conversation, of_job
from deploy.engine.faults.plan import (
    AnswerMoment,
    Away,
    CallFault,
    CallKind,
    ConnectionLost,
    EmptyAnswer,
    ErrorAnswer,
    NoAnswer,
    RetryAfter,
    RubbishAnswer,
    ShortToken,
    SlowAnswer,
    Target,
    Unanswered,
    WebhookEarly,
    name_of,
)
from deploy.engine.instants import Wait
from deploy.engine.store import TOO_MANY_JOBS, UNKNOWN_CONVERSATION, UNKNOWN_JOB, UNKNOWN_TRACKER
from deploy.engine.tokens import BAD_CREDENTIALS, BAD_TOKEN

if TYPE_CHECKING:
    from deploy.engine.engine import Engine
    from deploy.engine.faults.strikes import Strikes

#: Marks an answer that is not the engine's own, for whoever reads a trace.
FAULT_HEADER = "X-Engine-Fault"
#: By URL or with the audio itself; `url` is no conversation.
SUBMISSION = re.compile(r"/v1/process/audio(?P<url>/url)?(?:/(?P<conversation>(?!url(?:/|$))[^/]+))?")
_JOB = re.compile(r"/v1/job/(?P<job>[^/]+)(?:/.*)?")
_CONVERSATION = re.compile(r"/v1/conversations/(?:experiences/insights/details/)?(?P<conversation>[^/]+)(?:/.*)?")
_TRACKER = re.compile(r"/v1/manage/trackers?/(?P<id>[^/]+)")
_MAX_PEEK = 1024**2
_HTML = "<html><body><h1>Welcome to nginx!</h1></body></html>"


class EarlySender(Protocol):
    """Who delivers a job's next webhook at once."""

    def send_ahead(self, job_id: str) -> None:
        """Deliver it, and come back when it was."""


class Door:
    """Lets calls in to *app*, but for what the plan says; *wait* lets seconds pass."""

    def __init__(
        self,
        app: WSGIApplication,
        *,
        engine: "Engine",
        strikes: "Strikes",
        courier: EarlySender,
        wait: Wait,
    ) -> None:
        self._app = app
        self._engine = engine
        self._strikes = strikes
        self._courier = courier
        self._wait = wait

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer, or raise `ConnectionClosed`."""
        try:
            answer = self._answer(environ)
        except ConnectionClosed as closed:
            break_off(environ, closed.how)
            raise
        return answer(environ, start_response)

    def _answer(self, environ: WSGIEnvironment) -> Response:
        call = self._target(environ)
        if self._strikes.first(call, Away):
            raise ConnectionClosed("the engine is away", how="closed")
        fault = self._strikes.first(call, Unanswered)
        if fault is not None:
            return self._struck(Response(), None, fault, call)
        answer = Response.from_app(self._app, environ, buffered=True)
        moment = _moment(answer.status_code)
        if moment is not None:
            after, told = dataclasses.replace(call, moment=moment), answer.get_json(silent=True)
            for altering in self._strikes.on(after, CallFault):
                answer = self._struck(answer, told, altering, after)
        return answer

    def _struck(self, answer: Response, told: Any, fault: CallFault, call: Target) -> Response:  # noqa: ANN401 - any JSON
        """What becomes of *answer*, whatever others made of what the engine *told*; nothing where it was not asked."""
        match fault:
            case ConnectionLost():
                raise ConnectionClosed(f"not answered {fault.when} the call was heard", how=fault.how)
            case NoAnswer():
                raise ConnectionClosed(f"not answered {fault.when} the call was heard", how="held")
            case RetryAfter():
                answer.headers["Retry-After"] = str(fault.retry_after_s)
            case ErrorAnswer():
                answer = self._error(fault, call)
            case SlowAnswer():
                self._wait(fault.by_s)
            case WebhookEarly():
                self._courier.send_ahead(told["jobId"])
            case ShortToken():
                _set_json(answer, self._shortened(told, fault.lifetime_s))
            case EmptyAnswer():
                _set_json(answer, _emptied(told))
            case RubbishAnswer():
                _spoil(answer, fault)
        answer.headers[FAULT_HEADER] = name_of(fault)
        return answer

    def _error(self, fault: ErrorAnswer, call: Target) -> Response:
        body: dict[str, Any] = {"message": self._message(fault.status, call)}
        if fault.status == 429:  # noqa: PLR2004 - the one status whose body repeats it
            body = {"statusCode": fault.status, **body}
        answer = Response(status=fault.status)
        _set_json(answer, body)
        if fault.retry_after_s is not None:
            answer.headers["Retry-After"] = str(fault.retry_after_s)
        return answer

    def _message(self, status: int, call: Target) -> str:
        match status:
            case HTTPStatus.UNAUTHORIZED:
                return BAD_CREDENTIALS if call.kind == "tokens" else BAD_TOKEN
            case HTTPStatus.NOT_FOUND:
                return UNKNOWN_JOB if _JOB.fullmatch(call.path) else _unknown(call.path)
            case HTTPStatus.TOO_MANY_REQUESTS:
                return TOO_MANY_JOBS.format(cap=self._engine.settings.max_active_jobs)
            case _:
                return HTTPStatus(status).phrase

    def _shortened(self, given: dict[str, Any], lifetime_s: int) -> dict[str, Any]:
        seconds = min(lifetime_s, given["expiresIn"])
        end = self._engine.clock() + timedelta(seconds=seconds)
        self._engine.store.put_token(self._engine.settings.credentials[0], given["accessToken"], end)
        return {**given, "expiresIn": seconds}

    def _target(self, environ: WSGIEnvironment) -> Target:
        path, method = environ.get("PATH_INFO", ""), environ["REQUEST_METHOD"]
        kind: CallKind = "others"
        traits: Traits = {}
        if method in {"POST", "PUT"} and (submission := SUBMISSION.fullmatch(path)):
            kind = "submissions"
            known = submission["conversation"]
            traits = of_conversation(self._engine.store, known) if known else _submitted(environ, submission)
        elif path.startswith("/v1/"):
            kind = "reads" if method == "GET" else "others"
            traits = self._traits(path)
        elif path.startswith("/oauth2/"):
            kind = "tokens"
        return Target(key=f"{method} {path}", path=path, kind=kind, **traits)

    def _traits(self, path: str) -> Traits:
        if found := _JOB.fullmatch(path):
            return of_job(self._engine.store, found["job"])
        found = _CONVERSATION.fullmatch(path)
        return of_conversation(self._engine.store, found["conversation"]) if found else {}


def _unknown(path: str) -> str:
    found = _TRACKER.fullmatch(path)
    return UNKNOWN_TRACKER.format(id=found["id"]) if found else UNKNOWN_CONVERSATION


def _moment(status: int) -> AnswerMoment | None:
    """What may strike an answer of the engine's own: a good one, or 429 over its cap; a refusal stays what it is."""
    if status < HTTPStatus.BAD_REQUEST:
        return "after"
    return "throttled" if status == HTTPStatus.TOO_MANY_REQUESTS else None


def _submitted(environ: WSGIEnvironment, submission: re.Match[str]) -> Traits:
    """Name and metadata of a new conversation, from the query of an upload or from the body, which stays to be read."""
    fields = _fields_of_body(environ) if submission["url"] else _fields_of_query(environ)
    traits: Traits = {}
    if isinstance(fields, dict) and isinstance(fields.get("name"), str):
        traits["name"] = fields["name"]
    if isinstance(fields, dict) and isinstance(fields.get("metadata"), dict):
        traits["metadata"] = fields["metadata"]
    return traits


def _fields_of_query(environ: WSGIEnvironment) -> object:
    query = Request(environ).args
    return {**query, "metadata": _parsed(query.get("metadata", ""))}


def _fields_of_body(environ: WSGIEnvironment) -> object:
    length = Request(environ).content_length or 0
    if not 0 < length <= _MAX_PEEK:
        return None
    body = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = io.BytesIO(body)
    return _parsed(body)


def _parsed(text: str | bytes) -> object:
    try:
        parsed: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return parsed


def _set_json(answer: Response, body: object) -> None:
    answer.content_type = "application/json"
    answer.set_data(json.dumps(body))


def _emptied(body: object) -> object:
    return {key: [] for key in body} if isinstance(body, dict) else []


def _spoil(answer: Response, fault: RubbishAnswer) -> None:
    match fault.how:
        case "html":
            answer.content_type = "text/html"
            answer.set_data(_HTML)
        case "truncated":
            whole = answer.get_data()
            answer.set_data(whole[: len(whole) // 2])
        case "shape":
            _set_json(answer, {"unexpected": True})
