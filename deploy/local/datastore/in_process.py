"""Google's client on a channel that is a function call.

Requests and responses are serialised all the same, so neither side ever sees the other's objects.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Never, Self

import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud import datastore
from google.cloud.datastore_v1.services.datastore import DatastoreClient
from google.cloud.datastore_v1.services.datastore.transports import DatastoreGrpcTransport

from deploy.local.datastore.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    Call = Callable[[str, bytes], bytes]
    """Answers the request of a method's name; raises RefusedError."""


def connect(call: Call, project: str, database: str | None) -> datastore.Client:
    """A client of *project* whose every request goes to *call*."""
    # The client takes no credentials where it is pointed at an emulator, and asks for them anywhere else.
    emulated = datastore.client.DATASTORE_EMULATOR_HOST in os.environ
    client = datastore.Client(
        project=project, database=database, credentials=None if emulated else AnonymousCredentials()
    )
    client._datastore_api_internal = DatastoreClient(  # noqa: SLF001 the place where it would put its own
        transport=DatastoreGrpcTransport(channel=_Channel(call))
    )
    return client


class _RpcError(grpc.RpcError):
    """A refusal in the shape in which a channel reports it."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self._code = code
        self._details = details

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details

    def trailing_metadata(self) -> tuple[()]:
        return ()

    def result(self) -> Never:
        raise self


class _Method(grpc.UnaryUnaryMultiCallable):  # type: ignore[type-arg]  # generic in the stubs alone
    def __init__(
        self, call: Call, name: str, serialize: Callable[[Any], bytes], deserialize: Callable[[bytes], Any]
    ) -> None:
        self._call = call
        self._name = name
        self._serialize = serialize
        self._deserialize = deserialize

    def __call__(self, request: Any, *_: object, **__: object) -> Any:  # noqa: ANN401 any message
        try:
            return self._deserialize(self._call(self._name, self._serialize(request)))
        except RefusedError as refused:
            raise _RpcError(refused.code, refused.details) from None

    def with_call(self, request: Any, *_: object, **__: object) -> Any:  # noqa: ANN401 any message
        return self(request), None

    def future(self, *_: object, **__: object) -> Never:
        raise NotImplementedError("calls past the socket are synchronous")


class _Channel(grpc.Channel):
    def __init__(self, call: Call) -> None:
        self._call = call

    def unary_unary(self, method: str, request_serializer: Any, response_deserializer: Any, *_: object) -> Any:  # type: ignore[override]  # noqa: ANN401 gRPC's own looseness
        return _Method(self._call, method.rpartition("/")[2], request_serializer, response_deserializer)

    def close(self) -> None:
        """Nothing is open."""

    def subscribe(self, *_: object, **__: object) -> None:
        """The connection never changes."""

    def unsubscribe(self, *_: object, **__: object) -> None:
        """See `subscribe`."""

    def unary_stream(self, *_: object, **__: object) -> Never:
        raise NotImplementedError("Datastore has no streaming methods")

    stream_unary = stream_stream = unary_stream

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
