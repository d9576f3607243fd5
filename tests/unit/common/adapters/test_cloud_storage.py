"""The client of Cloud Storage, as it is made."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from common import bootstrap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _EmptyStorage(HTTPServer):
    """A storage without objects, and the paths that it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Nothing)
        self.asked: list[str] = []


class _Nothing(BaseHTTPRequestHandler):
    server: _EmptyStorage

    def do_GET(self) -> None:
        self.server.asked.append(self.path.partition("?")[0])
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """The test reads `asked`."""


@pytest.fixture
def asked(environment: Callable[..., None]) -> Iterator[list[str]]:
    """What an empty storage is asked for."""
    with _EmptyStorage() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        environment(STORAGE_EMULATOR_HOST=f"http://127.0.0.1:{server.server_port}")
        yield server.asked
        server.shutdown()


def test_it_calls_for_what_it_is_asked_for_and_nothing_else(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The library would look up the bucket too, for its traces: a call of each instance that no function may make."""
    monkeypatch.delenv("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", raising=False)
    before = set(threading.enumerate())

    assert bootstrap.services().audio.find("call.wav") is None

    assert set(threading.enumerate()) == before  # nobody is about to ask
    assert asked == ["/storage/v1/b/recordings/o/call.wav"]
