"""What is written into the embedded Datastore, kept to be written again without being made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.local.datastore import wire
from deploy.local.datastore.in_process import connect
from tests.conftest import PROJECT

if TYPE_CHECKING:
    from deploy.local.datastore import DatastoreServer


class Writes:
    """Notes what its client commits."""

    def __init__(self, server: DatastoreServer) -> None:
        self._server = server
        self._entities: dict[bytes, wire.Entity] = {}
        self.client = connect(self._call, PROJECT, None)  #: Google's, past the socket

    def as_one(self) -> bytes:
        """A commit, for `DatastoreServer.call`, that writes each entity as it stood at last."""
        mutations = [wire.Mutation(upsert=entity) for entity in self._entities.values()]
        mode = wire.CommitRequest.NON_TRANSACTIONAL
        return wire.CommitRequest(project_id=PROJECT, mode=mode, mutations=mutations).SerializeToString()

    def _call(self, method: str, request: bytes) -> bytes:
        answer = self._server.call(method, request)
        if method == "Commit":
            for mutation in wire.CommitRequest.FromString(request).mutations:
                change = str(mutation.WhichOneof("operation"))
                assert change != "delete", "what is deleted cannot be written again"
                entity = getattr(mutation, change)
                self._entities[entity.key.SerializeToString()] = entity
        return answer
