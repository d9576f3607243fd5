"""Errors, grouped by what has to happen next.

CalltrackError
├── TryLater                 nothing is wrong with the request; the queue (or the caller) repeats it
│   ├── NotAccepted          the engine certainly has no job of it: safe to send again
│   │   └── Throttled        ... because too many jobs are active there
│   └── OutcomeUnknown       the engine may have a job of it: never send again before looking for that job
├── Rejected                 the caller has to change something; `problems` names the fields and the mend
│   ├── NotFound
│   ├── Gone
│   ├── Conflict
│   ├── ChangedMeanwhile
│   ├── Forbidden
│   ├── TooLarge
│   └── Unauthenticated
├── UnreadableAnswer         the engine answered what its contract does not allow
├── RefusedByEngine          this recording can never succeed as it is
└── AccountRefused           no recording can succeed until a person mends the account
"""

from __future__ import annotations

import dataclasses
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta


@dataclasses.dataclass(frozen=True)
class Exchange:
    """One call to the engine as a person may read it, secrets cut out; `answer` is None where none came."""

    request: str
    answer: str | None


class CalltrackError(Exception):
    """Everything that this project raises on purpose."""

    #: What was said last, where the error comes from a call to the engine. It is for the person who looks into one
    #: request, never for the log.
    exchange: Exchange | None = None


class TryLater(CalltrackError):  # noqa: N818  # reads as what to do
    """A passing fault: the same request may succeed later."""


class NotAccepted(TryLater):
    """The engine did not take the job, and certainly keeps none of it."""


class Throttled(NotAccepted):
    """The engine has as many active jobs as it allows; `retry_after` is its advice, if it gave any."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OutcomeUnknown(TryLater):
    """The request was sent and no answer says what became of it."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """One thing that is wrong with what somebody gave us: `field` as they spell it, `detail` with the mend."""

    field: str
    detail: str


class Rejected(CalltrackError):  # noqa: N818
    """What the caller gave cannot be used; nothing was stored."""

    status = 400
    reason = "INVALID"
    #: What of the detail depends on what was given, for programs (https://google.aip.dev/193).
    metadata: Mapping[str, str] = MappingProxyType({})

    def __init__(self, problems: Sequence[Problem] | str, *, reason: str | None = None) -> None:
        self.problems: tuple[Problem, ...] = () if isinstance(problems, str) else tuple(problems)
        self.reason = reason or self.reason
        super().__init__(
            problems if isinstance(problems, str) else "; ".join(f"{p.field}: {p.detail}" for p in self.problems)
        )


class NotFound(Rejected):
    """There is no such thing."""

    status = 404
    reason = "NOT_FOUND"


class Gone(Rejected):
    """It was there once, and is there no longer."""

    status = 410
    reason = "GONE"


class Conflict(Rejected):
    """What was asked for does not go with how things stand; it may be asked for again when they have changed."""

    status = 409
    reason = "CONFLICT"


class ChangedMeanwhile(Rejected):
    """The caller read an earlier state than the one that it would now replace."""

    status = 412
    reason = "CHANGED_MEANWHILE"


class Forbidden(Rejected):
    """The caller is known, and may not do this in this way."""

    status = 403
    reason = "FORBIDDEN"


class TooLarge(Rejected):
    """More bytes than this way in can take; the detail names the way that can."""

    status = 413
    reason = "TOO_LARGE"


class Unauthenticated(Rejected):
    """The caller did not prove that it may do this."""

    status = 401
    reason = "UNAUTHENTICATED"


class RefusedByEngine(CalltrackError):  # noqa: N818
    """The engine refuses this recording for good; the message is the engine's."""


class UnreadableAnswer(CalltrackError):  # noqa: N818
    """The engine answered something that its contract does not allow."""


class AccountRefused(CalltrackError):  # noqa: N818
    """The engine refuses our credentials: every submission would fail."""
