"""How far a recording is, and waiting until it is through."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Any

from deploy.cli.problems import CommandFailed, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 10.0
GROWTH = 1.5
MOST_LOOKS_PER_S = 5  #: over all that is waited for
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
class _Look:
    """When to look at a recording next; the delay grows while nothing changes."""

    due: float
    delay: float = FIRST_DELAY_S
    stage: Stage | None = None

    def saw(self, stage: Stage, *, now: float, longest: float) -> None:
        self.delay = FIRST_DELAY_S if stage is not self.stage else min(self.delay * GROWTH, longest)
        self.stage = stage
        self.due = now + self.delay


def wait(
    ids: Sequence[str],
    *,
    look: Callable[[str], dict[str, Any]],
    seen: Callable[[str, dict[str, Any]], None],
    failed: Callable[[str, Problem], None],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    timeout: float | None,
) -> list[str]:
    """Look at the recordings until each is through, or for `timeout` seconds; the ids that are not.

    Each answer goes to `seen`. A recording that cannot be looked at goes to `failed`, and the rest is waited for.

    Raises:
        CommandFailed: where the server refuses us, or has been out of reach for too long.
    """
    longest = max(LONGEST_DELAY_S, len(ids) / MOST_LOOKS_PER_S)
    until = None if timeout is None else clock() + timeout
    open_ = {id_: _Look(due=clock()) for id_ in ids}
    faults = 0
    while open_:
        id_, next_ = min(open_.items(), key=lambda item: item[1].due)
        if until is not None and next_.due > until:
            sleep(max(until - clock(), 0))
            break
        sleep(max(next_.due - clock(), 0))
        try:
            recording = look(id_)
        except CommandFailed as error:
            problem = error.problem
            faults += problem.passing
            if problem.passing and faults < FAULTS_IN_A_ROW:
                next_.delay = max(min(next_.delay * GROWTH, longest), problem.retry_after or 0)
                next_.due = clock() + next_.delay
            elif problem.code == "NOT_FOUND":
                del open_[id_]
                failed(id_, problem)
            else:
                raise
            continue
        faults = 0
        stage = stage_of(recording)
        seen(id_, recording)
        if stage.final:
            del open_[id_]
        else:
            next_.saw(stage, now=clock(), longest=longest)
    return list(open_)
