"""A clock that runs faster than the machine's, and shows the same time in every process that is told of it."""

from __future__ import annotations

import dataclasses
import time
from datetime import UTC, datetime, timedelta
from typing import Self


@dataclasses.dataclass(frozen=True)
class FastClock:
    """Runs `speed` times as fast as the machine's clock since `began`, when both showed the same."""

    speed: float
    began: float = dataclasses.field(default_factory=time.time)  #: seconds since 1970

    @classmethod
    def parse(cls, text: str) -> Self:
        """The clock that another process has printed."""
        speed, _, began = text.partition("@")
        return cls(float(speed), float(began))

    def __str__(self) -> str:
        return f"{self.speed!r}@{self.began!r}"

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self.began, UTC) + timedelta(seconds=self.elapsed())

    def elapsed(self) -> float:
        """Its seconds since it began."""
        return (time.time() - self.began) * self.speed

    def wait(self, seconds: float) -> None:
        """Let that many of its seconds pass."""
        time.sleep(seconds / self.speed)
