"""How the stand-ins of Cloud Tasks, Scheduler and Eventarc call a function: one request, one answer, a deadline."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final, TypeAlias

import requests

_CONNECT_TIMEOUT: Final = timedelta(seconds=5)

Connect: TypeAlias = Callable[[], requests.Session]
"""Opens the session that carries one call. Tests hand in one whose adapter leads into the process."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of a call: a status, or the reason why there is none."""

    status: int | None = None  #: the HTTP status; None when no answer came
    error: str = ""  #: why no answer came: `DEADLINE_EXCEEDED` or `UNAVAILABLE`
    retry_after: timedelta = timedelta(0)  #: what the callee asked for in `Retry-After`, in its form in seconds

    @property
    def accepted(self) -> bool:
        """Whether the callee took the matter off our hands."""
        return self.status is not None and self.status // 100 == 2  # noqa: PLR2004 - 2xx


def direct() -> requests.Session:
    """A session that takes no proxy and no credentials from the environment: callees are on this machine."""
    session = requests.Session()
    session.trust_env = False
    return session


def call(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes, deadline: timedelta, connect: Connect = direct
) -> Answer:
    """Send one request, never again by itself.

    *deadline* bounds the silence before the answer. What the callee does after it is cut off is the callee's affair,
    as with the real services.
    """
    timeout = (_CONNECT_TIMEOUT.total_seconds(), deadline.total_seconds())
    with connect() as session:
        try:
            response = session.request(method, url, headers=dict(headers), data=body, timeout=timeout)
        except requests.Timeout:
            return Answer(error="DEADLINE_EXCEEDED")
        except (requests.RequestException, UnicodeError):  # the latter for a header that HTTP cannot carry
            return Answer(error="UNAVAILABLE")
        return Answer(status=response.status_code, retry_after=_seconds(response.headers.get("Retry-After", "")))


def _seconds(retry_after: str) -> timedelta:
    # The other form of Retry-After, a date, is not worth a parser here: none of our functions sends it.
    return timedelta(seconds=min(int(retry_after), 3600)) if retry_after.isdecimal() else timedelta(0)
