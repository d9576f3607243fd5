"""What a command's exit code says."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable


class Exit(enum.IntEnum):
    """Every exit code, each with its meaning as `help exit-codes` prints it."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        """An int that knows what it means."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    OK = 0, "done"
    FAILED = 1, "failed: what was asked for cannot be done as it was asked"
    USAGE = 2, "the command line, or a file that it names, cannot be used; nothing was sent"
    PARTIAL = 3, "some recordings failed, the others are done"
    NOT_FOUND = 4, "there is no such recording, transcript or file"
    REFUSED = 5, "not signed in, or not allowed"
    CONFLICT = 6, "in conflict with something else, or a precondition is not met"
    RATE_LIMITED = 7, "too many requests, or out of quota; try again later"
    UNAVAILABLE = 8, "the server cannot be reached, or cannot answer now; try again later"
    TIMED_OUT = 9, "the wait ended before the work did; the work goes on"
    INTERRUPTED = 130, "interrupted; what was added goes on"


def combined(codes: Iterable[Exit]) -> Exit:
    """The code of several items: theirs where all agree, partial where some are done, else failed."""
    distinct = set(codes)
    if len(distinct) <= 1:
        return distinct.pop() if distinct else Exit.OK
    return Exit.PARTIAL if Exit.OK in distinct else Exit.FAILED
