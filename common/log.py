"""One JSON line per event on standard output, in the shape that Cloud Logging reads.

Fields: https://cloud.google.com/logging/docs/structured-logging. A line carries `event` and ids; never a transcript, a
phone number, a token or a URL that grants access.
"""

from __future__ import annotations

import contextvars
import json
import sys
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

from contextlib import contextmanager

_context: contextvars.ContextVar[Mapping[str, object]] = contextvars.ContextVar("log_context", default={})  # noqa: B039  # never mutated


@contextmanager
def context(**ids: object) -> Iterator[None]:
    """Put `ids` on every line logged inside the block; None is left out."""
    token = _context.set({**_context.get(), **{key: value for key, value in ids.items() if value is not None}})
    try:
        yield
    finally:
        _context.reset(token)


def event(name: str, **fields: object) -> None:
    """Log that `name` (verb_noun or noun_past, from a small vocabulary) happened."""
    _write("INFO", name, fields)


def warning(name: str, **fields: object) -> None:
    """Log something that heals by itself but is worth counting."""
    _write("WARNING", name, fields)


def defect(name: str, error: BaseException, **fields: object) -> None:
    """Log an error of ours with its stack, so that Error Reporting groups it."""
    _write("ERROR", name, {**fields, "message": "".join(traceback.format_exception(error))})


def send_to(sink: Callable[[Mapping[str, object]], None]) -> None:
    """Have lines written by `sink` from now on; the local stack shows them to people."""
    global _sink  # noqa: PLW0603  # one per process, like standard output
    _sink = sink


def _print(line: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(line, default=str, ensure_ascii=False) + "\n")
    sys.stdout.flush()


_sink: Callable[[Mapping[str, object]], None] = _print


def _write(severity: str, name: str, fields: Mapping[str, object]) -> None:
    _sink(
        {
            "severity": severity,
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "message": name,
            "event": name,
            **_context.get(),
            **{key: value for key, value in fields.items() if value is not None},
        }
    )
