"""What survives: a restart, a killed process, years of small changes."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from google.api_core import exceptions

from deploy.local.datastore import DatastoreServer
from deploy.local.datastore.storage import InUseError, SchemaError
from tests.contract.datastore.asking import KIND, count, names, thing
from tests.contract.datastore.backends import connect

if TYPE_CHECKING:
    from google.cloud.datastore import Client

    from tests.contract.datastore.conftest import ManualClock

ROOT = Path(__file__).parents[3]

WRITER = """
import sys
from pathlib import Path
from google.cloud import datastore
from deploy.local.datastore import DatastoreServer

client = DatastoreServer(path=Path(sys.argv[1])).in_process_client("local")
for number in range(1, 100_000):
    with client.transaction() as transaction:
        for half in ("left", "right"):
            made = datastore.Entity(client.key("Thing", f"{number}-{half}"))
            made["number"] = number
            transaction.put(made)
    print(number, flush=True)
"""


def test_readers_see_whole_commits(tmp_path: Path) -> None:
    """Many threads read a file while one writes to it: pairs are always whole, in queries and look-ups."""
    done = threading.Event()
    torn: list[list[int]] = []

    def read(client: Client) -> None:
        keys = [client.key(KIND, name) for name in ("left", "right")]
        while not done.is_set():
            for found in (list(client.query(kind=KIND).fetch()), client.get_multi(keys)):
                numbers = [one["x"] for one in found]
                if len(set(numbers)) > 1:
                    torn.append(numbers)

    with DatastoreServer(path=tmp_path / "data.sqlite3") as server:
        address = server.start()
        readers = [threading.Thread(target=read, args=(connect(address, "local"),)) for _ in range(3)]
        for reader in readers:
            reader.start()
        writer = connect(address, "local")
        for x in range(60):
            writer.put_multi([thing(writer, "left", x=x), thing(writer, "right", x=x)])
        done.set()
        for reader in readers:
            reader.join()

    assert torn == []


def test_a_restart_keeps_everything(tmp_path: Path) -> None:
    """Entities, their versions and times, and the index entries."""
    path = tmp_path / "data.sqlite3"
    with DatastoreServer(path=path) as server:
        client = server.in_process_client("local", "calls")
        client.put_multi([thing(client, name, x=at) for at, name in enumerate("ab")])

    with DatastoreServer(path=path) as server:
        client = server.in_process_client("local", "calls")
        client.put(thing(client, "c", x=2))
        assert names(client, ("x", ">", 0), order=["-x"]) == ["c", "b"]


def test_a_killed_process_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    """After kill -9 in the midst of commits, every acknowledged one is there, and none by half."""
    path = tmp_path / "data.sqlite3"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(40)][-1]
        process.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *map(int, process.stdout.read().split())])

    with DatastoreServer(path=path) as server:
        client = server.in_process_client("local")
        found = names(client, ("number", ">", 0))

    assert {f"{number}-{half}" for number in range(1, acknowledged + 1) for half in ("left", "right")} <= set(found)
    assert len(found) in {2 * acknowledged, 2 * acknowledged + 2}
    assert sum(name.endswith("left") for name in found) * 2 == len(found)


def test_the_past_is_forgotten_after_an_hour(local: Client, server: DatastoreServer, clock: ManualClock) -> None:
    """History is bounded: what was replaced long ago takes no room, and cannot be read."""
    long_ago = clock.now
    for at in range(300):
        local.put(thing(local, "a", x=at))
    clock.advance(hours=2)
    for at in range(300):
        local.put(thing(local, "a", x=1000 + at))

    with server._storage.reading() as connection:
        (kept,) = connection.execute("SELECT count(*) FROM history").fetchone()

    assert kept <= 300
    with pytest.raises(exceptions.FailedPrecondition, match="too old"):
        local.get(local.key(KIND, "a"), read_time=long_ago)
    assert local.get(local.key(KIND, "a"))["x"] == 1299


def test_the_future_cannot_be_read(local: Client) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="future"):
        local.get(local.key(KIND, "a"), read_time=datetime(2090, 1, 1, tzinfo=UTC))


def test_another_programs_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite3"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE t (x)")

    with pytest.raises(SchemaError, match="choose another path"):
        DatastoreServer(path=path)


def test_a_file_has_one_server(tmp_path: Path) -> None:
    """A second one is refused while the first runs, and welcome after it."""
    path = tmp_path / "data.sqlite3"
    with DatastoreServer(path=path), pytest.raises(InUseError, match="in use by another"):
        DatastoreServer(path=path)

    DatastoreServer(path=path).stop()


def test_another_schema_version_is_refused(tmp_path: Path) -> None:
    """The message names both versions and the ways out."""
    path = tmp_path / "data.sqlite3"
    DatastoreServer(path=path).stop()
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA user_version = 99")

    with pytest.raises(SchemaError, match="schema version 99"):
        DatastoreServer(path=path)


def test_a_reset_of_many_is_quick(local: Client, server: DatastoreServer) -> None:
    local.put_multi([thing(local, at, x=at, y=[at, -at]) for at in range(1, 501)])

    began = time.perf_counter()
    server.reset()

    assert time.perf_counter() - began < 0.2
    assert count(local) == 0


def test_stopping_is_quick() -> None:
    server = DatastoreServer()
    server.start()

    began = time.perf_counter()
    server.stop()

    assert time.perf_counter() - began < 0.5


def test_the_module_runs_alone(tmp_path: Path) -> None:
    """It tells its address, stops at SIGTERM, and says in one line that a port is taken."""
    command = [sys.executable, "-m", "deploy.local.datastore", "--path", str(tmp_path / "new" / "data.sqlite3")]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused = subprocess.run([*command, "--port", port], cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert refused.stderr == f"127.0.0.1:{port} is taken: choose another port with --port, or 0 for any free one.\n"

    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*command, "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("export DATASTORE_EMULATOR_HOST=127.0.0.1:")
        process.terminate()
        assert process.wait(10) == 0
