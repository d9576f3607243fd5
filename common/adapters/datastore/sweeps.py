"""BucketScan and SweepReports: what a sweep leaves for the next one, and for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.adapters.datastore.kinds import BUCKET_SCAN, SWEEP_REPORTS
from common.adapters.datastore.transactions import run_in_transaction
from common.model.sweeping import SweepReports

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.cloud import datastore

    from common.model.reconciliation import BucketScan
    from common.model.sweeping import SweepReport


class DatastoreScans:
    """BucketScans: the key of a scan is its bucket."""

    def __init__(self, client: datastore.Client) -> None:
        self._client = client

    def last(self, bucket: str) -> BucketScan | None:
        """The scan that is under way, or the last one."""
        return _scan_of(self._client.get(BUCKET_SCAN.key(self._client, bucket)))

    def move_on(self, bucket: str, before: BucketScan | None, after: BucketScan) -> bool:
        """Keep `after` if `before` is still what is stored."""
        key = BUCKET_SCAN.key(self._client, bucket)

        def body(transaction: datastore.Transaction) -> bool:
            mine = _scan_of(self._client.get(key, transaction=transaction)) == before
            if mine:
                transaction.put(BUCKET_SCAN.entity(self._client, bucket, after))
            return mine

        return run_in_transaction(self._client, body)


class DatastoreSweepLog:
    """SweepLog: one entity, `default`."""

    def __init__(self, client: datastore.Client) -> None:
        self._client = client
        self._key = SWEEP_REPORTS.key(client, "default")

    def add(self, report: SweepReport) -> None:
        """Keep one more: one read, one commit."""

        def body(transaction: datastore.Transaction) -> None:
            kept = _reports_of(self._client.get(self._key, transaction=transaction))
            transaction.put(SWEEP_REPORTS.entity(self._client, self._key.name, kept.and_then(report)))

        run_in_transaction(self._client, body)

    def latest(self) -> Sequence[SweepReport]:
        """The latest first."""
        return _reports_of(self._client.get(self._key)).reports


def _scan_of(entity: datastore.Entity | None) -> BucketScan | None:
    return BUCKET_SCAN.row_of(entity) if entity else None


def _reports_of(entity: datastore.Entity | None) -> SweepReports:
    reports: SweepReports = SWEEP_REPORTS.row_of(entity) if entity else SweepReports()
    return reports
