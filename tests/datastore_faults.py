"""Faults of the embedded Datastore."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

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
