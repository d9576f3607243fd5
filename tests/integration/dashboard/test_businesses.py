"""The Businesses pages: what a person reads and changes there, with a form and no script."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.factories import a_conversation, a_pending_job
from tests.integration.dashboard.conftest import BROWSER
from tests.integration.dashboard.page import Page

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.integration.dashboard.rows import CallRows

ACME = "/settings/companies/Acme"
API = "/api/v1/companies/Acme"
OURS = {**BROWSER, "Sec-Fetch-Site": "same-origin"}
EVIL = "\"><script>alert(1)</script>' onmouseover=x"
TRACKERS = [{"name": "Refund", "vocabulary": ["money back", "refund"]}, {"name": "Old", "vocabulary": ["old"]}]


def values(page: Page, part: str) -> dict[str, str]:
    """The text fields of a form that have an attribute for their value, and what is hidden in it."""
    found: dict[str, str] = {}
    inside = False
    for tag, attributes in page.elements:
        if tag == "input" and attributes.get("name") == "part":
            inside = attributes["value"] == part
        if inside and tag == "input" and attributes.get("type") in {"text", "hidden"}:
            found[attributes["name"]] = attributes["value"]
    return found


def send(client: FlaskClient, part: str, **texts: str) -> TestResponse:
    """The form as it is shown, with these fields changed; names may have a dash as `name__0`."""
    shown = values(Page(client.get(ACME, headers=BROWSER).text), part)
    changed = {name.replace("__", "-"): text for name, text in texts.items()}
    return client.post(ACME, data={**shown, **changed}, headers=OURS)


def settled(client: FlaskClient, what: str) -> dict[str, Any]:
    return client.get(f"{API}/{what}").get_json()


def test_companies_are_listed_with_what_they_have_settled(client: FlaskClient, rows: CallRows) -> None:
    """Whoever has settled something; each leads to its page, also from the main navigation."""
    assert "No company has settled anything" in client.get("/settings/companies", headers=BROWSER).text
    client.put(f"{API}/defaults", json={"prefix": "acme/", "trackers": TRACKERS})
    client.put("/api/v1/companies/Brightline/business-ux", json={"display_name": "The Brights"})
    conversation = a_conversation()
    rows.put(conversation, a_pending_job())

    page = Page(client.get("/settings/companies", headers=BROWSER).text)

    assert "Acme — acme/ 2 — Brightline The Brights — 0 own look" in page.text
    assert {ACME, "/settings/companies/Brightline"} <= set(page.links)
    assert "/settings/companies" in Page(client.get("/calls", headers=BROWSER).text).links


@pytest.mark.usefixtures("rows")
def test_a_company_is_added_by_name(client: FlaskClient) -> None:
    """Its page opens; a name that is known already just opens it, and no name is told beside the field."""
    added = client.post("/settings/companies", data={"company": "  A/B & Söhne  "}, headers=OURS)
    assert (added.status_code, added.headers["Location"]) == (
        303,
        "/settings/companies/A/B%20%26%20S%C3%B6hne?saved=company",
    )
    assert 'role="status"' in client.get(added.headers["Location"], headers=BROWSER).text

    client.put(f"{API}/defaults", json={"prefix": "acme/"})
    client.post("/settings/companies", data={"company": "Acme"}, headers=OURS)
    assert settled(client, "defaults")["prefix"] == "acme/"

    refused = client.post("/settings/companies", data={"company": " "}, headers=OURS)
    assert refused.status_code == 400
    assert [field["aria-describedby"] for field in Page(refused.text).all("input")] == ["company-problem"]


@pytest.mark.usefixtures("rows")
def test_a_look_is_settled_as_the_api_settles_it(client: FlaskClient) -> None:
    """303 to the page, which says so; the API has what was sent."""
    answer = send(
        client,
        "look",
        display_name=" The Acme ",
        logo="https://acme.example/logo.svg",
        color_background="#FFEEDD",
        allowed_origins="https://crm.acme.example\r\n\r\n http://localhost:3000 ",
        summary_url_expires_in="never",
    )

    assert (answer.status_code, answer.headers["Location"]) == (303, f"{ACME}?saved=look#form-look")
    assert "Saved." in Page(client.get(f"{ACME}?saved=look", headers=BROWSER).text).text
    assert settled(client, "business-ux") == {
        "company": "Acme",
        "display_name": "The Acme",
        "logo": "https://acme.example/logo.svg",
        "favicon": None,
        "color_background": "#ffeedd",
        "color_topics_filter": None,
        "color_insights_filter": None,
        "font_family": None,
        "allowed_origins": ["https://crm.acme.example", "http://localhost:3000"],
        "summary_url_expires_in": None,
        "read_only": False,
    }


@pytest.mark.usefixtures("rows")
def test_defaults_and_trackers_are_settled_apart(client: FlaskClient) -> None:
    """Each form leaves what is the other's; a tracker is added, renamed and removed."""
    client.put(f"{API}/defaults", json={"trackers": TRACKERS, "prefix": "acme/"})

    sent = send(
        client,
        "defaults",
        language_code="en-GB",
        timezone_offset="-04:30",
        custom_vocabulary="Acme\ntoner",
        channel__1="customer",
        channel__2="agent",
        channel__3="other",
        prefix="calls/acme/",
    )
    assert sent.status_code == 303
    renamed = {"name__0": "Money back", "phrases__0": "refund", "remove__1": "yes", "phrases__1": "old"}
    sent = send(client, "trackers", **renamed, name__2="Price", phrases__2="how much")
    assert sent.status_code == 303

    assert settled(client, "defaults") == {
        "company": "Acme",
        "language_code": "en-GB",
        "timezone_offset": -270,
        "custom_vocabulary": ["Acme", "toner"],
        "trackers": [
            {"name": "Money back", "vocabulary": ["refund"]},
            {"name": "Price", "vocabulary": ["how much"]},
        ],
        "channel_roles": ["customer", "agent", "other"],
        "prefix": "calls/acme/",
    }


