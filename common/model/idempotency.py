"""Calls that are sent again: the first answer is kept under the caller's key, and the work is done once. Pure."""

from __future__ import annotations

import dataclasses
import re
from datetime import datetime, timedelta
from typing import NoReturn

from common.errors import Conflict, Problem, Rejected

#: How long an answer is kept.
KEPT_FOR = timedelta(hours=24)
#: A call that has not ended by then was killed: no function runs that long, and its key must not be blocked for ever.
LEASE = timedelta(minutes=10)
_KEY = re.compile(r"[!-~]{1,255}")


class KeyInUse(Conflict):
    """The call with this key is under way; its answer can be had when it has ended."""

    reason = "IDEMPOTENCY_KEY_IN_USE"


class KeyReused(Rejected):
    """The key was given to another call."""

    status = 422
    reason = "IDEMPOTENCY_KEY_REUSED"


@dataclasses.dataclass(frozen=True, kw_only=True)
class KeptAnswer:
    """An answer as it was sent first; `location` is the header's."""

    status: int
    content_type: str
    body: bytes  #: compressed by zlib
    location: str | None = None
    etag: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class IdempotentCall:
    """One call under its key. While `answer` is None it is under way, until `leased_until`."""

    fingerprint: str  #: SHA-256 of method, address and content
    holder: str  #: who works on it: a later holder's answer is the one that counts
    leased_until: datetime
    expires_at: datetime  #: by when it is forgotten; Datastore's TTL goes by this property
    answer: KeptAnswer | None = None

    @property
    def begun_at(self) -> datetime:
        """When it was first sent."""
        return self.expires_at - KEPT_FOR


def checked_key(given: str) -> str:
    """A caller's key.

    Raises:
        Rejected: where it is none.
    """
    if not _KEY.fullmatch(given):
        raise Rejected([Problem("Idempotency-Key", "must be 1 to 255 visible ASCII characters, such as a UUID")])
    return given


def begun(before: IdempotentCall | None, *, fingerprint: str, holder: str, now: datetime) -> IdempotentCall:
    """The call as it stands once somebody begins it, or begins it again.

    Three reasons to let them: nobody has used the key, what is known has expired, or whoever worked on it was killed.
    Where the answer is known already, it is what they get.

    Raises:
        KeyReused: the key belongs to another call.
        KeyInUse: somebody else works on it.
    """
    if before is None or before.expires_at <= now:
        return IdempotentCall(
            fingerprint=fingerprint, holder=holder, leased_until=now + LEASE, expires_at=now + KEPT_FOR
        )
    if before.fingerprint != fingerprint:
        _refuse_other_call()
    if before.answer is not None:
        return before
    if before.leased_until > now:
        raise KeyInUse("A call with this Idempotency-Key is under way; send it again in a moment to get its answer.")
    return dataclasses.replace(before, holder=holder, leased_until=now + LEASE)


def _refuse_other_call() -> NoReturn:
    raise KeyReused("This Idempotency-Key was used for a call with other content; take a new key for a new call.")


def answered(before: IdempotentCall | None, *, holder: str, answer: KeptAnswer) -> IdempotentCall | None:
    """The call with its answer; None where somebody else has taken it over, whose answer counts."""
    if before is None or before.holder != holder or before.answer is not None:
        return None
    return dataclasses.replace(before, answer=answer)
