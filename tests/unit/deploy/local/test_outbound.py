"""One call to a function: its answer, or why there is none."""

from __future__ import annotations

import socket
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

from deploy.local.outbound import Answer, call
from tests.callee import Call, Callee, HttpCallee

if TYPE_CHECKING:
    import pytest


def _call(url: str, *, deadline: timedelta = timedelta(seconds=5)) -> Answer:
    return call("POST", url, headers={}, body=b"", deadline=deadline)


def test_an_answer_is_its_status() -> None:
    """2xx is accepted, all else is not."""
    callee = HttpCallee(lambda call: int(call.url[1:]))
    try:
        assert _call(f"{callee.url}/204") == Answer(status=204)
        assert _call(f"{callee.url}/204").accepted
        assert _call(f"{callee.url}/500") == Answer(status=500)
        assert not _call(f"{callee.url}/500").accepted
    finally:
        callee.close()


def test_a_callee_that_takes_too_long_is_left_alone() -> None:
    """At the deadline the caller hangs up; the callee may go on."""
    finished = threading.Event()
    release = threading.Event()

    def slow(_: Call) -> int:
        release.wait(5)
        finished.set()
        return 200

    callee = HttpCallee(slow)
    try:
        assert _call(callee.url, deadline=timedelta(milliseconds=50)) == Answer(error="DEADLINE_EXCEEDED")
        assert not finished.is_set()
        release.set()
        assert finished.wait(5)
    finally:
        callee.close()


def test_a_port_that_nobody_listens_on_is_unavailable() -> None:
    """No answer, and the reason."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert _call(f"http://127.0.0.1:{port}") == Answer(error="UNAVAILABLE")


def test_what_cannot_be_sent_is_unavailable() -> None:
    """A header that HTTP cannot carry is the caller's mistake, and no crash of the server that sends it."""
    answer = call("POST", "http://f", headers={"X-Name": "Ж"}, body=b"", deadline=timedelta(seconds=1))
    assert answer == Answer(error="UNAVAILABLE")


def test_retry_after_is_read_in_seconds() -> None:
    """The other form, a date, counts as none; nobody may ask for more than an hour."""
    callee = Callee((503, {"Retry-After": "7"}), (503, {"Retry-After": "Sun, 01 Mar 2026 12:00:00 GMT"}))
    callee.answers.append((503, {"Retry-After": "999999"}))
    waits = [
        call("POST", "http://f", headers={}, body=b"", deadline=timedelta(1), connect=callee.connect).retry_after
        for _ in range(3)
    ]
    assert [w.total_seconds() for w in waits] == [7, 0, 3600]


def test_no_proxy_of_the_environment_stands_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callees are on this machine; a company's proxy is not asked for them."""
    callee = HttpCallee()
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    try:
        assert _call(callee.url).accepted
    finally:
        callee.close()
