"""Objects of the bucket that nobody was told of: when to look for them, how far a look has come, and which they are.

A scan walks through the bucket, one page per sweep. How far it has come is moved on by compare-and-set once a page is
done, so that a crash repeats one page at most, and two sweeps at once do the same page harmlessly twice.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from common.model.recording import RecordingId, StoredObject

#: Objects of one page: one call lists them, one lookup finds those that are known.
PAGE_SIZE = 500
#: The event of a younger object may still be on its way; the bucket repeats it for a day, which does no harm.
EVENT_DUE_AFTER = timedelta(minutes=10)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BucketScan:
    """One walk through the bucket: the one that is under way, or the last one."""

    begun_at: datetime
    moved_on_at: datetime  #: when its last page was done
    finished_at: datetime | None = None
    page_token: str | None = None  #: of the next page; None for the first one, and once it is finished
    objects_scanned: int = 0
    events_lost: int = 0

    @classmethod
    def begun(cls, now: datetime) -> BucketScan:
        """One that has seen nothing yet."""
        return cls(begun_at=now, moved_on_at=now)

    def after_page(self, *, scanned: int, lost: int, next_token: str | None, now: datetime) -> BucketScan:
        """One page further; without a next one, finished."""
        return dataclasses.replace(
            self,
            moved_on_at=now,
            finished_at=None if next_token else now,
            page_token=next_token,
            objects_scanned=self.objects_scanned + scanned,
            events_lost=self.events_lost + lost,
        )


def scan_to_go_on(last: BucketScan | None, *, every: timedelta, now: datetime) -> BucketScan | None:
    """The scan whose next page is due: the one under way, or a new one; None while none is.

    A scan of a large bucket takes its time, and is not cut short. One that has stood still for as long as that between
    two scans begins anew: its place may be no longer valid.
    """
    if last is None:
        return BucketScan.begun(now)
    if last.finished_at is None and now - last.moved_on_at < every:
        return last
    since = last.begun_at if last.finished_at else last.moved_on_at
    return BucketScan.begun(now) if now - since >= every else None


def should_be_known(objects: Iterable[StoredObject], *, now: datetime) -> list[StoredObject]:
    """Those that ingest would take in, and whose event should have arrived."""
    return [stored for stored in objects if stored.may_be_audio and now - stored.created_at >= EVENT_DUE_AFTER]


def unheard_of(objects: Iterable[StoredObject], known: Collection[RecordingId]) -> list[StoredObject]:
    """Those that are neither a recording nor rejected: nobody was told of them."""
    return [stored for stored in objects if stored.recording_id not in known]
