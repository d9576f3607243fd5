"""How far a recording is, and waiting until it is through."""

from __future__ import annotations

import dataclasses
import enum
import heapq
import math
from typing import TYPE_CHECKING, Any

from deploy.cli.problems import CommandFailed, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 10.0
GROWTH = 1.5
MOST_LOOKS_PER_S = 10  #: over all that is waited for
FAULTS_IN_A_ROW = 6  #: so many answers in a row may be "not now" before we give up: about half a minute


class Stage(enum.StrEnum):
    """Where a recording is, in the order of the pipeline; the words are the API's where it has one."""

    SENDING = "sending"
    PENDING = "pending"
    SUBMITTING = "submitting"
    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"  #: analysed; the results are still being collected
    DONE = "results complete"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Whether nothing more will come."""
        return self in {Stage.DONE, Stage.FAILED}


def stage_of(recording: Mapping[str, Any]) -> Stage:
    """Where the API says that a recording is; a status that we do not know counts as pending."""
    status = (recording.get("request") or {}).get("status")
    results = (recording.get("results") or {}).get("state")
    if "failed" in {status, results}:
        return Stage.FAILED
    if status == Stage.COMPLETED and results == "complete":
        return Stage.DONE
    return Stage(status) if status in set(Stage) - {Stage.SENDING, Stage.DONE} else Stage.PENDING


@dataclasses.dataclass
class _Watch:
    """How long until the next look at a recording; it grows while nothing changes."""

    delay: float = FIRST_DELAY_S
    stage: Stage | None = None

    def saw(self, stage: Stage) -> None:
        self.delay = FIRST_DELAY_S if stage is not self.stage else min(self.delay * GROWTH, LONGEST_DELAY_S)
        self.stage = stage

    def saw_nothing(self) -> None:
        self.delay = min(self.delay * GROWTH, LONGEST_DELAY_S)


def wait(
    ids: Iterable[str],
    *,
    look: Callable[[str], dict[str, Any]],
    seen: Callable[[str, dict[str, Any]], None],
    failed: Callable[[str, Problem], None],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    timeout: float | None,
) -> list[str]:
    """Look at the recordings until each is through, or for `timeout` seconds; the ids that are not.

    Each answer goes to `seen`. A recording that does not exist goes to `failed`, and the rest is waited for.

    Raises:
        CommandFailed: where the server refuses us, was never there, or has been out of reach for too long.
    """
    now = clock()
    until = math.inf if timeout is None else now + timeout
    watched = {id_: _Watch() for id_ in ids}
    queue = [(now, id_) for id_ in watched]
    free_at = now  # when the next request may be made
    reached = False
    faults = 0
    while queue:
        due, id_ = queue[0]
        at = max(due, free_at)
        sleep(max(min(at, until) - clock(), 0))
        if at > until:
            break
        heapq.heappop(queue)
        free_at = at + 1 / MOST_LOOKS_PER_S
        watch = watched[id_]
        advice = 0.0
        try:
            recording = look(id_)
        except CommandFailed as error:
            faults += 1
            if error.problem.code == "NOT_FOUND":
                del watched[id_]
                failed(id_, error.problem)
                continue
            reached = reached or error.problem.status is not None
            if not (reached and error.problem.passing) or faults == FAULTS_IN_A_ROW:
                raise
            watch.saw_nothing()
            advice = error.problem.retry_after or 0
        else:
            reached, faults = True, 0
            stage = stage_of(recording)
            watch.saw(stage)
            seen(id_, recording)
            if stage.final:
                del watched[id_]
                continue
        heapq.heappush(queue, (clock() + max(watch.delay, advice), id_))
    return list(watched)
