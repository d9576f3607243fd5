"""Refused calls are all counted, and seldom written."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from google.api_core import exceptions
from google.cloud import datastore

from common.adapters.datastore.refusals import WRITE_EVERY, DatastoreRefusals
from common.model.refusals import Refusal
from tests.callee import ManualClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TODAY = NOON.date()


@dataclasses.dataclass
class Instance:
    """One instance of the webhook: its time, its timer and its commits are the test's."""

    client: datastore.Client
    clock: ManualClock = dataclasses.field(default_factory=lambda: ManualClock(NOON))
    commits: int = 0
    failing: bool = False
    put_off: list[tuple[datetime, Callable[[], None]]] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        self.refusals = DatastoreRefusals(self.client, clock=self.clock, later=self._later)
        begin = self.client.transaction

        def counted(**options: object) -> datastore.Transaction:
            if self.failing:
                raise exceptions.PermissionDenied("not today")
            self.commits += 1
            return begin(**options)  # type: ignore[no-untyped-call]  # the library is untyped

        self.client.transaction = counted  # type: ignore[method-assign]  # to count what is begun

    def _later(self, wait: timedelta, do: Callable[[], None]) -> None:
        self.put_off.append((self.clock() + wait, do))

    def pass_time(self, by: timedelta) -> None:
        """Move on, and do what was put off until then."""
        until = self.clock() + by
        due = [entry for entry in self.put_off if entry[0] <= until]
        self.put_off = [entry for entry in self.put_off if entry not in due]
        for at, do in due:
            self.clock.now = at
            do()
        self.clock.now = until

    def counts(self) -> dict[str, int]:
        """What is stored of the day."""
        return {row.reason.value: row.count for row in self.refusals.of_day(TODAY)}


@pytest.fixture
def instance(datastore_client: datastore.Client) -> Instance:
    return Instance(datastore_client)


def test_the_first_refusal_is_there_at_once(instance: Instance) -> None:
    """By day and reason."""
    instance.refusals.add(Refusal.SIGNATURE)

    (row,) = instance.refusals.of_day(TODAY)
    assert (row.day, row.reason, row.count, row.last_at) == ("2026-03-01", Refusal.SIGNATURE, 1, NOON)


def test_a_burst_costs_two_commits(instance: Instance) -> None:
    """One for the first, one for all others ten seconds later; nobody has to call again for that."""
    for number in range(500):
        instance.refusals.add(list(Refusal)[number % 4])
    assert (instance.commits, len(instance.put_off)) == (1, 1)

    instance.pass_time(WRITE_EVERY)

    assert instance.commits == 2
    assert instance.counts() == {"body": 125, "method": 125, "signature": 125, "too_large": 125}


def test_a_flood_costs_a_commit_every_ten_seconds(instance: Instance) -> None:
    """For as long as it lasts."""
    for _ in range(600):
        instance.refusals.add(Refusal.SIGNATURE)
        instance.pass_time(timedelta(milliseconds=100))
    instance.pass_time(WRITE_EVERY)

    assert instance.commits <= 8  # a minute has six of ten seconds, the first comes at once
    assert instance.counts() == {"signature": 600}


def test_instances_add_up(instance: Instance, make_client: Callable[[], datastore.Client]) -> None:
    """Each adds to what the others have written."""
    other = Instance(make_client())
    for one in (instance, other):
        one.refusals.add(Refusal.BODY)
        one.refusals.add(Refusal.BODY)
        one.pass_time(WRITE_EVERY)

    assert instance.counts() == other.counts() == {"body": 4}


def test_a_new_day_has_counts_of_its_own(instance: Instance) -> None:
    """Each refusal is counted on its day (UTC), however late it is written."""
    instance.clock.now = datetime(2026, 3, 1, 23, 59, 58, tzinfo=UTC)
    for _ in range(3):
        instance.refusals.add(Refusal.BODY)
    instance.pass_time(timedelta(seconds=3))
    instance.refusals.add(Refusal.BODY)
    instance.pass_time(WRITE_EVERY)

    assert instance.counts() == {"body": 3}
    assert [row.count for row in instance.refusals.of_day(TODAY + timedelta(days=1))] == [1]


def test_what_cannot_be_written_is_counted_later(instance: Instance, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody who was refused hears of it."""
    instance.failing = True
    instance.refusals.add(Refusal.METHOD)
    assert "refusals_not_counted" in capsys.readouterr().out
    assert instance.counts() == {}

    instance.failing = False
    instance.pass_time(WRITE_EVERY)
    instance.refusals.add(Refusal.METHOD)

    assert instance.counts() == {"method": 2}


def test_threads_lose_no_count(instance: Instance) -> None:
    """An instance serves many calls at a time."""
    start = threading.Barrier(8)

    def refuse() -> None:
        start.wait()
        for _ in range(50):
            instance.refusals.add(Refusal.SIGNATURE)

    threads = [threading.Thread(target=refuse) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    instance.pass_time(WRITE_EVERY)

    assert (instance.counts(), instance.commits) == ({"signature": 400}, 2)
