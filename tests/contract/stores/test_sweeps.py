"""What sweeps leave behind: how far the search of the bucket has come, what is known of its objects, and reports."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from common.adapters.datastore.intake import DatastoreIntakeLog
from common.adapters.datastore.sweeps import DatastoreScans, DatastoreSweepLog
from common.model.intake import RejectedObject
from common.model.reconciliation import BucketScan
from common.model.sweeping import KEPT_REPORTS, SweepReport
from tests.factories import NOW, a_recording

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud import datastore

    from common.adapters.datastore.recordings import DatastoreRecordings
    from common.model.job import SymblAsyncRequest

BEGUN = BucketScan.begun(NOW)
SECOND_PAGE = BEGUN.after_page(scanned=500, lost=3, next_token="token", now=NOW + timedelta(minutes=1))


def test_a_scan_is_kept_by_bucket(datastore_client: datastore.Client) -> None:
    """As far as it has come, null tokens included."""
    scans = DatastoreScans(datastore_client)
    assert scans.last("recordings") is None

    assert scans.move_on("recordings", None, BEGUN)
    assert scans.last("recordings") == BEGUN
    assert scans.move_on("recordings", BEGUN, SECOND_PAGE)

    assert scans.last("recordings") == SECOND_PAGE
    assert scans.last("other") is None


def test_of_two_that_did_the_same_page_one_moves_on(
    datastore_client: datastore.Client, make_client: Callable[[], datastore.Client]
) -> None:
    """Of a first page as well as of a later one; the other's step changes nothing."""
    one, other = DatastoreScans(datastore_client), DatastoreScans(make_client())
    for before, after in ((None, BEGUN), (BEGUN, SECOND_PAGE)):
        late = BEGUN.after_page(scanned=1, lost=1, next_token="elsewhere", now=NOW)

        assert [one.move_on("b", before, after), other.move_on("b", before, late)] == [True, False]
        assert one.last("b") == after


def test_what_is_known_of_objects_is_found_by_their_ids(
    datastore_client: datastore.Client,
    recordings: DatastoreRecordings,
    added: Callable[..., SymblAsyncRequest],
) -> None:
    """Recordings by the one store, rejected objects by the other, a thousand at a time."""
    intake = DatastoreIntakeLog(datastore_client)
    ids = [a_recording(number).recording_id for number in range(1000)]
    added(1)
    intake.reject(
        RejectedObject(id=ids[2], recording_url="gs://b/2", generation=2, rejected_at=NOW, reason="company: is missing")
    )

    assert recordings.known(ids) == {ids[1]}
    assert intake.rejected(ids) == {ids[2]}
    assert recordings.known([]) == intake.rejected([]) == frozenset()


def test_reports_are_kept_the_latest_first(datastore_client: datastore.Client) -> None:
    """As many as people look at."""
    log = DatastoreSweepLog(datastore_client)
    assert list(log.latest()) == []
    reports = [
        SweepReport.of({"tasks_recreated": n}, began_at=NOW + timedelta(minutes=n), ended_at=NOW + timedelta(minutes=n))
        for n in range(1, KEPT_REPORTS + 3)
    ]
    for report in reports:
        log.add(report)

    assert list(log.latest()) == reports[:1:-1]
