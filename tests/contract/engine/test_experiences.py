"""Pages about a conversation: who may see them, for how long, and that nothing sent in can do harm in them."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from werkzeug.test import TestResponse

from tests.contract.engine.stage import Stage, StageFactory

TEXT = {"name": "verbose-text-summary"}
UNKNOWN = "/v1/conversations/1234567890123456"
MONTH_S = 30 * 86400


@pytest.fixture
def path(stage: Stage) -> str:
    """The path of a conversation that was analysed."""
    return stage.analysed(name="Coffee machine")


def made(stage: Stage, path: str, **fields: Any) -> str:
    """The URL of a page."""
    answer = stage.ask("POST", f"{path}/experiences", {**TEXT, **fields})
    assert answer.status_code == 201, answer.get_data(as_text=True)
    assert answer.get_json().keys() == {"name", "url"}
    url: str = answer.get_json()["url"]
    return url


def opened(stage: Stage, url: str) -> TestResponse:
    """The page as a browser without any credentials gets it."""
    parts = urlsplit(url)
    return stage.engine.app.test_client().get(parts.path, query_string=parts.query)


def shown(stage: Stage, url: str) -> str:
    answer = opened(stage, url)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def refusal(stage: Stage, fields: dict[str, Any]) -> str:
    answer = stage.ask("POST", f"{UNKNOWN}/experiences", {**TEXT, **fields})
    assert answer.status_code == 400, answer.get_data(as_text=True)
    message: str = answer.get_json()["message"]
    return message


def test_a_page_shows_the_whole_conversation(stage: Stage, path: str) -> None:
    """Without a token: whoever has the address may read."""
    page = shown(stage, made(stage, path))
    for text in ("<h1>Coffee machine</h1>", "20 November 2026, 09:00 UTC", "Ann Agent", "Carl Caller", "Summary"):
        assert text in page
    assert "<li>coffee machine</li>" in page  # a topic
    assert re.search(r"Action items.*I will send you a new coffee machine tomorrow\.", page, re.DOTALL)
    assert re.search(r"Follow-ups.*I will call you on Monday\.", page, re.DOTALL)
    assert re.search(r"Questions.*What does the coffee machine cost\?", page, re.DOTALL)
    assert re.search(r"<h3>Carl Caller <span[^>]*>0:04</span></h3>\s*<p><span id=\"m\d+\">My coffee machine", page)


def test_what_is_told_leads_to_where_it_was_said(stage: Stage, path: str) -> None:
    page = shown(stage, made(stage, path))
    places = set(re.findall(r'href="#(m\d+)"', page))
    assert places
    assert places <= set(re.findall(r'id="(m\d+)"', page))


@pytest.mark.parametrize("seconds", [60, MONTH_S, None])
def test_a_page_expires(stage: Stage, path: str, seconds: int | None) -> None:
    """After 30 days, unless told otherwise."""
    url = made(stage, path, **({} if seconds is None else {"summaryURLExpiresIn": seconds}))
    stage.clock.advance((seconds or MONTH_S) - 1)
    assert opened(stage, url).status_code == 200
    stage.clock.advance(1)
    gone = opened(stage, url)
    assert gone.status_code == 410
    assert "has expired" in gone.get_data(as_text=True)
    assert "coffee" not in gone.get_data(as_text=True)


def test_one_that_has_ended_is_forgotten_and_says_so_still(stage: Stage, path: str) -> None:
    url = made(stage, path, summaryURLExpiresIn=60)
    stage.clock.advance(60)
    lasting = made(stage, path, summaryURLExpiresIn=0)
    page_id = urlsplit(url).path.removeprefix("/experiences/").partition(".")[0]
    assert stage.engine.store.page(page_id) is None
    assert "has expired" in opened(stage, url).get_data(as_text=True)
    made(stage, path)
    assert opened(stage, lasting).status_code == 200


def test_with_0_it_never_does(stage: Stage, path: str) -> None:
    url = made(stage, path, summaryURLExpiresIn=0)
    stage.clock.advance(50 * 365 * 86400)
    assert opened(stage, url).status_code == 200


def test_an_address_that_was_not_given_out_is_none(stage: Stage, path: str) -> None:
    """Least of all one with a later end."""
    url = made(stage, path)
    page_id, end, signature = urlsplit(url).path.removeprefix("/experiences/").split(".")
    for address in (
        f"{page_id}.{int(end) + 1}.{signature}",
        f"{page_id}.0.{signature}",
        f"{page_id[:-1]}A.{end}.{signature[::-1]}",
        page_id,
        "x",
    ):
        assert opened(stage, f"/experiences/{address}").status_code == 404


def test_no_two_pages_share_an_address_and_none_tells_its_conversation(stage: Stage, path: str) -> None:
    first, second = made(stage, path), made(stage, path)
    assert first != second
    assert path.rpartition("/")[2] not in first


def test_a_page_of_another_engine_is_none(stage: Stage, path: str, make_stage: StageFactory) -> None:
    """Each signs with a key of its own, which survives it."""
    url = made(stage, path)
    assert opened(make_stage(state=stage.settings.state / "other"), url).status_code == 404
    stage.restarted()
    assert opened(stage, url).status_code == 200


def test_with_the_conversation_its_pages_go(stage: Stage, path: str) -> None:
    url = made(stage, path)
    stage.ask("DELETE", path)
    gone = opened(stage, url)
    assert gone.status_code == 410
    assert "deleted" in gone.get_data(as_text=True)


def test_no_page_runs_indexes_frames_or_tells_its_address(stage: Stage, path: str) -> None:
    """Whatever became of it."""
    url = made(stage, path)
    for answer in (opened(stage, url), opened(stage, f"{url}x")):
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'nonce-")
        assert "img-src 'none'; media-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" in policy
        assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert "<script" not in answer.get_data(as_text=True)


def test_what_it_may_load_is_what_was_named(stage: Stage, path: str) -> None:
    """By origin alone."""
    fields = {
        "name": "audio-summary",
        "audioUrl": "https://audio.example:8443/call.mp3?signature=x&y=1",
        "logo": "https://static.example/logo.png",
        "favicon": "https://icons.example/icon.ico",
    }
    answer = opened(stage, made(stage, path, **fields))
    policy = answer.headers["Content-Security-Policy"]
    assert "img-src https://icons.example https://static.example;" in policy
    assert "media-src https://audio.example:8443;" in policy
    page = answer.get_data(as_text=True)
    assert '<img src="https://static.example/logo.png" alt=""' in page
    assert '<link rel="icon" href="https://icons.example/icon.ico">' in page
    assert re.search(r'<audio [^>]*src="https://audio.example:8443/call.mp3\?signature=x&amp;y=1"', page)


def test_the_media_of_all_pages_of_a_conversation_can_be_changed(stage: Stage, path: str) -> None:
    url = made(stage, path, name="video-summary", videoUrl="https://old.example/call.mp4")
    answer = stage.ask("PUT", f"{path}/experiences/url", {"url": "https://new.example/call.mp4"})
    assert (answer.status_code, answer.get_json()) == (200, {"url": "https://new.example/call.mp4"})
    opened_page = opened(stage, url)
    assert '<video class="media" controls preload="none" src="https://new.example/call.mp4">' in opened_page.text
    assert "media-src https://new.example;" in opened_page.headers["Content-Security-Policy"]


def test_colours_and_font_are_put_on_with_an_ink_that_can_be_read(stage: Stage, path: str) -> None:
    color = {"background": "#0b3d4f", "topicsFilter": "#FfA", "insightsFilter": "#777777"}
    page = shown(stage, made(stage, path, color=color, font={"family": "Open Sans"}))
    assert "--page: #0b3d4f; --page-ink: #ffffff;" in page
    assert "--topic: #FfA; --topic-ink: #000000;" in page
    assert "--insight: #777777; --insight-ink: #000000;" in page
    assert '--family: "Open Sans", system-ui' in page


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "summary"}, '"name" must be one of [verbose-text-summary, audio-summary, video-summary]'),
        ({"name": "audio-summary"}, '"audioUrl" is required with audio-summary'),
        ({"name": "video-summary"}, '"videoUrl" is required with video-summary'),
        ({"logo": "javascript:alert(1)"}, '"logo" must be a valid uri with a scheme matching the http|https pattern'),
        ({"logo": "https://a;script-src *"}, '"logo" must name a plain host'),
        ({"favicon": "https://user@host.example/x"}, '"favicon" must name a plain host'),
        ({"summaryURLExpiresIn": -1}, '"summaryURLExpiresIn" must be greater than or equal to 0'),
        ({"readOnly": "perhaps"}, '"readOnly" must be a boolean'),
        ({"disableSummaryURLAuthentication": True}, '"disableSummaryURLAuthentication" is not allowed'),
        ({"disableSummaryURLAuthentication": False}, '"disableSummaryURLAuthentication" is not allowed'),
        ({"logo": None}, '"logo" must not be null'),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named_in_joi_words(idle_stage: Stage, fields: dict[str, Any], message: str) -> None:
    assert refusal(idle_stage, fields) == message


@pytest.mark.parametrize(
    "fields",
    [
        {"color": {"background": "red"}},
        {"color": {"topicsFilter": "#12345"}},
        {"color": {"insightsFilter": "#fff}body{display:none"}},
        {"color": {"background": "#ffffff\n"}},
        {"font": {"family": '"; } body { display: none'}},
    ],
)
def test_only_colours_and_families_come_into_the_style(idle_stage: Stage, fields: dict[str, Any]) -> None:
    assert "fails to match the required pattern" in refusal(idle_stage, fields)


def test_a_domain_of_ones_own_is_not_served(idle_stage: Stage) -> None:
    answer = idle_stage.ask("POST", f"{UNKNOWN}/experiences", {**TEXT, "enableCustomDomain": True})
    assert answer.status_code == 501
    assert "ENGINE_PUBLIC_URL" in answer.get_json()["message"]


def test_there_is_no_page_of_an_unknown_conversation(idle_stage: Stage) -> None:
    assert idle_stage.ask("POST", f"{UNKNOWN}/experiences", TEXT).status_code == 404
    assert idle_stage.ask("PUT", f"{UNKNOWN}/experiences/url", {"url": "https://a.example/x"}).status_code == 404
    assert idle_stage.ask("GET", f"/v1/conversations/experiences/insights/details/{UNKNOWN[-16:]}").status_code == 404


def test_what_was_said_cannot_become_markup(stage: Stage) -> None:
    evil = "<script>alert(1)</script>"
    stage.recording("evil", [{"channel": "mono", "start": 0, "end": 2, "text": f"I want {evil} now."}])
    conversation_id, _ = stage.submit(stage.outside.url("/evil"), name=f"{evil}")
    stage.engine.run_pending()
    page = shown(stage, made(stage, f"/v1/conversations/{conversation_id}"))
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_before_it_was_heard_and_where_it_could_not_be_a_page_says_so(stage: Stage) -> None:
    conversation_id, _ = stage.submit(stage.outside.url("/nothing"))
    url = made(stage, f"/v1/conversations/{conversation_id}")
    assert "Still being processed" in shown(stage, url)
    stage.engine.run_pending()
    assert "Nothing could be heard" in shown(stage, url)


def test_the_query_tunes_a_page(stage: Stage, path: str) -> None:
    url = made(stage, path)
    assert "Topics" not in shown(stage, f"{url}?topics.enabled=false")
    assert "I will send you" in shown(stage, f"{url}?insights.minScore=0.5")
    without = shown(stage, f"{url}?insights.minScore=1")
    assert not re.search(r"Action items.*I will send you.*Follow-ups", without, re.DOTALL)
    assert opened(stage, f"{url}?insights.minScore=much&topics.orderBy=position").status_code == 200


def test_the_insights_page_is_one_of_these(stage: Stage, path: str) -> None:
    details = f"/v1/conversations/experiences/insights/details/{path.rpartition('/')[2]}"
    assert "Coffee machine" in shown(stage, stage.get(details)["url"])
    answer = stage.ask("GET", f"{details}?includeCallScore=true")
    assert answer.status_code == 501


def test_settings_say_where_it_is_and_how_its_making_is_answered(make_stage: StageFactory) -> None:
    stage = make_stage(public_url="https://calls.example/engine/", created_status=200)
    answer = stage.ask("POST", f"{stage.analysed()}/experiences", TEXT)
    assert answer.status_code == 200
    assert answer.get_json()["url"].startswith("https://calls.example/engine/experiences/")


def test_faults_strike_the_making_and_the_showing_of_pages(make_stage: StageFactory) -> None:
    """Narrowed by the conversation's name, where they are of one."""
    stage = make_stage(faults_api=True)
    path = stage.analysed(name="Coffee machine")
    stage.fail(
        {"fault": "error_answer", "status": 500, "path": "*/experiences", "name": "Coffee*"},
        {"fault": "error_answer", "status": 503, "path": "*/insights/details/*", "name": "Coffee*"},
    )
    assert stage.ask("POST", f"{path}/experiences", TEXT).status_code == 500
    details = f"/v1/conversations/experiences/insights/details/{path.rpartition('/')[2]}"
    assert stage.ask("GET", details).status_code == 503
    stage.fail({"fault": "rubbish_answer", "path": "/experiences/*", "how": "truncated", "next": 1})
    url = made(stage, path)
    assert "</html>" not in shown(stage, url)
    assert "</html>" in shown(stage, url)
