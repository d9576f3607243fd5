"""The summary page: what a link shows, to whom, for how long; and how links are made."""

from __future__ import annotations

import dataclasses
import html
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from common.model.intelligence import SummarySentence, Topic
from common.model.share import ShareLink, link_of, share_token
from functions.pages.site import assets
from tests.factories import a_conversation, a_message, sample_calls
from tests.integration.dashboard.conftest import BROWSER
from tests.integration.dashboard.page import Page
from tests.integration.dashboard.rows import a_collected_job
from tests.symbl_stand_in import Answer, SymblStandIn
from tests.tokens import api_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask.testing import FlaskClient

    from tests.integration.dashboard.rows import CallRows

SECRETS = ["new-webhook-secret", "old-webhook-secret"]
OURS = {**BROWSER, "Sec-Fetch-Site": "same-origin"}
TOKEN = "a-token-of-32-characters-or-more"
EVIL = "\"><script>alert(1)</script><style>*{}</style>' onmouseover=x {{7*7}}"
UX = {
    "display_name": "The Acme",
    "logo": "https://cdn.acme.example/logo.svg",
    "favicon": "https://acme.example/f.ico",
    "color_background": "#102030",
    "color_topics_filter": "#ffcc00",
    "font_family": "Inter",
    "allowed_origins": ["https://crm.acme.example", "http://localhost:3000"],
    "summary_url_expires_in": 3600,
}


def token(recording_id: str, *, secret: str = SECRETS[0], lives: float | None = 60, **link: Any) -> str:
    """A token that lives for so many seconds from now."""
    end = None if lives is None else (datetime.now(UTC) + timedelta(seconds=lives)).replace(microsecond=0)
    return share_token(ShareLink(recording_id=recording_id, expires_at=end, **link), secret=secret)


@pytest.fixture
def call(rows: CallRows) -> str:
    """A sample call of Acme's."""
    return rows.put_sample(sample_calls()[0], company="Acme")


def test_the_page_shows_the_call_in_the_company_s_look(client: FlaskClient, call: str) -> None:
    """Summary, topics, questions and tasks, who spoke, the transcript; no e-mail, no tracker, no way in."""
    client.put("/api/v1/companies/Acme/business-ux", json=UX)
    truth = sample_calls()[0].truth

    answer = client.get(f"/share/{token(call)}", headers=BROWSER)

    page = Page(answer.text)
    assert answer.status_code == 200
    for said in (
        "The Acme",
        truth["title"],
        *truth["expected"]["topics"],
        truth["agent"]["name"],
        truth["turns"][2]["text"],
    ):
        assert " ".join(said.split()) in page.text
    assert "Action item" in page.text
    for hidden in (truth["agent"]["email"], truth["customer"]["email"], call, "conversation-1", "gs://"):
        assert hidden not in answer.text
    assert not any(f"{name}<" in answer.text for name in truth["expected"]["trackers"])
    assert page.links == []
    assert [tag for tag, _ in page.elements if tag in {"script", "form", "audio", "nav", "iframe"}] == []
    assert [image["src"] for image in page.all("img")] == ["https://cdn.acme.example/logo.svg"]
    assert {link["href"] for link in page.all("link")} == {
        assets()["app.css"].path,
        "/summary.css?background=%23102030&topics=%23ffcc00&fonts=Inter",
        "https://acme.example/f.ico",
    }


def test_its_headers_keep_it_to_itself(client: FlaskClient, call: str) -> None:
    """To the letter: who may frame it, what it loads, that nobody learns or keeps its address."""
    client.put("/api/v1/companies/Acme/business-ux", json=UX)

    headers = client.get(f"/share/{token(call)}", headers=BROWSER).headers

    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; script-src 'none'; "
        "img-src 'self' https://acme.example https://cdn.acme.example; media-src 'none'; connect-src 'none'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors https://crm.acme.example http://localhost:3000"
    )
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "private, no-store"
    assert headers["X-Robots-Tag"] == "noindex, nofollow"
    assert "X-Frame-Options" not in headers


def test_who_has_named_no_site_is_embedded_nowhere(client: FlaskClient, call: str) -> None:
    """Without a look of its own a company's page is still there."""
    answer = client.get(f"/share/{token(call)}", headers=BROWSER)

    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")
    assert "img-src 'self';" in answer.headers["Content-Security-Policy"]


