"""The state machine of a request, as data: the statuses, who follows whom, and which stage may make each step.

`common.model.job` walks it, the README draws it, and a test holds the three together.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class JobStatus(enum.StrEnum):
    """Where a job stands."""

    PENDING = "pending"  #: waits for a slot
    SUBMITTING = "submitting"  #: holds a slot; the submission is under way, or its outcome is not known yet
    SCHEDULED = "scheduled"  #: holds a slot; the engine has accepted it
    IN_PROGRESS = "in_progress"  #: holds a slot; the engine works on it
    COMPLETED = "completed"  #: the engine is done, the slot is free; results are collected apart from this
    FAILED = "failed"  #: given up; `error` says why

    @property
    def holds_slot(self) -> bool:
        """Whether the engine counts it, or may count it, among our active jobs."""
        return self in {JobStatus.SUBMITTING, JobStatus.SCHEDULED, JobStatus.IN_PROGRESS}

    @property
    def is_terminal(self) -> bool:
        """Whether nothing follows, unless somebody replays it or the engine ends a job that was given up."""
        return self in {JobStatus.COMPLETED, JobStatus.FAILED}


#: Within an attempt the rank only rises; `pending` is entered again only by a new attempt.
RANK: Mapping[JobStatus, int] = {status: rank for rank, status in enumerate(JobStatus)}


class Maker(enum.StrEnum):
    """Who moves a request: a stage of the pipeline, or a person who replays it."""

    INGEST = "ingest"
    DISPATCH = "dispatch"
    SUBMIT = "submit"
    WEBHOOK = "webhook"
    COLLECT = "collect"
    SWEEP = "sweep"
    REPLAY = "replay"


_PENDING, _SUBMITTING, _SCHEDULED = JobStatus.PENDING, JobStatus.SUBMITTING, JobStatus.SCHEDULED
_IN_PROGRESS, _COMPLETED, _FAILED = JobStatus.IN_PROGRESS, JobStatus.COMPLETED, JobStatus.FAILED

#: What may follow what, and by whose hand. A webhook never ends a job: anybody who has its URL could say so.
TRANSITIONS: Mapping[tuple[JobStatus | None, JobStatus], frozenset[Maker]] = {
    (None, _PENDING): frozenset({Maker.INGEST}),
    (_PENDING, _SUBMITTING): frozenset({Maker.DISPATCH}),
    (_PENDING, _COMPLETED): frozenset({Maker.COLLECT}),  # an earlier attempt has come to its end after all
    (_SUBMITTING, _PENDING): frozenset({Maker.SUBMIT, Maker.SWEEP}),
    (_SUBMITTING, _SCHEDULED): frozenset({Maker.SUBMIT, Maker.WEBHOOK, Maker.COLLECT, Maker.SWEEP}),
    (_SUBMITTING, _IN_PROGRESS): frozenset({Maker.WEBHOOK, Maker.COLLECT, Maker.SWEEP}),
    (_SUBMITTING, _COMPLETED): frozenset({Maker.COLLECT}),
    (_SUBMITTING, _FAILED): frozenset({Maker.SUBMIT, Maker.COLLECT, Maker.SWEEP}),
    (_SCHEDULED, _PENDING): frozenset({Maker.SWEEP}),  # the engine has lost its job
    (_SCHEDULED, _IN_PROGRESS): frozenset({Maker.WEBHOOK, Maker.COLLECT, Maker.SWEEP}),
    (_SCHEDULED, _COMPLETED): frozenset({Maker.COLLECT}),
    (_SCHEDULED, _FAILED): frozenset({Maker.COLLECT, Maker.SWEEP}),
    (_IN_PROGRESS, _PENDING): frozenset({Maker.SWEEP}),  # likewise
    (_IN_PROGRESS, _COMPLETED): frozenset({Maker.COLLECT}),
    (_IN_PROGRESS, _FAILED): frozenset({Maker.COLLECT, Maker.SWEEP}),
    (_FAILED, _PENDING): frozenset({Maker.REPLAY}),
    (_FAILED, _COMPLETED): frozenset({Maker.REPLAY, Maker.COLLECT}),  # its job has ended after it was given up
}


class IllegalTransition(Exception):  # noqa: N818
    """A step that the table does not allow: a defect of ours."""


def expect_allowed(before: JobStatus | None, after: JobStatus, *, by: Maker) -> None:
    """Raise IllegalTransition where `by` may not take a request from `before` to `after`."""
    if by not in TRANSITIONS.get((before, after), frozenset()):
        raise IllegalTransition(f"{before or 'nothing'} -> {after} by {by}")
