"""Parts of a page that fail alone: whatever keeps one from being read, the others are worth showing."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from common import log

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def part(name: str, read: Callable[[], T]) -> T | None:
    """What `read` gives; None where it could not, which the log knows by `name`."""
    try:
        return read()
    except Exception as error:  # noqa: BLE001  # a page without a part is better than none
        log.defect("part_not_read", error, part=name)
        return None
