"""Faults of the embedded Datastore, and what is asked of it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

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
