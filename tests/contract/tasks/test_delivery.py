"""What a task's target sees, when a task comes back, and when it does not. Nothing waits: time stands still here."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import jwt
import pytest
import requests
from google.cloud import tasks_v2

from deploy.local.tasks import Outcome
from tests.contract.tasks.conftest import LOCATION, a_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.identity import Identity
    from deploy.local.tasks import TasksServer
    from deploy.local.tasks.messages import Task
    from tests.callee import Callee, ManualClock

SECOND = timedelta(seconds=1)
RETRIES = tasks_v2.RetryConfig(max_attempts=4, min_backoff=2 * SECOND, max_backoff=6 * SECOND, max_doublings=1)
EMAIL = "tasks@local.iam.gserviceaccount.com"


def test_the_target_gets_the_request_and_cloud_tasks_headers(
    client: tasks_v2.CloudTasksClient, server: TasksServer, queue: str, clock: ManualClock, callee: Callee
) -> None:
    """What the creator set, but for what is Google's to set."""
    headers = {
        "Content-Type": "application/json",
        "X-Own": "kept",
        "User-Agent": "me",
        "X-CloudTasks-TaskName": "forged",
    }
    task = a_task(name=f"{queue}/tasks/a", body=b"{}", headers=headers, http_method=tasks_v2.HttpMethod.PUT)
    client.create_task(parent=queue, task=task)
    server.run_due(clock())
    (call,) = callee.calls
    assert (call.method, call.url, call.body) == ("PUT", "http://f/submit", b"{}")
    assert call.headers["Content-Type"] == "application/json"
    assert call.headers["X-Own"] == "kept"
    assert call.headers["User-Agent"] == "Google-Cloud-Tasks"
    assert call.headers["X-CloudTasks-QueueName"] == "q"
    assert call.headers["X-CloudTasks-TaskName"] == "a"
    assert call.headers["X-CloudTasks-TaskRetryCount"] == "0"
    assert call.headers["X-CloudTasks-TaskExecutionCount"] == "0"
    assert float(call.headers["X-CloudTasks-TaskETA"]) == clock().timestamp()
    assert "X-CloudTasks-TaskPreviousResponse" not in call.headers
    assert "X-CloudTasks-TaskRetryReason" not in call.headers
    assert "Authorization" not in call.headers


def test_the_target_can_verify_who_calls(
    client: tasks_v2.CloudTasksClient, server: TasksServer, queue: str, callee: Callee, identity: Identity
) -> None:
    """An OIDC token, really signed, for the audience asked for, or the URL."""
    now = datetime.now(UTC)
    for audience in ("http://f", ""):
        oidc = tasks_v2.OidcToken(service_account_email=EMAIL, audience=audience)
        client.create_task(parent=queue, task=a_task(oidc_token=oidc))
    server.run_due(now)
    key = jwt.PyJWKSet.from_dict(json.loads(json.dumps(identity.jwks()))).keys[0].key
    for call, audience in zip(callee.calls, ("http://f", "http://f/submit"), strict=True):
        token = call.headers["Authorization"].removeprefix("Bearer ")
        claims = jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer=identity.issuer)
        assert (claims["email"], claims["email_verified"]) == (EMAIL, True)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_finishes_a_task(
    client: tasks_v2.CloudTasksClient, server: TasksServer, queue: str, clock: ManualClock, callee: Callee, status: int
) -> None:
    """It is gone, and never comes back."""
    callee.answers = [status]
    client.create_task(parent=queue, task=a_task())
    (delivery,) = server.run_due(clock())
    assert (delivery.outcome, delivery.status, delivery.attempt) == (Outcome.DONE, status, 1)
    assert server.tasks() == []
    assert server.next_due_at() is None


