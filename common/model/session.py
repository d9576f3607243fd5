"""A browser's sign-in: signed words that say whose token it was and until when. Pure.

Nothing is stored. A session ends with its time, with the token that it was opened with, and with the secret.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

#: A working day: then the token is asked for again.
LIFETIME = timedelta(hours=12)
_PURPOSE = b"calltrack browser session, version 1"
_PARTS = 3


def hash_of(token: str) -> str:
    """What is kept of a token: SHA-256, which is enough for 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


def session_of(token_hash: str, *, secret: str, now: datetime) -> str:
    """What a browser keeps: letters, digits and dots; neither the token nor its hash can be had from it."""
    said = f"{_name_of(token_hash)}.{int((now + LIFETIME).timestamp())}"
    return f"{said}.{_proof(said, secret)}"


def hash_in(session: str, *, hashes: Sequence[str], secrets: Sequence[str], now: datetime) -> str | None:
    """Which of `hashes` a session was opened with; None where it is none, has ended, or the token is not known now."""
    parts = session.split(".")
    if len(parts) != _PARTS or not session.isascii() or not parts[1].isdecimal() or len(session) > 200:  # noqa: PLR2004
        return None
    said = f"{parts[0]}.{parts[1]}"
    if not any([hmac.compare_digest(_proof(said, secret), parts[2]) for secret in secrets]):  # noqa: C419  # all of them
        return None
    if int(parts[1]) <= now.timestamp():
        return None
    return next((known for known in hashes if hmac.compare_digest(_name_of(known), parts[0])), None)


def _name_of(token_hash: str) -> str:
    return hashlib.sha256(token_hash.encode()).hexdigest()[:32]


def _proof(said: str, secret: str) -> str:
    key = hmac.new(secret.encode(), _PURPOSE, hashlib.sha256).digest()
    return hmac.new(key, said.encode(), hashlib.sha256).hexdigest()
