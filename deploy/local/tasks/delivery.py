"""One attempt of one task: the HTTP request that Cloud Tasks sends, and what its answer means.

Headers: https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from google.cloud import tasks_v2
from google.rpc import code_pb2, status_pb2

from deploy.local.outbound import Answer, Connect, call
from deploy.local.tasks.messages import queue_of, short

if TYPE_CHECKING:
    from datetime import datetime

    from deploy.local.identity import Identity
    from deploy.local.tasks.store import StoredTask

_REPLACED: Final = ("host", "content-length", "user-agent")
_REPLACED_PREFIXES: Final = ("x-google-", "x-appengine-", "x-cloudtasks-")

# https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto names the HTTP mapping of each code.
_CODES: Final[dict[int, int]] = {
    HTTPStatus.BAD_REQUEST: code_pb2.INVALID_ARGUMENT,
    HTTPStatus.UNAUTHORIZED: code_pb2.UNAUTHENTICATED,
    HTTPStatus.FORBIDDEN: code_pb2.PERMISSION_DENIED,
    HTTPStatus.NOT_FOUND: code_pb2.NOT_FOUND,
    HTTPStatus.CONFLICT: code_pb2.ABORTED,
    HTTPStatus.TOO_MANY_REQUESTS: code_pb2.RESOURCE_EXHAUSTED,
    HTTPStatus.INTERNAL_SERVER_ERROR: code_pb2.INTERNAL,
    HTTPStatus.NOT_IMPLEMENTED: code_pb2.UNIMPLEMENTED,
    HTTPStatus.SERVICE_UNAVAILABLE: code_pb2.UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT: code_pb2.DEADLINE_EXCEEDED,
}


def deliver(task: StoredTask, *, identity: Identity, now: datetime, connect: Connect) -> Answer:
    """Send *task*, whose message already counts this attempt, to its target and wait for the answer or the deadline."""
    request = task.message.http_request
    return call(
        tasks_v2.HttpMethod(request.http_method).name,
        request.url,
        headers=_headers(task, identity=identity, now=now),
        body=request.body,
        deadline=task.message.dispatch_deadline,
        connect=connect,
    )


def _headers(task: StoredTask, *, identity: Identity, now: datetime) -> dict[str, str]:
    message = task.message
    headers = {
        name: value
        for name, value in message.http_request.headers.items()
        if name.lower() not in _REPLACED and not name.lower().startswith(_REPLACED_PREFIXES)
    }
    headers |= {
        "User-Agent": "Google-Cloud-Tasks",
        "X-CloudTasks-QueueName": short(queue_of(message.name)),
        "X-CloudTasks-TaskName": short(message.name),
        "X-CloudTasks-TaskRetryCount": str(message.dispatch_count - 1),
        "X-CloudTasks-TaskExecutionCount": str(task.executions),
        "X-CloudTasks-TaskETA": f"{message.schedule_time.timestamp():.6f}",
    }
    if task.previous_status is not None:
        headers["X-CloudTasks-TaskPreviousResponse"] = str(task.previous_status)
    if message.last_attempt.response_status.message:  # the previous attempt's: this one has no answer yet
        headers["X-CloudTasks-TaskRetryReason"] = message.last_attempt.response_status.message
    if "oidc_token" in message.http_request:
        oidc = message.http_request.oidc_token
        token = identity.token(
            audience=oidc.audience or message.http_request.url, email=oidc.service_account_email, now=now
        )
        headers["Authorization"] = f"Bearer {token}"
    return headers


def status_of(answer: Answer) -> status_pb2.Status:
    """The answer as `Attempt.response_status` words it: `UNAVAILABLE(14): HTTP status code 503`."""
    if answer.status is None:
        code, reason = code_pb2.Code.Value(answer.error), "no answer from the target"
    elif answer.accepted:
        code, reason = code_pb2.OK, f"HTTP status code {answer.status}"
    else:
        code, reason = _CODES.get(answer.status, code_pb2.UNKNOWN), f"HTTP status code {answer.status}"
    return status_pb2.Status(code=code, message=f"{code_pb2.Code.Name(code)}({code}): {reason}")