def test_a_link_may_leave_the_transcript_out(client: FlaskClient, call: str) -> None:
    """The rest is there; the words of the turns are not."""
    text = Page(client.get(f"/share/{token(call, with_transcript=False)}", headers=BROWSER).text).text

    assert "Transcript" not in text
    assert "Topics" in text


def test_a_link_of_an_older_secret_still_works(client: FlaskClient, call: str) -> None:
    """Secrets are changed without breaking what was sent."""
    assert client.get(f"/share/{token(call, secret=SECRETS[1])}").status_code == 200
    assert client.get(f"/share/{token(call, secret='somebody-elses')}").status_code == 404


def test_secrets_of_their_own_take_over(pages: Callable[..., FlaskClient], call: str) -> None:
    """With SHARE_SECRETS those of the webhook open nothing."""
    client = pages(SHARE_SECRETS="for-links")

    assert client.get(f"/share/{token(call, secret='for-links')}").status_code == 200
    assert client.get(f"/share/{token(call)}").status_code == 404


def test_an_expired_link_says_whom_to_ask(client: FlaskClient, call: str) -> None:
    """410, without a way in and without the call."""
    client.put("/api/v1/companies/Acme/business-ux", json=UX)

    answer = client.get(f"/share/{token(call, lives=-1)}", headers=BROWSER)

    page = Page(answer.text)
    assert answer.status_code == 410
    assert "This link expired on" in page.text
    assert "Ask The Acme, who sent it, for a new one." in page.text
    assert page.links == []
    assert page.all("script") == []
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Content-Security-Policy"].endswith(
        "frame-ancestors https://crm.acme.example http://localhost:3000"
    )
    assert sample_calls()[0].truth["title"] not in page.text


@pytest.mark.parametrize("broken", ["", "x", "A" * 83, "%2e%2e", "a b", "\u00e9"])
def test_what_nobody_has_signed_leads_nowhere(client: FlaskClient, call: str, broken: str) -> None:
    """404, also for a token that was cut or went on."""
    whole = token(call)
    for path in (broken, whole[:-1], whole[1:], whole + "A", whole + "=", whole.swapcase()):
        answer = client.get(f"/share/{path}", headers=BROWSER)
        assert answer.status_code == 404, path
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.usefixtures("rows")
def test_the_link_to_a_deleted_call_says_so(client: FlaskClient) -> None:
    """410: it was signed once, so it was there."""
    answer = client.get(f"/share/{token('gone')}", headers=BROWSER)

    assert answer.status_code == 410
    assert "was deleted" in Page(answer.text).text


def test_a_call_that_is_not_analysed_yet_has_its_page(client: FlaskClient, rows: CallRows) -> None:
    """It says what will be there."""
    conversation = a_conversation(2)
    rows.put(conversation, dataclasses.replace(a_collected_job(conversation, results={}), conversation_id=None))

    answer = client.get(f"/share/{token(conversation.id)}", headers=BROWSER)

    assert "The summary appears here when the analysis of the call is done." in Page(answer.text).text


def test_who_has_a_link_reaches_that_page_alone(pages: Callable[..., FlaskClient], call: str) -> None:
    """With AUTH_MODE=token: the page and its styles, and nothing else of the call, the company or the site."""
    client = pages(AUTH_MODE="token", API_TOKENS=api_tokens(TOKEN))
    link = token(call)
    reached = {
        path: client.get(path, headers=BROWSER).status_code
        for path in (
            f"/share/{link}", assets()["app.css"].path, "/summary.css?background=%23102030",
            "/", "/calls", f"/calls/{call}", f"/calls/{call}.json", f"/calls/{call}.vtt", f"/calls/{call}?token={link}",
            "/ops", "/settings/companies", "/settings/companies/Acme", "/settings/preview", "/share", "/share/",
            f"/share/{link}/", f"/share/{link}.json", f"/share/{link}/x",
            "/api/v1/companies/Acme/business-ux", "/api/v1/companies/Acme/defaults", "/api/v1/rejections",
        )
    }  # fmt: skip

    assert {path for path, status in reached.items() if status == 200} == {
        f"/share/{link}",
        assets()["app.css"].path,
        "/summary.css?background=%23102030",
    }
    assert {status for path, status in reached.items() if status not in {200, 308}} == {401, 404}
    assert reached[f"/share/{link}.json"] == 404
    for path in (f"/calls/{call}", "/api/v1/rejections"):
        assert client.get(path, headers={"Authorization": f"Bearer {link}"}).status_code == 401
    assert client.post(f"/share/{link}", headers=OURS).status_code == 401
    assert client.post(f"/calls/{call}/share", headers=OURS).status_code == 401


