"""Internal functions take calls of their own service account alone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from deploy.local.identity import Identity
from tests.datastore_faults import refusing
from tests.factories import a_wav
from tests.symbl_stand_in import refusing_url

if TYPE_CHECKING:
    from tests.integration.pipeline.installation import Installation

INTERNAL = ("dispatch_jobs", "submit_job", "collect_results", "sweep_jobs")


@pytest.mark.parametrize("target", INTERNAL)
@pytest.mark.parametrize("what", ["missing", "expired", "audience", "email", "key", "garbage"])
def test_a_call_without_a_good_token_changes_nothing(installation: Installation, target: str, what: str) -> None:
    """401, whatever is wrong with it, and the pending request stays as it is."""
    recording = installation.add(a_wav(), {"company": "Acme"}).get_json()["id"]
    before = installation.request(recording)
    now = installation.clock()
    service = installation.services.settings.tasks_service_account
    forged = Identity.create().token(audience=f"http://functions.test/{target}", email=service, now=now)
    token = {
        "missing": None,
        "expired": installation.token(target, now=now - timedelta(hours=2)),
        "audience": installation.token("recordings"),
        "email": installation.token(target, email="somebody@else.iam.gserviceaccount.com"),
        "key": forged,
        "garbage": "a.b.c",
    }[what]

    answer = installation.call_internal(target, {"request_id": before.id, "attempt_id": "a"}, token=token)

    assert answer.status_code == 401
    assert installation.request(recording) == before
    assert installation.count("SymblSlot") == 0


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
