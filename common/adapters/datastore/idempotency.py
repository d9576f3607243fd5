"""IdempotentCall: calls of the API that may be sent again, by the caller and their key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.adapters.datastore.kinds import IDEMPOTENT_CALL
from common.adapters.datastore.transactions import run_in_transaction
from common.model.idempotency import answered, begun

if TYPE_CHECKING:
    from datetime import datetime

    from google.cloud import datastore

    from common.model.idempotency import IdempotentCall, KeptAnswer


class DatastoreIdempotency:
    """IdempotencyStore."""

    def __init__(self, client: datastore.Client) -> None:
        self._client = client

    def begin(self, key: str, *, fingerprint: str, holder: str, now: datetime) -> IdempotentCall:
        """Take the key, or find the answer that was kept; see `common.model.idempotency.begun`."""

        def body(transaction: datastore.Transaction) -> IdempotentCall:
            before = self._read(key, transaction)
            after = begun(before, fingerprint=fingerprint, holder=holder, now=now)
            if after != before:
                transaction.put(IDEMPOTENT_CALL.entity(self._client, key, after))
            return after

        return run_in_transaction(self._client, body)

    def keep(self, key: str, *, holder: str, answer: KeptAnswer) -> None:
        """Keep the answer, where the key is still the holder's."""

        def body(transaction: datastore.Transaction) -> None:
            after = answered(self._read(key, transaction), holder=holder, answer=answer)
            if after is not None:
                transaction.put(IDEMPOTENT_CALL.entity(self._client, key, after))

        run_in_transaction(self._client, body)

    def forget(self, key: str, *, holder: str) -> None:
        """Free the key, where it is still the holder's: nothing was done."""

        def body(transaction: datastore.Transaction) -> None:
            before = self._read(key, transaction)
            if before is not None and before.holder == holder and before.answer is None:
                transaction.delete(IDEMPOTENT_CALL.key(self._client, key))

        run_in_transaction(self._client, body)

    def _read(self, key: str, transaction: datastore.Transaction) -> IdempotentCall | None:
        entity = self._client.get(IDEMPOTENT_CALL.key(self._client, key), transaction=transaction)
        return IDEMPOTENT_CALL.row_of(entity) if entity else None
