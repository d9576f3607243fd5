"""People with a browser sign in with a token, once; what proves them proves nothing for pages of other sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.dashboard.conftest import BROWSER
from tests.integration.dashboard.page import Page
from tests.tokens import a_token, api_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient

    from tests.integration.dashboard.rows import CallRows

TOKENS = api_tokens(a_token("kims-token", name="kim"), a_token("anas-token", name="ana", role="viewer"))
HERE = {**BROWSER, "Sec-Fetch-Site": "same-origin"}
ELSEWHERE = {**BROWSER, "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}


@pytest.fixture
def client(pages: Callable[..., FlaskClient], rows: CallRows) -> FlaskClient:
    assert rows
    return pages(AUTH_MODE="token", API_TOKENS=TOKENS)


def sign_in(client: FlaskClient, token: str = "kims-token", *, next_path: str = "") -> str:
    """The address that it leads to."""
    answer = client.post("/sign-in", data={"token": token, "next": next_path}, headers=HERE)
    assert answer.status_code == 303
    return answer.headers["Location"]


def test_whoever_is_not_signed_in_is_asked_to(client: FlaskClient) -> None:
    """The page is the form, and leads to where they wanted to go; a program gets a problem."""
    page = client.get("/calls?filter=refund", headers=BROWSER)

    assert (page.status_code, page.mimetype) == (401, "text/html")
    (next_path,) = [field["value"] for field in Page(page.text).all("input") if field.get("name") == "next"]
    assert next_path == "/calls?filter=refund"
    assert client.get("/calls").get_json()["reason"] == "UNAUTHENTICATED"
    assert sign_in(client, next_path=next_path) == "/calls?filter=refund"
    assert client.get("/calls?filter=refund", headers=BROWSER).status_code == 200
    assert "kim" in client.get("/calls", headers=BROWSER).text


def test_the_cookie_says_nothing_and_is_read_by_no_script(
    client: FlaskClient, pages: Callable[..., FlaskClient]
) -> None:
    """HttpOnly, SameSite, Secure where there is TLS; neither the token nor its hash is in it."""
    sign_in(client)
    cookie = client.get_cookie("calltrack_session")
    assert cookie is not None
    assert (cookie.http_only, cookie.same_site, cookie.secure, cookie.path) == (True, "Lax", False, "/")
    assert "kims-token" not in cookie.value
    assert str(a_token("kims-token")["sha256"]) not in cookie.value

    behind_tls = pages(AUTH_MODE="token", API_TOKENS=TOKENS, PUBLIC_BASE_URL="https://calls.example/dashboard")
    sign_in(behind_tls)
    secure = behind_tls.get_cookie("calltrack_session", path="/dashboard/")
    assert secure is not None
    assert secure.secure


@pytest.mark.parametrize("next_path", ["https://evil.example/", "//evil.example", "/\\evil.example", "evil"])
def test_signing_in_leads_nowhere_else(client: FlaskClient, next_path: str) -> None:
    """Only to pages of this site."""
    assert sign_in(client, next_path=next_path) == "/"


def test_a_wrong_token_opens_nothing(client: FlaskClient) -> None:
    """The form again, 401, and no cookie."""
    answer = client.post("/sign-in", data={"token": "guess"}, headers=HERE)

    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers
    assert client.get("/calls", headers=BROWSER).status_code == 401


def test_signing_out_ends_it(client: FlaskClient) -> None:
    """For this browser."""
    sign_in(client)
    assert client.post("/sign-out", headers=HERE).status_code == 303
    assert client.get("/calls", headers=BROWSER).status_code == 401


def test_a_token_that_is_taken_back_ends_its_sign_ins(client: FlaskClient, pages: Callable[..., FlaskClient]) -> None:
    """Another one's stay, and so does one's own under an older secret, until that is taken back too."""
    sign_in(client)
    session = client.get_cookie("calltrack_session")
    assert session is not None

    def opens(**settings: str) -> bool:
        other = pages(AUTH_MODE="token", **settings)
        other.set_cookie("calltrack_session", session.value)
        return bool(other.get("/calls", headers=BROWSER).status_code == 200)

    assert opens(API_TOKENS=TOKENS)
    assert opens(API_TOKENS=TOKENS, SHARE_SECRETS="newer,new-webhook-secret")
    assert not opens(API_TOKENS=TOKENS, SHARE_SECRETS="newer")
    assert not opens(API_TOKENS=api_tokens(a_token("anas-token", name="ana")))


@pytest.mark.parametrize("value", ["", "a.b.c", "a.99999999999.c", "é.1.2", "x" * 300])
def test_a_forged_cookie_opens_nothing(client: FlaskClient, value: str) -> None:
    """Whatever is in it."""
    client.set_cookie("calltrack_session", value)
    assert client.get("/calls", headers=BROWSER).status_code == 401


def test_pages_of_other_sites_use_no_sign_in(client: FlaskClient, pages: Callable[..., FlaskClient]) -> None:
    """Neither a form nor the API, and neither with a cookie nor on loopback without any proof."""
    sign_in(client)
    changes = (("POST", "/ops/replay"), ("POST", "/settings/companies"), ("PUT", "/api/v1/companies/A/defaults"))

    def refused(browser: FlaskClient) -> bool:
        answers = [browser.open(path, method=method, headers=ELSEWHERE, data="{}") for method, path in changes]
        return {answer.status_code for answer in answers} == {403}

    assert refused(client)
    assert client.post("/sign-in", data={"token": "kims-token"}, headers=ELSEWHERE).status_code == 403
    assert client.post("/sign-out", headers=ELSEWHERE).status_code == 403
    assert refused(pages(AUTH_MODE="none"))


def test_nobody_signs_in_where_google_does_it(pages: Callable[..., FlaskClient]) -> None:
    """The form is not there."""
    assert pages(AUTH_MODE="none").get("/sign-in", headers=BROWSER).status_code == 404
