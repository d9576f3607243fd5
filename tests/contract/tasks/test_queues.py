"""Queues: made, changed, paused, purged, deleted."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from google.api_core import exceptions
from google.cloud import tasks_v2
from google.protobuf import field_mask_pb2

from deploy.local.tasks.service import QUEUE_TOMBSTONE
from tests.contract.tasks.conftest import LOCATION, a_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.tasks import TasksServer
    from deploy.local.tasks.messages import Queue
    from tests.callee import Callee, ManualClock

QUEUES = Path(__file__).parents[3] / "deploy" / "queues.yaml"
SECOND = timedelta(seconds=1)


def test_a_new_queue_has_cloud_tasks_defaults(client: tasks_v2.CloudTasksClient, queue: str) -> None:
    """500/s, 1000 at a time, 100 attempts, 0.1 s to an hour, 16 doublings."""
    found: Queue = client.get_queue(name=queue)
    assert found.state == tasks_v2.Queue.State.RUNNING
    assert found.rate_limits == tasks_v2.RateLimits(
        max_dispatches_per_second=500, max_concurrent_dispatches=1000, max_burst_size=100
    )
    assert found.retry_config.max_attempts == 100
    assert found.retry_config.max_doublings == 16
    assert (found.retry_config.min_backoff, found.retry_config.max_backoff) == (0.1 * SECOND, 3600 * SECOND)


def test_a_queue_that_exists_cannot_be_created_again(client: tasks_v2.CloudTasksClient, queue: str) -> None:
    """ALREADY_EXISTS."""
    with pytest.raises(exceptions.AlreadyExists):
        client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=queue))


def test_queues_are_listed_by_location_page_by_page(
    client: tasks_v2.CloudTasksClient, make_queue: Callable[..., str]
) -> None:
    """The client's pager sees each once."""
    names = [make_queue(f"q{i}") for i in range(5)]
    assert [q.name for q in client.list_queues(request={"parent": LOCATION, "page_size": 2})] == names
    assert not list(client.list_queues(parent="projects/local/locations/europe-west2"))


def test_an_update_changes_what_its_mask_names(
    client: tasks_v2.CloudTasksClient, make_queue: Callable[..., str]
) -> None:
    """The rest stays."""
    name = make_queue(rate_limits=tasks_v2.RateLimits(max_dispatches_per_second=5, max_concurrent_dispatches=7))
    updated = client.update_queue(
        queue=tasks_v2.Queue(name=name, rate_limits=tasks_v2.RateLimits(max_dispatches_per_second=50)),
        update_mask=field_mask_pb2.FieldMask(paths=["rate_limits.max_dispatches_per_second"]),
    )
    assert updated.rate_limits.max_dispatches_per_second == 50
    assert updated.rate_limits.max_concurrent_dispatches == 7
    assert updated.rate_limits.max_burst_size == 50
    assert client.get_queue(name=name) == updated


def test_an_update_of_a_field_that_does_not_exist_is_refused(client: tasks_v2.CloudTasksClient, queue: str) -> None:
    """And one of an output-only field changes nothing."""
    paused = tasks_v2.Queue(name=queue, state=tasks_v2.Queue.State.PAUSED)
    with pytest.raises(exceptions.InvalidArgument, match=r"rate_limits\.speed"):
        client.update_queue(queue=paused, update_mask=field_mask_pb2.FieldMask(paths=["rate_limits.speed"]))
    updated = client.update_queue(queue=paused, update_mask=field_mask_pb2.FieldMask(paths=["state"]))
    assert updated.state == tasks_v2.Queue.State.RUNNING


def test_an_update_creates_a_queue_that_is_not_there(client: tasks_v2.CloudTasksClient) -> None:
    """As Google's does."""
    name = f"{LOCATION}/queues/new"
    client.update_queue(queue=tasks_v2.Queue(name=name))
    assert client.get_queue(name=name).name == name


@pytest.mark.parametrize(
    ("queue", "complaint"),
    [
        (tasks_v2.Queue(name=f"{LOCATION}/queues/under_score"), "letters, digits and hyphens"),
        (tasks_v2.Queue(name=f"{LOCATION}/queues/{'q' * 101}"), "up to 100"),
        (tasks_v2.Queue(name="projects/other/locations/europe-west1/queues/q"), "must begin with its parent"),
        (
            tasks_v2.Queue(name=f"{LOCATION}/queues/q", rate_limits={"max_dispatches_per_second": 501}),
            "max_dispatches_per_second",
        ),
        (
            tasks_v2.Queue(name=f"{LOCATION}/queues/q", rate_limits={"max_concurrent_dispatches": 5001}),
            "max_concurrent_dispatches",
        ),
        (tasks_v2.Queue(name=f"{LOCATION}/queues/q", retry_config={"max_attempts": -2}), "max_attempts"),
        (
            tasks_v2.Queue(
                name=f"{LOCATION}/queues/q", retry_config={"min_backoff": 2 * SECOND, "max_backoff": SECOND}
            ),
            "min_backoff",
        ),
    ],
)
def test_a_queue_out_of_bounds_is_refused(
    client: tasks_v2.CloudTasksClient, queue: tasks_v2.Queue, complaint: str
) -> None:
    """INVALID_ARGUMENT that names the field."""
    with pytest.raises(exceptions.InvalidArgument, match=complaint):
        client.create_queue(parent=LOCATION, queue=queue)


