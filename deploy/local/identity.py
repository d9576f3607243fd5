"""The throw-away identity of a local stack: one RSA key that signs what Google's keys sign in production.

Cloud Tasks, Cloud Scheduler and Eventarc prove who calls by an OIDC ID token that Google signs. Here the same token is
signed by a key made on this machine, and the functions are pointed at its public half (`Identity.jwks`): they verify
both with the same code, and nothing is let through for being local. The same key, dressed as a service account's,
signs V4 URLs of Cloud Storage.

Claims of Google's tokens: https://cloud.google.com/docs/authentication/token-types#id-contents
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import json
import os
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

ISSUER: Final = "https://accounts.google.com"
"""Google's own, so that a verifier checks the same issuer here and in production; only the keys differ."""

TOKEN_LIFETIME: Final = timedelta(hours=1)
KEY_FILE: Final = "identity.pem"

# Port 9 is "discard" (RFC 863): a library that tried to fetch a token there would fail at once, on this machine.
_NOWHERE: Final = "http://127.0.0.1:9/token"


@dataclasses.dataclass(frozen=True)
class Identity:
    """Signs for every service account of a local stack, with one key."""

    key: rsa.RSAPrivateKey = dataclasses.field(repr=False)

    issuer = ISSUER

    @classmethod
    def create(cls) -> Identity:
        """A new identity that is kept nowhere."""
        return cls(rsa.generate_private_key(public_exponent=65537, key_size=2048))

    @classmethod
    def load_or_create(cls, directory: Path) -> Identity:
        """The identity kept in *directory* (file mode 0600); processes that create it at the same time get the same.

        Raises:
            ValueError: the key file is there, but holds no RSA key.
        """
        path = directory / KEY_FILE
        if not path.exists():
            directory.mkdir(parents=True, exist_ok=True)
            _write_once(path, _pem(cls.create().key))
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except ValueError as e:
            raise ValueError(f"{path} holds no private key: remove it, and the next start makes a new one") from e
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError(f"{path} holds no RSA key: remove it, and the next start makes a new one")  # noqa: TRY004 - the file is wrong, not an argument's type
        return cls(key)

    @property
    def key_id(self) -> str:
        """The `kid` of tokens and of the JWKS: a fingerprint of the public key."""
        der = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return hashlib.sha256(der).hexdigest()[:40]

    def token(self, *, audience: str, email: str, now: datetime) -> str:
        """An OIDC ID token (RS256) for the service account *email*, valid for an hour from *now*."""
        claims = {
            "iss": self.issuer,
            "aud": audience,
            "azp": _subject(email),
            "sub": _subject(email),
            "email": email,
            "email_verified": True,
            "iat": int(now.timestamp()),
            "exp": int((now + TOKEN_LIFETIME).timestamp()),
        }
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": self.key_id})

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public key as a JSON Web Key Set (RFC 7517), as Google has its own at googleapis.com/oauth2/v3/certs."""
        public = self.key.public_key().public_numbers()
        return {
            "keys": [
                {
                    "kty": "RSA",
                    "use": "sig",
                    "alg": "RS256",
                    "kid": self.key_id,
                    "n": _base64url(public.n),
                    "e": _base64url(public.e),
                }
            ]
        }

    def write_service_account_file(self, path: Path, *, project: str, email: str) -> None:
        """Write a file (mode 0600) for GOOGLE_APPLICATION_CREDENTIALS: google-cloud-storage then signs with this key.

        Nothing in it leads to the network: tokens cannot be fetched with it, only made.
        """
        account = {
            "type": "service_account",
            "project_id": project,
            "private_key_id": self.key_id,
            "private_key": _pem(self.key).decode("ascii"),
            "client_email": email,
            "client_id": _subject(email),
            "token_uri": _NOWHERE,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, json.dumps(account, indent=2).encode("utf-8"))


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _subject(email: str) -> str:
    """A service account's numeric id: 21 digits, always the same for one e-mail address."""
    return "1" + str(int(hashlib.sha256(email.encode("utf-8")).hexdigest(), 16))[:20]


def _base64url(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _private_copy(path: Path, content: bytes) -> Path:
    """Write *content* beside *path*, readable by this user alone from its first byte on."""
    copy = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as f:
        f.write(content)
    return copy


def _write_once(path: Path, content: bytes) -> None:
    """Let *path* appear whole, unless another process was first."""
    copy = _private_copy(path, content)
    with contextlib.suppress(FileExistsError):
        os.link(copy, path)
    copy.unlink()


def _replace(path: Path, content: bytes) -> None:
    _private_copy(path, content).replace(path)
