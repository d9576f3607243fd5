from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import grpc
import pytest
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from deploy.local.tasks import TasksServer
from tests.callee import Callee, ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.local.identity import Identity

LOCATION: Final = "projects/local/locations/europe-west1"


def connected(address: str) -> tasks_v2.CloudTasksClient:
    """Google's own client, on the wire."""
    return tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=grpc.insecure_channel(address)))


def a_task(*, name: str = "", url: str = "http://f/submit", **fields: Any) -> tasks_v2.Task:
    """A task that POSTs to *url*; request fields and task fields may both be given."""
    task_fields = {k: fields.pop(k) for k in ("schedule_time", "dispatch_deadline", "retry_config") if k in fields}
    return tasks_v2.Task(name=name, http_request=tasks_v2.HttpRequest(url=url, **fields), **task_fields)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def callee() -> Callee:
    return Callee()


@pytest.fixture
def server(identity: Identity, clock: ManualClock, callee: Callee) -> Iterator[TasksServer]:
    """A server that dispatches nothing by itself, in a time that stands still."""
    server = TasksServer(identity=identity, clock=clock, dispatching=False, connect=callee.connect)
    yield server
    server.stop()


@pytest.fixture
def client(server: TasksServer) -> tasks_v2.CloudTasksClient:
    return connected(server.start())


@pytest.fixture
def make_queue(client: tasks_v2.CloudTasksClient) -> Callable[..., str]:
    """Creates a queue and returns its full name."""

    def make(
        queue_id: str = "q",
        *,
        rate_limits: tasks_v2.RateLimits | None = None,
        retry_config: tasks_v2.RetryConfig | None = None,
    ) -> str:
        queue = tasks_v2.Queue(name=f"{LOCATION}/queues/{queue_id}", rate_limits=rate_limits, retry_config=retry_config)
        return str(client.create_queue(parent=LOCATION, queue=queue).name)

    return make


@pytest.fixture
def queue(make_queue: Callable[..., str]) -> str:
    return make_queue()
