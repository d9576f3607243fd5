"""Identity tokens of Cloud Tasks, Cloud Scheduler and IAP: one check everywhere, only the keys' URL differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt

from common.errors import TryLater, Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Collection

#: Google's clocks and ours may differ by this.
LEEWAY_S = 30


class TokenVerifier:
    """Checks signature, issuer, audience, age and the e-mail of the caller."""

    def __init__(self, *, jwks_url: str, issuers: Collection[str], algorithms: Collection[str] = ("RS256",)) -> None:
        self._keys = jwt.PyJWKClient(jwks_url, cache_keys=True, timeout=10)
        self._issuers = list(issuers)
        self._algorithms = list(algorithms)

    def verify(self, token: str, *, audience: str) -> dict[str, Any]:
        """The token's claims.

        Raises:
            Unauthenticated: if anything about it is wrong.
            TryLater: if the keys cannot be had now.
        """
        try:
            key = self._keys.get_signing_key_from_jwt(token)
            return jwt.decode(
                token,
                key,
                algorithms=self._algorithms,
                audience=audience,
                issuer=self._issuers,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iat", "aud", "iss"]},
            )
        except jwt.PyJWKClientConnectionError as error:
            raise TryLater("the keys that identity tokens are checked against cannot be fetched") from error
        except jwt.PyJWTError as error:
            raise Unauthenticated(f"the identity token is not valid: {type(error).__name__}") from error

    def verify_caller(self, token: str, *, audience: str, emails: Collection[str]) -> str:
        """The e-mail of the service account that calls, if it is one of `emails`."""
        claims = self.verify(token, audience=audience)
        email = claims.get("email")
        if email not in emails or claims.get("email_verified") is not True:
            raise Unauthenticated("the identity token is somebody else's")
        return str(email)
