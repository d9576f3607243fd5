"""WebhookRefusals: counted in memory, written seldom, since whoever is refused decides how often that happens."""

from __future__ import annotations

import collections
import threading
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from common import log
from common.adapters.datastore.kinds import WEBHOOK_REFUSALS
from common.adapters.datastore.transactions import run_in_transaction
from common.model.refusals import Refusal, WebhookRefusals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from google.cloud import datastore

    Later = Callable[[timedelta, Callable[[], None]], None]

#: From one write of an instance to its next.
WRITE_EVERY = timedelta(seconds=10)


class DatastoreRefusals:
    """RefusalLog: an entity per day and reason, to which each instance adds what it has counted.

    The first refusal is written at once, what follows together, WRITE_EVERY later: an instance commits no more often,
    however many it refuses. What it has not written when it dies is not counted: what came in those ten seconds, or
    since it last had a call, where a function has no CPU between its calls.
    """

    def __init__(self, client: datastore.Client, *, clock: Callable[[], datetime], later: Later) -> None:
        self._client = client
        self._clock = clock
        self._later = later
        self._lock = threading.Lock()
        self._unwritten: collections.Counter[tuple[str, Refusal]] = collections.Counter()
        self._rests_until = datetime.min.replace(tzinfo=UTC)
        self._write_is_due = False  #: somebody is about to write: now, or when the rest is over

    def add(self, reason: Refusal) -> None:
        """Count one. Never raises: the caller has an answer to give."""
        now = self._clock()
        with self._lock:
            self._unwritten[_day(now), reason] += 1
            if self._write_is_due:
                return
            self._write_is_due = True
            wait = self._rests_until - now
        if wait > timedelta(0):
            self._later(wait, self._write)
        else:
            self._write()

    def of_day(self, day: date) -> Sequence[WebhookRefusals]:
        """The counts of a day, by reason; those that were written."""
        found = self._client.get_multi([self._key(day.isoformat(), reason) for reason in Refusal])
        return sorted((WEBHOOK_REFUSALS.row_of(entity) for entity in found), key=lambda row: row.reason)

    def _write(self) -> None:
        """Commit what was counted; what cannot be committed is kept for the next time."""
        now = self._clock()
        with self._lock:
            counted, self._unwritten = self._unwritten, collections.Counter()
            self._rests_until = now + WRITE_EVERY
            self._write_is_due = False
        try:
            run_in_transaction(self._client, lambda transaction: self._add_to_stored(transaction, counted, now))
        except Exception as error:  # noqa: BLE001  # a count is not worth the answer to a call, nor the timer's thread
            log.warning("refusals_not_counted", error=type(error).__name__, reason=str(error))
            with self._lock:
                self._unwritten.update(counted)

    def _add_to_stored(
        self, transaction: datastore.Transaction, counted: collections.Counter[tuple[str, Refusal]], now: datetime
    ) -> None:
        keys = [self._key(day, reason) for day, reason in counted]
        stored = {entity.key: WEBHOOK_REFUSALS.row_of(entity) for entity in self._read(keys, transaction)}
        for key, ((day, reason), count) in zip(keys, counted.items(), strict=True):
            row: WebhookRefusals = stored.get(key) or WebhookRefusals(day=day, reason=reason)
            transaction.put(WEBHOOK_REFUSALS.entity(self._client, key.name, row.and_more(count, now=now)))

    def _read(self, keys: Sequence[datastore.Key], transaction: datastore.Transaction) -> list[datastore.Entity]:
        found: list[datastore.Entity] = self._client.get_multi(keys, transaction=transaction)
        return found

    def _key(self, day: str, reason: Refusal) -> datastore.Key:
        return WEBHOOK_REFUSALS.key(self._client, f"{day}/{reason}")


def _day(now: datetime) -> str:
    return now.astimezone(UTC).date().isoformat()
