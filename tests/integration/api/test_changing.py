"""Changing by API, twice: two people at once, and one call that is sent again."""

from __future__ import annotations

import dataclasses
import io
import json
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from common.model.idempotency import KEPT_FOR, LEASE
from tests.benchmarks.call_counts import counted
from tests.factories import a_wav
from tests.integration.pipeline.test_replays import add_failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import Client, TestResponse

    from common.model.job import SymblAsyncRequest
    from tests.integration.pipeline.installation import Installation

BASE = "/api/v1/recordings"
DEFAULTS = "/api/v1/companies/Acme/defaults"
LOOKS = "/api/v1/companies/Acme/business-ux"
WHY = {"reason": "the engine was mended"}


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def add(api: Client, key: str, *, seed: int = 1, metadata: Any = None) -> TestResponse:
    """An upload; each has a boundary of its own."""
    return api.post(
        BASE,
        data={
            "metadata": json.dumps({"company": "Acme", "allow_duplicate": True} if metadata is None else metadata),
            "audio": (io.BytesIO(a_wav(seed=seed)), "call.wav"),
        },
        headers=keyed(key),
    )


# Two people at once


@pytest.mark.parametrize(
    ("path", "mine", "theirs"),
    [
        (DEFAULTS, {"language_code": "en-GB"}, {"language_code": "de-DE"}),
        (LOOKS, {"display_name": "Mine"}, {"display_name": "Theirs"}),
    ],
)
@pytest.mark.usefixtures("installation")
def test_whoever_read_before_the_other_wrote_overwrites_nothing(
    api: Client, path: str, mine: dict[str, str], theirs: dict[str, str]
) -> None:
    """412 names both ETags; who reads again may write; who sends no ETag is not asked."""
    api.put(path, json={})
    read = api.get(path).headers["ETag"]
    written = api.put(path, json=theirs, headers={"If-Match": read})

    late = api.put(path, json=mine, headers={"If-Match": read})

    assert (written.status_code, late.status_code) == (200, 412)
    assert late.get_json()["reason"] == "CHANGED_MEANWHILE"
    assert read in late.get_json()["detail"]
    assert written.headers["ETag"] in late.get_json()["detail"]
    assert theirs.items() <= api.get(path).get_json().items()
    assert api.get(path).headers["ETag"] == written.headers["ETag"]
    assert api.put(path, json=mine, headers={"If-Match": f"W/{written.headers['ETag']}"}).status_code == 200
    assert api.put(path, json=theirs).status_code == 200


@pytest.mark.usefixtures("installation")
def test_what_is_not_there_matches_nothing(api: Client) -> None:
    """Neither an ETag nor *: whoever sends one means to change something."""
    assert api.put(LOOKS, json={}, headers={"If-Match": '"x"'}).status_code == 412
    assert api.put(LOOKS, json={}, headers={"If-Match": "*"}).status_code == 412
    assert api.get(LOOKS).status_code == 404
    assert api.put(DEFAULTS, json={}, headers={"If-Match": "*"}).status_code == 200


def test_a_replay_is_of_the_state_that_was_read(api: Client, installation: Installation) -> None:
    """Somebody else may have replayed it in the meantime, and it may have failed anew for another reason."""
    recording = add_failed(installation)
    read = api.get(f"{BASE}/{recording}?view=BASIC").headers["ETag"]
    first = api.post(f"{BASE}/{recording}:replay", json=WHY, headers={"If-Match": read})

    late = api.post(f"{BASE}/{recording}:replay", json=WHY, headers={"If-Match": read})

    assert (first.status_code, late.status_code) == (200, 412)
    assert first.headers["ETag"] == api.get(f"{BASE}/{recording}").headers["ETag"]
    assert len(installation.request(recording).replays) == 1


def test_a_deletion_is_of_the_state_that_was_read(api: Client, installation: Installation) -> None:
    """What has changed since is read again before it is deleted; sent again, the first answer comes back."""
    recording = add_failed(installation)
    read = api.get(f"{BASE}/{recording}").headers["ETag"]
    path, mine = f"{BASE}/{recording}?reason=asked+to", {"If-Match": read}
    late = api.delete(path, headers={"If-Match": '"something-else"'})

    deleted, again = api.delete(path, headers=mine), api.delete(path, headers=mine)

    assert (late.status_code, deleted.status_code, again.status_code) == (412, 200, 200)
    assert late.get_json()["reason"] == "CHANGED_MEANWHILE"
    assert again.get_json()["deleted_at"] == deleted.get_json()["deleted_at"]


