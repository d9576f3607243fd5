"""The days' sums, read back: Statistics."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from common.adapters.datastore.day_statistics import DatastoreStatistics
from common.adapters.datastore.kinds import DAY_STATISTICS
from common.model.aggregates import SHARDS, DayStatistics, StatisticsShard, Sums

if TYPE_CHECKING:
    from google.cloud import datastore

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 7)


@pytest.fixture
def statistics(datastore_client: datastore.Client) -> DatastoreStatistics:
    for company in ("Acme", "Bolt / Sons"):
        for day in ("2026-02-28", "2026-03-01", "2026-03-07", "2026-03-08"):
            for shard in range(SHARDS):
                sums = DayStatistics(company=company, day=day, total=Sums(calls=shard), hours={9: shard})
                row = StatisticsShard(company=company, day=day, shard=shard, statistics=sums.packed())
                datastore_client.put(DAY_STATISTICS.entity(datastore_client, row.key, row))
    return DatastoreStatistics(datastore_client)


def test_a_companys_days_are_whole(statistics: DatastoreStatistics) -> None:
    """Its shards together, from the first day to the last, and nobody else's."""
    days = list(statistics.days("Acme", FIRST, LAST))

    assert [(day.company, day.day, day.total.calls) for day in days] == [
        ("Acme", "2026-03-01", 6),
        ("Acme", "2026-03-07", 6),
    ]
    assert days[0].hours == {9: 6}


def test_without_a_company_each_has_its_own_days(statistics: DatastoreStatistics) -> None:
    """In the order of the days."""
    days = statistics.days(None, FIRST, LAST)

    assert [(day.day, day.company) for day in days] == [
        ("2026-03-01", "Acme"), ("2026-03-01", "Bolt / Sons"), ("2026-03-07", "Acme"), ("2026-03-07", "Bolt / Sons"),
    ]  # fmt: skip


def test_companies_are_known_without_their_sums(statistics: DatastoreStatistics) -> None:
    """A slash belongs to the name."""
    assert statistics.companies(FIRST, LAST) == ["Acme", "Bolt / Sons"]
    assert statistics.companies(date(2026, 4, 1), date(2026, 4, 2)) == []
