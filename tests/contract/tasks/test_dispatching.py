"""The server at work by itself, over real HTTP and in real time: the clockwork of the other tests does run."""

from __future__ import annotations

import queue as queues
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from google.cloud import tasks_v2

from deploy.local.tasks import TasksServer
from tests.callee import Call, Callee, HttpCallee, ManualClock
from tests.contract.tasks.conftest import LOCATION, a_task, connected
from tests.fast_clock import FastClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.local.identity import Identity

NAME = f"{LOCATION}/queues/q"


@pytest.fixture
def busy_server(identity: Identity) -> Iterator[TasksServer]:
    """A server that dispatches by itself."""
    server = TasksServer(identity=identity)
    yield server
    server.stop()


@pytest.fixture
def busy_client(busy_server: TasksServer) -> tasks_v2.CloudTasksClient:
    return connected(busy_server.start())


def gone(server: TasksServer, timeout: float = 5.0) -> bool:
    """Whether all tasks are done in time: the server settles them after the callee has answered."""
    deadline = time.monotonic() + timeout
    while server.tasks() and time.monotonic() < deadline:
        time.sleep(0.005)
    return not server.tasks()


def test_a_task_goes_out_at_once_and_again_after_a_failure(
    busy_client: tasks_v2.CloudTasksClient, busy_server: TasksServer
) -> None:
    """Without anybody's doing; the retry after its back-off."""
    answers = [503]
    callee = HttpCallee(lambda _: answers.pop() if answers else 200)
    retry = tasks_v2.RetryConfig(min_backoff=timedelta(milliseconds=50), max_backoff=timedelta(milliseconds=50))
    busy_client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=NAME, retry_config=retry))
    busy_client.create_task(parent=NAME, task=a_task(url=callee.url, body=b"hello"))
    first, second = callee.wait_for(2)
    assert first.body == second.body == b"hello"
    eta = [float(c.headers["X-CloudTasks-TaskETA"]) for c in (first, second)]
    assert eta[1] - eta[0] >= 0.05
    assert gone(busy_server)
    callee.close()


def test_where_the_clock_is_fast_a_back_off_is_short(identity: Identity) -> None:
    """An hour of a clock that runs 180,000 times as fast takes 20 ms."""
    answers, clock = [503], FastClock(180_000)
    callee = HttpCallee(lambda _: answers.pop() if answers else 200)
    server = TasksServer(identity=identity, clock=clock, speed=clock.speed)
    client = connected(server.start())
    retry = tasks_v2.RetryConfig(min_backoff=timedelta(hours=1), max_backoff=timedelta(hours=1))
    client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=NAME, retry_config=retry))
    client.create_task(parent=NAME, task=a_task(url=callee.url))
    first, second = callee.wait_for(2)
    eta = [float(c.headers["X-CloudTasks-TaskETA"]) for c in (first, second)]
    assert eta[1] - eta[0] >= 3600
    assert gone(server)
    server.stop()
    callee.close()


def test_no_more_tasks_are_in_flight_than_the_queue_allows(
    busy_client: tasks_v2.CloudTasksClient, busy_server: TasksServer
) -> None:
    """Two at a time, and two indeed; the others wait for an answer, and other queues do not."""
    # Given a queue for two at a time with eight tasks, none of which is answered yet
    release = threading.Event()
    callee = HttpCallee(lambda call: 200 if call.url == "/probe" or release.wait(10) else 500)
    limits = tasks_v2.RateLimits(max_concurrent_dispatches=2)
    busy_client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=NAME, rate_limits=limits))
    busy_client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=f"{NAME}-2"))
    for _ in range(8):
        busy_client.create_task(parent=NAME, task=a_task(url=callee.url))
    callee.wait_for(2)
    # When the server takes a later task of another queue
    busy_client.create_task(parent=f"{NAME}-2", task=a_task(url=f"{callee.url}/probe"))
    calls = callee.wait_for(3)
    # Then it has passed over the six that are due longer
    assert [c.url for c in calls].count("/probe") == 1
    assert len(calls) == 3
    release.set()
    assert len(callee.wait_for(9)) == 9
    assert gone(busy_server)
    callee.close()


def test_an_idle_server_sleeps(identity: Identity) -> None:
    """Once the last task is done it does not look at the clock again and again."""
    looks = 0

    def counted() -> datetime:
        nonlocal looks
        looks += 1
        return datetime.now(UTC)

    callee = HttpCallee()
    server = TasksServer(identity=identity, clock=counted)
    client = connected(server.start())
    client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=NAME))
    client.create_task(parent=NAME, task=a_task(url=callee.url))
    assert gone(server)
    before = looks
    threading.Event().wait(0.05)
    assert looks - before < 10
    server.stop()
    callee.close()


