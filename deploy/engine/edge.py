"""Request in, response out: what every call of the HTTP surface shares."""

import json
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from deploy.engine.errors import BadRequest, NotServed, Refused, UnknownConversation, UnknownJob
from deploy.engine.not_served import not_served

if TYPE_CHECKING:
    from deploy.engine.engine import Engine
    from deploy.engine.settings import EngineSettings

Json = dict[str, Any]


def report_errors(app: Flask, settings: "EngineSettings") -> None:
    """Answer with `{"message": …}` and the right status whatever *app* refuses."""

    @app.errorhandler(Refused)
    def refuse(error: Refused) -> ResponseReturnValue:
        return _refusal(error, _status(error, settings))

    @app.errorhandler(HTTPException)
    def explain(error: HTTPException) -> ResponseReturnValue:
        sentence = not_served(request.path) if error.code == 404 else None  # noqa: PLR2004
        if sentence is not None:
            return _refusal(NotServed(sentence), NotServed.status)
        headers = _allowed(error) if isinstance(error, MethodNotAllowed) else {}
        return jsonify({"message": error.description or error.name}), error.code or 500, headers


def _status(error: Refused, settings: "EngineSettings") -> int:
    """The error's status, or what the settings say where nobody documented one."""
    match error:
        case UnknownJob():
            return settings.unknown_job_status
        case UnknownConversation():
            return settings.unknown_conversation_status
        case _:
            return error.status


def _refusal(error: Refused, status: int) -> ResponseReturnValue:
    body: Json = {"message": str(error)}
    return jsonify({"statusCode": status, **body} if status == 429 else body), status  # noqa: PLR2004


def _allowed(error: MethodNotAllowed) -> dict[str, str]:
    return {"Allow": ", ".join(sorted(error.valid_methods or ()))}


def authenticate(engine: "Engine") -> None:
    """Let the request pass whose token is good.

    Raises:
        Unauthorized: it has none, or another.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    engine.tokens.check(token.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key"))


def json_body() -> object:
    """The request's body.

    Raises:
        BadRequest: it is not JSON.
    """
    try:
        body: object = json.loads(request.get_data(), parse_constant=_no_number)
        json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The body is not JSON: {error}") from None
    return body


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def marked(engine: "Engine", body: Any) -> Response:  # noqa: ANN401 - any JSON
    """An answer that says which engine found what it tells."""
    answer = jsonify(body)
    answer.headers["X-Analysis-Engine"] = engine.listener.name
    return answer


def wanted(name: str) -> bool:
    """A boolean of the query, false unless given.

    Raises:
        BadRequest: it is neither true nor false.
    """
    value = request.args.get(name, "false").lower()
    if value not in {"true", "false"}:
        raise BadRequest(f'"{name}" must be a boolean')
    return value == "true"
