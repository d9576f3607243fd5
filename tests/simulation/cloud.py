"""Cloud Tasks and Cloud Storage, as they promise to be and no better."""

from __future__ import annotations

import dataclasses
import io
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO

from common.model.tasks import Task
from tests.factories import a_recording, a_wav

if TYPE_CHECKING:
    from common.model.recording import StoredObject

WAV = a_wav()


@dataclasses.dataclass
class Message:
    """A task that waits, or is in the hands of `deliveries` runs, or is to be repeated from `not_before` on."""

    task: Task
    not_before: datetime | None
    failures: int = 0

    def __repr__(self) -> str:
        return f"<{self.task.stage} {' '.join(self.task.body.values())}>"


class Queue:
    """Cloud Tasks: a name once, each task until it is answered, at least once."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._names: set[str] = set()

    def enqueue(self, task: Task) -> None:
        """Create it; a name that was there is as good."""
        if task.name not in self._names:
            self._names.add(task.name)
            self.messages.append(Message(task, task.not_before))

    def due(self, now: datetime) -> list[Message]:
        """What may be delivered, the oldest first; also what is in somebody's hands already."""
        return [message for message in self.messages if message.not_before is None or message.not_before <= now]

    def answered(self, message: Message) -> None:
        """It is done; another delivery of it may have said so before."""
        if message in self.messages:
            self.messages.remove(message)

    def failed(self, message: Message, now: datetime) -> None:
        """Repeat it later."""
        message.failures += 1
        message.not_before = now + timedelta(seconds=min(5 * 2**message.failures, 300))


class Bucket:
    """Recordings that were put there, and the events of those that nobody has taken in yet."""

    bucket = "recordings"

    def __init__(self) -> None:
        self.objects: list[StoredObject] = []
        self.events: list[StoredObject] = []

    def put_recording(self, company: str, priority: str) -> StoredObject:
        """Somebody uploads one more."""
        words = f'{{"company": "{company}", "priority": "{priority}"}}'
        stored = a_recording(len(self.objects) + 1, size=len(WAV), metadata={"calltrack-metadata": words})
        self.objects.append(stored)
        self.events.append(stored)
        return stored

    def find(self, name: str, generation: int | None = None) -> StoredObject | None:
        """One generation of an object."""
        return next((o for o in self.objects if o.name == name and generation in {o.generation, None}), None)

    def open(self, _: StoredObject) -> BinaryIO:
        """The same bytes, whichever it is."""
        return io.BytesIO(WAV)

    def delete(self, name: str, generation: int | None = None) -> None:
        """Remove one generation."""
        stored = self.find(name, generation)
        if stored is not None:
            self.objects.remove(stored)

    def signed_url(self, name: str, generation: int, *, lifetime: timedelta) -> str:
        """A URL that nobody reads."""
        return f"https://storage.example/{name}?generation={generation}&expires={lifetime}"
