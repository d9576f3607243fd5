"""What is no delivery is refused, counted by reason, and costs next to nothing."""

from __future__ import annotations

import collections
import contextlib
import json
from typing import TYPE_CHECKING

import pytest

from common.model.refusals import Refusal
from common.model.webhook import MAX_BODY_BYTES, signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.pipeline.installation import Installation

SIGNED = f"/r-1/a-1/{signature('new-webhook-secret', 'r-1', 'a-1')}"
NEWS = b'{"id": "j-1", "status": "in_progress"}'


@contextlib.contextmanager
def counted_calls(installation: Installation) -> Iterator[collections.Counter[str]]:
    """Calls to Datastore by name."""
    service, calls = installation.datastore_server._service, collections.Counter[str]()
    names = ("lookup", "run_query", "begin_transaction", "commit", "rollback")

    def counting(name: str) -> object:
        original = getattr(service, name)

        def counted(request: object) -> object:
            calls[name] += 1
            return original(request)

        return counted

    for name in names:
        setattr(service, name, counting(name))
    try:
        yield calls
    finally:
        for name in names:
            delattr(service, name)


def counts(installation: Installation) -> dict[str, int]:
    """What is stored of today, once all timers have run out."""
    while installation.put_off:
        installation.put_off.pop()[1]()
    today = installation.clock().date()
    return {row.reason.value: row.count for row in installation.services.refusals.of_day(today)}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "reason"),
    [
        ("GET", SIGNED, b"", 405, Refusal.METHOD),
        ("PUT", SIGNED, NEWS, 405, Refusal.METHOD),
        ("POST", SIGNED, b"x" * (MAX_BODY_BYTES + 1), 413, Refusal.TOO_LARGE),
        ("POST", "/r-1/a-1/" + "0" * 32, NEWS, 404, Refusal.SIGNATURE),
        ("POST", "/the-very-path", NEWS, 404, Refusal.SIGNATURE),
        ("POST", SIGNED, b'{"the-very-body', 400, Refusal.BODY),
        ("POST", SIGNED, b'{"id": "the-very-body", "status": "over"}', 400, Refusal.BODY),
    ],
)
def test_each_refusal_is_counted_by_its_reason(
    installation: Installation,
    capsys: pytest.CaptureFixture[str],
    method: str,
    path: str,
    body: bytes,
    status: int,
    reason: Refusal,
) -> None:
    """And logged with it; what the caller sent is in no line."""
    answer = installation.apps["symbl_webhook"].test_client().open(path, method=method, data=body)

    assert answer.status_code == status
    assert counts(installation) == {reason.value: 1}
    logged = capsys.readouterr().out
    (line,) = [json.loads(text) for text in logged.splitlines() if "webhook_refused" in text]
    assert (line["event"], line["reason"], line["severity"]) == ("webhook_refused", reason.value, "WARNING")
    assert "the-very" not in logged
    assert path not in logged


def test_a_burst_of_refusals_is_counted_in_two_commits(installation: Installation) -> None:
    """The first at once, the others together, ten seconds later."""
    client = installation.apps["symbl_webhook"].test_client()
    with counted_calls(installation) as calls:
        for number in range(500):
            client.post(SIGNED if number % 5 == 0 else "/a/b/c", data=b"[]")
        assert calls["commit"] == 1
        assert counts(installation) == {"body": 100, "signature": 400}

    assert calls["commit"] == 2


def test_a_delivery_costs_what_it_always_cost(installation: Installation) -> None:
    """One read and one commit, whether or not refusals wait to be written."""
    for _ in range(3):
        installation.webhook("/a/b/c", {})

    with counted_calls(installation) as calls:
        assert installation.webhook(SIGNED, NEWS).status_code == 200

    assert calls == {"lookup": 1, "commit": 1}
    assert counts(installation) == {"signature": 3}


def test_a_refusal_that_cannot_be_counted_is_a_refusal(installation: Installation) -> None:
    """The caller learns what it did wrong, not what is wrong here."""
    row = installation.stored.entity(
        installation.stored.key("WebhookRefusals", f"{installation.clock().date()}/signature")
    )
    row["count"] = "unreadable"
    installation.stored.put(row)

    assert installation.webhook("/a/b/c", {}).status_code == 404
