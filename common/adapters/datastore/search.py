"""CallIndex: one entity per call, whose key sorts the latest call first.

Queries have equality filters over the two arrays and a range of keys; Datastore joins their built-in indexes
(https://cloud.google.com/datastore/docs/concepts/indexes: queries with equality filters on properties and inequality
filters on keys need no composite index).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.cloud.datastore.query import And, Or, PropertyFilter

from common.adapters.datastore.calls import keys_of_call, new_call, put_anew
from common.adapters.datastore.keys import look_up
from common.adapters.datastore.kinds import CALL_INDEX, SYMBL_ASYNC_REQUEST
from common.adapters.datastore.paging import run_page
from common.adapters.datastore.transactions import run_in_transaction
from common.model.aggregates import local_day
from common.model.job import request_id_of
from common.model.search.document import CallDocument, document_of, time_bounds, with_results
from common.model.search.plan import TimeRange

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from google.cloud import datastore

    from common.model.conversation import ConversationMetadata
    from common.model.intelligence import Rows
    from common.model.job import SymblAsyncRequest
    from common.model.search.plan import Branch, Token
    from common.model.search.results import Order
    from common.ports import CallKey


class DatastoreSearchIndex:
    """SearchIndex."""

    def __init__(self, client: datastore.Client) -> None:
        self._client = client

    def put(self, document: CallDocument) -> None:
        """Index a call, in place of what was known of it."""
        self._client.put(new_call(self._client, document))

    def rebuild(self, conversation: ConversationMetadata, results: Mapping[str, Rows]) -> bool:
        """Index a recording anew from what is stored of it, and count it for its day; False where it has no request."""
        request_key = SYMBL_ASYNC_REQUEST.key(self._client, request_id_of(conversation.id))
        day = local_day(conversation.started_at, conversation.timezone_offset).isoformat()

        def body(transaction: datastore.Transaction) -> bool:
            stored = self._client.get(request_key, transaction=transaction)
            if stored is None:
                return False
            before: SymblAsyncRequest = SYMBL_ASYNC_REQUEST.row_of(stored)
            request = before.of_call(started_at=conversation.started_at, day=day)
            keys = keys_of_call(self._client, request)
            read = {entity.key: entity for entity in self._client.get_multi(keys, transaction=transaction)}
            if request != before:
                transaction.put(SYMBL_ASYNC_REQUEST.entity(self._client, request.id, request))
            document = with_results(document_of(conversation), results)
            put_anew(self._client, transaction, read, request, document)
            return True

        return run_in_transaction(self._client, body)

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
        self, branches: Sequence[Branch], *, after: CallKey | None, limit: int
    ) -> list[tuple[CallKey, CallDocument]]:
        """The calls that one of the branches finds, the latest first."""
        query = self._query_of_any(branches, after=after)
        return [_opened(entity) for entity in query.fetch(limit=limit)]

    def open(self, keys: Sequence[CallKey]) -> list[tuple[CallKey, CallDocument]]:
        """Those of `keys` that exist, in that order: one lookup for each thousand."""
        entities = look_up(self._client, [CALL_INDEX.key(self._client, key) for key in keys])
        return sorted((_opened(entity) for entity in entities), key=lambda found: found[0])

    def fetch_sorted(
        self, tokens: Iterable[Token], order: Order, *, cursor: str | None, limit: int
    ) -> tuple[list[CallDocument], str | None]:
        """Calls that have all of some facets, in another order, and the cursor behind them if there are more."""
        query = self._query(tokens, TimeRange(), after=None)
        query.order = [f"-{order.column}" if order.descending else order.column]
        page = run_page(query, lambda entity: _opened(entity)[1], size=limit, cursor=cursor)
        return list(page.items), page.next_cursor

    def count(self, branches: Sequence[Branch], *, up_to: int) -> int:
        """How many calls one of the branches finds; no entity is read."""
        query = self._query_of_any(branches, after=None)
        aggregation = self._client.aggregation_query(query).count(alias="calls")
        result = next(iter(aggregation.fetch(limit=up_to)))
        return min(int(result[0].value), up_to)

    def _query_of_any(self, branches: Sequence[Branch], *, after: CallKey | None) -> datastore.Query:
        """One query, whatever the number of branches: Datastore merges alternatives in the order of keys."""
        if len(branches) == 1:
            return self._query(branches[0].walked, branches[0].time, after=after)
        query = self._client.query(kind=CALL_INDEX.name)
        query.add_filter(filter=Or([And(self._filters(one.walked, one.time, after=after)) for one in branches]))
        return query

    def _query(
        self, tokens: Iterable[Token], time: TimeRange, *, after: CallKey | None, until: CallKey | None = None
    ) -> datastore.Query:
        return self._client.query(kind=CALL_INDEX.name, filters=self._filters(tokens, time, after=after, until=until))

    def _filters(
        self, tokens: Iterable[Token], time: TimeRange, *, after: CallKey | None, until: CallKey | None = None
    ) -> list[PropertyFilter]:
        filters = [PropertyFilter("terms" if token.is_term else "facets", "=", token.text) for token in sorted(tokens)]
        first, end = time_bounds(time.since, time.until)
        if after is not None and (first is None or after >= first):
            filters.append(self._bound(">", after))
        elif first is not None:
            filters.append(self._bound(">=", first))
        if until is not None and (end is None or until < end):
            filters.append(self._bound("<=", until))
        elif end is not None:
            filters.append(self._bound("<", end))
        return filters

    def _bound(self, operator: str, name: CallKey) -> PropertyFilter:
        return PropertyFilter("__key__", operator, CALL_INDEX.key(self._client, name))


def _opened(entity: datastore.Entity) -> tuple[CallKey, CallDocument]:
    return entity.key.name, CallDocument.unpacked(entity["document"])