@pytest.mark.parametrize("status", [304, 400, 404, 429, 500, 503, 599])
def test_anything_else_is_tried_again(
    client: tasks_v2.CloudTasksClient, server: TasksServer, queue: str, clock: ManualClock, callee: Callee, status: int
) -> None:
    """A 4xx too: Cloud Tasks knows no permanent failure."""
    callee.answers = [status]
    client.create_task(parent=queue, task=a_task())
    (delivery,) = server.run_due(clock())
    assert (delivery.outcome, delivery.status) == (Outcome.RETRIED, status)
    assert delivery.next_attempt_at is not None
    (again,) = server.run_due(delivery.next_attempt_at)
    assert (again.outcome, again.attempt) == (Outcome.DONE, 2)


def test_retries_come_at_growing_distances_until_the_last(
    client: tasks_v2.CloudTasksClient,
    server: TasksServer,
    make_queue: Callable[..., str],
    clock: ManualClock,
    callee: Callee,
) -> None:
    """2 s, doubled once to 4 s, then 6 s; after four attempts the task is gone and its name taken."""
    callee.answers = [500, 500, 500, 500]
    queue = make_queue(retry_config=RETRIES)
    client.create_task(parent=queue, task=a_task(name=f"{queue}/tasks/a"))
    start, outcomes = clock(), []
    while (due := server.next_due_at()) is not None:
        assert server.run_due(due - timedelta(microseconds=1)) == []
        outcomes += [(d.at - start, d.outcome) for d in server.run_due(due)]
    assert outcomes == [
        (0 * SECOND, Outcome.RETRIED),
        (2 * SECOND, Outcome.RETRIED),
        (6 * SECOND, Outcome.RETRIED),
        (12 * SECOND, Outcome.GIVEN_UP),
    ]
    assert server.tasks() == []


def test_a_retry_tells_what_came_before(
    client: tasks_v2.CloudTasksClient, server: TasksServer, queue: str, clock: ManualClock, callee: Callee
) -> None:
    """RetryCount counts every attempt, ExecutionCount those that were answered with other than 5xx."""
    callee.answers = [503, 404, requests.ReadTimeout()]
    client.create_task(parent=queue, task=a_task())
    while (due := server.next_due_at()) is not None:
        server.run_due(due)
    told = [
        (
            call.headers["X-CloudTasks-TaskRetryCount"],
            call.headers["X-CloudTasks-TaskExecutionCount"],
            call.headers.get("X-CloudTasks-TaskPreviousResponse"),
            call.headers.get("X-CloudTasks-TaskRetryReason"),
        )
        for call in callee.calls
    ]
    assert told == [
        ("0", "0", None, None),
        ("1", "0", "503", "UNAVAILABLE(14): HTTP status code 503"),
        ("2", "1", "404", "NOT_FOUND(5): HTTP status code 404"),
        ("3", "1", None, "DEADLINE_EXCEEDED(4): no answer from the target"),
    ]
    assert float(callee.calls[1].headers["X-CloudTasks-TaskETA"]) > clock().timestamp()


def test_attempts_are_recorded_in_the_task(
    client: tasks_v2.CloudTasksClient, server: TasksServer, queue: str, clock: ManualClock, callee: Callee
) -> None:
    """For whoever asks with GetTask why it is late."""
    callee.answers = [503, requests.ConnectionError()]
    name = client.create_task(parent=queue, task=a_task()).name
    server.run_due(clock())
    task: Task = client.get_task(name=name)
    assert (task.dispatch_count, task.response_count) == (1, 1)
    assert task.first_attempt.dispatch_time == clock()
    assert (task.last_attempt.dispatch_time, task.last_attempt.response_time) == (clock(), clock())
    assert task.last_attempt.response_status.message == "UNAVAILABLE(14): HTTP status code 503"
    assert task.schedule_time == server.next_due_at()
    server.run_due(clock.advance(SECOND))
    task = client.get_task(name=name)
    assert (task.dispatch_count, task.response_count) == (2, 1)
    assert task.last_attempt.response_time is None


