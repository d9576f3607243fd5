"""What a queue or task may look like: Cloud Tasks' name rules, limits and defaults.

Limits: https://cloud.google.com/tasks/docs/quotas and the comments of `google/cloud/tasks/v2/*.proto`.
"""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import grpc
from google.cloud import tasks_v2
from google.protobuf.field_mask_pb2 import FieldMask

from deploy.local.tasks.schedule import RetryPolicy, burst_size

if TYPE_CHECKING:
    from datetime import datetime

# The messages' types declare protobuf's Timestamp and Duration where they give and take datetime and timedelta.
Queue: TypeAlias = Any
Task: TypeAlias = Any
RetryConfig: TypeAlias = Any
HttpRequest: TypeAlias = Any

MAX_TASK_BYTES: Final = 1 << 20
MAX_URL_LENGTH: Final = 2083
MAX_HEADER_BYTES: Final = 80 << 10
MAX_SCHEDULE_AHEAD: Final = timedelta(days=30)
DISPATCH_DEADLINE: Final = timedelta(minutes=10)
MIN_DISPATCH_DEADLINE: Final = timedelta(seconds=15)
MAX_DISPATCH_DEADLINE: Final = timedelta(minutes=30)
MAX_RATE: Final = 500.0
MAX_CONCURRENT: Final = 5000
DEFAULT_CONCURRENT: Final = 1000

_LOCATION: Final = r"projects/[A-Za-z0-9.:-]+/locations/[a-z0-9-]+"
_LOCATION_NAME: Final = re.compile(_LOCATION)
_QUEUE_NAME: Final = re.compile(rf"{_LOCATION}/queues/[A-Za-z0-9-]{{1,100}}")
_TASK_NAME: Final = re.compile(rf"({_LOCATION}/queues/[A-Za-z0-9-]{{1,100}})/tasks/[A-Za-z0-9_-]{{1,500}}")
_UPDATABLE: Final = ("rate_limits", "retry_config", "http_target", "app_engine_routing_override")
_WITH_BODY: Final = frozenset({tasks_v2.HttpMethod.POST, tasks_v2.HttpMethod.PUT, tasks_v2.HttpMethod.PATCH})


class RpcError(Exception):
    """A call is answered with *code* and *message* instead of a result."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> RpcError:
    """The caller's request can never succeed."""
    return RpcError(grpc.StatusCode.INVALID_ARGUMENT, message)


def short(name: str) -> str:
    """The last part of a resource name: a queue's or task's own id."""
    return name.rpartition("/")[2]


def queue_of(task_name: str) -> str:
    """The full name of the queue in a task's full name."""
    return task_name.rpartition("/tasks/")[0]


def check_location(name: str) -> str:
    """*name*, if it is `projects/P/locations/L`."""
    if not _LOCATION_NAME.fullmatch(name):
        raise invalid(f'parent "{name}" must be projects/PROJECT_ID/locations/LOCATION_ID')
    return name


def check_queue_name(name: str) -> str:
    """*name*, if it is `projects/P/locations/L/queues/Q`."""
    if not _QUEUE_NAME.fullmatch(name):
        raise invalid(
            f'Queue name "{name}" must be projects/PROJECT_ID/locations/LOCATION_ID/queues/QUEUE_ID, '
            "its id up to 100 letters, digits and hyphens"
        )
    return name


def check_task_name(name: str) -> str:
    """*name*, if it is `projects/P/locations/L/queues/Q/tasks/T`."""
    if not _TASK_NAME.fullmatch(name):
        raise invalid(
            f'Task name "{name}" must be projects/PROJECT_ID/locations/LOCATION_ID/queues/QUEUE_ID/tasks/TASK_ID, '
            "its id up to 500 letters, digits, hyphens and underscores"
        )
    return name


# Queues


