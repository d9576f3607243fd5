from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from google.cloud.storage import Bucket, Client

from deploy.local.storage import StorageServer
from tests.callee import Callee, ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deploy.local.identity import Identity

BUCKET = "recordings"
INGEST = "http://functions/ingest_recording"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def callee() -> Callee:
    return Callee()


@pytest.fixture
def make_server(
    identity: Identity, clock: ManualClock, callee: Callee, tmp_path: Path
) -> Iterator[Callable[[], StorageServer]]:
    """Makes servers, one after the other, of the same files: they deliver nothing by themselves."""
    servers = []

    def make() -> StorageServer:
        server = StorageServer(
            root=tmp_path / "objects",
            events=tmp_path / "events.db",
            buckets=[BUCKET],
            project="local",
            deliver_to=INGEST,
            identity=identity,
            deliver=False,
            clock=clock,
            connect=callee.connect,
        )
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def server(make_server: Callable[[], StorageServer]) -> StorageServer:
    return make_server()


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Bucket]:
    """Google's own client, pointed at a server as the product is: by the environment."""

    def to(url: str) -> Bucket:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "local")
        return Client().bucket(BUCKET)

    return to


@pytest.fixture
def url(server: StorageServer) -> str:
    return server.start()


@pytest.fixture
def bucket(url: str, connect: Callable[[str], Bucket]) -> Bucket:
    return connect(url)