def test_a_worker_that_asks_for_patience_gets_it(
    client: tasks_v2.CloudTasksClient, server: TasksServer, queue: str, clock: ManualClock, callee: Callee
) -> None:
    """Retry-After counts where it is longer than the queue's own wait."""
    callee.answers = [(503, {"Retry-After": "30"})]
    client.create_task(parent=queue, task=a_task())
    (delivery,) = server.run_due(clock())
    assert delivery.next_attempt_at == clock() + 30 * SECOND


def test_a_target_that_does_not_answer_in_time_is_called_again(
    client: tasks_v2.CloudTasksClient, server: TasksServer, queue: str, clock: ManualClock, callee: Callee
) -> None:
    """The caller waits for the dispatch deadline, then counts the attempt as failed."""
    callee.answers = [requests.ReadTimeout()]
    client.create_task(parent=queue, task=a_task(dispatch_deadline=240 * SECOND))
    (delivery,) = server.run_due(clock())
    assert callee.calls[0].timeout == 240
    assert (delivery.outcome, delivery.status, delivery.error) == (Outcome.RETRIED, None, "DEADLINE_EXCEEDED")


def test_a_tasks_own_retry_config_wins(
    client: tasks_v2.CloudTasksClient,
    server: TasksServer,
    make_queue: Callable[..., str],
    clock: ManualClock,
    callee: Callee,
) -> None:
    """Over its queue's."""
    callee.answers = [500]
    queue = make_queue(retry_config=RETRIES)
    client.create_task(parent=queue, task=a_task(retry_config=tasks_v2.RetryConfig(max_attempts=1)))
    (delivery,) = server.run_due(clock())
    assert delivery.outcome is Outcome.GIVEN_UP


def test_a_scheduled_task_waits_for_its_time(
    client: tasks_v2.CloudTasksClient, server: TasksServer, queue: str, clock: ManualClock, callee: Callee
) -> None:
    """Not a microsecond early; its ETA is the time it was scheduled for."""
    due = clock() + timedelta(hours=1)
    client.create_task(parent=queue, task=a_task(schedule_time=due))
    assert server.next_due_at() == due
    assert server.run_due(due - timedelta(microseconds=1)) == []
    assert len(server.run_due(due + SECOND)) == 1
    assert float(callee.calls[0].headers["X-CloudTasks-TaskETA"]) == due.timestamp()


def test_a_task_for_later_holds_up_none_for_now(
    client: tasks_v2.CloudTasksClient, server: TasksServer, queue: str, clock: ManualClock
) -> None:
    """Nor does a look at what is due next."""
    client.create_task(parent=queue, task=a_task(schedule_time=clock() + timedelta(hours=1)))
    server.next_due_at()
    client.create_task(parent=queue, task=a_task())
    assert server.next_due_at() == clock()
    assert len(server.run_due(clock())) == 1


def test_tasks_go_out_at_the_queues_rate_after_its_burst(
    client: tasks_v2.CloudTasksClient, server: TasksServer, make_queue: Callable[..., str], clock: ManualClock
) -> None:
    """Ten at once, then one every half second."""
    queue = make_queue(rate_limits=tasks_v2.RateLimits(max_dispatches_per_second=2))
    for _ in range(14):
        client.create_task(parent=queue, task=a_task())
    start, sizes = clock(), []
    while (due := server.next_due_at()) is not None:
        sizes.append((due - start, len(server.run_due(due))))
    assert sizes == [(0 * SECOND, 10), (0.5 * SECOND, 1), (1 * SECOND, 1), (1.5 * SECOND, 1), (2 * SECOND, 1)]


def test_a_new_rate_holds_at_once(
    client: tasks_v2.CloudTasksClient, server: TasksServer, make_queue: Callable[..., str], clock: ManualClock
) -> None:
    """With a full burst of its own."""
    queue = make_queue(rate_limits=tasks_v2.RateLimits(max_dispatches_per_second=1))
    for _ in range(60):
        client.create_task(parent=queue, task=a_task())
    assert len(server.run_due(clock())) == 10
    faster = tasks_v2.RateLimits(max_dispatches_per_second=40)
    client.update_queue(queue=tasks_v2.Queue(name=queue, rate_limits=faster))
    assert len(server.run_due(clock())) == 40


