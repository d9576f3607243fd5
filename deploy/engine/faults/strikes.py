"""Which target is struck: a seeded generator and counts per switch, and a log for the story of a failing test."""

import collections
import dataclasses
import random
import threading
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar

from deploy.engine.faults.plan import Fault, Plan, Switch, Target, as_json, name_of
from deploy.engine.instants import Clock, iso

LOG_LENGTH = 200
Kind = TypeVar("Kind", bound=Switch)


@dataclasses.dataclass(slots=True)
class _Count:
    """What a switch has seen and done since it was set, and its luck: its own, whatever else is asked meanwhile."""

    random: random.Random
    met: int = 0
    struck: int = 0
    per_target: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)


class Strikes:
    """The plan in force: whether a switch strikes the n-th target that it matches follows from the plan alone."""

    def __init__(self, plan: Plan, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._begin(plan)

    def begin(self, plan: Plan) -> None:
        """Put another plan in force, from its seed on, with nothing counted."""
        with self._lock:
            self._begin(plan)

    def _begin(self, plan: Plan) -> None:
        self._plan = plan
        self._since: datetime = self._clock()
        self._random = random.Random(plan.seed)  # noqa: S311 - to be repeated, not to be secret
        self._counts = [
            _Count(random.Random(f"{plan.seed}/{number}"))  # noqa: S311 - as above
            for number in range(len(plan.faults))
        ]
        self._log: collections.deque[dict[str, Any]] = collections.deque(maxlen=LOG_LENGTH)

    def on(self, target: Target, kind: type[Kind]) -> Iterator[Kind]:
        """The switches of *kind* that strike *target*, in the plan's order; each is asked when its turn comes."""
        with self._lock:
            switches = list(zip(self._plan.faults, self._counts, strict=True))
        for switch, count in switches:
            if isinstance(switch, kind) and self._strikes(switch, count, target):
                yield switch

    def first(self, target: Target, kind: type[Kind]) -> Kind | None:
        """The first switch of *kind* that strikes *target*; those after it are not asked."""
        return next(self.on(target, kind), None)

    def in_force(self, kind: type[Switch]) -> bool:
        """Whether there is a switch of *kind* whose time is not over; counts nothing."""
        with self._lock:
            return any(isinstance(switch, kind) and self._lasts(switch) for switch in self._plan.faults)

    def random_uuid(self) -> str:
        """An id that nobody has, from the plan's seed."""
        with self._lock:
            return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def as_json(self) -> dict[str, Any]:
        """The plan, how often each switch struck, and the last strikes, oldest first."""
        with self._lock:
            faults = [
                {**as_json(switch), "struck": count.struck}
                for switch, count in zip(self._plan.faults, self._counts, strict=True)
            ]
            return {"seed": self._plan.seed, "faults": faults, "strikes": list(self._log)}

    def _strikes(self, switch: Switch, count: _Count, target: Target) -> bool:
        with self._lock:
            if not self._lasts(switch) or not switch.matches(target):
                return False
            count.met += 1
            if isinstance(switch, Fault) and not self._chosen(switch, count, target):
                return False
            count.struck += 1
            count.per_target[target.key] += 1
            self._log.append(_strike(switch, target, self._clock()))
            return True

    def _lasts(self, switch: Switch) -> bool:
        return switch.for_s is None or self._clock() < self._since + timedelta(seconds=switch.for_s)

    def _chosen(self, fault: Fault, count: _Count, target: Target) -> bool:
        if count.met <= fault.skip or (fault.next is not None and count.struck >= fault.next):
            return False
        if fault.each is not None and count.per_target[target.key] >= fault.each:
            return False
        return fault.rate == 1 or count.random.random() < fault.rate


def _strike(switch: Switch, target: Target, now: datetime) -> dict[str, Any]:
    story = {"at": iso(now), "fault": name_of(switch), "hit": target.key}
    if target.path:
        story["when"] = target.moment
    return story if target.name is None else {**story, "name": target.name}
