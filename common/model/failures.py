"""The classes of failure: what each means, what is done about it, and when it is given up.

`docs/failures.md` shows the same table to operators; a test holds the two together.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from common.model.job import FailureClass, JobError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.errors import Exchange
    from common.model.job import SymblAsyncRequest


@dataclasses.dataclass(frozen=True, kw_only=True)
class Budgets:
    """How much of each passing failure a request may meet before it is given up; all are settings."""

    not_accepted_for: timedelta = timedelta(hours=72)
    unknown_outcomes: int = 2
    active_for: timedelta = timedelta(hours=24)  #: how long the engine may work on one job
    results_for: timedelta = timedelta(hours=24)  #: how long a section may fail to come right after the job's end


@dataclasses.dataclass(frozen=True, kw_only=True)
class Treatment:
    """What is done about one class."""

    means: str
    slot: str
    then: str
    budget: str | None  #: the setting that ends the retries; None: it is given up at once
    check: str  #: what a person should look at when it was given up


TREATMENTS: Mapping[FailureClass, Treatment] = {
    FailureClass.NOT_ACCEPTED: Treatment(
        means="the engine certainly has no job of it: no connection, 429, a token it refuses",
        slot="freed",
        then="waits with full-jitter back-off, or as long as the engine says, and is sent again",
        budget="RETRY_NOT_ACCEPTED_H",
        check="whether the engine is in reach at SYMBL_API_URL and takes our credentials",
    ),
    FailureClass.UNKNOWN: Treatment(
        means="it was sent, and nothing tells what became of it: time-out, reset, any 5xx, a lost job",
        slot="held while the engine's conversations are searched for the attempt",
        then="goes on with the conversation that is found; only if there is none is it sent again, and counted",
        budget="RETRY_UNKNOWN_OUTCOMES",
        check="whether the engine has several conversations of this request: each may have been paid for",
    ),
    FailureClass.STUCK: Treatment(
        means="the engine says for too long that it works on it",
        slot="quarantined: counted as used until the engine says that the job has ended",
        then="is given up; if the job completes after all, its results are taken",
        budget="JOB_LIMIT_S",
        check="the job at the engine; where its conversation is deleted there, the slot becomes free",
    ),
    FailureClass.RECORDING: Treatment(
        means="this recording cannot be analysed as it is: the engine answers 4xx, or its job fails",
        slot="freed",
        then="is given up",
        budget=None,
        check="what the engine says of the recording; mend it, then replay it",
    ),
    FailureClass.DEFECT: Treatment(
        means="an answer or a state that we do not understand",
        slot="freed",
        then="is given up",
        budget=None,
        check="the log of this request: this should not happen",
    ),
}


def given_up(
    request: SymblAsyncRequest,
    failure_class: FailureClass,
    reason: str,
    *,
    now: datetime,
    budgets: Budgets,
    exchange: Exchange | None = None,
) -> JobError | None:
    """The error that ends the request, if one more failure of this class is one too many."""
    if failure_class is FailureClass.NOT_ACCEPTED:
        since = request.refused_since or now
        if now - since < budgets.not_accepted_for:
            return None
        reason = f"not accepted for {_hours(now - since)} h, last: {reason}"
    elif failure_class is FailureClass.UNKNOWN:
        if request.unknown_outcomes < budgets.unknown_outcomes:
            return None
        reason = f"the outcome was unknown {request.unknown_outcomes + 1} times, last: {reason}"
    elif failure_class is FailureClass.STUCK:
        age = request.attempt.age(now) if request.attempt else None
        if age is None or age < budgets.active_for:
            return None
        reason = f"{reason} for {_hours(age)} h"
    return error_of(failure_class, reason, exchange=exchange)


def error_of(failure_class: FailureClass, reason: str, *, exchange: Exchange | None = None) -> JobError:
    """The error of a class, with what a person should check."""
    return JobError(
        failure_class=failure_class, reason=reason, check=TREATMENTS[failure_class].check, exchange=exchange
    )


def _hours(period: timedelta) -> str:
    return f"{period / timedelta(hours=1):.3g}"
