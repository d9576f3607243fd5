"""The stores over the embedded Datastore, with deploy/index.yaml enforced."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from common.adapters.datastore.account import DatastoreAccount
from common.adapters.datastore.inbox import DatastoreInbox
from common.adapters.datastore.lanes import DatastoreLanes
from common.adapters.datastore.recordings import DatastoreRecordings
from common.adapters.datastore.requests import DatastoreRequests
from common.adapters.datastore.slots import DatastoreSlots
from common.model.capacity import SymblAccount
from common.model.recording import Priority
from tests.contract.datastore.backends import connect, fresh_project
from tests.factories import NOW, a_conversation, a_pending_job

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from google.cloud import datastore

    from common.model.job import SymblAsyncRequest
    from deploy.local.datastore import DatastoreServer


@pytest.fixture(params=["embedded", pytest.param("google", marks=pytest.mark.google)])
def backend(request: pytest.FixtureRequest) -> str | None:
    """The address of Google's emulator; None for the embedded server."""
    return None if request.param == "embedded" else request.getfixturevalue("google_address")


@pytest.fixture
def embedded_alone(backend: str | None) -> None:
    """For what the emulator cannot be asked: its channel takes 4 MiB, and its locks wait for seconds."""
    if backend is not None:
        pytest.skip("not on Google's emulator: large answers and lost races")


@pytest.fixture
def make_client(backend: str | None, empty_datastore: DatastoreServer) -> Callable[[], datastore.Client]:
    """Makes clients, each as a process of its own would have it, of one empty Datastore."""
    project = fresh_project()
    if backend is None:
        return lambda: empty_datastore.in_process_client(project)
    return lambda: _beginning_at_once(connect(backend, project))


def _beginning_at_once(client: datastore.Client) -> datastore.Client:
    """The emulator aborts a transaction that begins with its first read: see `KNOWN_DIFFERENCES["begin_later"]`."""
    begin = client.transaction
    client.transaction = lambda **options: begin(**{**options, "begin_later": False})  # type: ignore[method-assign, no-untyped-call]  # the library is untyped
    return client


@pytest.fixture
def datastore_client(make_client: Callable[[], datastore.Client]) -> datastore.Client:
    return make_client()


@pytest.fixture
def recordings(datastore_client: datastore.Client) -> DatastoreRecordings:
    return DatastoreRecordings(datastore_client)


@pytest.fixture
def requests(datastore_client: datastore.Client) -> DatastoreRequests:
    return DatastoreRequests(datastore_client)


@pytest.fixture
def slots(datastore_client: datastore.Client) -> DatastoreSlots:
    return DatastoreSlots(datastore_client)


@pytest.fixture
def lanes(datastore_client: datastore.Client) -> DatastoreLanes:
    return DatastoreLanes(datastore_client)


@pytest.fixture
def account(datastore_client: datastore.Client) -> DatastoreAccount:
    return DatastoreAccount(datastore_client)


@pytest.fixture
def inbox(datastore_client: datastore.Client) -> DatastoreInbox:
    return DatastoreInbox(datastore_client)


@pytest.fixture
def added(recordings: DatastoreRecordings) -> Callable[..., SymblAsyncRequest]:
    """Stores recording `number` and returns its pending request."""

    def add(
        number: int = 1, *, company: str = "Acme", now: datetime = NOW, priority: Priority = Priority.LIVE
    ) -> SymblAsyncRequest:
        conversation = a_conversation(number, company=company, priority=priority)
        request = dataclasses.replace(a_pending_job(number, now=now, company=company), priority=priority)
        recordings.add(conversation, request, allow_duplicate=False)
        return request

    return add


@pytest.fixture
def claimed(added: Callable[..., SymblAsyncRequest], slots: DatastoreSlots) -> Callable[..., SymblAsyncRequest]:
    """Stores recording `number`, gives it slot `slot`, and returns the request."""

    def claim(number: int = 1, *, slot: int = 0) -> SymblAsyncRequest:
        request = slots.claim(
            slot,
            request_id=added(number).id,
            attempt_id=f"attempt-{number}",
            now=NOW,
            next_check_at=NOW,
            planned_on=SymblAccount(),
        )
        assert request is not None
        return request

    return claim
