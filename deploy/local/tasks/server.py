"""The server itself: the gRPC service, the dispatcher and the store, started and stopped together.

Connect Google's client with
`CloudTasksClient(transport=CloudTasksGrpcTransport(channel=grpc.insecure_channel(address)))`: it has no emulator
variable, and with an `api_endpoint` it insists on TLS.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import grpc
import yaml
from google.cloud import tasks_v2
from google.protobuf import json_format

from deploy.local.outbound import direct
from deploy.local.tasks.dispatcher import Delivery, Dispatcher
from deploy.local.tasks.messages import MAX_TASK_BYTES, RpcError, queue_of, short
from deploy.local.tasks.service import CloudTasks
from deploy.local.tasks.store import TaskStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.local.identity import Identity
    from deploy.local.outbound import Connect

TOMBSTONE: Final = timedelta(hours=24)
"""How long a finished task's name stays taken: "up to 24 hours", says `CreateTaskRequest`."""

_STOP_GRACE: Final = 0.2  # seconds that a call in progress is given; each is a few SQL statements


@dataclasses.dataclass(frozen=True, kw_only=True)
class PendingTask:
    """A task that waits or is being delivered, for a test or a person to look at."""

    name: str  #: the full name
    queue: str  #: the queue's id
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = dataclasses.field(repr=False)
    schedule_time: datetime
    dispatch_deadline: timedelta
    dispatch_count: int  #: attempts so far
    last_status: int | None  #: the HTTP status of the last attempt, if it was answered

    @property
    def id(self) -> str:
        """The task's own part of its name."""
        return short(self.name)

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever its creator sent
        """The body, read as JSON.

        Raises:
            json.JSONDecodeError: it is none.
        """
        return json.loads(self.body)


class TasksServer:
    """A Cloud Tasks server on loopback.

    Args:
        path: the SQLite file; None keeps everything in memory.
        identity: signs the OIDC tokens of deliveries.
        clock: the present moment, aware.
        speed: how many seconds of *clock* pass in a second of the machine's; deadlines are the machine's.
        tombstone: how long a finished or deleted task's name stays taken.
        dispatching: deliver by itself, as tasks become due. False holds everything: `run_next` and `run_due` deliver.
        connect: opens the session for one delivery; tests may lead it into the process.

    Raises:
        ValueError: the file was written by another version of this server.
    """

    def __init__(
        self,
        *,
        path: Path | None = None,
        identity: Identity,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        speed: float = 1.0,
        tombstone: timedelta = TOMBSTONE,
        dispatching: bool = True,
        connect: Connect = direct,
    ) -> None:
        self._dispatching = dispatching
        self._store = TaskStore(path)
        self._dispatcher = Dispatcher(
            self._store, identity=identity, clock=clock, speed=speed, tombstone=tombstone, connect=connect
        )
        self._service = CloudTasks(self._store, clock=clock, tombstone=tombstone, changed=self._dispatcher.wake)
        self._grpc: grpc.Server | None = None

    def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Serve, and return the address, `host:port`; port 0 takes a free one.

        Raises:
            OSError: the port is taken.
        """
        workers = ThreadPoolExecutor(max_workers=8, thread_name_prefix="tasks grpc")
        self._grpc = grpc.server(
            workers,
            # Room above the limit of a task, so that one too large is refused by name and not by the transport; and a
            # port that is taken is an error, not shared.
            options=[("grpc.max_receive_message_length", 16 * MAX_TASK_BYTES), ("grpc.so_reuseport", 0)],
        )
        self._grpc.add_generic_rpc_handlers((self._service.handler(),))
        try:
            bound = self._grpc.add_insecure_port(f"{host}:{port}")
        except RuntimeError as e:
            raise OSError(f"Cloud Tasks cannot listen on {host}:{port}: choose another port") from e
        self._grpc.start()
        if self._dispatching:
            self.start_dispatching()
        return f"{host}:{bound}"

    def start_dispatching(self) -> None:
        """Deliver by itself from now on, where `dispatching` was False: once the targets listen, say."""
        self._dispatcher.start()

    def stop(self) -> None:
        """Stop serving and dispatching within a second. A server that was stopped cannot be started again."""
        if self._grpc is not None:
            self._grpc.stop(_STOP_GRACE).wait()
        self._dispatcher.stop()
        self._store.close()

    def reset(self, *, queues: bool = False) -> None:
        """Forget all tasks and all names that are still taken; with *queues*, the queues too."""
        self._store.clear(queues=queues)
        self._dispatcher.forget()
        self._dispatcher.wake()

    def create_queues(self, path: Path, *, project: str, location: str) -> None:
        """Create the queues of a definition file (`deploy/queues.yaml`), or update those that are there.

        Raises:
            ValueError: the file does not define queues; the message names the field.
        """
        definition = yaml.safe_load(path.read_text(encoding="utf-8"))
        queues = definition.get("queues") if isinstance(definition, dict) else None
        if not queues:
            raise ValueError(f"{path}: its field `queues` must map queue ids to their settings")
        for queue_id, settings in queues.items():
            queue = tasks_v2.Queue.pb()()
            try:
                json_format.ParseDict(settings, queue)
                queue.name = f"projects/{project}/locations/{location}/queues/{queue_id}"
                self._service.update_queue(tasks_v2.UpdateQueueRequest(queue=tasks_v2.Queue.wrap(queue)))
            except (json_format.ParseError, RpcError) as e:
                raise ValueError(f"{path}: queue {queue_id}: {e}") from e

    # What tests do in held mode, and people at any time

    def queues(self) -> dict[str, str]:
        """The ids of all queues, each with its state: RUNNING or PAUSED."""
        return {short(queue.name): tasks_v2.Queue.State(queue.state).name for queue in self._store.queues()}

    def tasks(self, queue: str | None = None) -> list[PendingTask]:
        """What waits or is being delivered, in one queue (by its id) or in all, in the order in which it is due."""
        pending = [
            PendingTask(
                name=task.message.name,
                queue=short(queue_of(task.message.name)),
                method=tasks_v2.HttpMethod(task.message.http_request.http_method).name,
                url=task.message.http_request.url,
                headers=dict(task.message.http_request.headers),
                body=task.message.http_request.body,
                schedule_time=task.message.schedule_time,
                dispatch_deadline=task.message.dispatch_deadline,
                dispatch_count=task.message.dispatch_count,
                last_status=task.previous_status,
            )
            for task in sorted(self._store.tasks(), key=lambda t: t.id)
        ]
        return sorted((p for p in pending if queue in {None, p.queue}), key=lambda p: p.schedule_time)

    def next_due_at(self) -> datetime | None:
        """When a task may be dispatched next, its queue's rate considered; None while nothing waits."""
        return self._dispatcher.next_due_at()

    def run_next(self, now: datetime, queue: str | None = None) -> Delivery | None:
        """Deliver the one task that is due longest at *now* (of one queue, by its id) and wait; None if none is due."""
        return self._dispatcher.run_next(now, queue)

    def run_due(self, now: datetime, queue: str | None = None) -> list[Delivery]:
        """Deliver, one after the other, all that may be dispatched at *now*, what the deliveries enqueue included.

        A queue's rate holds here too: when its tokens are spent, the rest waits for a later *now* (`next_due_at`).
        """
        return list(iter(lambda: self.run_next(now, queue), None))
