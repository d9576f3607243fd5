"""Tokens as an installation knows them, and who signs Google's."""

from __future__ import annotations

import functools
import hashlib
import json

from deploy.local.identity import Identity


@functools.cache
def an_identity() -> Identity:
    """Signs for the service accounts of all tests: it takes a tenth of a second to make one."""
    return Identity.create()


def a_token(
    token: str, *, name: str = "kim", role: str = "admin", companies: list[str] | None = None
) -> dict[str, object]:
    """Its entry in API_TOKENS."""
    entry: dict[str, object] = {"name": name, "role": role, "sha256": hashlib.sha256(token.encode()).hexdigest()}
    return entry | ({"companies": companies} if companies is not None else {})


def api_tokens(*entries: dict[str, object] | str) -> str:
    """The setting; a text is an administrator's token."""
    return json.dumps([a_token(entry) if isinstance(entry, str) else entry for entry in entries])
