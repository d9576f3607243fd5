"""The messages of google.datastore.v1 as raw protobuf classes.

The client's own classes wrap these in proto-plus, which is several times slower; a type checker sees the wrappers,
because they carry the field types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.cloud.datastore_v1.types import aggregation_result as _aggregation
from google.cloud.datastore_v1.types import datastore as _datastore
from google.cloud.datastore_v1.types import entity as _entity
from google.cloud.datastore_v1.types import query as _query
from google.cloud.datastore_v1.types import query_profile as _profile

if TYPE_CHECKING:
    from google.cloud.datastore_v1.types.aggregation_result import AggregationResultBatch
    from google.cloud.datastore_v1.types.datastore import (
        AllocateIdsRequest,
        AllocateIdsResponse,
        BeginTransactionRequest,
        BeginTransactionResponse,
        CommitRequest,
        CommitResponse,
        LookupRequest,
        LookupResponse,
        Mutation,
        MutationResult,
        PropertyMask,
        PropertyTransform,
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
    from google.cloud.datastore_v1.types.entity import Entity, Key, Value
    from google.cloud.datastore_v1.types.query import (
        AggregationQuery,
        CompositeFilter,
        EntityResult,
        Filter,
        PropertyFilter,
        PropertyOrder,
        Query,
        QueryResultBatch,
    )
    from google.cloud.datastore_v1.types.query_profile import ExplainMetrics
else:
    AggregationResultBatch = _aggregation.AggregationResultBatch.pb()
    AllocateIdsRequest = _datastore.AllocateIdsRequest.pb()
    AllocateIdsResponse = _datastore.AllocateIdsResponse.pb()
    BeginTransactionRequest = _datastore.BeginTransactionRequest.pb()
    BeginTransactionResponse = _datastore.BeginTransactionResponse.pb()
    CommitRequest = _datastore.CommitRequest.pb()
    CommitResponse = _datastore.CommitResponse.pb()
    LookupRequest = _datastore.LookupRequest.pb()
    LookupResponse = _datastore.LookupResponse.pb()
    Mutation = _datastore.Mutation.pb()
    MutationResult = _datastore.MutationResult.pb()
    PropertyMask = _datastore.PropertyMask.pb()
    PropertyTransform = _datastore.PropertyTransform.pb()
    ReadOptions = _datastore.ReadOptions.pb()
    ReserveIdsRequest = _datastore.ReserveIdsRequest.pb()
    ReserveIdsResponse = _datastore.ReserveIdsResponse.pb()
    RollbackRequest = _datastore.RollbackRequest.pb()
    RollbackResponse = _datastore.RollbackResponse.pb()
    RunAggregationQueryRequest = _datastore.RunAggregationQueryRequest.pb()
    RunAggregationQueryResponse = _datastore.RunAggregationQueryResponse.pb()
    RunQueryRequest = _datastore.RunQueryRequest.pb()
    RunQueryResponse = _datastore.RunQueryResponse.pb()
    TransactionOptions = _datastore.TransactionOptions.pb()
    Entity = _entity.Entity.pb()
    Key = _entity.Key.pb()
    Value = _entity.Value.pb()
    AggregationQuery = _query.AggregationQuery.pb()
    CompositeFilter = _query.CompositeFilter.pb()
    EntityResult = _query.EntityResult.pb()
    Filter = _query.Filter.pb()
    PropertyFilter = _query.PropertyFilter.pb()
    PropertyOrder = _query.PropertyOrder.pb()
    Query = _query.Query.pb()
    QueryResultBatch = _query.QueryResultBatch.pb()
    ExplainMetrics = _profile.ExplainMetrics.pb()

__all__ = [
    "AggregationQuery",
    "AggregationResultBatch",
    "AllocateIdsRequest",
    "AllocateIdsResponse",
    "BeginTransactionRequest",
    "BeginTransactionResponse",
    "CommitRequest",
    "CommitResponse",
    "CompositeFilter",
    "Entity",
    "EntityResult",
    "ExplainMetrics",
    "Filter",
    "Key",
    "LookupRequest",
    "LookupResponse",
    "Mutation",
    "MutationResult",
    "PropertyFilter",
    "PropertyMask",
    "PropertyOrder",
    "PropertyTransform",
    "Query",
    "QueryResultBatch",
    "ReadOptions",
    "ReserveIdsRequest",
    "ReserveIdsResponse",
    "RollbackRequest",
    "RollbackResponse",
    "RunAggregationQueryRequest",
    "RunAggregationQueryResponse",
    "RunQueryRequest",
    "RunQueryResponse",
    "TransactionOptions",
    "Value",
]