@pytest.mark.usefixtures("rows")
def test_mistakes_stand_beside_their_fields_and_nothing_is_stored(client: FlaskClient) -> None:
    """400 with the API's own words, and the text as it was typed, harmless."""
    answer = send(
        client, "look", display_name=EVIL, color_background="red", allowed_origins="https://crm.example\nhttps://a b"
    )

    page = Page(answer.text)
    by_name = {field["name"]: field for field in page.all("input") if "name" in field}
    assert answer.status_code == 400
    assert by_name["display_name"]["value"] == EVIL
    assert by_name["color_background"]["aria-invalid"] == "true"
    assert by_name["color_background"]["aria-describedby"].strip() == "look-color_background-problem"
    assert "must be a colour as #rrggbb" in page.text
    assert "line 2 must be a URL" in page.text
    assert client.get(f"{API}/business-ux").status_code == 404


@pytest.mark.usefixtures("rows")
def test_a_prefix_of_another_company_is_refused(client: FlaskClient) -> None:
    """Beside the field, with whose it is."""
    client.put("/api/v1/companies/Brightline/defaults", json={"prefix": "calls/"})

    answer = send(client, "defaults", language_code="en-US", prefix="calls/")

    assert answer.status_code == 400
    assert "belongs to 'Brightline' already" in Page(answer.text).text


@pytest.mark.usefixtures("rows")
def test_who_comes_second_overwrites_nothing_unseen(client: FlaskClient) -> None:
    """412 with both versions and one's own text; sent again from there, it is stored."""
    stale = values(Page(client.get(ACME, headers=BROWSER).text), "look")
    client.put(f"{API}/business-ux", json={"display_name": "Theirs"})

    answer = client.post(ACME, data={**stale, "display_name": "Mine"}, headers=OURS)

    page = Page(answer.text)
    assert answer.status_code == 412
    assert "Somebody else has changed this meanwhile" in page.text
    assert "Name on the page Mine Theirs" in page.text
    assert settled(client, "business-ux")["display_name"] == "Theirs"
    shown = values(page, "look")
    assert shown["display_name"] == "Mine"

    assert client.post(ACME, data={**shown, "summary_url_expires_in": "3600"}, headers=OURS).status_code == 303
    assert settled(client, "business-ux")["display_name"] == "Mine"


