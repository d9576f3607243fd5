"""An upload becomes a CloudEvent, and the event is delivered until somebody accepts it."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import jwt
import pytest
from cloudevents.http import from_http

from deploy.local.storage import StorageServer
from deploy.local.tasks.schedule import RetryPolicy
from tests.callee import Callee, HttpCallee, ManualClock
from tests.contract.storage.conftest import BUCKET, INGEST

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from google.cloud.storage import Blob, Bucket

    from deploy.local.identity import Identity

NAME = "acme/Grüße 100%.wav"
MICROSECOND = timedelta(microseconds=1)


def upload(bucket: Bucket, name: str = NAME) -> Blob:
    """A small recording with metadata of its own."""
    blob = bucket.blob(name)
    blob.metadata = {"company": "Müller"}
    blob.upload_from_string(b"hello", content_type="audio/wav")
    return blob


def test_an_upload_is_told_as_eventarc_tells_it(
    bucket: Bucket, server: StorageServer, clock: ManualClock, callee: Callee
) -> None:
    """Binary mode, ASCII headers, int64 values as strings."""
    blob = upload(bucket)
    server.events(at_least=1)
    (delivery,) = server.deliver_due(clock())
    (call,) = callee.calls
    assert (delivery.status, delivery.next_attempt_at) == (200, None)
    assert (call.method, call.url) == ("POST", INGEST)
    assert all(value.isascii() for value in call.headers.values())
    assert call.headers["Content-Type"] == "application/json"
    event = from_http(dict(call.headers), call.body)
    assert event["type"] == "google.cloud.storage.object.v1.finalized"
    assert event["source"] == f"//storage.googleapis.com/projects/_/buckets/{BUCKET}"
    assert event["subject"] == "objects/acme/Gr%C3%BC%C3%9Fe%20100%25.wav"
    assert event["bucket"] == BUCKET
    assert event["id"].isdecimal()
    assert datetime.fromisoformat(event["time"]).tzinfo is not None
    data = event.data
    assert (data["bucket"], data["name"]) == (BUCKET, NAME)
    assert (data["generation"], data["metageneration"], data["size"]) == (str(blob.generation), "1", "5")
    assert data["contentType"] == "audio/wav"
    assert data["metadata"] == {"company": "Müller"}
    assert (data["md5Hash"], data["crc32c"]) == ("XUFAKrxLKna5cZ2REBfFkg==", "mnG7TA==")


def test_the_callee_can_verify_that_the_event_is_ours(
    bucket: Bucket, server: StorageServer, clock: ManualClock, callee: Callee, identity: Identity
) -> None:
    """An OIDC token for its URL, of the trigger's service account."""
    upload(bucket)
    server.events(at_least=1)
    server.deliver_due(clock())
    key = jwt.PyJWKSet.from_dict(json.loads(json.dumps(identity.jwks()))).keys[0].key
    token = callee.calls[0].headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(
        token,
        key,
        algorithms=["RS256"],
        audience=INGEST,
        options={"verify_exp": False, "verify_iat": False},  # the test's own clock stands still
    )
    assert claims["email"] == "eventarc@local.iam.gserviceaccount.com"


def test_a_refused_event_comes_back_with_the_same_id_until_it_is_accepted(
    bucket: Bucket, server: StorageServer, clock: ManualClock, callee: Callee
) -> None:
    """503 twice: one second later, then two; then it is done with."""
    callee.answers = [503, 500]
    upload(bucket)
    server.events(at_least=1)
    waits = []
    while server.events():
        for delivery in server.deliver_due(clock()):
            if delivery.next_attempt_at is not None:
                waits.append(delivery.next_attempt_at - clock())
                assert server.deliver_due(delivery.next_attempt_at - MICROSECOND) == []
                clock.now = delivery.next_attempt_at
    assert [w.total_seconds() for w in waits] == [1, 2]
    assert len(callee.calls) == 3
    assert len({call.headers["ce-id"] for call in callee.calls}) == 1
    assert len({call.body for call in callee.calls}) == 1


