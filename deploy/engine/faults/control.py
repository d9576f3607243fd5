"""`/engine/faults`: which switches are set, what they struck, and setting others while the engine runs.

It stands beside the door, not behind it, so that no switch can keep anybody from lifting it. Besides a token it takes
the account's credentials as Basic authentication, because a switch may have taken the tokens away.
"""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, request
from flask.typing import ResponseReturnValue

from deploy.engine.edge import authenticate, report_errors
from deploy.engine.errors import BadRequest
from deploy.engine.faults.analyst import FaultyAnalyst
from deploy.engine.faults.plan import Plan, read_plan
from deploy.engine.faults.strikes import Strikes

if TYPE_CHECKING:
    from deploy.engine.engine import Engine

PATH = "/engine/faults"


def build_control(engine: "Engine", strikes: Strikes, analyst: FaultyAnalyst) -> Flask:
    """The WSGI application under `/engine/faults`."""
    app = Flask("deploy.engine.faults", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it
    app.before_request(lambda: _authenticate(engine))
    report_errors(app, engine.settings)

    @app.get(PATH)
    def show() -> ResponseReturnValue:
        return _state(strikes, analyst)

    @app.put(PATH)
    def replace() -> ResponseReturnValue:
        try:
            strikes.begin(read_plan(json.loads(request.get_data())))
        except ValueError as error:
            raise BadRequest(f"The plan was not changed: {error}") from None
        return _state(strikes, analyst)

    @app.delete(PATH)
    def lift() -> ResponseReturnValue:
        strikes.begin(Plan())
        analyst.release_all()
        return _state(strikes, analyst)

    @app.delete(f"{PATH}/stuck/<job_id>")
    def release(job_id: str) -> ResponseReturnValue:
        analyst.release(job_id)
        return _state(strikes, analyst)

    return app


class Beside:
    """Sends what is under `/engine/faults` to *control* and everything else to *door*."""

    def __init__(self, control: WSGIApplication, door: WSGIApplication) -> None:
        self._control = control
        self._door = door

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer by either."""
        path = environ.get("PATH_INFO", "")
        chosen = self._control if path == PATH or path.startswith(f"{PATH}/") else self._door
        return chosen(environ, start_response)


def _state(strikes: Strikes, analyst: FaultyAnalyst) -> dict[str, Any]:
    return {**strikes.as_json(), "stuckJobs": analyst.stuck()}


def _authenticate(engine: "Engine") -> None:
    basic = request.authorization
    if basic is None or basic.type != "basic":
        authenticate(engine)
        return
    engine.tokens.check_credentials(basic.username or "", basic.password or "")
