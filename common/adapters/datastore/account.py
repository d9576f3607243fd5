"""SymblAccount: what every instance must know about the engine's account, one entity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.cloud import datastore

from common.adapters.datastore.kinds import SYMBL_ACCOUNT

if TYPE_CHECKING:
    from datetime import datetime


class DatastoreAccount:
    """AccountState."""

    def __init__(self, client: datastore.Client) -> None:
        self._client = client

    def stopped_until(self, now: datetime) -> datetime | None:
        """Not to dispatch before; None while all is well."""
        entity = self._client.get(self._key())
        until = entity["stopped_until"] if entity else None
        return until if until and until > now else None

    def stop(self, *, reason: str, now: datetime, until: datetime) -> None:
        """Stop dispatching; it starts again by itself."""
        entity = datastore.Entity(self._key(), exclude_from_indexes=("reason", "stopped_at", "stopped_until"))
        entity.update(reason=reason, stopped_at=now, stopped_until=until)
        self._client.put(entity)

    def _key(self) -> datastore.Key:
        return self._client.key(SYMBL_ACCOUNT, "default")
