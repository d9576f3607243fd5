"""A server with Symbl's paths that does as it is told: for faults that no well-behaved engine shows."""

from __future__ import annotations

import collections
import dataclasses
import enum
import json
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

TOKEN_PATH = "/oauth2/token:generate"
SUBMIT_PATH = "/v1/process/audio/url"


class Fault(enum.Enum):
    """How an exchange breaks after the request was read."""

    SILENCE = "no answer, until the client goes away"
    RESET = "the connection is reset before the first byte of the answer"
    RESET_INSIDE = "the connection is reset in the middle of the answer"


@dataclasses.dataclass(frozen=True)
class Answer:
    """One answer; `body` is sent as it is if it is bytes, else as JSON."""

    status: int = 200
    body: Any = dataclasses.field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


Script = Answer | Fault


class SymblStandIn:
    """Answers each path by its script: the scripted answers in turn, the last one for ever; 404 where there is none."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._scripts: dict[str, collections.deque[Script]] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                stand_in._serve(self)

            do_GET = do_DELETE = do_POST  # noqa: N815  # the names that http.server calls

            def log_message(self, *_: object) -> None:
                """Tests read `requests` instead."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.on(TOKEN_PATH, Answer(body={"accessToken": "token-1", "expiresIn": 86400}))

    def on(self, path: str, *script: Script) -> Self:
        """Set what `path` answers from now on."""
        with self._lock:
            self._scripts[path] = collections.deque(script)
        return self

    def received(self, path: str) -> list[Request]:
        """What came to `path`, in order."""
        with self._lock:
            return [request for request in self.requests if request.path == path]

    def close(self) -> None:
        """Stop listening; exchanges that are kept waiting end."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        with self._lock:
            self.requests.append(Request(str(handler.command), parts.path, parts.query, dict(handler.headers), body))
            script = self._scripts.get(parts.path) or collections.deque([Answer(404, {"message": "Not found"})])
            step = script.popleft() if len(script) > 1 else script[0]
        if isinstance(step, Fault):
            self._break(handler, step)
        else:
            self._answer(handler, step)

    @staticmethod
    def _answer(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        handler.send_response(answer.status)
        for name, value in (("Content-Length", str(len(body))), ("Content-Type", "application/json"), *answer.headers):
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def _break(self, handler: BaseHTTPRequestHandler, fault: Fault) -> None:
        handler.close_connection = True
        if fault is Fault.SILENCE:
            handler.connection.settimeout(0.05)
            while not self._closing.is_set():
                try:
                    if not handler.connection.recv(1):
                        return
                except TimeoutError:
                    continue
                except OSError:
                    return
            return
        if fault is Fault.RESET_INSIDE:
            handler.wfile.write(b'HTTP/1.1 201 Created\r\nContent-Length: 200\r\n\r\n{"conversationId":')
            handler.wfile.flush()
        # Lingering for no time makes close() send a reset.
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()


def refusing_url() -> str:
    """The URL of a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"
