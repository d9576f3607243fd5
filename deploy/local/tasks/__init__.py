"""A Cloud Tasks server: `google.cloud.tasks.v2.CloudTasks` over gRPC, kept in SQLite, dispatching over HTTP."""

from deploy.local.tasks.dispatcher import Delivery, Outcome
from deploy.local.tasks.server import PendingTask, TasksServer

__all__ = ["Delivery", "Outcome", "PendingTask", "TasksServer"]
