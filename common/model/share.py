"""Links to a call's summary page: signed, expiring words that say all there is to know, so that none is stored."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import hmac
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from common.model.recording import RecordingId

if TYPE_CHECKING:
    from collections.abc import Sequence

#: A token is the base64url (RFC 4648, without padding) of: version, options, key (4 bytes), expiry (5 bytes, seconds of
#: Unix time, 0: never), the recording's id, and the proof.
_VERSION = 1
_WITH_TRANSCRIPT = 1
_KEY_BYTES = 4
_EXPIRY_BYTES = 5
_PROOF_BYTES = 16  #: of HMAC-SHA256, as the webhook's: RFC 2104 advises half of the hash at least
_HEAD_BYTES = 2 + _KEY_BYTES + _EXPIRY_BYTES
_LONGEST = 300
_ID = re.compile(rb"[A-Za-z0-9_-]{1,128}")
#: What makes a key of this purpose from a secret that may have others.
_PURPOSE = b"calltrack summary page link, version 1"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShareLink:
    """What a link grants: to read one call's summary until `expires_at` (whole seconds, UTC; None: for ever)."""

    recording_id: RecordingId
    expires_at: datetime | None
    with_transcript: bool = True

    def is_expired(self, now: datetime) -> bool:
        """Whether it was valid once and is no longer."""
        return self.expires_at is not None and now >= self.expires_at


@dataclasses.dataclass(frozen=True, kw_only=True)
class RevokedLink:
    """A link that was taken back; its key is `id_of` its token. What it led to is not kept: that may be deleted."""

    by: str
    at: datetime
    expires_at: datetime | None  #: when it would have expired anyhow, and this can be forgotten


def id_of(token: str) -> str:
    """What a link is known by to those who must not use it."""
    return hashlib.sha256(token.encode()).hexdigest()


def share_token(link: ShareLink, *, secret: str) -> str:
    """The token of a link: letters, digits, dash and underscore."""
    key = _derived(secret)
    expiry = int(link.expires_at.timestamp()) if link.expires_at else 0
    options = _WITH_TRANSCRIPT if link.with_transcript else 0
    signed = (
        bytes([_VERSION, options]) + _name_of(key) + expiry.to_bytes(_EXPIRY_BYTES, "big") + link.recording_id.encode()
    )
    return base64.urlsafe_b64encode(signed + _proof(key, signed)).rstrip(b"=").decode()


def link_of(token: str, *, secrets: Sequence[str]) -> ShareLink | None:
    """The link that one of `secrets` has signed, expired or not; None where none of them has signed this very token."""
    raw = _decoded(token)
    if raw is None or len(raw) <= _HEAD_BYTES + _PROOF_BYTES or raw[0] != _VERSION:
        return None
    signed, proof = raw[:-_PROOF_BYTES], raw[-_PROOF_BYTES:]
    named = signed[2 : 2 + _KEY_BYTES]
    keys = [key for key in map(_derived, secrets) if _name_of(key) == named]
    fits = [hmac.compare_digest(_proof(key, signed), proof) for key in keys]
    if not any(fits):
        return None
    expiry = int.from_bytes(signed[2 + _KEY_BYTES : _HEAD_BYTES], "big")
    if not _ID.fullmatch(signed[_HEAD_BYTES:]):
        return None
    return ShareLink(
        recording_id=signed[_HEAD_BYTES:].decode(),
        expires_at=datetime.fromtimestamp(expiry, UTC) if expiry else None,
        with_transcript=bool(signed[1] & _WITH_TRANSCRIPT),
    )


def _decoded(token: str) -> bytes | None:
    """The bytes; None where they would be spelled otherwise: one link has one token."""
    if len(token) > _LONGEST or not token.isascii():
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    return raw if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == token else None


def _derived(secret: str) -> bytes:
    """A key of its own purpose: one step of HKDF's expansion (RFC 5869), since secrets are long and random already."""
    return hmac.new(secret.encode(), _PURPOSE + b"\x01", hashlib.sha256).digest()


def _name_of(key: bytes) -> bytes:
    """Tells which key has signed, and nothing else of it."""
    return hmac.new(key, b"name", hashlib.sha256).digest()[:_KEY_BYTES]


def _proof(key: bytes, signed: bytes) -> bytes:
    return hmac.new(key, signed, hashlib.sha256).digest()[:_PROOF_BYTES]