def test_a_paused_queue_takes_tasks_and_dispatches_none(
    client: tasks_v2.CloudTasksClient, server: TasksServer, queue: str, clock: ManualClock
) -> None:
    """Until it is resumed."""
    assert client.pause_queue(name=queue).state == tasks_v2.Queue.State.PAUSED
    client.create_task(parent=queue, task=a_task())
    assert server.run_due(clock()) == []
    assert server.next_due_at() is None
    assert client.resume_queue(name=queue).state == tasks_v2.Queue.State.RUNNING
    assert len(server.run_due(clock())) == 1


def test_a_purge_deletes_all_tasks_and_keeps_their_names_taken(
    client: tasks_v2.CloudTasksClient, queue: str, clock: ManualClock
) -> None:
    """The queue stays, and knows when it was purged."""
    client.create_task(parent=queue, task=a_task(name=f"{queue}/tasks/a"))
    assert client.purge_queue(name=queue).purge_time == clock()
    assert not list(client.list_tasks(parent=queue))
    with pytest.raises(exceptions.AlreadyExists):
        client.create_task(parent=queue, task=a_task(name=f"{queue}/tasks/a"))


def test_a_deleted_queue_is_gone_with_its_tasks_and_its_name_is_taken_for_a_week(
    client: tasks_v2.CloudTasksClient, server: TasksServer, queue: str, clock: ManualClock
) -> None:
    """FAILED_PRECONDITION until the tombstone has expired."""
    client.create_task(parent=queue, task=a_task())
    client.delete_queue(name=queue)
    assert server.tasks() == []
    with pytest.raises(exceptions.NotFound):
        client.get_queue(name=queue)
    with pytest.raises(exceptions.FailedPrecondition, match="existed too recently"):
        client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=queue))
    clock.advance(QUEUE_TOMBSTONE)
    client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=queue))


def test_the_products_queues_are_created_from_their_definition_and_updated_by_it(
    client: tasks_v2.CloudTasksClient, server: TasksServer, tmp_path: Path
) -> None:
    """`deploy/queues.yaml` can be applied again and again."""
    server.create_queues(QUEUES, project="local", location="europe-west1")
    found: dict[str, Queue] = {q.name.rpartition("/")[2]: q for q in client.list_queues(parent=LOCATION)}
    assert found.keys() == {"dispatch-jobs", "submit-job", "collect-results"}
    assert found["dispatch-jobs"].rate_limits.max_concurrent_dispatches == 1
    assert found["submit-job"].rate_limits.max_concurrent_dispatches == 50
    assert found["submit-job"].rate_limits.max_dispatches_per_second == 5
    for queue in found.values():
        assert queue.retry_config.max_attempts == -1
        assert not queue.retry_config.max_retry_duration
        assert (queue.retry_config.min_backoff, queue.retry_config.max_backoff) == (5 * SECOND, 300 * SECOND)
        assert queue.retry_config.max_doublings == 4
    changed = tmp_path / "queues.yaml"
    changed.write_text("queues: {submit-job: {rate_limits: {max_concurrent_dispatches: 3}}}")
    server.create_queues(changed, project="local", location="europe-west1")
    name = found["submit-job"].name
    assert client.get_queue(name=name).rate_limits.max_concurrent_dispatches == 3


@pytest.mark.parametrize(
    ("definition", "complaint"),
    [
        (
            "queues: {submit-job: {rate_limits: {max_concurent_dispatches: 3}}}",
            "submit-job: .*max_concurent_dispatches",
        ),
        ("queues: {submit-job: {rate_limits: {max_dispatches_per_second: 501}}}", "submit-job: .*500"),
        ("submit-job: {}", "queues"),
    ],
)
def test_a_mistake_in_the_definition_is_named(
    server: TasksServer, tmp_path: Path, definition: str, complaint: str
) -> None:
    """With the file, the queue and the field."""
    path = tmp_path / "queues.yaml"
    path.write_text(definition)
    with pytest.raises(ValueError, match=rf"queues\.yaml: .*{complaint}"):
        server.create_queues(path, project="local", location="europe-west1")


def test_a_reset_forgets_tasks_and_names_and_keeps_queues(
    client: tasks_v2.CloudTasksClient, server: TasksServer, queue: str, clock: ManualClock, callee: Callee
) -> None:
    """Between two tests; told so, it forgets the queues as well."""
    client.create_task(parent=queue, task=a_task(name=f"{queue}/tasks/done"))
    server.run_due(clock())
    client.create_task(parent=queue, task=a_task(name=f"{queue}/tasks/waiting"))
    server.reset()
    assert server.tasks() == []
    client.create_task(parent=queue, task=a_task(name=f"{queue}/tasks/done"))
    assert len(server.run_due(clock())) == 1
    assert len(callee.calls) == 2
    server.reset(queues=True)
    assert server.queues() == {}
