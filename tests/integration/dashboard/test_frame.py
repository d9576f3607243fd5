"""What holds for every page: what it loads, where it leads, how it errs, who may see it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from common.model.lifecycle import JobStatus
from functions.pages.site import assets
from tests.conftest import PROJECT
from tests.factories import a_conversation, a_job, sample_calls
from tests.integration.dashboard.conftest import BROWSER
from tests.integration.dashboard.page import Page
from tests.integration.dashboard.rows import belonging
from tests.tokens import api_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient

    from tests.integration.dashboard.rows import CallRows

TOKEN = "a-token-of-32-characters-or-more"


@pytest.fixture
def paths(rows: CallRows) -> list[str]:
    """One of each page: overview, list, call, operations, businesses, a call in progress, a failed one, an error."""
    found = ["/?until=2026-03-20", "/calls", "/ops", f"/calls/{rows.put_sample(sample_calls()[0])}", "/nowhere"]
    found += ["/settings/companies", "/settings/companies/Acme"]
    for number, status in enumerate((JobStatus.IN_PROGRESS, JobStatus.FAILED), start=2):
        conversation = a_conversation(number)
        found.append(f"/calls/{rows.put(conversation, belonging(a_job(status, number=number), conversation))}")
    return found


def test_a_page_loads_its_own_assets_alone(client: FlaskClient, paths: list[str]) -> None:
    """No inline script or style, no handler in an attribute, nothing from elsewhere but the audio."""
    for path in paths:
        page = Page(client.get(path, headers=BROWSER).text)
        loaded = [
            attributes.get("src") or attributes["href"]
            for tag, attributes in page.elements
            if tag in {"script", "img"} or (tag == "link" and attributes["rel"] != "alternate")
        ]
        assert loaded
        assert all(address.startswith(("/assets/", "/calls/")) for address in loaded)
        assert all(client.get(address).status_code == 200 for address in loaded if address.startswith("/assets/"))
        assert page.all("style") == []
        assert all("src" in script for script in page.all("script"))
        for _, attributes in page.elements:
            assert not {name for name in attributes if name == "style" or name.startswith("on")}


def test_assets_are_kept_for_a_year_and_named_by_their_content(client: FlaskClient) -> None:
    """The address has the content's hash; another hash is not found."""
    for name, asset in assets().items():
        response = client.get(asset.path)
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert hashlib.sha256(response.data).hexdigest().startswith(asset.path.split("/")[2])
        assert client.get(f"/assets/0000000000/{name}").status_code == 404


@pytest.mark.parametrize(("kind", "limit"), [(".css", 20_480), (".js", 16_384), (".svg", 10_240)])
def test_assets_stay_small(kind: str, limit: int) -> None:
    """Those of one kind together have their budget in bytes."""
    assert 0 < sum(len(asset.content) for name, asset in assets().items() if name.endswith(kind)) <= limit


def test_links_stay_below_the_public_address(pages: Callable[..., FlaskClient], rows: CallRows) -> None:
    """Behind /dashboard all links begin with it, whether or not the front end strips it from the path."""
    recording_id = rows.put_sample(sample_calls()[0])
    client = pages(PUBLIC_BASE_URL="http://127.0.0.1:8080/dashboard/")

    for prefix in ("", "/dashboard"):
        page = Page(client.get(f"{prefix}/calls/{recording_id}", headers=BROWSER).text)
        inside = [link for link in page.links if not link.startswith(("#", "?"))]
        loaded = [element["src"] for element in page.all("script")]
        assert inside
        assert all(link.startswith("/dashboard/") for link in [*inside, *loaded])
    overview = Page(client.get("/dashboard/", headers=BROWSER).text)
    assert {"/dashboard/", "/dashboard/calls"} <= set(overview.links)