def test_the_rate_holds_in_real_time(busy_client: tasks_v2.CloudTasksClient) -> None:
    """A burst of ten, then ten a second."""
    arrived: queues.Queue[float] = queues.Queue()

    def note(_: Call) -> int:
        arrived.put(time.monotonic())
        return 200

    callee = HttpCallee(note)
    limits = tasks_v2.RateLimits(max_dispatches_per_second=10)
    busy_client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=NAME, rate_limits=limits))
    for _ in range(14):
        busy_client.create_task(parent=NAME, task=a_task(url=callee.url))
    callee.wait_for(14)
    times = sorted(arrived.get() for _ in range(14))
    assert times[13] - times[0] >= 0.3
    callee.close()


def test_a_server_that_holds_its_tasks_can_be_told_to_begin(identity: Identity) -> None:
    """When the targets listen: what was held goes out at once."""
    callee = HttpCallee()
    server = TasksServer(identity=identity, dispatching=False)
    client = connected(server.start())
    client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=NAME))
    client.create_task(parent=NAME, task=a_task(url=callee.url))
    assert [t.dispatch_count for t in server.tasks()] == [0]
    server.start_dispatching()
    callee.wait_for(1)
    assert gone(server)
    server.stop()
    callee.close()


def test_stopping_does_not_wait_for_a_delivery_in_flight(identity: Identity) -> None:
    """Its task is delivered again at the next start."""
    release = threading.Event()
    callee = HttpCallee(lambda _: 200 if release.wait(5) else 500)
    server = TasksServer(identity=identity)
    client = connected(server.start())
    client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=NAME))
    client.create_task(parent=NAME, task=a_task(url=callee.url))
    callee.wait_for(1)
    started = time.monotonic()
    server.stop()
    assert time.monotonic() - started < 1
    release.set()
    callee.close()


def test_queues_tasks_and_taken_names_survive_a_restart(identity: Identity, tmp_path: Path) -> None:
    """The whole state is in the file."""
    clock, callee = ManualClock(), Callee(503)
    path = tmp_path / "state" / "tasks.db"
    first = TasksServer(path=path, identity=identity, clock=clock, dispatching=False, connect=callee.connect)
    client = connected(first.start())
    client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=NAME))
    client.create_task(parent=NAME, task=a_task(name=f"{NAME}/tasks/retried", body=b"1"))
    first.run_due(clock())
    client.create_task(parent=NAME, task=a_task(name=f"{NAME}/tasks/done"))
    first.run_due(clock())
    first.stop()

    second = TasksServer(path=path, identity=identity, clock=clock, dispatching=False, connect=callee.connect)
    client = connected(second.start())
    assert client.get_queue(name=NAME).name == NAME
    (task,) = second.tasks()
    assert (task.id, task.body, task.dispatch_count, task.last_status) == ("retried", b"1", 1, 503)
    for name in ("retried", "done"):
        with pytest.raises(Exception, match="exist"):
            client.create_task(parent=NAME, task=a_task(name=f"{NAME}/tasks/{name}"))
    second.stop()


def test_a_task_in_flight_when_the_server_is_killed_is_delivered_again(identity: Identity, tmp_path: Path) -> None:
    """`kill -9` in the middle of a delivery loses nothing: at least once."""
    # Given a server in a process of its own, whose target does not answer
    release = threading.Event()
    callee = HttpCallee(lambda _: 200 if release.wait(10) else 500)
    path = tmp_path / "tasks.db"
    victim = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(f"""
                import pathlib, threading
                from deploy.local.identity import Identity
                from deploy.local.tasks import TasksServer
                server = TasksServer(path=pathlib.Path({str(path)!r}), identity=Identity.create())
                print(server.start(), flush=True)
                threading.Event().wait()
            """),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert victim.stdout is not None
        client = connected(victim.stdout.readline().strip())
        client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=NAME))
        client.create_task(parent=NAME, task=a_task(name=f"{NAME}/tasks/a", url=callee.url, body=b"precious"))
        callee.wait_for(1)
        # When it is killed
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        release.set()
        # Then the next one delivers the task again, and says that it is not the first time
        server = TasksServer(path=path, identity=identity)
        server.start()
        _, again = callee.wait_for(2)
        assert again.body == b"precious"
        assert again.headers["X-CloudTasks-TaskRetryCount"] == "1"
        assert gone(server)
        server.stop()
    finally:
        victim.kill()
        victim.communicate()
        callee.close()


def test_a_file_of_another_version_is_refused(identity: Identity, tmp_path: Path) -> None:
    """With its name and the mend."""
    TasksServer(path=tmp_path / "tasks.db", identity=identity).stop()
    with sqlite3.connect(tmp_path / "tasks.db") as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(ValueError, match=r"tasks\.db has version 99, this server reads 1: remove the file"):
        TasksServer(path=tmp_path / "tasks.db", identity=identity)


def test_a_port_that_is_taken_is_an_error(identity: Identity) -> None:
    """And not shared with whoever has it."""
    first, second = TasksServer(identity=identity), TasksServer(identity=identity)
    port = int(first.start().rpartition(":")[2])
    with pytest.raises(OSError, match="choose another port"):
        second.start(port=port)
    first.stop()
    second.stop()
