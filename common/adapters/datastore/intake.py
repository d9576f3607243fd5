"""RejectedObject and UploadDetails: what did not become a recording, and words too long for an object's metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.cloud import datastore

from common.adapters.datastore.keys import names_that_exist
from common.adapters.datastore.kinds import REJECTED_OBJECT, UPLOAD_DETAILS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from common.model.intake import RejectedObject
    from common.model.recording import RecordingId


class DatastoreIntakeLog:
    """IntakeLog."""

    def __init__(self, client: datastore.Client) -> None:
        self._client = client

    def put_details(self, stored_as: str, details_json: str, *, now: datetime) -> None:
        """Keep a sender's words, by the name that the object is going to have."""
        entity = datastore.Entity(self._details_key(stored_as), exclude_from_indexes=("details", "created_at"))
        entity.update(details=details_json, created_at=now)
        self._client.put(entity)

    def details(self, stored_as: str) -> str | None:
        """Those words."""
        entity = self._client.get(self._details_key(stored_as))
        return entity["details"] if entity else None

    def forget_details(self, stored_as: str) -> None:
        """The upload did not happen."""
        self._client.delete(self._details_key(stored_as))

    def reject(self, rejected: RejectedObject) -> None:
        """Keep why an object is not a recording; the same object again replaces it."""
        self._client.put(REJECTED_OBJECT.entity(self._client, rejected.id, rejected))

    def rejections(self, *, limit: int) -> list[RejectedObject]:
        """The latest first."""
        query = self._client.query(kind=REJECTED_OBJECT.name, order=["-rejected_at"])
        return [REJECTED_OBJECT.row_of(entity) for entity in query.fetch(limit=limit)]

    def rejected(self, ids: Sequence[RecordingId]) -> frozenset[RecordingId]:
        """Those of `ids` that were rejected, in one lookup."""
        return names_that_exist(self._client, [REJECTED_OBJECT.key(self._client, id_) for id_ in ids])

    def _details_key(self, stored_as: str) -> datastore.Key:
        return self._client.key(UPLOAD_DETAILS, stored_as)
