from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from deploy.local.datastore import DatastoreServer
from tests.contract.datastore.backends import connect, fresh_project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.cloud.datastore import Client

SOCKET, IN_PROCESS, GOOGLE = "socket", "in_process", "google"


class ManualClock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture(autouse=True)
def _no_emulator_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients here are told where to go."""
    monkeypatch.delenv("DATASTORE_EMULATOR_HOST", raising=False)


@pytest.fixture(scope="session")
def embedded() -> Iterator[DatastoreServer]:
    with DatastoreServer() as server:
        yield server


@pytest.fixture(scope="session")
def embedded_address(embedded: DatastoreServer) -> str:
    return embedded.start()


@pytest.fixture(params=[SOCKET, IN_PROCESS, pytest.param(GOOGLE, marks=pytest.mark.google)])
def backend(request: pytest.FixtureRequest) -> str:
    """Which server keeps the contract in this run of the test."""
    name: str = request.param
    return name


@pytest.fixture
def client(backend: str, request: pytest.FixtureRequest) -> Client:
    """A client of an empty project."""
    if backend == IN_PROCESS:
        server: DatastoreServer = request.getfixturevalue("embedded")
        return server.in_process_client(fresh_project())
    address = request.getfixturevalue("embedded_address" if backend == SOCKET else "google_address")
    return connect(address, fresh_project())


@pytest.fixture
def google_client(google_address: str) -> Client:
    return connect(google_address, fresh_project())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def server(clock: ManualClock) -> Iterator[DatastoreServer]:
    """An embedded server of the test's own, whose time is *clock*."""
    with DatastoreServer(clock=clock) as own:
        yield own


@pytest.fixture
def local(server: DatastoreServer) -> Client:
    """A client of *server*, past the socket."""
    return server.in_process_client("local")
