"""Checks a V4 signed URL as Cloud Storage does: signature, expiry and generation. fake-gcs-server checks none of them.

Source: https://cloud.google.com/storage/docs/authentication/canonical-requests
"""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

ALGORITHM = "GOOG4-RSA-SHA256"


@dataclasses.dataclass(frozen=True)
class SignedUrl:
    """What a valid signed URL grants."""

    signer: str
    bucket: str
    name: str
    generation: str | None
    expires_at: datetime


def verified(url: str, *, method: str, key: RSAPublicKey, now: datetime) -> SignedUrl:
    """What *url* grants to *method* at *now*.

    Raises:
        ValueError: it grants nothing; the message says why.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    signature = bytes.fromhex(query.pop("X-Goog-Signature"))
    signer, _, scope = query["X-Goog-Credential"].partition("/")
    signed_at = datetime.strptime(query["X-Goog-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    lifetime = timedelta(seconds=int(query["X-Goog-Expires"]))
    if query["X-Goog-Algorithm"] != ALGORITHM or query["X-Goog-SignedHeaders"] != "host":
        raise ValueError("not a URL signed by V4 with the host header alone")
    if scope != f"{signed_at:%Y%m%d}/auto/storage/goog4_request":
        raise ValueError(f"the credential's scope {scope} does not fit the date")
    canonical_query = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in sorted(query.items()))
    canonical_request = "\n".join(
        [method, parts.path, canonical_query, f"host:{parts.netloc}", "", "host", "UNSIGNED-PAYLOAD"]
    )
    digest = hashlib.sha256(canonical_request.encode()).hexdigest()
    text = "\n".join([ALGORITHM, query["X-Goog-Date"], scope, digest])
    try:
        key.verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as e:
        raise ValueError("the signature does not fit the request") from e
    if not signed_at <= now < signed_at + lifetime:
        raise ValueError(f"expired at {signed_at + lifetime}, or not valid yet")
    _, bucket, name = unquote(parts.path).split("/", 2)
    return SignedUrl(signer, bucket, name, query.get("generation"), signed_at + lifetime)
