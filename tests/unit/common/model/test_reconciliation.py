"""When the bucket is searched for lost events, how a search goes on, and what it looks for."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.model.reconciliation import EVENT_DUE_AFTER, BucketScan, scan_to_go_on, should_be_known, unheard_of
from tests.factories import NOW, a_recording

if TYPE_CHECKING:
    from datetime import datetime

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
UNDER_WAY = BucketScan.begun(NOW).after_page(scanned=500, lost=1, next_token="next", now=NOW + HOUR)
FINISHED = UNDER_WAY.after_page(scanned=20, lost=2, next_token=None, now=NOW + 2 * HOUR)


@pytest.mark.parametrize(
    ("last", "after", "goes_on"),
    [
        (None, timedelta(0), "begins"),
        (BucketScan.begun(NOW), timedelta(0), "goes on"),
        (UNDER_WAY, 2 * HOUR, "goes on"),
        (dataclasses.replace(UNDER_WAY, moved_on_at=NOW + 3 * DAY), 3 * DAY + HOUR, "goes on"),
        (UNDER_WAY, DAY + HOUR - timedelta(seconds=1), "goes on"),
        (UNDER_WAY, DAY + HOUR, "begins"),
        (FINISHED, 2 * HOUR, "rests"),
        (FINISHED, DAY - timedelta(seconds=1), "rests"),
        (FINISHED, DAY, "begins"),
    ],
)
def test_a_search_begins_goes_on_or_rests(last: BucketScan | None, after: timedelta, goes_on: str) -> None:
    """A day after the last one began; one under way is not cut short unless it has stood still for a day."""
    now = NOW + after
    scan = scan_to_go_on(last, every=DAY, now=now)

    expected = {"begins": BucketScan.begun(now), "goes on": last, "rests": None}
    assert scan == expected[goes_on]


def test_pages_add_up() -> None:
    """What was found so far is kept with the place; the last page finishes it."""
    assert (UNDER_WAY.page_token, UNDER_WAY.finished_at) == ("next", None)
    assert (FINISHED.page_token, FINISHED.finished_at) == (None, NOW + 2 * HOUR)
    assert (FINISHED.objects_scanned, FINISHED.events_lost) == (520, 3)


@given(
    pages=st.integers(1, 40),
    waits=st.lists(st.timedeltas(timedelta(seconds=1), timedelta(hours=30)), min_size=1, max_size=200),
)
def test_each_search_lists_every_page_once_and_in_order(pages: int, waits: list[timedelta]) -> None:
    """Whatever the rhythm of the sweeps; and from one beginning to the next there is a day at least."""
    last: BucketScan | None = None
    now = NOW
    begun: list[datetime] = []
    listed: list[int] = []
    for wait in waits:
        now += wait
        scan = scan_to_go_on(last, every=DAY, now=now)
        if scan is None:
            continue
        page = int(scan.page_token or 0)
        if page == 0:
            begun.append(now)
            listed = []
        listed.append(page)
        assert listed == list(range(len(listed)))
        last = scan.after_page(scanned=1, lost=0, next_token=str(page + 1) if page + 1 < pages else None, now=now)
        assert last.objects_scanned == len(listed)
        assert (last.finished_at is None) == (len(listed) < pages)
    assert begun
    assert all(later - earlier >= DAY for earlier, later in itertools.pairwise(begun))


def test_young_objects_and_side_files_are_not_missed() -> None:
    """The event of the one is on its way, the others have none that matters."""
    old = a_recording(1, created_at=NOW - EVENT_DUE_AFTER)
    objects = [
        old,
        a_recording(2, created_at=NOW - EVENT_DUE_AFTER + timedelta(seconds=1)),
        a_recording(3, name="calls/0001.wav.metadata.json", created_at=NOW - DAY),
        a_recording(4, name="calls/", created_at=NOW - DAY),
    ]

    assert should_be_known(objects, now=NOW) == [old]


def test_another_generation_is_another_recording() -> None:
    """That an older one is known says nothing of the one that replaced it."""
    before = a_recording(1)
    after = dataclasses.replace(before, generation=before.generation + 1)

    assert unheard_of([before, after], {before.recording_id}) == [after]
