"""Who may go where: every address that the routers know, with every role, and with none."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import functions_framework
import pytest
from werkzeug.routing import Map, Rule

from common.model.access import Reach, Role
from functions.api import of_companies, of_recordings
from functions.routes import ROUTES
from tests.conftest import ROOT
from tests.factories import sample_calls
from tests.integration.dashboard.conftest import BROWSER
from tests.integration.dashboard.page import Page
from tests.integration.dashboard.test_scope import own_words
from tests.tokens import a_token, api_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.integration.dashboard.rows import CallRows

CALLS = sample_calls()
OURS = CALLS[0].truth["company"]
THEIRS = next(call.truth["company"] for call in CALLS if call.truth["company"] != OURS)
ACCESS = {
    "AUTH_MODE": "token",
    "API_TOKENS": api_tokens(
        *(a_token(f"{role}-token", name=role, role=role) for role in Role),
        *(a_token(f"our-{role}-token", name=f"our-{role}", role=role, companies=[OURS]) for role in Role),
    ),
}
#: Cloud Storage is not there: what asks it is asked for by those alone who may not.
ASKS_STORAGE = {"get_audio", "ready", "waveform"}
#: Refuses a wrong token itself.
SIGNS_IN = "sign_in"


class Address(NamedTuple):
    """One method of one path, and what the tables say of it."""

    function: str
    method: str
    path: str
    id: str
    role: Role | None
    reach: Reach

    def of(self, recording_id: str, company: str) -> str:
        """The path with arguments that are there."""
        values = {"recording_id": recording_id, "company": quote(company), "rendering": "txt",
                  "token": "none", "digest": "0" * 10, "name": "app.css"}  # fmt: skip
        (rule,) = Map([Rule(self.path, methods=[self.method])]).iter_rules()
        return "".join(values[part] if is_argument else part for is_argument, part in rule._trace if part != "|")


ADDRESSES = [
    *(Address("dashboard", r.method, r.path, r.view, r.role, r.reach) for r in ROUTES),
    *(Address("dashboard", o.method, o.rule, o.id, o.role, o.reach) for o in of_companies.OPERATIONS),
    *(Address("recordings", o.method, o.rule, o.id, o.role, o.reach) for o in of_recordings.OPERATIONS),
]


class Installation(NamedTuple):
    """Both functions that people and programs call, and a call of ours and of another company."""

    clients: Mapping[str, FlaskClient]
    ours: str
    theirs: str

    def call(self, address: Address, path: str, token: str | None, **how: Any) -> TestResponse:
        """As a program that says what a browser would."""
        headers = {"Sec-Fetch-Site": "same-origin"} | ({"Authorization": f"Bearer {token}"} if token else {})
        return self.clients[address.function].open(path, method=address.method, headers=headers, **how)


@pytest.fixture(scope="session")
def recordings_app() -> Any:
    return functions_framework.create_app("recordings", str(ROOT / "main.py"))


@pytest.fixture
def installation(pages: Callable[..., FlaskClient], recordings_app: Any, rows: CallRows) -> Installation:
    ids = {call.truth["company"]: rows.put_sample(call, number=n) for n, call in enumerate(CALLS, start=1)}
    dashboard = pages(**ACCESS)
    clients = {"dashboard": dashboard, "recordings": recordings_app.test_client()}
    return Installation(clients, ids[OURS], ids[THEIRS])


def test_every_address_takes_its_least_role_and_those_above(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    """401 without a token, 403 with the role's name below it; open ones ask for nothing. No token is on the log."""
    assert {address.function for address in ADDRESSES} == {"dashboard", "recordings"}
    for address in ADDRESSES:
        path = address.of(installation.ours, OURS)
        what = f"{address.method} {path}"
        if address.role is None:
            if address.id not in {SIGNS_IN, *ASKS_STORAGE}:
                assert installation.call(address, path, None).status_code != 401, what
            continue
        assert installation.call(address, path, None).status_code == 401, what
        assert installation.call(address, path, "no-token").status_code == 401, what
        for role in Role:
            if role.covers(address.role):
                if address.id not in ASKS_STORAGE:
                    assert installation.call(address, path, f"{role}-token").status_code not in {401, 403, 500}, what
                continue
            refused = installation.call(address, path, f"{role}-token")
            assert refused.status_code == 403, f"{what} as {role}"
            assert refused.get_json()["reason"] == "ROLE_NEEDED"
            assert f"the role {address.role}," in refused.get_json()["detail"]

    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["event"] for line in logged} >= {"audited", "summary_shared"}
    secrets = [f"{role}-token" for role in Role] + ["X-Goog-Signature", "Bearer", "/share/", "new-webhook-secret"]
    said = {value for line in logged for name, value in line.items() if name != "caller"}
    assert [secret for secret in secrets if any(secret in str(value) for value in said)] == []


