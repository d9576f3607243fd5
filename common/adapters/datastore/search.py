"""CallIndex: one entity per call, whose key sorts the latest call first.

Queries have equality filters over the two arrays and a range of keys; Datastore joins their built-in indexes
(https://cloud.google.com/datastore/docs/concepts/indexes: queries with equality filters on properties and inequality
filters on keys need no composite index).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.cloud.datastore.query import PropertyFilter

from common.adapters.datastore.calls import new_call
from common.adapters.datastore.kinds import CALL_INDEX
from common.model.search.document import CallDocument, time_bounds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from google.cloud import datastore

    from common.model.search.plan import TimeRange, Token
    from common.ports import CallKey


class DatastoreSearchIndex:
    """SearchIndex."""

    def __init__(self, client: datastore.Client) -> None:
        self._client = client

    def put(self, document: CallDocument) -> None:
        """Index a call, in place of what was known of it."""
        self._client.put(new_call(self._client, document))

    def delete(self, document: CallDocument) -> None:
        """Forget a call."""
        self._client.delete(new_call(self._client, document).key)

    def walk(
        self,
        tokens: Iterable[Token],
        time: TimeRange,
        *,
        after: CallKey | None,
        until: CallKey | None = None,
        limit: int,
    ) -> list[CallKey]:
        """The keys of calls that have all tokens, the latest first; keys alone are read."""
        query = self._query(tokens, time, after=after, until=until)
        query.keys_only()
        return [entity.key.name for entity in query.fetch(limit=limit)]

    def fetch(
        self, tokens: Iterable[Token], time: TimeRange, *, after: CallKey | None, limit: int
    ) -> list[tuple[CallKey, CallDocument]]:
        """The calls themselves."""
        query = self._query(tokens, time, after=after)
        return [_opened(entity) for entity in query.fetch(limit=limit)]

    def open(self, keys: Sequence[CallKey]) -> list[tuple[CallKey, CallDocument]]:
        """Those of `keys` that exist, in that order: one lookup."""
        if not keys:
            return []
        entities = self._client.get_multi([CALL_INDEX.key(self._client, key) for key in keys])
        return sorted((_opened(entity) for entity in entities), key=lambda found: found[0])

    def count(self, tokens: Iterable[Token], time: TimeRange, *, up_to: int) -> int:
        """How many calls have all tokens; no entity is read."""
        query = self._query(tokens, time, after=None)
        aggregation = self._client.aggregation_query(query).count(alias="calls")
        result = next(iter(aggregation.fetch(limit=up_to)))
        return min(int(result[0].value), up_to)

    def _query(
        self, tokens: Iterable[Token], time: TimeRange, *, after: CallKey | None, until: CallKey | None = None
    ) -> datastore.Query:
        filters = [PropertyFilter("terms" if token.is_term else "facets", "=", token.text) for token in sorted(tokens)]
        query = self._client.query(kind=CALL_INDEX.name, filters=filters)
        first, end = time_bounds(time.since, time.until)
        if after is not None and (first is None or after >= first):
            self._bound(query, ">", after)
        elif first is not None:
            self._bound(query, ">=", first)
        if until is not None and (end is None or until < end):
            self._bound(query, "<=", until)
        elif end is not None:
            self._bound(query, "<", end)
        return query

    def _bound(self, query: datastore.Query, operator: str, name: CallKey) -> None:
        query.add_filter(filter=PropertyFilter("__key__", operator, CALL_INDEX.key(self._client, name)))


def _opened(entity: datastore.Entity) -> tuple[CallKey, CallDocument]:
    return entity.key.name, CallDocument.unpacked(entity["document"])
