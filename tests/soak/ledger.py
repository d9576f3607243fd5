"""What really happened at the engine, read from its own books and from nobody's account of them."""

from __future__ import annotations

import contextlib
import dataclasses
import heapq
import json
import sqlite3
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from common.adapters.symbl.protocol import ATTEMPT_KEY, REQUEST_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class EngineJob:
    """One accepted submission; `length` is the recording's, known once it was analysed."""

    id: str
    request_id: str
    attempt_id: str
    status: str
    accepted_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    length: timedelta
    error: str | None


def read_jobs(state: Path) -> list[EngineJob]:
    """All jobs of an engine, in the order in which it accepted them; none where it has not begun."""
    path = state / "engine.sqlite3"
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as books:
        books.row_factory = sqlite3.Row
        rows = books.execute(
            "SELECT j.id, status, accepted_at, started_at, ended_at, error, metadata, duration_s "
            "FROM jobs AS j JOIN conversations AS c ON c.id = conversation_id ORDER BY number"
        ).fetchall()
    return [_job(row) for row in rows]


def _job(row: sqlite3.Row) -> EngineJob:
    metadata = json.loads(row["metadata"])
    return EngineJob(
        id=row["id"],
        request_id=metadata[REQUEST_KEY],
        attempt_id=metadata[ATTEMPT_KEY],
        status=row["status"],
        accepted_at=datetime.fromisoformat(row["accepted_at"]),
        started_at=datetime.fromisoformat(row["started_at"]) if row["started_at"] else None,
        ended_at=datetime.fromisoformat(row["ended_at"]) if row["ended_at"] else None,
        length=timedelta(seconds=row["duration_s"]),
        error=row["error"],
    )


def most_active(jobs: Iterable[EngineJob]) -> int:
    """The most that were active at one instant, from acceptance to end; of what coincides, starts come first."""
    changes = sorted(
        change
        for job in jobs
        for change in ((job.accepted_at, 0, 1), *([(job.ended_at, 1, -1)] if job.ended_at else []))
    )
    active = most = 0
    for *_, change in changes:
        active += change
        most = max(most, active)
    return most


def quickest(times: Sequence[timedelta], servers: int) -> timedelta:
    """How long so many servers take who are never idle while there is work, and take it in this order."""
    free_at = [timedelta(0)] * servers
    for time in times:
        heapq.heappush(free_at, heapq.heappop(free_at) + time)
    return max(free_at)
