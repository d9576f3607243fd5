"""Access tokens: one per account at a time; asking again before it ends gives the same one with the seconds left."""

import hmac
import secrets
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel

from deploy.engine.errors import Unauthorized
from deploy.engine.instants import Clock
from deploy.engine.joi import BODY, Text, as_object, validated
from deploy.engine.settings import EngineSettings
from deploy.engine.store import Store

BAD_TOKEN = "Token validation failed for provided token."  # noqa: S105 - Symbl's sentence
BAD_CREDENTIALS = "Invalid appId or appSecret."


class Credentials(BaseModel):
    """The body of `token:generate`."""

    model_config = BODY

    type: Literal["application"]
    appId: Text  # noqa: N815 - Symbl's spelling
    appSecret: Text  # noqa: N815


class Tokens:
    """Gives tokens out and checks them."""

    def __init__(self, store: Store, settings: EngineSettings, clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock

    def generate(self, body: object) -> dict[str, Any]:
        """The answer to `token:generate`: `{"accessToken", "expiresIn"}`, the latter in seconds.

        Raises:
            BadRequest: a field is missing or wrong.
            Unauthorized: not the pair of the settings.
        """
        given = validated(Credentials, as_object(body))
        self.check_credentials(given.appId, given.appSecret)
        known = self._settings.credentials
        now = self._clock()
        with self._store.transaction():
            current = self._store.token(known[0])
            if current is None or current[1] <= now + timedelta(seconds=1):
                current = (secrets.token_urlsafe(48), now + timedelta(seconds=self._settings.token_lifetime_s))
                self._store.put_token(known[0], *current)
        token, end = current
        return {"accessToken": token, "expiresIn": int((end - now).total_seconds())}

    def check_credentials(self, app_id: str, app_secret: str) -> None:
        """Accept the pair of the settings.

        Raises:
            Unauthorized: it is another.
        """
        given = (app_id, app_secret)
        known = self._settings.credentials
        if not all(hmac.compare_digest(g.encode(), k.encode()) for g, k in zip(given, known, strict=True)):
            raise Unauthorized(BAD_CREDENTIALS)

    def check(self, token: str | None) -> None:
        """Accept a token that is still good.

        Raises:
            Unauthorized: it is missing, unknown or over.
        """
        end = self._store.token_end(token) if token else None
        if end is None or end <= self._clock():
            raise Unauthorized(BAD_TOKEN)
