"""The methods of `google.cloud.tasks.v2.CloudTasks`, each from its request message to its answer.

What is not served answers UNIMPLEMENTED: batch creation and deletion, IAM policies, customer-managed keys.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import grpc
from google.cloud import tasks_v2
from google.protobuf import empty_pb2

from deploy.local.tasks.messages import (
    Queue,
    RpcError,
    Task,
    check_location,
    check_queue_name,
    check_task_name,
    complete_queue,
    invalid,
    merged_queue,
    new_task,
    queue_of,
    viewed,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from deploy.local.tasks.store import StoredTask, TaskStore

QUEUE_TOMBSTONE: Final = timedelta(days=7)
"""How long the name of a deleted queue stays taken. https://cloud.google.com/tasks/docs/deleting-appengine-queues-and-tasks"""

MAX_QUEUE_PAGE: Final = 9800
MAX_TASK_PAGE: Final = 1000

_SERVICE: Final = "google.cloud.tasks.v2.CloudTasks"


class CloudTasks:
    """The service over a store.

    Args:
        store: where queues and tasks are kept.
        clock: the present moment, aware.
        tombstone: how long the name of a finished or deleted task stays taken.
        changed: called after each change that may let a task be dispatched.
    """

    def __init__(
        self,
        store: TaskStore,
        *,
        clock: Callable[[], datetime],
        tombstone: timedelta,
        changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._tombstone = tombstone
        self._changed = changed

    def handler(self) -> grpc.GenericRpcHandler:
        """The methods for a gRPC server."""
        queue, task = tasks_v2.Queue.serialize, tasks_v2.Task.serialize
        empty = empty_pb2.Empty.SerializeToString
        methods: dict[str, tuple[Callable[[Any], Any], Any, Callable[[Any], bytes]]] = {
            "ListQueues": (self.list_queues, tasks_v2.ListQueuesRequest, tasks_v2.ListQueuesResponse.serialize),
            "GetQueue": (self.get_queue, tasks_v2.GetQueueRequest, queue),
            "CreateQueue": (self.create_queue, tasks_v2.CreateQueueRequest, queue),
            "UpdateQueue": (self.update_queue, tasks_v2.UpdateQueueRequest, queue),
            "DeleteQueue": (self.delete_queue, tasks_v2.DeleteQueueRequest, empty),
            "PurgeQueue": (self.purge_queue, tasks_v2.PurgeQueueRequest, queue),
            "PauseQueue": (self.pause_queue, tasks_v2.PauseQueueRequest, queue),
            "ResumeQueue": (self.resume_queue, tasks_v2.ResumeQueueRequest, queue),
            "ListTasks": (self.list_tasks, tasks_v2.ListTasksRequest, tasks_v2.ListTasksResponse.serialize),
            "GetTask": (self.get_task, tasks_v2.GetTaskRequest, task),
            "CreateTask": (self.create_task, tasks_v2.CreateTaskRequest, task),
            "DeleteTask": (self.delete_task, tasks_v2.DeleteTaskRequest, empty),
            "RunTask": (self.run_task, tasks_v2.RunTaskRequest, task),
        }
        return grpc.method_handlers_generic_handler(
            _SERVICE,
            {
                name: grpc.unary_unary_rpc_method_handler(
                    _answering(method), request_deserializer=request.deserialize, response_serializer=serialize
                )
                for name, (method, request, serialize) in methods.items()
            },
        )

    # Queues

    def list_queues(self, request: tasks_v2.ListQueuesRequest) -> tasks_v2.ListQueuesResponse:
        """Queues of one location, by name."""
        if request.filter:
            raise RpcError(grpc.StatusCode.UNIMPLEMENTED, "ListQueuesRequest.filter is not served here")
        size = _page_size(request.page_size, MAX_QUEUE_PAGE)
        prefix = check_location(request.parent) + "/queues/"
        queues = self._store.queues(prefix, after=request.page_token, limit=size + 1)
        return tasks_v2.ListQueuesResponse(
            queues=queues[:size], next_page_token=queues[size - 1].name if len(queues) > size else ""
        )

    def get_queue(self, request: tasks_v2.GetQueueRequest) -> Queue:
        """One queue."""
        return self._queue(request.name)

    def create_queue(self, request: tasks_v2.CreateQueueRequest) -> Queue:
        """Add a queue; ALREADY_EXISTS if it is there, FAILED_PRECONDITION if it was deleted recently."""
        name = check_queue_name(request.queue.name)
        if not name.startswith(f"{request.parent}/queues/"):
            raise invalid(f'Queue.name "{name}" must begin with its parent, "{request.parent}/queues/"')
        with self._store.transaction():
            if self._store.queue(name) is not None:
                raise RpcError(grpc.StatusCode.ALREADY_EXISTS, "Queue already exists")
            return self._put_new_queue(request.queue)

    def update_queue(self, request: tasks_v2.UpdateQueueRequest) -> Queue:
        """Change a queue, or add it if it is not there."""
        name = check_queue_name(request.queue.name)
        with self._store.transaction():
            old = self._store.queue(name)
            if old is None:
                return self._put_new_queue(request.queue)
            return self._put_queue(complete_queue(merged_queue(old, request.queue, request.update_mask)))

    def delete_queue(self, request: tasks_v2.DeleteQueueRequest) -> empty_pb2.Empty:
        """Remove a queue and its tasks."""
        with self._store.transaction():
            queue = self._queue(request.name)
            self._store.delete_queue(queue.name)
            self._store.bury(queue.name, until=self._clock() + QUEUE_TOMBSTONE)
        return empty_pb2.Empty()

    def purge_queue(self, request: tasks_v2.PurgeQueueRequest) -> Queue:
        """Delete all tasks of a queue."""
        now = self._clock()
        with self._store.transaction():
            queue = self._queue(request.name)
            for task in self._store.tasks(queue.name):
                self._store.delete_task(task, name_free_at=now + self._tombstone)
            queue.purge_time = now
            return self._put_queue(queue)

    def pause_queue(self, request: tasks_v2.PauseQueueRequest) -> Queue:
        """Dispatch nothing from a queue; tasks can still be added."""
        return self._set_state(request.name, tasks_v2.Queue.State.PAUSED)

    def resume_queue(self, request: tasks_v2.ResumeQueueRequest) -> Queue:
        """Dispatch from a queue again."""
        return self._set_state(request.name, tasks_v2.Queue.State.RUNNING)

    def _set_state(self, name: str, state: int) -> Queue:
        with self._store.transaction():
            queue = self._queue(name)
            queue.state = state
            return self._put_queue(queue)

    def _put_new_queue(self, queue: Queue) -> Queue:
        if self._store.buried(queue.name, self._clock()):
            raise RpcError(
                grpc.StatusCode.FAILED_PRECONDITION,
                "The queue cannot be created because a queue with this name existed too recently.",
            )
        queue = complete_queue(queue)
        queue.state = tasks_v2.Queue.State.RUNNING
        return self._put_queue(queue)

    def _put_queue(self, queue: Queue) -> Queue:
        self._store.put_queue(queue)
        self._changed()
        return queue

    def _queue(self, name: str) -> Queue:
        queue = self._store.queue(check_queue_name(name))
        if queue is None:
            raise RpcError(
                grpc.StatusCode.NOT_FOUND,
                f'Queue does not exist. If you just created the queue, wait at least a minute for it. ("{name}")',
            )
        return queue

    # Tasks

    def list_tasks(self, request: tasks_v2.ListTasksRequest) -> tasks_v2.ListTasksResponse:
        """Tasks of one queue, by name."""
        size = _page_size(request.page_size, MAX_TASK_PAGE)
        queue = self._queue(request.parent)
        tasks = self._store.tasks(queue.name, after=request.page_token, limit=size + 1)
        return tasks_v2.ListTasksResponse(
            tasks=[viewed(task.message, request.response_view) for task in tasks[:size]],
            next_page_token=tasks[size - 1].message.name if len(tasks) > size else "",
        )

    def get_task(self, request: tasks_v2.GetTaskRequest) -> Task:
        """One task, until it is done."""
        return viewed(self._task(request.name).message, request.response_view)

    def create_task(self, request: tasks_v2.CreateTaskRequest) -> Task:
        """Add a task; ALREADY_EXISTS if its name is in use, or was until recently."""
        now = self._clock()
        with self._store.transaction():
            queue = self._queue(request.parent)
            task = new_task(queue.name, request.task, now)
            if self._store.task(task.name) is not None:
                raise RpcError(grpc.StatusCode.ALREADY_EXISTS, "Requested entity already exists")
            if self._store.buried(task.name, now):
                raise RpcError(
                    grpc.StatusCode.ALREADY_EXISTS,
                    "The task cannot be created because a task with this name existed too recently.",
                )
            self._store.insert_task(queue.name, task, named=bool(request.task.name))
        self._changed()
        return viewed(task, request.response_view)

    def delete_task(self, request: tasks_v2.DeleteTaskRequest) -> empty_pb2.Empty:
        """Remove a task; an attempt in flight goes on."""
        with self._store.transaction():
            self._store.delete_task(self._task(request.name), name_free_at=self._clock() + self._tombstone)
        self._changed()
        return empty_pb2.Empty()

    def run_task(self, request: tasks_v2.RunTaskRequest) -> Task:
        """Dispatch a task now, past pause and limits. One that is being delivered goes out again if that fails."""
        with self._store.transaction():
            task = self._task(request.name)
            self._store.force(task, self._clock())
        self._changed()
        return viewed(task.message, request.response_view)

    def _task(self, name: str) -> StoredTask:
        task = self._store.task(check_task_name(name))
        if task is not None:
            return task
        self._queue(queue_of(name))
        if self._store.buried(name, self._clock()):
            raise RpcError(
                grpc.StatusCode.NOT_FOUND,
                "The task no longer exists, though a task with this name existed recently. "
                "The task either successfully completed or was deleted.",
            )
        raise RpcError(grpc.StatusCode.NOT_FOUND, "Requested entity was not found.")


def _page_size(wanted: int, largest: int) -> int:
    if wanted < 0:
        raise invalid(f"page_size must not be negative, was {wanted}")
    return min(wanted or largest, largest)


def _answering(method: Callable[[Any], Any]) -> Callable[[Any, grpc.ServicerContext], Any]:
    """*method* as gRPC calls it: an RpcError becomes the call's status."""

    def answer(request: object, context: grpc.ServicerContext) -> object:
        try:
            return method(request)
        except RpcError as e:
            context.abort(e.code, e.message)

    return answer
