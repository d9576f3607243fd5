"""Find objects of the bucket whose event was lost, and have ingest told of them: a step of the sweep."""

from __future__ import annotations

import collections
import dataclasses
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from common import log
from common.model.reconciliation import PAGE_SIZE, scan_to_go_on, should_be_known, unheard_of
from common.model.tasks import ingest_task
from common.ports import AudioStore, BucketScans, IntakeLog, RecordingStore, TaskQueue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from common.model.recording import RecordingId, StoredObject


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reconciler:
    """The step's collaborators; `every` is the time from one scan's beginning to the next one's."""

    audio: AudioStore
    recordings: RecordingStore
    intake: IntakeLog
    scans: BucketScans
    tasks: TaskQueue
    every: timedelta
    now: datetime
    page_size: int = PAGE_SIZE

    def reconcile(self) -> Mapping[str, int]:
        """Do the next page of the bucket, if one is due; what was found.

        First the tasks, then the step forward: whoever dies in between, or meets another sweep here, only creates tasks
        that exist already, and their count is the other's.
        """
        last = self.scans.last(self.audio.bucket)
        scan = scan_to_go_on(last, every=self.every, now=self.now)
        if scan is None:
            return {}
        page = self.audio.page(size=self.page_size, cursor=scan.page_token)
        lost = self._lost(page.items)
        for stored in lost:
            self.tasks.enqueue(ingest_task(stored))
        after = scan.after_page(scanned=len(page.items), lost=len(lost), next_token=page.next_cursor, now=self.now)
        if not self.scans.move_on(self.audio.bucket, last, after):
            return {}
        if after.finished_at:
            log.event("bucket_scanned", objects=after.objects_scanned, events_lost=after.events_lost)
        return +collections.Counter(objects_scanned=len(page.items), events_lost=len(lost))

    def _lost(self, objects: Sequence[StoredObject]) -> list[StoredObject]:
        """Those that are neither a recording nor rejected (as an object with known audio is), and not too young."""
        candidates = should_be_known(objects, now=self.now)
        unknown = unheard_of(candidates, self.recordings.known(_ids(candidates)))
        return unheard_of(unknown, self.intake.rejected(_ids(unknown)))


def _ids(objects: Sequence[StoredObject]) -> list[RecordingId]:
    return [stored.recording_id for stored in objects]
