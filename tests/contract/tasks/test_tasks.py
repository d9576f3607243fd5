"""Tasks: what may be created, what is refused, and whose name is taken."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from google.api_core import exceptions
from google.cloud import tasks_v2

from deploy.local.tasks import TasksServer
from tests.callee import Callee, ManualClock
from tests.contract.tasks.conftest import LOCATION, a_task, connected

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.identity import Identity

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def test_a_task_gets_its_defaults(client: tasks_v2.CloudTasksClient, queue: str, clock: ManualClock) -> None:
    """A name, a POST, ten minutes, now."""
    task = client.create_task(parent=queue, task=a_task(body=b"{}"))
    assert task.name.startswith(f"{queue}/tasks/")
    assert task.http_request.http_method == tasks_v2.HttpMethod.POST
    assert task.dispatch_deadline == timedelta(minutes=10)
    assert task.schedule_time == task.create_time == clock()


def test_two_tasks_without_names_are_two_tasks(client: tasks_v2.CloudTasksClient, queue: str) -> None:
    """Only names are compared."""
    first, second = (client.create_task(parent=queue, task=a_task()) for _ in range(2))
    assert first.name != second.name


def test_a_name_is_taken_while_its_task_waits(client: tasks_v2.CloudTasksClient, queue: str) -> None:
    """ALREADY_EXISTS, and the first task is unharmed."""
    client.create_task(parent=queue, task=a_task(name=f"{queue}/tasks/a", url="http://f/first"))
    with pytest.raises(exceptions.AlreadyExists):
        client.create_task(parent=queue, task=a_task(name=f"{queue}/tasks/a", url="http://f/second"))
    assert [t.http_request.url for t in client.list_tasks(parent=queue)] == ["http://f/first"]


@pytest.mark.parametrize("how", ["done", "deleted"])
def test_a_name_stays_taken_for_a_day_after_its_task(
    client: tasks_v2.CloudTasksClient, server: TasksServer, queue: str, clock: ManualClock, how: str
) -> None:
    """Executed or deleted: ALREADY_EXISTS until the tombstone has expired."""
    name = f"{queue}/tasks/a"
    client.create_task(parent=queue, task=a_task(name=name))
    if how == "done":
        server.run_due(clock())
    else:
        client.delete_task(name=name)
    with pytest.raises(exceptions.AlreadyExists, match="existed too recently"):
        client.create_task(parent=queue, task=a_task(name=name))
    clock.advance(DAY - timedelta(microseconds=1))
    with pytest.raises(exceptions.AlreadyExists):
        client.create_task(parent=queue, task=a_task(name=name))
    clock.advance(timedelta(microseconds=1))
    client.create_task(parent=queue, task=a_task(name=name))


def test_the_time_that_a_name_stays_taken_can_be_set(identity: Identity, clock: ManualClock) -> None:
    """For tests of what happens after it."""
    server = TasksServer(identity=identity, clock=clock, dispatching=False, tombstone=SECOND, connect=Callee().connect)
    client = connected(server.start())
    queue = client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=f"{LOCATION}/queues/q")).name
    client.create_task(parent=queue, task=a_task(name=f"{queue}/tasks/a"))
    server.run_due(clock())
    clock.advance(SECOND)
    client.create_task(parent=queue, task=a_task(name=f"{queue}/tasks/a"))
    server.stop()


def test_the_same_name_in_another_queue_is_another_task(
    client: tasks_v2.CloudTasksClient, make_queue: Callable[..., str]
) -> None:
    """Names are full names."""
    for queue in (make_queue("one"), make_queue("two")):
        client.create_task(parent=queue, task=a_task(name=f"{queue}/tasks/a"))


def test_a_queue_that_does_not_exist_is_not_found(client: tasks_v2.CloudTasksClient) -> None:
    """NOT_FOUND for whatever is asked of it."""
    missing = f"{LOCATION}/queues/missing"
    for ask in (
        lambda: client.create_task(parent=missing, task=a_task()),
        lambda: client.get_queue(name=missing),
        lambda: client.get_task(name=f"{missing}/tasks/a"),
        lambda: list(client.list_tasks(parent=missing)),
        lambda: client.pause_queue(name=missing),
        lambda: client.purge_queue(name=missing),
        lambda: client.delete_queue(name=missing),
    ):
        with pytest.raises(exceptions.NotFound, match="Queue does not exist"):
            ask()


def test_a_task_that_is_done_is_not_found(
    client: tasks_v2.CloudTasksClient, server: TasksServer, queue: str, clock: ManualClock
) -> None:
    """For get, delete and run alike."""
    name = client.create_task(parent=queue, task=a_task(name=f"{queue}/tasks/a")).name
    server.run_due(clock())
    for ask in (client.get_task, client.delete_task, client.run_task):
        with pytest.raises(exceptions.NotFound, match="no longer exists"):
            ask(name=name)
    with pytest.raises(exceptions.NotFound, match="was not found"):
        client.get_task(name=f"{queue}/tasks/never")


HTTP = "http://f/"


@pytest.mark.parametrize(
    ("task", "complaint"),
    [
        (tasks_v2.Task(), "http_request is required"),
        (a_task(url="ftp://f/"), "http:// or https://"),
        (a_task(url=HTTP + "x" * 2083), "2083"),
        (a_task(name="a"), "Task name"),
        (a_task(name=f"{LOCATION}/queues/q/tasks/sla/sh"), "Task name"),
        (a_task(name=f"{LOCATION}/queues/q/tasks/{'t' * 501}"), "500"),
        (a_task(name=f"{LOCATION}/queues/other/tasks/a"), "must begin with its queue"),
        (a_task(body=b"x", http_method=tasks_v2.HttpMethod.GET), "body"),
        (a_task(dispatch_deadline=14.999 * SECOND), "between 15 s and 1800 s"),
        (a_task(dispatch_deadline=1801 * SECOND), "between 15 s and 1800 s"),
        (a_task(headers={"X-Large": "x" * (80 << 10)}), "headers"),
        (a_task(oidc_token=tasks_v2.OidcToken(audience="a")), "service_account_email"),
        (a_task(body=b"x" * (1 << 20)), "Task size too large"),
        (a_task(body=b"x" * (6 << 20)), "Task size too large"),
    ],
)
def test_a_task_out_of_bounds_is_refused(
    client: tasks_v2.CloudTasksClient, queue: str, task: tasks_v2.Task, complaint: str
) -> None:
    """INVALID_ARGUMENT that names the field."""
    with pytest.raises(exceptions.InvalidArgument, match=complaint):
        client.create_task(parent=queue, task=task)


def test_a_task_of_nearly_a_mebibyte_is_taken(
    client: tasks_v2.CloudTasksClient, server: TasksServer, queue: str, clock: ManualClock, callee: Callee
) -> None:
    """And its body arrives whole."""
    body = bytes(range(256)) * 4080
    client.create_task(parent=queue, task=a_task(body=body))
    server.run_due(clock())
    assert callee.calls[0].body == body


def test_a_task_may_be_scheduled_thirty_days_ahead_and_no_further(
    client: tasks_v2.CloudTasksClient, queue: str, clock: ManualClock
) -> None:
    """INVALID_ARGUMENT one second later; a time in the past is now."""
    client.create_task(parent=queue, task=a_task(schedule_time=clock() + 30 * DAY))
    with pytest.raises(exceptions.InvalidArgument, match="30 days"):
        client.create_task(parent=queue, task=a_task(schedule_time=clock() + 30 * DAY + SECOND))
    assert client.create_task(parent=queue, task=a_task(schedule_time=clock() - DAY)).schedule_time == clock()


@pytest.mark.parametrize(
    "task",
    [
        tasks_v2.Task(app_engine_http_request=tasks_v2.AppEngineHttpRequest(relative_uri="/")),
        a_task(oauth_token=tasks_v2.OAuthToken(service_account_email="a@x.com")),
    ],
)
def test_what_is_not_served_says_so(client: tasks_v2.CloudTasksClient, queue: str, task: tasks_v2.Task) -> None:
    """UNIMPLEMENTED, never a silent half."""
    with pytest.raises(exceptions.MethodNotImplemented):
        client.create_task(parent=queue, task=task)


def test_bodies_are_shown_in_the_full_view_only(client: tasks_v2.CloudTasksClient, queue: str) -> None:
    """BASIC is the default everywhere."""
    request: dict[str, Any] = {"name": client.create_task(parent=queue, task=a_task(body=b"secret")).name}
    assert client.get_task(request=request).http_request.body == b""
    full = client.get_task(request=request | {"response_view": tasks_v2.Task.View.FULL})
    assert full.http_request.body == b"secret"
    (listed,) = client.list_tasks(request={"parent": queue, "response_view": tasks_v2.Task.View.FULL})
    assert listed.http_request.body == b"secret"


def test_tasks_are_listed_page_by_page(client: tasks_v2.CloudTasksClient, queue: str) -> None:
    """The client's pager sees each once."""
    names = {client.create_task(parent=queue, task=a_task()).name for _ in range(5)}
    listed = [t.name for t in client.list_tasks(request={"parent": queue, "page_size": 2})]
    assert len(listed) == 5
    assert set(listed) == names


def test_a_test_looks_at_what_waits_without_delivering_it(
    client: tasks_v2.CloudTasksClient, server: TasksServer, make_queue: Callable[..., str], clock: ManualClock
) -> None:
    """By queue or all, in the order in which it is due."""
    first, second = make_queue("first"), make_queue("second")
    client.create_task(parent=first, task=a_task(body=b'{"id": 1}', schedule_time=clock() + SECOND))
    client.create_task(parent=second, task=a_task(name=f"{second}/tasks/two", body=b'{"id": 2}'))
    assert [t.json["id"] for t in server.tasks()] == [2, 1]
    (two,) = server.tasks("second")
    assert (two.id, two.queue, two.method, two.url) == ("two", "second", "POST", "http://f/submit")
    assert (two.dispatch_count, two.last_status) == (0, None)
