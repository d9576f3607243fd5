"""Identity tokens of Cloud Tasks, Cloud Scheduler and IAP: one check everywhere, only the keys' URL differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt

from common.errors import TryLater, Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Collection

#: Google's clocks and ours may differ by this.
LEEWAY_S = 30
#: What Cloud Run may put in place of a signature that its IAM has checked
#: (https://cloud.google.com/run/docs/troubleshooting#signature-removed).
_REMOVED = ".SIGNATURE_REMOVED_BY_GOOGLE"


class TokenVerifier:
    """Checks signature, issuer, audience, age and the e-mail of the caller.

    `removed_signatures`: whether a signature that Google has taken off counts as checked, which it is only behind IAM.
    """

    def __init__(
        self,
        *,
        jwks_url: str,
        issuers: Collection[str],
        algorithms: Collection[str] = ("RS256",),
        removed_signatures: bool = False,
    ) -> None:
        self._keys = jwt.PyJWKClient(jwks_url, cache_keys=True, timeout=10)
        self._issuers = list(issuers)
        self._algorithms = list(algorithms)
        self._removed_signatures = removed_signatures

    def verify(self, token: str, *, audiences: Collection[str] | None) -> dict[str, Any]:
        """The token's claims; `audiences` None: whoever it was made for.

        Raises:
            Unauthenticated: if anything about it is wrong.
            TryLater: if the keys cannot be had now.
        """
        signed = not (self._removed_signatures and token.endswith(_REMOVED))
        try:
            key = self._keys.get_signing_key_from_jwt(token) if signed else ""
            return jwt.decode(
                token,
                key,
                algorithms=self._algorithms,
                audience=list(audiences) if audiences is not None else None,
                issuer=self._issuers,
                leeway=LEEWAY_S,
                options={
                    "require": ["exp", "iat", "aud", "iss"],
                    "verify_signature": signed,
                    "verify_aud": audiences is not None,
                    "verify_iss": True,
                    "verify_exp": True,
                    "verify_iat": True,
                    "verify_nbf": True,
                },
            )
        except jwt.PyJWKClientConnectionError as error:
            raise TryLater("the keys that identity tokens are checked against cannot be fetched") from error
        except jwt.PyJWTError as error:
            raise Unauthenticated(f"the identity token is not valid: {type(error).__name__}") from error

    def verify_caller(self, token: str, *, audiences: Collection[str], emails: Collection[str]) -> str:
        """The e-mail of the service account that calls, if it is one of `emails`."""
        claims = self.verify(token, audiences=audiences)
        email = claims.get("email")
        if email not in emails or claims.get("email_verified") is not True:
            raise Unauthenticated("the identity token is somebody else's")
        return str(email)
