"""The server: its life cycle, its gRPC side, and the same service past the socket."""

from __future__ import annotations

import logging
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

import grpc

from deploy.local.datastore import wire
from deploy.local.datastore.errors import RefusedError
from deploy.local.datastore.in_process import connect
from deploy.local.datastore.service import DatastoreService
from deploy.local.datastore.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from google.cloud import datastore

    from deploy.local.datastore.indexes import IndexDefinitions

logger = logging.getLogger(__name__)

SERVICE: Final = "google.datastore.v1.Datastore"
_THREADS: Final = 16
_GRACE_SECONDS: Final = 0.2
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Method = tuple[str, Any, Any]
"""A method of `DatastoreService`, with the message classes of its request and response."""

METHODS: Final[dict[str, Method]] = {
    "Lookup": ("lookup", wire.LookupRequest, wire.LookupResponse),
    "RunQuery": ("run_query", wire.RunQueryRequest, wire.RunQueryResponse),
    "RunAggregationQuery": (
        "run_aggregation_query",
        wire.RunAggregationQueryRequest,
        wire.RunAggregationQueryResponse,
    ),
    "BeginTransaction": ("begin_transaction", wire.BeginTransactionRequest, wire.BeginTransactionResponse),
    "Commit": ("commit", wire.CommitRequest, wire.CommitResponse),
    "Rollback": ("rollback", wire.RollbackRequest, wire.RollbackResponse),
    "AllocateIds": ("allocate_ids", wire.AllocateIdsRequest, wire.AllocateIdsResponse),
    "ReserveIds": ("reserve_ids", wire.ReserveIdsRequest, wire.ReserveIdsResponse),
}


class PortTakenError(Exception):
    """Something else listens where the server should."""


def _check_free(host: str, port: int) -> None:
    """Ask before gRPC does: it would also complain on stderr, at length."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError as error:
            raise PortTakenError(f"{host}:{port} is taken") from error


def _utc_now() -> datetime:
    return datetime.now(UTC)


class DatastoreServer:
    """An embedded Datastore: open from its construction until `stop`, on a socket from `start` on."""

    def __init__(
        self,
        *,
        path: Path | None = None,
        indexes: IndexDefinitions | None = None,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        """Keep data in the file *path*, or in memory; require composite *indexes*, or none at all.

        Raises:
            InUseError: another server has the file open.
            SchemaError: the file belongs to another program or an incompatible version.
        """
        self._storage = Storage(path)
        self._service = DatastoreService(self._storage, indexes, now=lambda: (clock() - _EPOCH) // datetime.resolution)
        self._server: grpc.Server | None = None

    def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen, on a free port by default; the address is what `DATASTORE_EMULATOR_HOST` takes.

        Raises:
            PortTakenError: something else listens there.
        """
        _check_free(host, port)
        server = grpc.server(
            ThreadPoolExecutor(_THREADS, thread_name_prefix="datastore"),
            options=[
                (
                    "grpc.max_receive_message_length",
                    -1,
                ),  # the service itself refuses what is over 10 MiB, in plain words
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),
            ],
        )
        server.add_generic_rpc_handlers((self._handlers(),))
        bound = server.add_insecure_port(f"{host}:{port}")
        server.start()
        self._server = server
        return f"{host}:{bound}"

    def stop(self) -> None:
        """Stop listening and close the database; requests under way get a moment to finish."""
        if self._server is not None:
            self._server.stop(_GRACE_SECONDS).wait()
            self._server = None
        self._storage.close()

    def reset(self, project: str | None = None) -> None:
        """Forget all entities and transactions, or those of *project*."""
        self._service.reset(project)

    def call(self, method: str, request: bytes) -> bytes:
        """Answer a method of the API by its name ("Lookup", "Commit" ...), past the socket: message in, message out.

        Raises:
            RefusedError: as the API refuses it.
        """
        name, request_class, _ = METHODS[method]
        response: bytes = getattr(self._service, name)(request_class.FromString(request)).SerializeToString()
        return response

    def in_process_client(self, project: str, database: str | None = None) -> datastore.Client:
        """Google's own client, calling this server past the socket: same answers, same errors, many times as fast."""
        return connect(self.call, project, database)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _handlers(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                name: grpc.unary_unary_rpc_method_handler(
                    self._behaviour(method),
                    request_deserializer=method[1].FromString,
                    response_serializer=method[2].SerializeToString,
                )
                for name, method in METHODS.items()
            },
        )

    def _behaviour(self, method: Method) -> Callable[[Any, grpc.ServicerContext], Any]:
        def answer(request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ANN401 any message
            try:
                return getattr(self._service, method[0])(request)
            except RefusedError as refused:
                context.abort(refused.code, refused.details)
            except Exception:
                logger.exception("%s failed", method[0])
                context.abort(grpc.StatusCode.INTERNAL, f"{method[0]} failed: see the server's log.")

        return answer
