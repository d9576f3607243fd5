"""WebhookEvent: kept before anything else is done with it."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from google.cloud.datastore.query import PropertyFilter

from common.adapters.datastore.kinds import SYMBL_ASYNC_REQUEST, WEBHOOK_EVENT
from common.adapters.datastore.transactions import run_in_transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud import datastore

    from common.model.job import SymblAsyncRequest
    from common.model.webhook import WebhookEvent

_THE_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


class DatastoreInbox:
    """Inbox. The key of an event is what it says, so a repeated delivery raises a counter."""

    def __init__(self, client: datastore.Client) -> None:
        self._client = client

    def receive(
        self, event: WebhookEvent, apply: Callable[[SymblAsyncRequest, WebhookEvent], SymblAsyncRequest]
    ) -> tuple[WebhookEvent, SymblAsyncRequest | None]:
        """Keep the event, and apply to its request what is harmless to believe, in one commit.

        Returns the event as kept (with its deliveries) and the request as it stands; None where it is unknown.
        """
        event_key = WEBHOOK_EVENT.key(self._client, event.id)
        request_key = SYMBL_ASYNC_REQUEST.key(self._client, event.request_id)

        def body(transaction: datastore.Transaction) -> tuple[WebhookEvent, SymblAsyncRequest | None]:
            found = {e.key: e for e in self._client.get_multi([event_key, request_key], transaction=transaction)}
            kept = event
            if event_key in found:
                before: WebhookEvent = WEBHOOK_EVENT.row_of(found[event_key])
                kept = dataclasses.replace(before, deliveries=before.deliveries + 1)
            request: SymblAsyncRequest | None = None
            if request_key in found:
                known: SymblAsyncRequest = SYMBL_ASYNC_REQUEST.row_of(found[request_key])
                request = apply(known, event)
                if request != known:
                    transaction.put(SYMBL_ASYNC_REQUEST.entity(self._client, request.id, request))
            kept = dataclasses.replace(kept, request_known=request is not None)
            transaction.put(WEBHOOK_EVENT.entity(self._client, kept.id, kept))
            return kept, request

        return run_in_transaction(self._client, body)

    def worked_off(self, event_id: str, *, now: datetime) -> None:
        """Nothing more is owed to it."""
        self._change(event_id, worked_off_at=now, next_check_at=None)

    def postpone(self, event_id: str, *, until: datetime) -> None:
        """Not to be due before; nothing happens to one that was worked off."""
        self._change(event_id, next_check_at=until)

    def _change(self, event_id: str, **changes: datetime | None) -> None:
        """Change an event that is still open."""
        key = WEBHOOK_EVENT.key(self._client, event_id)

        def body(transaction: datastore.Transaction) -> None:
            change_open(self._client, transaction, self._client.get(key, transaction=transaction), **changes)

        run_in_transaction(self._client, body)

    def of_request(self, request_id: str) -> list[WebhookEvent]:
        """What was delivered for a request, in the order of arrival."""
        query = self._client.query(
            kind=WEBHOOK_EVENT.name, filters=[PropertyFilter("request_id", "=", request_id)], order=["received_at"]
        )
        return [WEBHOOK_EVENT.row_of(entity) for entity in query.fetch()]

    def due(self, *, now: datetime, limit: int) -> list[WebhookEvent]:
        """Those that nobody worked off in time."""
        query = self._client.query(
            kind=WEBHOOK_EVENT.name,
            filters=[
                PropertyFilter("next_check_at", ">", _THE_BEGINNING),
                PropertyFilter("next_check_at", "<=", now),
            ],
            order=["next_check_at"],
        )
        return [WEBHOOK_EVENT.row_of(entity) for entity in query.fetch(limit=limit)]

    def latest(self, *, limit: int) -> list[WebhookEvent]:
        """What came last, the latest first: one query."""
        query = self._client.query(kind=WEBHOOK_EVENT.name, order=["-received_at"])
        return [WEBHOOK_EVENT.row_of(entity) for entity in query.fetch(limit=limit)]


def change_open(
    client: datastore.Client,
    transaction: datastore.Transaction,
    stored: datastore.Entity | None,
    **changes: datetime | None,
) -> None:
    """For a transaction that has read an event as `stored`: change it, unless it was worked off."""
    if stored is None or stored["worked_off_at"] is not None:
        return
    event: WebhookEvent = WEBHOOK_EVENT.row_of(stored)
    changed = dataclasses.replace(event, **changes)  # type: ignore[arg-type]  # names of its own fields
    transaction.put(WEBHOOK_EVENT.entity(client, event.id, changed))
