"""TaskQueue on Cloud Tasks."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from google.api_core import exceptions as google_errors
from google.api_core.retry import Retry, if_exception_type
from google.cloud import tasks_v2
from google.protobuf import duration_pb2, timestamp_pb2

from common.errors import TryLater
from common.model.tasks import Stage, Task

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A few seconds more than the stage's own limit: later answers are not listened to, and the task would run twice.
DEADLINES: Mapping[Stage, timedelta] = {
    Stage.DISPATCH: timedelta(seconds=90),
    Stage.SUBMIT: timedelta(seconds=240),
    Stage.COLLECT: timedelta(seconds=240),
    Stage.INGEST: timedelta(seconds=550),
}
#: Names make creation safe to repeat, so the client may.
_RETRY = Retry(
    predicate=if_exception_type(
        google_errors.ServiceUnavailable, google_errors.DeadlineExceeded, google_errors.InternalServerError
    ),
    initial=0.2,
    maximum=2.0,
    timeout=8.0,
)


def tasks_client(emulator_host: str | None) -> tasks_v2.CloudTasksClient:
    """The client of the service, or of a server without TLS (the library knows no variable for an emulator)."""
    if emulator_host is None:
        return tasks_v2.CloudTasksClient()
    import grpc  # noqa: PLC0415  # only where there is an emulator
    from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport  # noqa: PLC0415

    # An http_proxy in the environment is not meant for a server beside us.
    channel = grpc.insecure_channel(emulator_host, options=[("grpc.enable_http_proxy", 0)])
    return tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))


class CloudTaskQueue:
    """A queue for each stage; a task's URL is its stage's function."""

    def __init__(
        self,
        client: tasks_v2.CloudTasksClient,
        *,
        project: str,
        location: str,
        queues: Mapping[Stage, str],
        target_base_url: str,
        service_account: str,
    ) -> None:
        self._client = client
        self._parents = {stage: client.queue_path(project, location, queue) for stage, queue in queues.items()}
        self._target = target_base_url
        self._service_account = service_account

    def state_of(self, stage: Stage) -> str:
        """RUNNING, PAUSED or DISABLED; raises Google's errors where the queue cannot be looked at."""
        return self._client.get_queue(name=self._parents[stage], retry=None, timeout=4.0).state.name

    def enqueue(self, task: Task) -> None:
        """Create the task; that it exists already is as good.

        Raises:
            TryLater: when Cloud Tasks is out of reach. What the task was for is committed: the sweep finds it.
        """
        parent = self._parents[task.stage]
        url = f"{self._target}/{task.stage.value}"
        message = tasks_v2.Task(
            name=f"{parent}/tasks/{task.name}",
            http_request=tasks_v2.HttpRequest(
                url=url,
                http_method=tasks_v2.HttpMethod.POST,
                headers={"Content-Type": "application/json", **task.headers},
                body=json.dumps(task.body).encode(),
                oidc_token=tasks_v2.OidcToken(service_account_email=self._service_account, audience=url),
            ),
            dispatch_deadline=duration_pb2.Duration(seconds=int(DEADLINES[task.stage].total_seconds())),
        )
        if task.not_before is not None:
            at = timestamp_pb2.Timestamp()
            at.FromDatetime(task.not_before)
            message.schedule_time = at
        try:
            self._client.create_task(parent=parent, task=message, retry=_RETRY, timeout=8.0)
        except google_errors.AlreadyExists:
            return
        except google_errors.GoogleAPIError as error:
            raise TryLater(f"Cloud Tasks did not take a task of {task.stage}: {error}") from error
