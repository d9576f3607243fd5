"""DayStatistics, read: what writes them stands in `calls`, since they change with a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.cloud.datastore.query import PropertyFilter

from common.adapters.datastore.kinds import DAY_STATISTICS
from common.model.aggregates import DayStatistics, company_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from google.cloud import datastore


class DatastoreStatistics:
    """Statistics."""

    def __init__(self, client: datastore.Client) -> None:
        self._client = client

    def days(self, company: str | None, first: date, last: date) -> Iterable[DayStatistics]:
        """The days from `first` to `last`, both included, of one company or of each: one query."""
        query = self._query(first, last)
        if company is not None:
            query.add_filter(filter=PropertyFilter("company", "=", company))
        found: dict[tuple[str, str], DayStatistics] = {}
        for entity in query.fetch():
            shard = DayStatistics.unpacked(entity["statistics"])
            whose = (shard.day, shard.company)
            found[whose] = found[whose].plus(shard) if whose in found else shard
        return [day for _, day in sorted(found.items()) if day.total.calls]

    def companies(self, first: date, last: date) -> Sequence[str]:
        """The companies that have a day there, by name: one query of keys."""
        query = self._query(first, last)
        query.keys_only()
        return sorted({company_of(entity.key.name) for entity in query.fetch()})

    def _query(self, first: date, last: date) -> datastore.Query:
        between = [PropertyFilter("day", ">=", first.isoformat()), PropertyFilter("day", "<=", last.isoformat())]
        return self._client.query(kind=DAY_STATISTICS.name, filters=between)