def test_each_upload_is_an_event_of_its_own_and_nothing_else_is(
    bucket: Bucket, server: StorageServer, clock: ManualClock
) -> None:
    """An overwrite too; a patch or a deletion is not told."""
    uploaded = {(NAME, str(upload(bucket).generation))}
    blob = upload(bucket)
    uploaded.add((NAME, str(blob.generation)))
    blob.metadata = {"company": "Other"}
    blob.patch()
    blob.delete()
    with bucket.blob("resumable.wav").open("wb", ignore_flush=True) as f:
        f.write(b"x" * 1000)
    events = server.events(at_least=3)
    told = {(e.object["name"], e.object["generation"]) for e in events}
    assert uploaded < told
    assert {name for name, _ in told} == {NAME, "resumable.wav"}
    assert len(events) == len({e.id for e in events}) == 3
    assert all(e.due == clock() for e in events)


def test_without_a_target_events_wait_for_one(
    bucket: Bucket, server: StorageServer, clock: ManualClock, callee: Callee
) -> None:
    """The functions may start after the storage."""
    server.deliver_to = None
    upload(bucket)
    assert len(server.events(at_least=1)) == 1
    assert server.deliver_due(clock()) == []
    server.deliver_to = "http://functions/elsewhere"
    assert len(server.deliver_due(clock())) == 1
    assert callee.calls[0].url == "http://functions/elsewhere"


def test_events_that_nobody_accepted_survive_a_restart(
    make_server: Callable[[], StorageServer],
    connect: Callable[[str], Bucket],
    clock: ManualClock,
    callee: Callee,
) -> None:
    """With their ids and their attempts."""
    callee.answers = [503]
    first = make_server()
    upload(connect(first.start()))
    first.events(at_least=1)
    (refused,) = first.deliver_due(clock())
    first.stop()
    second = make_server()
    (event,) = second.events()
    assert (event.id, event.attempts, event.due) == (refused.event.id, 1, refused.next_attempt_at)
    (accepted,) = second.deliver_due(event.due)
    assert (accepted.attempt, accepted.status) == (2, 200)
    assert second.events() == []


def test_events_are_delivered_and_redelivered_by_the_server_itself(
    identity: Identity, tmp_path: Path, connect: Callable[[str], Bucket]
) -> None:
    """In real time, over HTTP; to a target that is named after the start."""
    answers = [503]
    callee = HttpCallee(lambda _: answers.pop() if answers else 204)
    quick = RetryPolicy(max_attempts=-1, min_backoff=timedelta(milliseconds=20))
    server = StorageServer(
        root=tmp_path / "objects",
        events=None,
        buckets=[BUCKET],
        project="local",
        deliver_to=None,
        identity=identity,
        backoff=quick,
    )
    upload(connect(server.start()))
    server.deliver_to = callee.url
    first, second = callee.wait_for(2)
    assert first.headers["ce-id"] == second.headers["ce-id"]
    deadline = time.monotonic() + 5
    while server.events() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert server.events() == []
    server.stop()
    callee.close()


def test_the_death_of_the_storage_process_is_told(identity: Identity, tmp_path: Path) -> None:
    """So that the runner can end rather than let clients wait; what stop() does is not told."""
    deaths: queue.Queue[int] = queue.Queue()
    server = StorageServer(
        root=tmp_path / "objects",
        events=None,
        buckets=[],
        project="local",
        deliver_to=None,
        identity=identity,
        on_death=deaths.put,
    )
    port = server.start().rpartition(":")[2]
    found = subprocess.run(["pgrep", "-f", f"^[^ ]*fake-gcs-server.* -port {port} "], capture_output=True, check=True)
    (pid,) = found.stdout.split()
    os.kill(int(pid), signal.SIGKILL)
    assert deaths.get(timeout=5) == 128 + signal.SIGKILL
    started = time.monotonic()
    server.stop()
    assert time.monotonic() - started < 1
    assert deaths.empty()


def test_a_port_that_is_taken_is_an_error(make_server: Callable[[], StorageServer], url: str) -> None:
    """Rather than a server that silently talks to somebody else's files."""
    with pytest.raises(OSError, match="in use"):
        make_server().start(port=int(url.rpartition(":")[2]))
