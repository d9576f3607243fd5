"""The eight methods of google.datastore.v1.Datastore, from request to response message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.local.datastore import limits
from deploy.local.datastore.aggregation import run_aggregations, select_aggregated
from deploy.local.datastore.errors import aborted, failed_precondition, invalid
from deploy.local.datastore.masks import Mask
from deploy.local.datastore.mutations import Mutator, allocate_id
from deploy.local.datastore.query import check_partition, select
from deploy.local.datastore.results import Page, fill_partition, fill_result, run_query
from deploy.local.datastore.scan import Snapshot
from deploy.local.datastore.storage import entity_at, entity_now
from deploy.local.datastore.transactions import CONTENTION, QueryRead, Transaction, Transactions
from deploy.local.datastore.values import encode_path, timestamp_micros
from deploy.local.datastore.wire import (
    AllocateIdsRequest,
    AllocateIdsResponse,
    BeginTransactionRequest,
    BeginTransactionResponse,
    CommitRequest,
    CommitResponse,
    EntityResult,
    Key,
    LookupRequest,
    LookupResponse,
    ReadOptions,
    ReserveIdsRequest,
    ReserveIdsResponse,
    RollbackRequest,
    RollbackResponse,
    RunAggregationQueryRequest,
    RunAggregationQueryResponse,
    RunQueryRequest,
    RunQueryResponse,
    TransactionOptions,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable

    from deploy.local.datastore.indexes import CompositeIndex, IndexDefinitions
    from deploy.local.datastore.query import Selection
    from deploy.local.datastore.storage import Partition, Storage

_Request = LookupRequest | RunQueryRequest | RunAggregationQueryRequest | CommitRequest | AllocateIdsRequest


@dataclass(frozen=True)
class _Reading:
    """What state a request reads, and for whom."""

    version: int | None  #: None: the present
    transaction: Transaction | None
    begun: bytes  #: the id of a transaction that this request began, or nothing


class DatastoreService:
    """Answers requests; what it refuses, it raises as RefusedError."""

    def __init__(self, storage: Storage, indexes: IndexDefinitions | None, now: Callable[[], int]) -> None:
        """*now* tells microseconds since the epoch; without *indexes* none are required."""
        self._storage = storage
        self._indexes = indexes
        self._now = now
        self._transactions = Transactions(now)

    def lookup(self, request: LookupRequest) -> LookupResponse:
        """Entities by key, in order; what exceeds a response's size is deferred."""
        _check_request(request)
        limits.check_lookup_size(len(request.keys))
        wanted = {}
        for key in request.keys:
            limits.check_key(key, complete=True, reserved=True)
            wanted[self._partition_of(request, key), encode_path(key)] = key
        reading = self._reading(request, request.read_options)
        mask = Mask.of(request.property_mask) if request.HasField("property_mask") else None
        response = LookupResponse(transaction=reading.begun)
        response.read_time.FromMicroseconds(reading.version or self._storage.version)
        size = 0
        with self._storage.reading() as connection:
            for (partition, path), key in wanted.items():
                if size > limits.RESPONSE_BYTES:
                    response.deferred.append(key)
                    continue
                found = self._look_up(connection, reading, partition, path, response, mask)
                if not found:
                    missing = response.missing.add(version=reading.version or self._storage.version)  # type: ignore[attr-defined]  # a raw message
                    missing.entity.key.CopyFrom(key)
                    fill_partition(missing.entity.key, partition)
                else:
                    size += response.found[-1].ByteSize()
        return response

    def run_query(self, request: RunQueryRequest) -> RunQueryResponse:
        """One batch of a query's results."""
        _check_request(request)
        if request.WhichOneof("query_type") == "gql_query":
            raise invalid("GQL is not supported by the local Datastore: send a structured query.")
        if request.WhichOneof("query_type") is None:
            raise invalid("one of fields Query.query and Query.gql_query must be set")
        partition = self._query_partition(request)
        selection = select(request.query, partition)
        self._require_indexes(selection)
        page = Page.of(request.query)
        mask = Mask.of(request.property_mask) if request.HasField("property_mask") else None
        if mask is not None and not selection.full_entities:
            raise invalid("The property mask must not be set for a projection query.")
        response = RunQueryResponse()
        if request.HasField("explain_options"):
            response.explain_metrics.plan_summary.SetInParent()
            if not request.explain_options.analyze:
                return response
        reading = self._reading(request, request.read_options)
        response.transaction = reading.begun
        with self._storage.reading() as connection:
            snapshot = Snapshot(self._storage, connection, reading.version)
            batch, last = run_query(snapshot, selection, page, mask)
        response.batch.CopyFrom(batch)
        response.batch.read_time.FromMicroseconds(reading.version or self._storage.version)
        response.batch.snapshot_version = reading.version or self._storage.version
        if request.HasField("explain_options"):
            response.explain_metrics.execution_stats.results_returned = len(batch.entity_results)
        if reading.transaction is not None:
            reading.transaction.saw_rows(QueryRead(selection, last, content=selection.full_entities))
        return response

    def run_aggregation_query(self, request: RunAggregationQueryRequest) -> RunAggregationQueryResponse:
        """Counts, sums and averages over one query."""
        _check_request(request)
        if request.WhichOneof("query_type") == "gql_query":
            raise invalid("GQL is not supported by the local Datastore: send a structured query.")
        query = request.aggregation_query
        selection = select_aggregated(query, self._query_partition(request))
        self._require_indexes(selection)
        page = Page.of(query.nested_query)
        response = RunAggregationQueryResponse()
        if request.HasField("explain_options"):
            response.explain_metrics.plan_summary.SetInParent()
            if not request.explain_options.analyze:
                return response
        reading = self._reading(request, request.read_options)
        response.transaction = reading.begun
        with self._storage.reading() as connection:
            snapshot = Snapshot(self._storage, connection, reading.version)
            response.batch.CopyFrom(run_aggregations(snapshot, selection, page, query))
        response.batch.read_time.FromMicroseconds(reading.version or self._storage.version)
        if reading.transaction is not None:
            reading.transaction.saw_rows(QueryRead(selection, None, content=False))
        return response

    def begin_transaction(self, request: BeginTransactionRequest) -> BeginTransactionResponse:
        """Begin a transaction that reads the present state, or an earlier one if it is read-only."""
        _check_database(request.project_id, request.database_id)
        options = request.transaction_options
        return BeginTransactionResponse(transaction=self._begin(request.project_id, request.database_id, options).id)

    def commit(self, request: CommitRequest) -> CommitResponse:
        """Apply mutations, all or none; inside a transaction, only if nothing it read has changed."""
        _check_request(request)
        transaction = self._committing(request)
        if transaction is not None:
            self._transactions.end(transaction)  # whatever comes of it
        if transaction is not None and transaction.read_only:
            if request.mutations:
                raise invalid("Cannot modify entities in a read-only transaction.")
            return CommitResponse()
        response = CommitResponse()
        if not request.mutations:
            response.commit_time.FromMicroseconds(self._storage.version)
            if transaction is None:
                return response
        with self._storage.writing(self._now()) as write:
            if transaction is not None:
                transaction.check_unchanged(write.connection, self._storage)
            mutator = Mutator(
                write,
                lambda key: self._partition_of(request, key),
                self._composites,
                transactional=request.mode != CommitRequest.NON_TRANSACTIONAL,
            )
            response.mutation_results.extend(mutator.apply(mutation) for mutation in request.mutations)
            response.index_updates = mutator.finish()
        response.commit_time.FromMicroseconds(write.version)
        return response

    def rollback(self, request: RollbackRequest) -> RollbackResponse:
        """End a transaction without effect."""
        _check_database(request.project_id, request.database_id)
        self._transactions.roll_back(request.transaction, request.project_id, request.database_id)
        return RollbackResponse()

    def allocate_ids(self, request: AllocateIdsRequest) -> AllocateIdsResponse:
        """Complete keys with ids that nobody else gets."""
        _check_request(request)
        response = AllocateIdsResponse()
        with self._storage.writing(self._now()) as write:
            for key in request.keys:
                partition = self._partition_of(request, key)
                completed = allocate_id(write.connection, partition, key)
                fill_partition(completed, partition)
                write.reserve(partition, encode_path(completed))
                response.keys.append(completed)
        return response

    def reserve_ids(self, request: ReserveIdsRequest) -> ReserveIdsResponse:
        """Never allocate these ids."""
        _check_request(request)
        with self._storage.writing(self._now()) as write:
            for key in request.keys:
                limits.check_key(key, complete=True)
                write.reserve(self._partition_of(request, key), encode_path(key))
        return ReserveIdsResponse()

    def reset(self, project: str | None) -> None:
        """Forget everything, or everything of *project*."""
        self._transactions.end_all(project)
        self._storage.reset(project)

    def _look_up(
        self,
        connection: sqlite3.Connection,
        reading: _Reading,
        partition: Partition,
        path: bytes,
        response: LookupResponse,
        mask: Mask | None,
    ) -> EntityResult | None:
        if reading.transaction is not None:
            reading.transaction.saw_key(partition, path)
        if reading.version is None:
            stored = entity_now(connection, partition, path)
        else:
            stored = entity_at(connection, partition, path, reading.version)
        if stored is None:
            return None
        result: EntityResult = response.found.add()  # type: ignore[attr-defined]  # a raw message
        fill_result(result, stored, mask)
        return result

    def _reading(self, request: _Request, options: ReadOptions) -> _Reading:
        project, database = request.project_id, request.database_id
        consistency = options.WhichOneof("consistency_type")
        if consistency == "transaction":
            transaction = self._transactions.use(options.transaction, project, database)
            if transaction.snapshot < self._storage.horizon:
                raise aborted(CONTENTION)  # the state it reads was forgotten, for lack of room
            return _Reading(transaction.snapshot, transaction, b"")
        if consistency == "new_transaction":
            transaction = self._begin(project, database, options.new_transaction)
            return _Reading(transaction.snapshot, transaction, transaction.id)
        if consistency == "read_time":
            return _Reading(self._past(timestamp_micros(options.read_time)), None, b"")
        return _Reading(None, None, b"")

    def _begin(self, project: str, database: str, options: TransactionOptions) -> Transaction:
        read_only = options.WhichOneof("mode") == "read_only"
        snapshot = self._storage.version
        if read_only and options.read_only.HasField("read_time"):
            snapshot = self._past(timestamp_micros(options.read_only.read_time))
        return self._transactions.begin(project, database, snapshot, read_only=read_only)

    def _past(self, read_time: int) -> int:
        """The version to read at a time.

        Raises:
            RefusedError: the time lies in the future, or too far back for its state to be known.
        """
        if read_time > max(self._now(), self._storage.version):
            raise invalid("The requested 'read_time' cannot be in the future.")
        if read_time < self._storage.oldest_readable(self._now()):
            raise failed_precondition("The requested 'read_time' is too old.")
        return read_time

    def _committing(self, request: CommitRequest) -> Transaction | None:
        selector = request.WhichOneof("transaction_selector")
        if request.mode == CommitRequest.NON_TRANSACTIONAL:
            if selector is not None:
                raise invalid("A non-transactional commit must not name a transaction.")
            return None
        if selector == "transaction":
            return self._transactions.use(request.transaction, request.project_id, request.database_id)
        if selector == "single_use_transaction":
            if request.single_use_transaction.WhichOneof("mode") == "read_only":
                raise invalid("Cannot modify entities in a read-only transaction.")
            return None
        raise invalid("transactional commit requires a transaction")

    def _composites(self, kind: str) -> Iterable[CompositeIndex]:
        return self._indexes.of_kind(kind) if self._indexes is not None else ()

    def _require_indexes(self, selection: Selection) -> None:
        missing = self._indexes.missing_for(selection.needs) if self._indexes is not None else None
        if missing is not None:
            raise failed_precondition(f"no matching index found. recommended index is:\n{missing.as_yaml()}\n")

    def _query_partition(self, request: RunQueryRequest | RunAggregationQueryRequest) -> Partition:
        given = request.partition_id
        if (given.project_id or request.project_id, given.database_id or request.database_id) != (
            request.project_id,
            request.database_id,
        ):
            raise invalid("mismatched databases within request: the partition is not of the request's database.")
        return self._storage.partition(request.project_id, request.database_id, given.namespace_id)

    def _partition_of(self, request: _Request, key: Key) -> Partition:
        partition = self._storage.partition(request.project_id, request.database_id, key.partition_id.namespace_id)
        check_partition(key, partition)
        return partition


def _check_request(request: _Request) -> None:
    limits.check_request_size(request.ByteSize())
    _check_database(request.project_id, request.database_id)


def _check_database(project: str, database: str) -> None:
    if not project:
        raise invalid("The project_id is the empty string.")
    if database == "(default)":
        raise invalid('"(default)" is an invalid database id.')