@pytest.mark.usefixtures("rows")
def test_of_many_who_save_at_once_one_wins(client: FlaskClient) -> None:
    """The others are told; what is stored is what the winner sent."""
    shown = {**values(Page(client.get(ACME, headers=BROWSER).text), "look"), "summary_url_expires_in": "3600"}

    def save(number: int) -> int:
        sender = client.application.test_client()
        return sender.post(ACME, data={**shown, "display_name": f"Name {number}"}, headers=OURS).status_code

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(save, range(6)))

    assert sorted(answers) == [303, *[412] * 5]
    assert settled(client, "business-ux")["display_name"] == f"Name {answers.index(303)}"


@pytest.mark.usefixtures("rows")
def test_two_who_edit_different_forms_are_not_in_each_other_s_way(client: FlaskClient) -> None:
    """What the first has changed stays."""
    stale = values(Page(client.get(ACME, headers=BROWSER).text), "trackers")
    send(client, "defaults", language_code="en-GB")

    assert client.post(ACME, data={**stale, "name-0": "T", "phrases-0": "t"}, headers=OURS).status_code == 303
    assert settled(client, "defaults")["language_code"] == "en-GB"


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
@pytest.mark.usefixtures("rows")
def test_a_form_of_another_site_changes_nothing(client: FlaskClient, headers: dict[str, str]) -> None:
    """403, whatever it says."""
    for path in ("/settings/companies", ACME):
        assert client.post(path, data={"company": "Evil", "part": "look"}, headers=headers).status_code == 403
    assert client.get(f"{API}/business-ux").status_code == 404


@pytest.mark.parametrize("name", ["x" * 201, "Acme%20", "%20"])
@pytest.mark.usefixtures("rows")
def test_a_name_that_no_recording_can_have_is_not_found(client: FlaskClient, name: str) -> None:
    """Neither shown nor settled."""
    path = f"/settings/companies/{name}"

    assert client.get(path, headers=BROWSER).status_code == 404
    assert client.post(path, data={"part": "look"}, headers=OURS).status_code == 404


@pytest.mark.usefixtures("rows")
def test_a_form_without_a_part_is_refused(client: FlaskClient) -> None:
    """Nothing is guessed."""
    assert client.post(ACME, data={"display_name": "x"}, headers=OURS).status_code == 400


def test_a_preview_shows_the_form_as_it_stands(client: FlaskClient) -> None:
    """By address and by form; only our own pages may frame it, and nothing is loaded from elsewhere but the logo."""
    given = {
        "company": "Acme",
        "display_name": EVIL,
        "logo": "https://acme.example/logo.svg",
        "color_background": "#102030",
        "color_topics_filter": "nonsense",
    }
    for answer in (client.get("/settings/preview", query_string=given), client.post("/settings/preview", data=given)):
        page = Page(answer.text)
        assert answer.status_code == 200
        assert EVIL in page.text
        assert page.all("script") == []
        assert "Left out: Topics must be a colour" in page.text
        assert "Text on the background is shown in #e8eaed" in page.text
        policy = answer.headers["Content-Security-Policy"]
        assert "img-src 'self' https://acme.example;" in policy
        assert policy.endswith("frame-ancestors 'self'")
        assert [link["href"] for link in page.all("link") if "summary.css" in link["href"]] == [
            "/summary.css?background=%23102030"
        ]


@pytest.mark.usefixtures("rows")
def test_the_settings_page_frames_nothing_but_its_preview(client: FlaskClient) -> None:
    """Its policy is the usual one, with frames of our own."""
    policy = client.get(ACME, headers=BROWSER).headers["Content-Security-Policy"]

    assert policy == (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; media-src 'none'; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; frame-src 'self'"
    )
