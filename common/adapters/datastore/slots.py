"""SymblSlot: one entity per place among the active jobs. A slot that was never used has none, and is free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.adapters.datastore.account import account_of
from common.adapters.datastore.codec import to_entity
from common.adapters.datastore.kinds import SYMBL_ACCOUNT, SYMBL_ASYNC_REQUEST, SYMBL_SLOT, account_key, slot_key
from common.adapters.datastore.transactions import run_in_transaction
from common.model import schedule
from common.model.slot import Lease, is_orphan

if TYPE_CHECKING:
    from datetime import datetime

    from google.cloud import datastore

    from common.model.capacity import SymblAccount
    from common.model.job import AttemptId, RequestId, SlotNumber, SymblAsyncRequest


class DatastoreSlots:
    """SlotPool. A lease is an entity; a free slot has none."""

    def __init__(self, client: datastore.Client) -> None:
        self._client = client

    def leases(self) -> list[Lease]:
        """Every slot that is taken: one query over at most as many entities as there are slots."""
        return [SYMBL_SLOT.row_of(entity) for entity in self._client.query(kind=SYMBL_SLOT.name).fetch()]

    def claim(
        self,
        number: SlotNumber,
        *,
        request_id: RequestId,
        attempt_id: AttemptId,
        now: datetime,
        next_check_at: datetime,
        planned_on: SymblAccount,
    ) -> SymblAsyncRequest | None:
        """Slot and request change together, or not at all, and not after the account has changed.

        A claim that is to prove our credentials lets the others rest, in the same commit.
        """
        wanted = slot_key(self._client, number)
        request_key = SYMBL_ASYNC_REQUEST.key(self._client, request_id)
        account = account_key(self._client)

        def body(transaction: datastore.Transaction) -> SymblAsyncRequest | None:
            found = {e.key: e for e in self._client.get_multi([wanted, request_key, account], transaction=transaction)}
            if request_key not in found:
                return None
            request: SymblAsyncRequest = SYMBL_ASYNC_REQUEST.row_of(found[request_key])
            if request.is_current(attempt_id) and request.slot == number:
                return request  # an earlier commit of ours that had seemed to fail
            if wanted in found or not request.may_be_claimed(now) or account_of(found.get(account)) != planned_on:
                return None
            proves = planned_on.unproven
            claimed = request.claimed(attempt_id, slot=number, now=now, next_check_at=next_check_at, proves=proves)
            if proves:
                proving = planned_on.proving(until=now + schedule.PROVING_LIMIT)
                transaction.put(SYMBL_ACCOUNT.entity(self._client, account.name, proving))
            lease = Lease(
                number=number, request_id=request_id, attempt_id=attempt_id, company=request.company, claimed_at=now
            )
            transaction.put(to_entity(lease, wanted, indexed=SYMBL_SLOT.indexed))
            transaction.put(SYMBL_ASYNC_REQUEST.entity(self._client, request_id, claimed))
            return claimed

        return run_in_transaction(self._client, body)

    def free_orphan(self, lease: Lease) -> bool:
        """Free a slot that nothing of its request counts for: a state that no transaction of ours leaves behind."""
        wanted = slot_key(self._client, lease.number)
        request_key = SYMBL_ASYNC_REQUEST.key(self._client, lease.request_id)

        def body(transaction: datastore.Transaction) -> bool:
            found = {e.key: e for e in self._client.get_multi([wanted, request_key], transaction=transaction)}
            if wanted not in found or SYMBL_SLOT.row_of(found[wanted]) != lease:
                return False
            entity = found.get(request_key)
            if not is_orphan(lease, SYMBL_ASYNC_REQUEST.row_of(entity) if entity else None):
                return False
            transaction.delete(wanted)
            return True

        return run_in_transaction(self._client, body)
