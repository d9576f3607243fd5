"""Faults of the embedded Datastore, what is asked of it, and what is written into it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from deploy.local.datastore import wire
from deploy.local.datastore.server import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.local.datastore import DatastoreServer


@contextlib.contextmanager
def refusing(server: DatastoreServer, method: str) -> Iterator[None]:
    """Each call of `method` (run_query, lookup, commit ...) fails while this lasts, as if the server were broken."""
    service = server._service

    def broken(_: object) -> object:
        raise RuntimeError(f"{method} is out of order")

    setattr(service, method, broken)
    try:
        yield
    finally:
        delattr(service, method)


@contextlib.contextmanager
def noted(server: DatastoreServer) -> Iterator[list[str]]:
    """The names of the calls that reach it while this lasts, in order."""
    service = server._service
    names: list[str] = []

    def noting(name: str, call: Callable[[object], object]) -> Callable[[object], object]:
        def asked(request: object) -> object:
            names.append(name)
            return call(request)

        return asked

    methods = [name for name, _, _ in METHODS.values()]
    for name in methods:
        setattr(service, name, noting(name, getattr(service, name)))
    try:
        yield names
    finally:
        for name in methods:
            delattr(service, name)


@contextlib.contextmanager
def written(server: DatastoreServer) -> Iterator[wire.CommitRequest]:
    """What is committed while this lasts, as one commit that writes each entity as it stood at last."""
    service = server._service
    commit = service.commit
    entities: dict[bytes, wire.Mutation] = {}
    whole = wire.CommitRequest(mode=wire.CommitRequest.NON_TRANSACTIONAL)

    def noting(request: wire.CommitRequest) -> wire.CommitResponse:
        whole.project_id, whole.database_id = request.project_id, request.database_id
        for mutation in request.mutations:
            change = str(mutation.WhichOneof("operation"))
            assert change != "delete", "what is deleted cannot be written again"
            entity = getattr(mutation, change)
            entities[entity.key.SerializeToString()] = wire.Mutation(upsert=entity)
        return commit(request)

    setattr(service, "commit", noting)  # noqa: B010  # for a while
    try:
        yield whole
    finally:
        delattr(service, "commit")
    whole.mutations.extend(entities.values())