def test_a_forwarded_prefix_is_not_believed(client: FlaskClient, rows: CallRows) -> None:
    """Links follow from the settings alone."""
    assert rows
    page = Page(client.get("/calls", headers={**BROWSER, "X-Forwarded-Prefix": "/evil"}).text)

    assert not any("evil" in link for link in page.links)


def test_an_error_is_a_page_for_people_and_a_problem_for_programs(client: FlaskClient) -> None:
    """The same title, detail and request id, either way."""
    page = client.get("/nowhere", headers={**BROWSER, "X-Request-Id": "request-1234"})
    problem = client.get("/nowhere", headers={"X-Request-Id": "request-1234"})

    body = problem.get_json()
    assert page.status_code == problem.status_code == 404
    assert (page.mimetype, problem.mimetype) == ("text/html", "application/problem+json")
    text = Page(page.text).text
    assert all(said in text for said in (body["title"], body["detail"], "request-1234"))
    assert "style-src 'self'" in page.headers["Content-Security-Policy"]
    assert "Accept" in page.headers["Vary"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/calls", {"GET", "HEAD"}),
        ("/health", {"GET", "HEAD"}),
        ("/api/v1/companies/Acme/defaults", {"GET", "HEAD", "PUT"}),
    ],
)
def test_a_wrong_method_is_told_which_are_right(client: FlaskClient, path: str, allowed: set[str]) -> None:
    """405 with Allow, for programs and for people."""
    for headers in ({}, BROWSER):
        response = client.delete(path, headers=headers)
        assert response.status_code == 405
        assert {method.strip() for method in response.headers["Allow"].split(",")} == allowed


@pytest.mark.parametrize("path", ["/healthz", "/calls/", "//calls", "/static/app.css", "/calls/a/b", "/api/v1/nothing"])
def test_nothing_else_is_served(client: FlaskClient, path: str) -> None:
    """A path that is not ours is not found."""
    assert client.get(path, follow_redirects=False).status_code in {308, 404}


def test_pages_ask_who_calls_and_probes_do_not(pages: Callable[..., FlaskClient], paths: list[str]) -> None:
    """With AUTH_MODE=token pages and API want one; /health and the assets of the error's page do not."""
    client = pages(
        AUTH_MODE="token",
        API_TOKENS=api_tokens(TOKEN),
        PUBLIC_BASE_URL="http://127.0.0.1:8080/dashboard",
    )

    for path in [*paths, "/api/v1/rejections", "/health/x", "/healthy"]:
        assert client.get(path, headers=BROWSER).status_code == 401
    assert client.get("/calls", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert client.get("/health").status_code == client.get("/dashboard/health").status_code == 200
    assert client.get(assets()["app.css"].path).status_code == 200


TRACE = "105445aa7843bc8bf206b12000100000"


@pytest.mark.parametrize(
    ("header", "value", "span", "sampled"),
    [
        ("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01", "00f067aa0ba902b7", True),
        ("X-Cloud-Trace-Context", f"{TRACE}/74;o=0", "000000000000004a", False),
        ("X-Cloud-Trace-Context", f"{TRACE}/1;o=1", "0000000000000001", True),
    ],
)
def test_a_line_of_the_log_is_shown_with_its_request(
    client: FlaskClient,
    rows: CallRows,
    capsys: pytest.CaptureFixture[str],
    header: str,
    value: str,
    *,
    span: str,
    sampled: bool,
) -> None:
    """By the trace that Google's front end gives it, or the caller; a header that is none is left out."""
    assert rows
    for given in (value, "garbage"):
        assert client.put("/api/v1/companies/A/business-ux", json={}, headers={header: given}).status_code == 200

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    traced = [line for line in lines if "logging.googleapis.com/trace" in line]
    assert 0 < len(traced) == len(lines) / 2
    for line in traced:
        assert line["logging.googleapis.com/trace"] == f"projects/{PROJECT}/traces/{TRACE}"
        assert (line["logging.googleapis.com/spanId"], line["logging.googleapis.com/trace_sampled"]) == (span, sampled)