def test_nothing_of_another_company_is_reached(installation: Installation) -> None:
    """Its calls and its settings are as if they were not there; what is of all companies is closed."""
    for address in ADDRESSES:
        path, missing = address.of(installation.theirs, THEIRS), address.of("nobody", "Nobody")
        match address.reach:
            case Reach.RECORDING | Reach.COMPANY:
                answer = installation.call(address, path, "our-admin-token")
                assert answer.status_code == 404, path
                unknown = installation.call(address, missing, "our-admin-token").get_json()["detail"]
                assert answer.get_json()["detail"] == unknown.replace("nobody", installation.theirs).replace(
                    "Nobody", THEIRS
                )
            case Reach.ALL:
                answer = installation.call(address, path, "our-admin-token")
                assert (answer.status_code, answer.get_json()["reason"]) == (403, "ROLE_NEEDED"), path


@pytest.mark.parametrize(
    "filter_", ["", f'company:"{THEIRS}"', f'company:"{THEIRS}" OR company:"{OURS}"', "-status:failed"]
)
def test_what_a_query_finds_is_ours(installation: Installation, filter_: str) -> None:
    """Whatever it asks for: lists, counts, facets, the overview; and a replay of many."""
    ours = set().union(*(own_words(call) for call in CALLS if call.truth["company"] == OURS))
    others = [call for call in CALLS if call.truth["company"] != OURS]
    forbidden = (set().union(*(own_words(call) for call in others)) - ours) | {installation.theirs}
    forbidden |= {call.truth["company"] for call in others} - {THEIRS}  # asked for by its name, that is shown
    query = {"filter": filter_} if filter_ else {}
    seen = ""
    for address in ADDRESSES:
        if address.reach is not Reach.CALLS or address.method != "GET":
            continue
        parameters: dict[str, str] = dict(query)
        if address.id in {"overview", "overview_json"}:
            parameters = {"days": "90", "until": "2026-05-10"}
        elif address.id == "list_recordings":
            parameters |= {"count": "true", "facets": "company,agent,tracker,topic", "view": "FULL"}
        elif address.id == "calls":
            parameters |= {"counts": "true"}
        if address.role is Role.ADMIN:
            parameters = {}
        answer = installation.call(address, address.path, f"our-{address.role}-token", query_string=parameters)
        assert answer.status_code == 200, (address, answer.text)
        shown = answer.get_data(as_text=True).replace("&#39;", "'")
        assert {word for word in forbidden if word in shown} == set(), address
        seen += shown
    assert any(word in seen for word in ours)

    order = {"reason": "test", "filter": f"status:completed {filter_}", "from_stage": "collect", "validate_only": True}
    replayed = installation.clients["recordings"].post(
        "/api/v1/recordings:replay", json=order, headers={"Authorization": "Bearer our-operator-token"}
    )
    assert replayed.status_code == 200, replayed.text
    assert installation.theirs not in replayed.text


def test_the_overview_of_another_company_is_not_to_be_had(installation: Installation) -> None:
    """400 with those that are."""
    answer = installation.clients["dashboard"].get(
        "/overview.json", query_string={"company": THEIRS}, headers={"Authorization": "Bearer our-viewer-token"}
    )
    assert answer.status_code == 400
    assert OURS in answer.get_json()["detail"]


def test_a_recording_of_another_company_is_not_added(installation: Installation) -> None:
    """However its company is said."""
    client, by = installation.clients["recordings"], {"Authorization": "Bearer our-operator-token"}
    for body in ({"url": "gs://recordings/a.wav", "company": THEIRS},
                 {"url": "gs://recordings/a.wav", "metadata": {"company": THEIRS}}):  # fmt: skip
        assert client.post("/api/v1/recordings", json=body, headers=by).status_code == 403
    form = {"metadata": json.dumps({"company": THEIRS}), "audio": (io.BytesIO(b"RIFF"), "a.wav")}
    assert client.post("/api/v1/recordings", data=form, headers=by).status_code == 403


def test_a_page_offers_what_its_reader_may_do(installation: Installation) -> None:
    """Forms and links that would be refused are not shown."""
    shown = {}
    for role in Role:
        answer = installation.clients["dashboard"].get(
            f"/calls/{installation.ours}?shared=never", headers={**BROWSER, "Authorization": f"Bearer {role}-token"}
        )
        page = Page(answer.text)
        forms = {form["action"].rpartition("/")[2] for form in page.all("form") if form.get("method") == "post"}
        shown[role] = forms - {"sign-out"} | {
            link for link in page.links if link in {"/ops", "/settings/companies", "/audit"}
        }
        assert "/share/" not in answer.text or role.covers(Role.REVIEWER)  # a link is shown again by making it
    assert shown[Role.VIEWER] == set()
    assert shown[Role.REVIEWER] == {"share", "unshare", "own-page"}
    assert shown[Role.OPERATOR] == {"share", "unshare", "own-page", "/ops"}
    assert shown[Role.ADMIN] == {"share", "unshare", "own-page", "delete", "/ops", "/settings/companies", "/audit"}
