"""What a command has around it: streams, environment, time, a browser. Tests bring their own."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import TextIO


@dataclasses.dataclass(frozen=True, kw_only=True)
class Surroundings:
    """`clock` counts seconds from any beginning and never backwards; `open_page` shows a URL to the person.

    `ask` shows a question and gives the line that is typed, or None where nobody is there to type.
    """

    stdout: TextIO
    stderr: TextIO
    environ: Mapping[str, str]
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    open_page: Callable[[str], object]
    ask: Callable[[str], str | None]


def real() -> Surroundings:
    """This process's own."""
    return Surroundings(
        stdout=sys.stdout,
        stderr=sys.stderr,
        environ=os.environ,
        clock=time.monotonic,
        sleep=time.sleep,
        open_page=_open_page,
        ask=_ask,
    )


def _ask(question: str) -> str | None:
    if not sys.stdin.isatty():
        return None
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline()


def _open_page(url: str) -> None:
    import webbrowser  # noqa: PLC0415  # only when asked for

    webbrowser.open(url)
