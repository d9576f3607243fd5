"""What the local stack's servers call in tests, and the time they live in."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import BaseAdapter

if TYPE_CHECKING:
    from collections.abc import Callable


class ManualClock:
    """Stands still until told otherwise."""

    def __init__(self, now: datetime = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> datetime:
        """Move on, and return the new present."""
        self.now += by
        return self.now


@dataclasses.dataclass(frozen=True)
class Call:
    """One request as it arrived."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    timeout: float | None = None  #: seconds that the caller waits; known in process only


class Callee(BaseAdapter):
    """Takes requests inside the process: gives the scripted answers, then 200 for ever; keeps what it was sent.

    An answer is a status, a status with headers, or an exception of requests that the caller sees.
    """

    def __init__(self, *answers: int | tuple[int, dict[str, str]] | Exception) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.answers = list(answers)
        self.meanwhile: Callable[[], object] = lambda: None  #: what happens while a request is being worked on

    def connect(self) -> requests.Session:
        """A session whose every request ends here."""
        session = requests.Session()
        session.mount("http://", self)
        return session

    def send(self, request: requests.PreparedRequest, *_: Any, timeout: Any = None, **__: Any) -> requests.Response:
        """Answer one request."""
        body = request.body or b""
        self.calls.append(
            Call(
                method=str(request.method),
                url=str(request.url),
                headers=request.headers,
                body=body if isinstance(body, bytes) else str(body).encode(),
                timeout=timeout[1],
            )
        )
        self.meanwhile()
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        response = requests.Response()
        response.status_code = status
        response.headers.update(headers)
        response.request = request
        response.url = str(request.url)
        return response

    def close(self) -> None:
        """Nothing is held open."""


class HttpCallee:
    """Takes requests on a port of loopback: `respond` gives each status; keeps what it was sent."""

    def __init__(self, respond: Callable[[Call], int] = lambda _: 200) -> None:
        self.calls: list[Call] = []
        self._arrived = threading.Condition()
        callee = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                call = Call(method="POST", url=self.path, headers=dict(self.headers), body=body)
                with callee._arrived:
                    callee.calls.append(call)
                    callee._arrived.notify_all()
                self.send_response(respond(call))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def wait_for(self, count: int, timeout: float = 10.0) -> list[Call]:
        """The calls, once *count* have arrived."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.calls) >= count, timeout), f"{len(self.calls)} of {count}"
            return list(self.calls)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