@pytest.mark.parametrize(
    "query",
    ["background=red", "background=%23fff;}", "fonts=x;}body{display:none", "fonts=%27%29url(x", "colour=%23ffffff"],
)
def test_a_stylesheet_is_made_of_valid_values_alone(client: FlaskClient, query: str) -> None:
    """400 for anything else."""
    assert client.get(f"/summary.css?{query}").status_code == 400


def test_a_stylesheet_is_a_stylesheet(client: FlaskClient) -> None:
    """By its type, and nothing that a browser would guess."""
    answer = client.get("/summary.css?background=%23102030&fonts=Inter,+serif")

    assert answer.content_type == "text/css; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "--paper: #102030;" in answer.text
    assert 'font-family: "Inter", serif' in answer.text


def test_whatever_was_said_is_text(client: FlaskClient, rows: CallRows) -> None:
    """No name, title, topic, summary or turn becomes markup."""
    client.put("/api/v1/companies/Acme/business-ux", json={"display_name": EVIL})
    conversation = a_conversation(3, name=EVIL, file_name=EVIL)
    results: dict[str, Any] = {
        "messages": (a_message(text=EVIL),),
        "topics": (Topic(id="t", text=EVIL, score=0.9, message_ids=()),),
        "summary": (SummarySentence(id="s", text=EVIL, message_ids=()),),
    }
    rows.put(conversation, a_collected_job(conversation, number=3, results=results), results)

    for path in (f"/share/{token(conversation.id)}", f"/calls/{conversation.id}?shared=never"):
        answer = client.get(path, headers=BROWSER)
        page = Page(answer.text)
        assert "alert(1)" in page.text
        assert all("src" in script for script in page.all("script"))
        assert page.all("style") == []
        assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
        assert "{{7*7}}" in page.text


