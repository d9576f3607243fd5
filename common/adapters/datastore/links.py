"""RevokedLink: single links to summary pages that were taken back before their time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.adapters.datastore.kinds import REVOKED_LINK

if TYPE_CHECKING:
    from google.cloud import datastore

    from common.model.share import RevokedLink


class DatastoreRevokedLinks:
    """RevokedLinks: the key of one is the hash of its token, so that no token can be had from it."""

    def __init__(self, client: datastore.Client) -> None:
        self._client = client

    def add(self, link_id: str, revoked: RevokedLink) -> None:
        """One commit; again it changes nothing that matters."""
        self._client.put(REVOKED_LINK.entity(self._client, link_id, revoked))

    def has(self, link_id: str) -> bool:
        """One lookup."""
        return self._client.get(REVOKED_LINK.key(self._client, link_id)) is not None