def test_an_overloaded_worker_slows_its_whole_queue_and_no_other(
    client: tasks_v2.CloudTasksClient,
    server: TasksServer,
    make_queue: Callable[..., str],
    clock: ManualClock,
    callee: Callee,
) -> None:
    """After two 429s a quarter of the burst is left; the neighbour keeps its own."""
    rate = tasks_v2.RateLimits(max_dispatches_per_second=8)
    slow, quick = make_queue("slow", rate_limits=rate), make_queue("quick", rate_limits=rate)
    for queue in (slow, quick):
        for _ in range(10):
            client.create_task(parent=queue, task=a_task())
    callee.answers = [429, 429]
    first, second = (server.run_next(clock(), "slow") for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.status == second.status == 429
    # Two and a half tokens are left; each answered task gives a tenth of the pace back, but no token.
    assert len(server.run_due(clock(), "slow")) == 2
    assert len(server.run_due(clock(), "quick")) == 10


def test_run_task_goes_past_pause_schedule_and_rate(
    client: tasks_v2.CloudTasksClient, server: TasksServer, queue: str, clock: ManualClock
) -> None:
    """For people who debug: the one task, now."""
    client.pause_queue(name=queue)
    wanted = client.create_task(parent=queue, task=a_task(schedule_time=clock() + timedelta(days=1))).name
    client.create_task(parent=queue, task=a_task())
    client.run_task(name=wanted)
    assert server.next_due_at() == clock()
    (delivery,) = server.run_due(clock())
    assert (delivery.task, delivery.outcome) == (wanted, Outcome.DONE)


def test_a_test_delivers_one_queue_and_one_task_at_a_time(
    client: tasks_v2.CloudTasksClient, server: TasksServer, make_queue: Callable[..., str], clock: ManualClock
) -> None:
    """Of all that is due, the one that is due longest."""
    one, two = make_queue("one"), make_queue("two")
    late = client.create_task(parent=two, task=a_task(schedule_time=clock() + SECOND)).name
    early = client.create_task(parent=one, task=a_task()).name
    now = clock() + 2 * SECOND
    delivery = server.run_next(now, "two")
    assert delivery is not None
    assert delivery.task == late
    delivery = server.run_next(now)
    assert delivery is not None
    assert delivery.task == early
    assert server.run_next(now) is None


def test_what_a_delivery_enqueues_is_delivered_in_the_same_run(
    client: tasks_v2.CloudTasksClient, server: TasksServer, queue: str, clock: ManualClock, callee: Callee
) -> None:
    """run_due goes on until nothing is due, as a pipeline's test wants it."""
    follow_ups = [a_task(url="http://f/next")]
    callee.meanwhile = lambda: follow_ups and client.create_task(parent=queue, task=follow_ups.pop())
    client.create_task(parent=queue, task=a_task())
    assert [d.url for d in server.run_due(clock())] == ["http://f/submit", "http://f/next"]


def test_a_task_deleted_while_it_is_being_delivered_does_not_come_back(
    client: tasks_v2.CloudTasksClient, server: TasksServer, queue: str, clock: ManualClock, callee: Callee
) -> None:
    """Whatever the attempt in flight then answers."""
    name = client.create_task(parent=queue, task=a_task()).name
    callee.meanwhile = lambda: client.delete_task(name=name)
    callee.answers = [503]
    assert len(server.run_due(clock())) == 1
    assert server.tasks() == []


def test_an_attempt_that_outlives_its_queue_harms_nobody(
    client: tasks_v2.CloudTasksClient, server: TasksServer, queue: str, clock: ManualClock, callee: Callee
) -> None:
    """The queue is deleted under a delivery."""
    client.create_task(parent=queue, task=a_task())
    callee.meanwhile = lambda: client.delete_queue(name=queue)
    callee.answers = [503]
    (delivery,) = server.run_due(clock())
    assert delivery.outcome is Outcome.GIVEN_UP
    assert not list(client.list_queues(parent=LOCATION))