class Overtaken:
    """The stored requests, each of which somebody changes just before it is changed."""

    def __init__(self, requests: Any) -> None:
        self._requests = requests

    def __getattr__(self, name: str) -> Any:
        return getattr(self._requests, name)

    def change(self, request_id: str, change: Callable[[SymblAsyncRequest], SymblAsyncRequest]) -> SymblAsyncRequest:
        self._requests.change(request_id, lambda job: dataclasses.replace(job, error=None))
        changed: SymblAsyncRequest = self._requests.change(request_id, change)
        return changed


def test_what_is_changed_while_a_replay_is_checked_is_not_overwritten(api: Client, installation: Installation) -> None:
    """The state that was read is asked for in the transaction too."""
    recording = add_failed(installation)
    read = api.get(f"{BASE}/{recording}").headers["ETag"]
    requests = installation.services.requests
    installation.services.requests = Overtaken(requests)  # type: ignore[assignment]  # it is one in all that matters

    late = api.post(f"{BASE}/{recording}:replay", json=WHY, headers={"If-Match": read})

    installation.services.requests = requests
    assert (late.status_code, late.get_json()["reason"]) == (412, "CHANGED_MEANWHILE")
    assert installation.request(recording).replays == ()


# One call that is sent again


def test_an_upload_sent_again_gets_the_first_answer(api: Client, installation: Installation) -> None:
    """Nothing is added twice, though duplicates are allowed; the answer says that it is the first one's."""
    first, again = add(api, "crm-7"), add(api, "crm-7")

    assert (first.status_code, again.status_code) == (201, 201)
    assert (again.data, again.headers["Location"]) == (first.data, first.headers["Location"])
    assert ("Idempotent-Replayed" in first.headers, again.headers["Idempotent-Replayed"]) == (False, "true")
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert installation.count("SymblAsyncRequest") == 1
    assert add(api, "crm-8").status_code == 201
    assert installation.count("SymblAsyncRequest") == 2


def test_replays_sent_again_get_the_first_answer(api: Client, installation: Installation) -> None:
    """One recording's, and many recordings'."""
    one, many = add_failed(installation, 1), add_failed(installation, 2)
    order = {**WHY, "filter": "status:failed"}

    firsts = [
        api.post(f"{BASE}/{one}:replay", json=WHY, headers=keyed("a")),
        api.post(f"{BASE}:replay", json=order, headers=keyed("b")),
    ]
    again = [
        api.post(f"{BASE}/{one}:replay", json=WHY, headers=keyed("a")),
        api.post(f"{BASE}:replay", json=order, headers=keyed("b")),
    ]

    assert [answer.data for answer in again] == [answer.data for answer in firsts]
    assert again[0].headers["ETag"] == firsts[0].headers["ETag"]
    assert many in again[1].get_json()["recordings"]
    assert {answer.headers["Idempotent-Replayed"] for answer in again} == {"true"}


