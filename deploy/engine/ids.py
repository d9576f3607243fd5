"""Identifiers in Symbl's forms: decimal strings of 16 digits and UUIDs."""

import hashlib
import secrets
import uuid

_LOWEST = 10**15
_SPAN = 9 * 10**15


def new_conversation_id() -> str:
    """A random conversation id."""
    return str(_LOWEST + secrets.randbelow(_SPAN))


def new_uuid() -> str:
    """A random id for a job or a member."""
    return str(uuid.uuid4())


def derived_id(*parts: str | int) -> str:
    """A decimal id that follows from *parts*, so that analysing again gives a thing the same id."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return str(_LOWEST + int.from_bytes(digest[:8], "big") % _SPAN)


def derived_uuid(*parts: str | int) -> str:
    """A UUID that follows from *parts*."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "\x1f".join(map(str, parts))))
