"""Who did what: noted once it is done, and shown to administrators."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from functions.api import of_companies, of_recordings
from functions.routes import ROUTES
from tests.conftest import SETTINGS
from tests.datastore_faults import refusing
from tests.integration.dashboard.conftest import BROWSER
from tests.integration.dashboard.page import Page
from tests.integration.dashboard.test_roles import (
    CALLS,
    OURS,
    THEIRS,
    Installation,
    installation,
    recordings_app,
)

if TYPE_CHECKING:
    import pytest

    from deploy.local.datastore import DatastoreServer

__all__ = ["installation", "recordings_app"]
ADMIN = {"Authorization": "Bearer admin-token"}
#: They change something, and nothing that anybody would ask for.
NOT_NOTED = {"preview", "sign_in", "sign_out"}


def events(installation: Installation, *, token: str = "admin-token", **narrowed: str) -> list[dict[str, Any]]:
    """The trail, without its own being read."""
    answer = installation.clients["dashboard"].get(
        "/api/v1/audit", query_string=narrowed, headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 200, answer.text
    return [event for event in answer.get_json()["events"] if event["action"] != "audit.read"]


def test_everything_that_changes_something_is_noted() -> None:
    """By the tables that serve."""
    unnoted = {route.view for route in ROUTES if route.method != "GET" and route.action is None}
    assert unnoted == NOT_NOTED
    operations = (*of_companies.OPERATIONS, *of_recordings.OPERATIONS)
    assert [operation.id for operation in operations if operation.method != "GET" and operation.action is None] == []


def test_reading_passing_on_and_changing_are_noted(installation: Installation) -> None:
    """With who, what, whose and why; what was refused, or only asked how far it is, is not."""
    dashboard, api = installation.clients["dashboard"], installation.clients["recordings"]
    viewer, reviewer = ({"Authorization": f"Bearer {role}-token"} for role in ("viewer", "reviewer"))
    base = f"/api/v1/recordings/{installation.ours}"

    dashboard.get(f"/calls/{installation.ours}", headers=viewer)
    dashboard.get(f"/calls/{installation.ours}.vtt", headers=viewer)
    read = api.get(base, headers=viewer)
    api.get(base, headers={**viewer, "If-None-Match": read.headers["ETag"]})
    api.get(f"{base}?view=BASIC", headers=viewer)
    api.get("/api/v1/recordings", headers=viewer)
    api.delete(f"{base}?reason=because", headers=viewer)
    link = api.post(f"{base}:share", json={}, headers=reviewer).get_json()["url"]
    dashboard.get(link.removeprefix(SETTINGS["PUBLIC_BASE_URL"]))
    look = {"display_name": "Ours"}
    dashboard.put(f"/api/v1/companies/{THEIRS}/business-ux", json=look, headers=ADMIN)

    done = [(event["who"], event["role"], event["action"], event["company"]) for event in events(installation)]
    assert done[::-1] == [
        ("viewer", "viewer", "call.opened", OURS),
        ("viewer", "viewer", "transcript.read", OURS),
        ("viewer", "viewer", "call.read", OURS),
        ("reviewer", "reviewer", "call.shared", OURS),
        ("a link", "", "call.opened", OURS),
        ("admin", "admin", "company.settled", THEIRS),
    ]
    assert {event["recording_id"] for event in events(installation, company=OURS)} == {installation.ours}
    assert link.rpartition("/")[2] not in json.dumps(events(installation))


def test_the_trail_is_narrowed_and_goes_on_in_pages(installation: Installation) -> None:
    """By person, call, action and company, together too; whoever sees some companies sees what was done to theirs."""
    dashboard = installation.clients["dashboard"]
    for id_ in (installation.ours, installation.theirs, installation.ours):
        dashboard.get(f"/calls/{id_}.txt", headers={"Authorization": "Bearer viewer-token"})
        dashboard.get(f"/calls/{id_}.json", headers=ADMIN)

    assert len(events(installation, recording_id=installation.ours)) == 4
    assert len(events(installation, recording_id=installation.ours, who="viewer", action="transcript.read")) == 2
    assert {event["company"] for event in events(installation, token="our-admin-token")} == {OURS}
    forbidden = dashboard.get(f"/api/v1/audit?company={THEIRS}", headers={"Authorization": "Bearer our-admin-token"})
    assert forbidden.status_code == 403
    assert dashboard.get("/api/v1/audit?whom=kim", headers=ADMIN).status_code == 400
    first = dashboard.get("/api/v1/audit?page_size=4&who=viewer", headers=ADMIN).get_json()
    assert len(first["events"]) == 3
    page = Page(dashboard.get("/audit?who=viewer", headers={**BROWSER, **ADMIN}).text)
    assert page.text.count("Transcript read") >= 3


def test_a_trail_that_cannot_be_written_holds_up_nobody(
    installation: Installation, datastore_server: DatastoreServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was asked for is answered, and a warning has who and what."""
    assert CALLS
    with refusing(datastore_server, "commit"):
        answer = installation.clients["dashboard"].get(f"/calls/{installation.ours}.txt", headers=ADMIN)

    assert answer.status_code == 200
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (told,) = [line for line in logged if line["event"] == "audit_not_kept"]
    assert (told["who"], told["action"], told["severity"]) == ("admin", "transcript.read", "WARNING")
