"""Whether this instance can work: each part asked, all at the same time, each with its milliseconds."""

from __future__ import annotations

import dataclasses
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from common import log
from common.model.answers import instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEADLINE_S = 5.0
#: The engine is asked for a token at most this often, whether it gave one or not.
PROVIDER_CACHE = timedelta(seconds=30)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PartReport:
    """How one part answered; `why` is the kind of error alone: what it says may be secret, and probes are anybody."""

    ok: bool
    ms: float
    as_of: datetime
    why: str | None = None

    def as_json(self) -> dict[str, object]:
        """As /ready gives it."""
        answer: dict[str, object] = {"ok": self.ok, "ms": self.ms, "as_of": instant(self.as_of)}
        return answer if self.ok else {**answer, "why": self.why}


class Readiness:
    """Asks the parts: `checks` raise where something is wrong; those named in `cached` are asked every 30 s at most."""

    def __init__(
        self,
        checks: Mapping[str, Callable[[], object]],
        *,
        cached: frozenset[str],
        clock: Callable[[], datetime],
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._checks = checks
        self._cached = cached
        self._clock = clock
        self._deadline_s = deadline_s
        self._lock = threading.Lock()
        self._known: dict[str, PartReport] = {}
        self._asking: dict[str, Future[PartReport]] = {}
        self._workers = ThreadPoolExecutor(len(checks), thread_name_prefix="readiness")

    def report(self) -> dict[str, PartReport]:
        """Each part's latest answer; one that has none within the deadline is not ready."""
        now = self._clock()
        with self._lock:
            due = [name for name in self._checks if not self._is_fresh(name, now)]
            for name in due:  # a part that still hangs from the last time is not asked a second time
                if name not in self._asking or self._asking[name].done():
                    self._asking[name] = self._workers.submit(copy_context().run, self._ask, name)
            asked = {name: self._asking[name] for name in due}
        wait(asked.values(), timeout=self._deadline_s)
        silent = PartReport(ok=False, ms=self._deadline_s * 1000, as_of=now, why="no answer in time")
        answers = {name: future.result() if future.done() else silent for name, future in asked.items()}
        with self._lock:
            self._known.update(answers)
            return {name: self._known[name] for name in self._checks}

    def _is_fresh(self, name: str, now: datetime) -> bool:
        known = self._known.get(name)
        return name in self._cached and known is not None and now - known.as_of < PROVIDER_CACHE

    def _ask(self, name: str) -> PartReport:
        as_of = self._clock()
        started = time.perf_counter()
        try:
            self._checks[name]()
        except Exception as error:  # noqa: BLE001  # whatever it is, it is the answer
            log.warning("part_not_ready", part=name, error=type(error).__name__, reason=str(error))
            return PartReport(ok=False, ms=_since(started), as_of=as_of, why=type(error).__name__)
        return PartReport(ok=True, ms=_since(started), as_of=as_of)


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
