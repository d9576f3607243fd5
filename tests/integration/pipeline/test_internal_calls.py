"""Internal functions take calls of their own service accounts alone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

import main
from deploy.local.identity import Identity
from tests.datastore_faults import refusing
from tests.factories import a_wav
from tests.symbl_stand_in import refusing_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.test import TestResponse

    from tests.integration.pipeline.installation import Installation

#: What people, programs and the engine call: each has a proof of its own. All else is internal.
OPEN = {"recordings", "dashboard", "symbl_webhook"}
INTERNAL = sorted(set(main.__all__) - OPEN)


def bad_tokens(installation: Installation, target: str) -> Mapping[str, str | None]:
    """Everything that can be wrong with a token, each really signed but where the signature is what is wrong."""
    now, settings = installation.clock(), installation.services.settings
    good = installation.token(target)
    another = next(name for name in INTERNAL if name != target)
    url = f"{settings.tasks_target_base_url}/{target}"
    return {
        "missing": None,
        "expired": installation.token(target, now=now - timedelta(hours=2)),
        "not yet": installation.token(target, now=now + timedelta(hours=5)),
        "another function's": installation.token(another),
        "an open function's": installation.token("recordings"),
        "somebody else's": installation.token(target, email="somebody@else.iam.gserviceaccount.com"),
        "another key's": Identity.create().token(audience=url, email=settings.tasks_service_account, now=now),
        "signature cut": good.rpartition(".")[0] + ".",
        "signature taken off": good.rpartition(".")[0] + ".SIGNATURE_REMOVED_BY_GOOGLE",
        "garbage": "a.b.c",
    }


def call(installation: Installation, target: str, token: str | None, body: Mapping[str, Any]) -> TestResponse:
    """As Cloud Tasks does, from outside of loopback; to `ingest_recording` as Eventarc does."""
    if target != "ingest_recording":
        return installation.call_internal(target, body, token=token)
    (event,) = installation.storage.events(at_least=1)
    headers = {**event.headers(), **({"Authorization": f"Bearer {token}"} if token else {})}
    client = installation.apps[target].test_client()
    return client.post("/", json=event.object, headers=headers, environ_base={"REMOTE_ADDR": "203.0.113.7"})


def everything(installation: Installation) -> tuple[object, ...]:
    """All that a call could change."""
    stored = {entity.key.to_legacy_urlsafe(): dict(entity) for entity in installation.stored.query().fetch()}
    return stored, installation.tasks.tasks(), installation.objects(), len(installation.storage.events())


@pytest.mark.parametrize("target", INTERNAL)
def test_a_call_without_a_good_token_changes_nothing(installation: Installation, target: str) -> None:
    """401, whatever is wrong with it; a pending request, a slot, a task and an object are as they were."""
    recording = installation.add(a_wav(), {"company": "Acme"}).get_json()["id"]
    installation.deliver_events()
    installation.storage.forget_events()
    installation.drop("late.wav", a_wav(seed=2), {"calltrack-metadata": '{"company": "Acme"}'})
    installation.storage.events(at_least=1)
    body = {"request_id": installation.request(recording).id, "attempt_id": "a"}
    before = everything(installation)

    for what, token in bad_tokens(installation, target).items():
        assert call(installation, target, token, body).status_code == 401, what
        assert everything(installation) == before, what

    assert call(installation, target, installation.token(target), body).status_code == 200


def test_an_event_that_eventarc_signed_for_the_address_that_it_calls_is_taken(installation: Installation) -> None:
    """A function has several addresses; an event for that of another is refused."""
    installation.configure(EVENTS_SERVICE_ACCOUNT="events@calltrack-test.iam.gserviceaccount.com")
    installation.drop("a.wav", a_wav(), {"calltrack-metadata": '{"company": "Acme"}'})
    (event,) = installation.storage.events(at_least=1)
    client = installation.apps["ingest_recording"].test_client()

    def deliver(audience: str) -> int:
        token = installation.identity.token(
            audience=audience, email="events@calltrack-test.iam.gserviceaccount.com", now=installation.clock()
        )
        return client.post(
            "/",
            json=event.object,
            headers={**event.headers(), "Authorization": f"Bearer {token}"},
            base_url="https://ingest-abc.a.run.app",
        ).status_code

    assert deliver("https://dashboard-abc.a.run.app") == 401
    assert installation.count("SymblAsyncRequest") == 0
    assert deliver("https://ingest-abc.a.run.app") == 200
    assert installation.count("SymblAsyncRequest") == 1


def test_without_the_keys_a_call_is_asked_for_again(installation: Installation) -> None:
    """503: the queue repeats it, since nothing says that the caller is a wrong one."""
    installation.configure(OIDC_JWKS_URL=f"{refusing_url()}/jwks")

    assert installation.call_internal("dispatch_jobs").status_code == 503


@pytest.mark.parametrize("target", ["submit_job", "collect_results"])
def test_a_task_that_can_never_succeed_is_not_repeated(installation: Installation, target: str) -> None:
    """Without ids, or for a request that nobody knows: 200."""
    assert installation.call_internal(target, {}).status_code == 200
    assert installation.call_internal(target, {"request_id": "unknown-1", "attempt_id": "a"}).status_code == 200


@pytest.mark.parametrize("target", ["dispatch_jobs", "submit_job", "collect_results"])
def test_while_datastore_is_away_a_task_is_asked_for_again(
    installation: Installation, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """503 and a warning: it is nobody's mistake."""
    body = {"request_id": "one-1", "attempt_id": "a"}
    with (
        refusing(installation.datastore_server, "lookup"),
        refusing(installation.datastore_server, "run_query"),
        refusing(installation.datastore_server, "begin_transaction"),
    ):
        assert installation.call_internal(target, body).status_code == 503

    assert '"severity": "ERROR"' not in capsys.readouterr().out