@pytest.mark.parametrize("other", [{"seed": 2}, {"metadata": {"company": "Globex"}}])
def test_a_key_belongs_to_one_call(api: Client, installation: Installation, other: dict[str, Any]) -> None:
    """422 for other bytes or other words under it; the first answer can still be had."""
    first = add(api, "crm-7")

    refused = add(api, "crm-7", **other)

    assert (refused.status_code, refused.get_json()["reason"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert refused.get_json()["retryable"] is False
    assert add(api, "crm-7").data == first.data
    assert installation.count("SymblAsyncRequest") == 1


def test_a_refusal_is_not_kept(api: Client, installation: Installation) -> None:
    """What was mended may be sent under the same key, since nothing was done."""
    refused = add(api, "crm-7", metadata={"compny": "Acme"})

    assert refused.status_code == 400
    assert add(api, "crm-7").status_code == 201
    assert installation.count("IdempotentCall") == 1


def test_the_same_call_at_the_same_time_waits_its_turn(api: Client, installation: Installation) -> None:
    """409, to be sent again; whichever came first is the one that is done."""
    services = installation.services
    inside, go_on = threading.Event(), threading.Event()
    store, add_really = services.recordings, services.recordings.add

    def slowly(*given: Any, **options: Any) -> Any:
        inside.set()
        assert go_on.wait(20)
        return add_really(*given, **options)

    store.add = slowly  # type: ignore[method-assign]  # stands for a slow Datastore
    answers: list[TestResponse] = []
    thread = threading.Thread(target=lambda: answers.append(add(api, "crm-7")))
    thread.start()
    assert inside.wait(20)

    meanwhile = add(api, "crm-7")
    go_on.set()
    thread.join()
    later = add(api, "crm-7")

    problem = meanwhile.get_json()
    assert (meanwhile.status_code, problem["reason"], problem["retryable"]) == (409, "IDEMPOTENCY_KEY_IN_USE", True)
    assert int(meanwhile.headers["Retry-After"]) > 0
    assert (answers[0].status_code, later.data) == (201, answers[0].data)
    assert installation.count("SymblAsyncRequest") == 1


def test_a_killed_call_does_not_block_its_key_for_ever(api: Client, installation: Installation) -> None:
    """Its lease lapses; then the call is done, and its answer kept."""
    key_taken = _a_key_that_a_killed_call_holds(api, installation)
    assert add(api, key_taken).status_code == 409

    installation.clock.advance(LEASE)

    done = add(api, key_taken)
    assert (done.status_code, "Idempotent-Replayed" in done.headers) == (201, False)
    assert add(api, key_taken).data == done.data


def test_a_call_that_was_killed_after_its_work_adds_nothing_when_sent_again(
    api: Client, installation: Installation
) -> None:
    """Even where duplicates are allowed: what it adds has a name that follows from its key."""
    services = installation.services
    keep = services.idempotency.keep

    def killed(*_: Any, **__: Any) -> None:
        raise SystemExit

    services.idempotency.keep = killed  # type: ignore[method-assign]  # the instance dies here
    with pytest.raises(SystemExit):
        add(api, "crm-7")
    services.idempotency.keep = keep  # type: ignore[method-assign]
    assert installation.count("SymblAsyncRequest") == 1
    installation.clock.advance(timedelta(days=1) - timedelta(minutes=1))  # another day, the same key

    again = add(api, "crm-7")

    assert again.status_code in {200, 201}
    assert installation.count("SymblAsyncRequest") == 1
    assert len(installation.objects()) == 1


def _a_key_that_a_killed_call_holds(api: Client, installation: Installation) -> str:
    services = installation.services
    add_really = services.recordings.add

    def killed(*_: Any, **__: Any) -> Any:
        raise SystemExit

    services.recordings.add = killed  # type: ignore[method-assign]  # the instance dies here
    with pytest.raises(SystemExit):
        add(api, "crm-7")
    services.recordings.add = add_really  # type: ignore[method-assign]
    return "crm-7"


def test_an_answer_is_kept_for_a_day(api: Client, installation: Installation) -> None:
    """After that the key is as good as new."""
    first = add(api, "crm-7")
    installation.clock.advance(KEPT_FOR)

    later = add(api, "crm-7")

    assert (later.status_code, "Idempotent-Replayed" in later.headers) == (201, False)
    assert later.get_json()["id"] != first.get_json()["id"]


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é"])
def test_a_key_that_is_none_is_refused(api: Client, installation: Installation, key: str) -> None:
    """By the header's name."""
    answer = add(api, key)

    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (400, "Idempotency-Key")
    assert installation.count("SymblAsyncRequest") == 0


def test_a_call_without_a_key_costs_nothing_more(api: Client, installation: Installation) -> None:
    """With one it costs two transactions: to begin, and to keep the answer."""
    installation.add(a_wav(seed=1), {"company": "Acme"})  # what is built once is built
    with counted(installation) as without:
        installation.add(a_wav(seed=2), {"company": "Acme"})
    with counted(installation) as with_one:
        add(api, "crm-7", seed=3, metadata={"company": "Acme"})

    assert with_one.total.rpcs.total() == without.total.rpcs.total() + 4
    assert with_one.total.commits == without.total.commits + 2
