"""One JSON line per event, with the ids of what is going on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from common import log

if TYPE_CHECKING:
    import pytest


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_is_what_cloud_logging_reads(capsys: pytest.CaptureFixture[str]) -> None:
    """Severity, time, message and the event's fields; None is left out, anything else can be written."""
    log.event("job_accepted", job="j", error=None, odd={1}, reason="wörds\nand more")
    log.warning("task_deferred")

    first, second = lines(capsys)
    assert (first["severity"], first["event"], first["job"], first["reason"]) == (
        "INFO", "job_accepted", "j", "wörds\nand more",
    )  # fmt: skip
    assert "error" not in first
    assert first["time"].endswith("+00:00")
    assert second["severity"] == "WARNING"


def test_ids_of_the_context_are_on_every_line_inside_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Nested ones add, and go when their block ends."""
    with log.context(request="r", attempt=None):
        with log.context(job="j"):
            log.event("inside")
        log.event("outside")
    log.event("after")

    assert [{key: line[key] for key in ("request", "attempt", "job") if key in line} for line in lines(capsys)] == [
        {"request": "r", "job": "j"},
        {"request": "r"},
        {},
    ]


def test_a_defect_carries_its_stack(capsys: pytest.CaptureFixture[str]) -> None:
    """Error Reporting groups by it."""
    log.defect("task_failed", RuntimeError("odd"))

    (line,) = lines(capsys)
    assert (line["severity"], line["event"]) == ("ERROR", "task_failed")
    assert "RuntimeError: odd" in line["message"]
