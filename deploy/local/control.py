"""The local stack's own small API, on a port of its own: the keys, the scheduler's button, a look into the queues."""

from __future__ import annotations

import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from deploy.local.identity import Identity
    from deploy.local.scheduler import Scheduler
    from deploy.local.tasks import PendingTask, TasksServer


class ControlServer:
    """Serves `GET /jwks`, `POST /scheduler/{job}/run` and `GET /queues`.

    Args:
        identity: whose public key `/jwks` shows.
        scheduler: whose jobs can be run; none when None.
        tasks: whose queues are shown; none when None.
    """

    def __init__(
        self, *, identity: Identity, scheduler: Scheduler | None = None, tasks: TasksServer | None = None
    ) -> None:
        self.app = _app(identity, scheduler, tasks)
        self._server: BaseWSGIServer | None = None

    def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Serve, and return the URL; port 0 takes a free one.

        Raises:
            OSError: the port is taken.
        """
        self._server = make_server(host, port, self.app, threaded=True, request_handler=_Quiet)
        # The interval is how long stop() may take to be noticed.
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="control", daemon=True).start()
        return f"http://{host}:{self._server.server_port}"

    def stop(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


class _Quiet(WSGIRequestHandler):
    """Functions fetch the keys again and again: no line in the log for each."""

    def log_request(self, *_: object) -> None:
        """Log nothing."""


def _app(identity: Identity, scheduler: Scheduler | None, tasks: TasksServer | None) -> flask.Flask:
    app = flask.Flask(__name__)

    @app.get("/jwks")
    def jwks() -> dict[str, Any]:
        """What the functions verify identity tokens against."""
        return identity.jwks()

    @app.post("/scheduler/<job>/run")
    def run(job: str) -> tuple[dict[str, Any], int]:
        """Run a job now; its own status is in the answer's body, and decides the answer's status."""
        try:
            status = scheduler.run_now(job) if scheduler is not None else None
        except KeyError:
            status = None
        if status is None:
            return {"job": job, "error": "there is no such job"}, HTTPStatus.NOT_FOUND
        accepted = status // 100 == 2  # noqa: PLR2004 - 2xx
        return {"job": job, "status": status}, HTTPStatus.OK if accepted else HTTPStatus.BAD_GATEWAY

    @app.get("/queues")
    def queues() -> dict[str, Any]:
        """Each queue's state and tasks, those that are due first at the top."""
        if tasks is None:
            return {"queues": {}}
        return {
            "queues": {
                name: {"state": state, "tasks": [_shown(task) for task in tasks.tasks(name)]}
                for name, state in tasks.queues().items()
            }
        }

    return app


def _shown(task: PendingTask) -> dict[str, Any]:
    return {
        "id": task.id,
        "url": task.url,
        "schedule_time": task.schedule_time.isoformat(),
        "attempts": task.dispatch_count,
        "last_status": task.last_status,
    }