def merged_queue(old: Queue, new: Queue, mask: FieldMask) -> Queue:
    """*old* with what *new* says of the fields in *mask*; of all if it is empty. Output-only fields stay."""
    if not mask.IsValidForDescriptor(tasks_v2.Queue.pb().DESCRIPTOR):
        raise invalid(f'update_mask "{",".join(mask.paths)}" has a path that is no field of a queue')
    paths = [path for path in mask.paths or _UPDATABLE if path.partition(".")[0] in _UPDATABLE]
    merged = tasks_v2.Queue(old)
    FieldMask(paths=paths).MergeMessage(
        tasks_v2.Queue.pb(new), tasks_v2.Queue.pb(merged), replace_message_field=True, replace_repeated_field=True
    )
    return merged


def complete_queue(queue: Queue) -> Queue:
    """*queue* with Cloud Tasks' defaults where it says nothing.

    Raises:
        RpcError: INVALID_ARGUMENT for a value out of its range; UNIMPLEMENTED for a feature that this server lacks.
    """
    if "http_target" in queue or "app_engine_routing_override" in queue:
        raise RpcError(
            grpc.StatusCode.UNIMPLEMENTED,
            "http_target and app_engine_routing_override of a queue are not served here: set the target on the task",
        )
    queue = tasks_v2.Queue(queue)
    queue.rate_limits = _complete_rate_limits(queue.rate_limits)
    queue.retry_config = complete_retry_config(queue.retry_config)
    return queue


def _complete_rate_limits(limits: tasks_v2.RateLimits) -> tasks_v2.RateLimits:
    rate = limits.max_dispatches_per_second or MAX_RATE
    concurrent = limits.max_concurrent_dispatches or DEFAULT_CONCURRENT
    if not 0 < rate <= MAX_RATE:
        raise invalid(f"Queue.rate_limits.max_dispatches_per_second must be in (0, {MAX_RATE:g}], not {rate:g}")
    if not 0 < concurrent <= MAX_CONCURRENT:
        raise invalid(
            f"Queue.rate_limits.max_concurrent_dispatches must be between 1 and {MAX_CONCURRENT}, not {concurrent}"
        )
    return tasks_v2.RateLimits(
        max_dispatches_per_second=rate, max_concurrent_dispatches=concurrent, max_burst_size=burst_size(rate)
    )


def complete_retry_config(config: RetryConfig) -> tasks_v2.RetryConfig:
    """*config* with Cloud Tasks' defaults where it says nothing."""
    default = RetryPolicy()
    complete = tasks_v2.RetryConfig(
        max_attempts=config.max_attempts or default.max_attempts,
        max_retry_duration=config.max_retry_duration or default.max_retry_duration,
        min_backoff=config.min_backoff or default.min_backoff,
        max_backoff=config.max_backoff or default.max_backoff,
        max_doublings=config.max_doublings or default.max_doublings,  # proto3 cannot tell zero from nothing
    )
    policy = retry_policy(complete)
    if policy.max_attempts < -1:
        raise invalid(f"retry_config.max_attempts must be -1 (no limit) or more, not {policy.max_attempts}")
    if policy.max_retry_duration < timedelta(0) or policy.max_doublings < 0:
        raise invalid("retry_config.max_retry_duration and max_doublings must not be negative")
    if not timedelta(0) < policy.min_backoff <= policy.max_backoff:
        raise invalid(
            f"retry_config.min_backoff ({policy.min_backoff.total_seconds():g} s) must be positive and not above "
            f"max_backoff ({policy.max_backoff.total_seconds():g} s)"
        )
    return complete


def retry_policy(config: RetryConfig) -> RetryPolicy:
    """The rule that a complete `RetryConfig` states."""
    return RetryPolicy(
        max_attempts=config.max_attempts,
        max_retry_duration=config.max_retry_duration,
        min_backoff=config.min_backoff,
        max_backoff=config.max_backoff,
        max_doublings=config.max_doublings,
    )


# Tasks


