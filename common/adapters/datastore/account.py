"""SymblAccount: what every instance must know about the engine's account, one entity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.adapters.datastore.kinds import DISPATCH_TURNS, SYMBL_ACCOUNT, account_key, turns_key
from common.adapters.datastore.transactions import run_in_transaction
from common.model.capacity import SymblAccount
from common.model.fairness import DispatchTurns

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from google.cloud import datastore


class DatastoreAccount:
    """AccountState."""

    def __init__(self, client: datastore.Client) -> None:
        self._client = client

    def get(self) -> SymblAccount:
        """How it stands."""
        return account_of(self._client.get(account_key(self._client)))

    def get_with_turns(self) -> tuple[SymblAccount, DispatchTurns]:
        """How it stands, and whose turn was when: one lookup."""
        key, turns_of_all = account_key(self._client), turns_key(self._client)
        found = {entity.key: entity for entity in self._client.get_multi([key, turns_of_all])}
        turns = DISPATCH_TURNS.row_of(found[turns_of_all]) if turns_of_all in found else DispatchTurns()
        return account_of(found.get(key)), turns

    def change(self, change: Callable[[SymblAccount], SymblAccount]) -> SymblAccount:
        """Apply a pure change in a transaction; claims that were planned before it do not succeed after it."""
        key = account_key(self._client)

        def body(transaction: datastore.Transaction) -> SymblAccount:
            before = account_of(self._client.get(key, transaction=transaction))
            after = change(before)
            if after != before:
                transaction.put(SYMBL_ACCOUNT.entity(self._client, key.name, after))
            return after

        return run_in_transaction(self._client, body)

    def stopped_until(self, now: datetime) -> datetime | None:
        """Not to dispatch before; None while all is well."""
        return self.get().rests_until(now)


def account_of(entity: datastore.Entity | None) -> SymblAccount:
    """What is stored; where nothing is, all is well."""
    account: SymblAccount = SYMBL_ACCOUNT.row_of(entity) if entity else SymblAccount()
    return account
