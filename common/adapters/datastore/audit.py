"""AuditEvent: only ever added to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.cloud.datastore.query import PropertyFilter

from common.adapters.datastore.kinds import AUDIT_EVENT
from common.adapters.datastore.paging import run_page

if TYPE_CHECKING:
    from google.cloud import datastore

    from common.model.audit import AuditEvent, AuditQuery
    from common.ports import Page


class DatastoreAudit:
    """AuditTrail: the keys are random, so that no range of them is written more than others."""

    def __init__(self, client: datastore.Client) -> None:
        self._client = client

    def add(self, id_: str, event: AuditEvent) -> None:
        """One commit; again with the same id it changes nothing."""
        self._client.put(AUDIT_EVENT.entity(self._client, id_, event))

    def page(self, asked: AuditQuery) -> Page[AuditEvent]:
        """One query, the latest first."""
        query = self._client.query(kind=AUDIT_EVENT.name, order=["-at"])
        for name, value in asked.narrowed.items():
            query.add_filter(filter=PropertyFilter(name, "=", value))
        return run_page(query, AUDIT_EVENT.row_of, size=asked.size, cursor=asked.cursor)
