"""The stores over the embedded Datastore, with deploy/index.yaml enforced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from common.adapters.datastore.inbox import DatastoreInbox
from common.adapters.datastore.recordings import DatastoreRecordings
from common.adapters.datastore.requests import DatastoreRequests
from common.adapters.datastore.slots import DatastoreSlots
from tests.factories import NOW, a_conversation, a_pending_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud import datastore

    from common.model.job import SymblAsyncRequest


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
def inbox(datastore_client: datastore.Client) -> DatastoreInbox:
    return DatastoreInbox(datastore_client)


@pytest.fixture
def added(recordings: DatastoreRecordings) -> Callable[..., SymblAsyncRequest]:
    """Stores recording `number` and returns its pending request."""

    def add(number: int = 1, *, company: str = "Acme", now: object = NOW) -> SymblAsyncRequest:
        conversation = a_conversation(number, company=company)
        request = a_pending_job(number, now=now, company=company)  # type: ignore[arg-type]  # a datetime
        recordings.add(conversation, request, allow_duplicate=False)
        return request

    return add


@pytest.fixture
def claimed(added: Callable[..., SymblAsyncRequest], slots: DatastoreSlots) -> Callable[..., SymblAsyncRequest]:
    """Stores recording `number`, gives it slot `slot`, and returns the request."""

    def claim(number: int = 1, *, slot: int = 0) -> SymblAsyncRequest:
        request = slots.claim(
            slot, request_id=added(number).id, attempt_id=f"attempt-{number}", now=NOW, next_check_at=NOW
        )
        assert request is not None
        return request

    return claim