def test_no_line_of_the_log_has_the_token(client: FlaskClient, call: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither when it is made nor when it is opened, well or badly."""
    capsys.readouterr()
    made = client.post(f"/calls/{call}/share", data={"transcript": "yes"}, headers=OURS)
    shown = client.get(made.headers["Location"], headers=BROWSER).text
    (link,) = set(re.findall(r"/share/([\w-]{40,})", shown))
    for path in (link, link[:-1], token(call, lives=-1)):
        client.get(f"/share/{path}")

    logged = "".join(capsys.readouterr())
    assert "summary_shared" in logged
    assert "summary_opened" in logged
    assert link[:40] not in logged


# How links are made


def test_a_link_is_made_on_the_call_s_page(client: FlaskClient, call: str) -> None:
    """303 back, with no token in the address; there stand the link, its end, the snippet and where it may be shown."""
    client.put("/api/v1/companies/Acme/business-ux", json=UX)
    before = datetime.now(UTC).replace(microsecond=0)

    made = client.post(f"/calls/{call}/share", data={}, headers=OURS)

    location = made.headers["Location"]
    assert made.status_code == 303
    assert re.fullmatch(rf"/calls/{call}\?shared=\d{{10}}&transcript=no#share", location)
    page = client.get(location, headers=BROWSER).text
    (link,) = set(re.findall(r"http://127\.0\.0\.1:8080/share/([\w-]+)", page))
    read = link_of(link, secrets=SECRETS)
    assert read is not None
    assert read.recording_id == call
    assert not read.with_transcript
    assert read.expires_at is not None
    assert timedelta(0) <= read.expires_at - before - timedelta(hours=1) < timedelta(minutes=1)
    snippet = html.unescape(re.search(r'id="share-iframe">([^<]+)<', page)[1])  # type: ignore[index]  # or the test fails
    assert snippet.startswith(f'<iframe src="http://127.0.0.1:8080/share/{link}" title="Summary of ')
    text = Page(page).text
    assert "May be embedded on https://crm.acme.example, http://localhost:3000, and nowhere else." in text
    assert "/settings/companies/Acme" in Page(page).links


@pytest.mark.parametrize("shared", ["never", "99999999999", "x", "", "-1", "\u0661"])
def test_an_address_cannot_ask_for_more_than_the_company_allows(client: FlaskClient, call: str, shared: str) -> None:
    """Where links live for an hour, the page makes none that lives longer."""
    client.put("/api/v1/companies/Acme/business-ux", json=UX)

    assert "/share/A" not in client.get(f"/calls/{call}", query_string={"shared": shared}, headers=BROWSER).text


def test_a_link_that_never_expires_says_so(client: FlaskClient, call: str) -> None:
    """Where the company has settled that."""
    client.put("/api/v1/companies/Acme/business-ux", json={**UX, "summary_url_expires_in": None})

    made = client.post(f"/calls/{call}/share", data={"transcript": "yes"}, headers=OURS)

    assert made.headers["Location"] == f"/calls/{call}?shared=never#share"
    assert "This link never expires." in Page(client.get(made.headers["Location"], headers=BROWSER).text).text


def test_links_lead_where_they_are_told(pages: Callable[..., FlaskClient], call: str) -> None:
    """SHARE_BASE_URL is where readers outside reach the page; its styles stand there too."""
    client = pages(SHARE_BASE_URL="https://share.example/summaries/")

    page = client.get(f"/calls/{call}?shared=0", headers=BROWSER).text
    assert "https://share.example/summaries/share/A" in page
    loaded = Page(client.get(f"/share/{token(call)}", headers=BROWSER).text).all("link")
    assert all(link["href"].startswith("/summaries/") for link in loaded)


@pytest.mark.parametrize("path", ["share", "own-page"])
def test_another_site_makes_no_link(client: FlaskClient, call: str, path: str) -> None:
    """403."""
    assert client.post(f"/calls/{call}/{path}", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_nobody_s_call_has_no_link(client: FlaskClient, rows: CallRows) -> None:
    """404."""
    assert rows
    assert client.post("/calls/nobody/share", headers=OURS).status_code == 404
    assert client.post("/calls/nobody/own-page", headers=OURS).status_code == 404


# The engine's own page


@pytest.fixture
def symbl() -> Iterator[SymblStandIn]:
    """An engine that does as it is told."""
    stand_in = SymblStandIn()
    yield stand_in
    stand_in.close()


EXPERIENCES = "/v1/conversations/conversation-1/experiences"
BEARER = "https://meetinginsights.symbl.ai/meeting/#/eyJzZWNyZXQiOjF9?o=very-secret"


def test_the_engine_s_own_page_is_shown_once_and_kept_nowhere(
    pages: Callable[..., FlaskClient], symbl: SymblStandIn, call: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is asked for with the company's look; its address stands in that answer alone, and in no log."""
    symbl.on(EXPERIENCES, Answer(201, {"name": "verbose-text-summary", "url": BEARER}))
    client = pages(SYMBL_API_URL=symbl.url)
    client.put("/api/v1/companies/Acme/business-ux", json=UX)

    answer = client.post(f"/calls/{call}/own-page", headers=OURS)

    assert answer.status_code == 200
    assert BEARER in Page(answer.text).text
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "very-secret" not in client.get(f"/calls/{call}", headers=BROWSER).text
    assert "very-secret" not in "".join(capsys.readouterr())
    (asked,) = symbl.received(EXPERIENCES)
    assert asked.json["logo"] == UX["logo"]


@pytest.mark.parametrize("status", [404, 405, 501])
def test_an_engine_without_such_pages_is_told_of(
    pages: Callable[..., FlaskClient], symbl: SymblStandIn, call: str, status: int
) -> None:
    """Back on the call's page, in a sentence."""
    symbl.on(EXPERIENCES, Answer(status, {"message": "no"}))
    client = pages(SYMBL_API_URL=symbl.url)

    answer = client.post(f"/calls/{call}/own-page", headers=OURS)

    assert (answer.status_code, answer.headers["Location"]) == (303, f"/calls/{call}?own_page=none#share")
    text = Page(client.get(answer.headers["Location"], headers=BROWSER).text).text
    assert "This engine has no page of its own for calls." in text


@pytest.mark.parametrize(("status", "shown"), [(400, 409), (401, 409), (500, 503)])
def test_an_engine_that_refuses_is_told_of(
    pages: Callable[..., FlaskClient], symbl: SymblStandIn, call: str, status: int, shown: int
) -> None:
    """With what it says; 503 where it may work later."""
    symbl.on(EXPERIENCES, Answer(status, {"message": "because"}))
    client = pages(SYMBL_API_URL=symbl.url)

    answer = client.post(f"/calls/{call}/own-page", headers=OURS)

    assert answer.status_code == shown
    assert "because" in Page(answer.text).text
