"""Precision and recall of whatever is looked for."""

import dataclasses
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any, Self


@dataclasses.dataclass(frozen=True)
class Found:
    """How much of what is there was found, and how much of what was found is there."""

    right: int
    found: int
    true: int

    @classmethod
    def of(cls, pairs: Iterable[tuple[AbstractSet[Any], AbstractSet[Any]]]) -> Self:
        """Over all (found, true) pairs together."""
        known = list(pairs)
        return cls(
            right=sum(len(found & true) for found, true in known),
            found=sum(len(found) for found, _ in known),
            true=sum(len(true) for _, true in known),
        )

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        return 2 * self.right / (self.found + self.true) if self.found + self.true else 1.0