def new_task(queue: str, task: Task, now: datetime) -> Task:
    """The task that CreateTask makes of *task*: named, scheduled and with every default filled in.

    Raises:
        RpcError: INVALID_ARGUMENT for a task that breaks a limit; UNIMPLEMENTED for an App Engine or OAuth task.
    """
    if task.name and (not _TASK_NAME.fullmatch(task.name) or not task.name.startswith(f"{queue}/tasks/")):
        check_task_name(task.name)
        raise invalid(f'Task name "{task.name}" must begin with its queue, "{queue}/tasks/"')
    if "app_engine_http_request" in task or "oauth_token" in task.http_request:
        raise RpcError(grpc.StatusCode.UNIMPLEMENTED, "App Engine targets and OAuth tokens are not served here")
    request = _checked_request(task)
    size = len(tasks_v2.Task.serialize(task))
    if size > MAX_TASK_BYTES:
        raise invalid(f"Task size too large: {size} bytes, the maximum is {MAX_TASK_BYTES}")
    complete = tasks_v2.Task(
        name=task.name or f"{queue}/tasks/{secrets.randbelow(9 * 10**18) + 10**18}",
        http_request=request,
        schedule_time=_schedule_time(task, now),
        create_time=now.replace(microsecond=0),
        dispatch_deadline=_dispatch_deadline(task),
    )
    if "retry_config" in task:
        complete.retry_config = complete_retry_config(task.retry_config)
    return complete


def _checked_request(task: Task) -> HttpRequest:
    if "http_request" not in task:
        raise invalid("Task.http_request is required")
    request: HttpRequest = tasks_v2.HttpRequest(task.http_request)
    if not request.url.startswith(("http://", "https://")) or len(request.url) > MAX_URL_LENGTH:
        raise invalid(
            f"HttpRequest.url must begin with http:// or https:// and have at most {MAX_URL_LENGTH} characters"
        )
    request.http_method = request.http_method or tasks_v2.HttpMethod.POST
    if request.body and request.http_method not in _WITH_BODY:
        raise invalid("HttpRequest.body is allowed only with POST, PUT and PATCH")
    if sum(len(name) + len(value) for name, value in request.headers.items()) >= MAX_HEADER_BYTES:
        raise invalid(f"HttpRequest.headers must be smaller than {MAX_HEADER_BYTES} bytes")
    if "oidc_token" in request and "@" not in request.oidc_token.service_account_email:
        raise invalid("OidcToken.service_account_email must be the e-mail address of a service account")
    return request


def _schedule_time(task: Task, now: datetime) -> datetime:
    if "schedule_time" not in task:
        return now
    wanted: datetime = task.schedule_time
    if wanted - now > MAX_SCHEDULE_AHEAD:
        raise invalid(f"Task.schedule_time must not be more than {MAX_SCHEDULE_AHEAD.days} days ahead")
    return max(wanted, now)


def _dispatch_deadline(task: Task) -> timedelta:
    if "dispatch_deadline" not in task:
        return DISPATCH_DEADLINE
    wanted: timedelta = task.dispatch_deadline
    if not MIN_DISPATCH_DEADLINE <= wanted <= MAX_DISPATCH_DEADLINE:
        raise invalid(
            f"Task.dispatch_deadline must be between {MIN_DISPATCH_DEADLINE.total_seconds():g} s and "
            f"{MAX_DISPATCH_DEADLINE.total_seconds():g} s, not {wanted.total_seconds():g} s"
        )
    return wanted


def viewed(task: Task, view: tasks_v2.Task.View) -> Task:
    """*task* as GetTask and ListTasks show it: without its body unless *view* is FULL."""
    shown: Task = tasks_v2.Task(task)
    if view == tasks_v2.Task.View.FULL:
        shown.view = tasks_v2.Task.View.FULL
    else:
        shown.view = tasks_v2.Task.View.BASIC
        shown.http_request.body = b""
    return shown
