"""The page of one call."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from common.model.intelligence import SECTIONS, Section, SectionState
from common.model.lifecycle import JobStatus
from common.model.recording import Role, Speaker
from tests.factories import NOW, a_conversation, a_job, a_message, sample_calls
from tests.integration.dashboard.conftest import BROWSER
from tests.integration.dashboard.page import Page
from tests.integration.dashboard.rows import a_collected_job, belonging, sample_conversation, sample_results
from tests.integration.dashboard.test_calls import opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient

    from tests.integration.dashboard.rows import CallRows

ATTACK = '<script>alert("x")</script>'


def test_every_turn_is_there_in_order(client: FlaskClient, rows: CallRows) -> None:
    """The transcript has each turn with its speaker's part, its words and a link to its moment."""
    call = sample_calls()[0]
    page = opened(client, f"/calls/{rows.put_sample(call)}")

    turns = page.all("li", "turn")
    assert [turn["class"].split()[-1] for turn in turns] == [turn["role"] for turn in call.truth["turns"]]
    times = [link["href"] for link in page.all("a", "seek")][: len(turns)]
    assert times == [f"?t={turn['start']}#turn-{number}" for number, turn in enumerate(call.truth["turns"], start=1)]
    at = [page.text.index(turn["text"], page.text.index("All turns")) for turn in call.truth["turns"]]
    assert at == sorted(at)


def test_every_claim_leads_to_the_turn_that_proves_it(client: FlaskClient, rows: CallRows) -> None:
    """Summary, tasks, trackers, questions and topics each have a link, and each link has its turn."""
    call = sample_calls()[0]
    page = opened(client, f"/calls/{rows.put_sample(call)}")

    evidence = [urlsplit(link["href"]) for link in page.all("a", "seek")]
    marks = [urlsplit(link["href"]) for link in page.all("a", "mark")]
    expected = call.truth["expected"]
    claims = (
        len(expected["questions"])
        + len(expected["action_items"])
        + len(expected["follow_ups"])
        + len(expected["topics"])
        + sum(len(turns) for turns in expected["trackers"].values())
        + 2  # sentences of the summary
        + 1  # the entity
        + 1  # the longest monologue
    )
    assert len(evidence) == len(call.truth["turns"]) + claims
    assert marks
    assert {link.fragment for link in (*evidence, *marks)} <= page.ids
    for name in expected["trackers"]:
        assert name in page.text
    assert "for Daniel Brooks · due 18 Mar 2026" in page.text
    assert "asked by Linda Hayes" in page.text


def test_the_header_and_the_balance_are_figures(client: FlaskClient, rows: CallRows) -> None:
    """Length, zone, sentiment with a true minus, who talked how much and how fast, and the silence."""
    text = opened(client, f"/calls/{rows.put_sample(sample_calls()[0])}").text

    assert "18 Mar 2026, 16:42 UTC−4" in text  # noqa: RUF001  # the true minus is the point
    assert "Customer sentiment ▼ negative −0.80" in text  # noqa: RUF001
    assert re.search(r"Daniel Brooks 4\d % 1\d\d", text)
    assert re.search(r"Silence \d+ % \(0:\d\d\)", text)


def test_the_audio_comes_signed_from_storage(client: FlaskClient, rows: CallRows) -> None:
    """An hour's V4 URL of this very generation, and the policy lets media come from there alone."""
    response = client.get(f"/calls/{rows.put_sample(sample_calls()[0])}", headers=BROWSER)

    (audio,) = Page(response.text).all("audio")
    url = urlsplit(audio["src"])
    signed = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert url.path == "/recordings/samples/billing-dispute.mp3"
    assert (signed["X-Goog-Expires"], signed["generation"]) == ("3600", "1700000000000001")
    assert "controls" in audio
    assert audio["preload"] == "metadata"
    assert response.headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
        f"media-src {url.scheme}://{url.netloc}; connect-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )
    assert response.headers["Cache-Control"] == "private, no-store"


def test_a_moment_is_a_link(client: FlaskClient, rows: CallRows) -> None:
    """?t= marks the turn that is said then, and the audio starts there even without a script."""
    recording_id = rows.put_sample(sample_calls()[0])

    page = opened(client, f"/calls/{recording_id}?t=0:30")

    marked = [turn["id"] for turn in page.all("li", "turn") if "aria-current" in turn]
    assert marked == ["turn-6"]  # from 27.9 s to 33.7 s
    assert page.all("audio")[0]["src"].endswith("#t=30")


@pytest.mark.parametrize("position", ["soon", "-1", "1:2:3:4", "9" * 400, "nan"])
def test_a_moment_that_is_none_is_ignored(client: FlaskClient, rows: CallRows, position: str) -> None:
    """A mangled link still shows the call."""
    page = opened(client, f"/calls/{rows.put_sample(sample_calls()[0])}?t={position}")

    assert "#t=" not in page.all("audio")[0]["src"]


def test_a_long_silence_is_marked(client: FlaskClient, rows: CallRows) -> None:
    """The hold of a quarter of a minute stands between the turns."""
    outage = next(call for call in sample_calls() if call.truth["expected"]["silences_over_5s"])

    text = opened(client, f"/calls/{rows.put_sample(outage)}").text

    (hold,) = outage.truth["expected"]["silences_over_5s"]
    assert f"{hold['end'] - hold['start']:.0f} s of silence" in text


def test_nothing_that_was_said_or_named_becomes_markup(client: FlaskClient, rows: CallRows) -> None:
    """Transcript, names, company, trackers, errors: whatever callers and senders say stays text."""
    call = sample_calls()[0]
    results = sample_results(call)
    attacked = dataclasses.replace(
        sample_conversation(call),
        name=ATTACK,
        company=ATTACK,
        file_name=ATTACK,
        service_type=ATTACK,
        speakers=(Speaker(name=f'"><b>{ATTACK}', role=Role.AGENT, email="ann@acme.example"),),
    )
    results["messages"] = (a_message(text=f"{ATTACK} \"onclick='x' </p>"),)
    job = a_collected_job(attacked, results=results)
    recording_id = rows.put(attacked, job, results)

    for path in ("/calls", f"/calls/{recording_id}"):
        page = opened(client, path)
        assert ATTACK in page.text
        assert all(script["src"].startswith("/assets/") for script in page.all("script"))
        assert page.all("b") == []
        assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)


def test_a_call_in_progress_says_what_will_come(client: FlaskClient, rows: CallRows) -> None:
    """It says what happens now and what appears later, and is refreshed by the script."""
    conversation = a_conversation()
    rows.put(conversation, belonging(a_job(JobStatus.IN_PROGRESS), conversation))

    page = opened(client, f"/calls/{conversation.id}")

    assert "The engine is listening to it now." in page.text
    assert "appear here" in page.text
    assert [section["data-poll"] for section in page.all("section") if "data-poll" in section] == ["call"]
    assert "accepted by the engine" in page.text


def test_a_failure_says_what_why_since_and_what_to_check(client: FlaskClient, rows: CallRows) -> None:
    """All of it on the page of the call, and nothing keeps polling."""
    conversation = a_conversation()
    rows.put(conversation, belonging(a_job(JobStatus.FAILED), conversation))

    page = opened(client, f"/calls/{conversation.id}")

    assert "The analysis failed" in page.text
    assert f"./calltrack recordings replay {conversation.id} --reason" in page.text
    assert "This recording cannot be analysed as it is. Since 1 Mar 2026, 08:00" in page.text
    assert "Why no speech in it" in page.text
    assert "What to check the recording" in page.text
    assert not any("data-poll" in section for section in page.all("section"))


def test_a_call_without_speech_says_so(client: FlaskClient, rows: CallRows) -> None:
    """An empty transcript is an answer, not a gap."""
    conversation = a_conversation()
    results = {section.name: () for section in SECTIONS}
    rows.put(conversation, a_collected_job(conversation, results=results), results)

    assert "No speech was found" in opened(client, f"/calls/{conversation.id}").text


def test_a_section_fails_alone(client: FlaskClient, rows: CallRows) -> None:
    """What is stored is shown; what is not says why under its own heading."""
    call = sample_calls()[0]
    conversation = sample_conversation(call)
    messages = sample_results(call)["messages"]
    job = a_job(JobStatus.COMPLETED).collected(
        [
            Section(name="messages", state=SectionState.STORED, count=len(messages), at=NOW),
            Section(name="topics", state=SectionState.ERROR, error="503 from the engine"),
            Section(name="summary", state=SectionState.ABSENT),
        ],
        next_check_at=NOW,
    )
    rows.put(conversation, belonging(job, conversation), {"messages": messages})

    page = opened(client, f"/calls/{conversation.id}")

    assert len(page.all("li", "turn")) == len(messages)
    assert "Topics Could not be fetched yet and is tried again: 503 from the engine" in page.text
    assert "Summary The engine has none for this call." in page.text


def test_audio_that_cannot_be_signed_leaves_the_rest(pages: Callable[..., FlaskClient], rows: CallRows) -> None:
    """Without credentials the page says so, with the request's id, and still has the transcript."""
    client = pages(GOOGLE_APPLICATION_CREDENTIALS="/nowhere/account.json")

    response = client.get(f"/calls/{rows.put_sample(sample_calls()[0])}", headers=BROWSER)

    page = Page(response.text)
    assert response.status_code == 200
    assert page.all("audio") == []
    assert response.headers["X-Request-Id"] in page.text
    assert page.all("li", "turn")
    assert "media-src 'none'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("suffix", "content_type", "beginning"),
    [
        ("vtt", "text/vtt; charset=utf-8", "WEBVTT"),
        ("srt", "application/x-subrip; charset=utf-8", "1\n00:00:00,600"),
        ("txt", "text/plain; charset=utf-8", "[0:00] Daniel Brooks: Thank you"),
    ],
)
def test_the_transcript_can_be_taken_along(
    client: FlaskClient, rows: CallRows, suffix: str, content_type: str, beginning: str
) -> None:
    """The page links to each form of it, and each is what it says."""
    recording_id = rows.put_sample(sample_calls()[0])
    link = f"/calls/{recording_id}.{suffix}"

    response = client.get(link)

    assert link in opened(client, f"/calls/{recording_id}").links
    assert response.content_type == content_type
    assert response.text.startswith(beginning)


def test_the_page_has_a_twin_for_machines(client: FlaskClient, rows: CallRows) -> None:
    """.json is the recording as the API answers it, with all results."""
    recording_id = rows.put_sample(sample_calls()[0])

    answer = client.get(f"/calls/{recording_id}.json").get_json()

    assert answer["id"] == recording_id
    assert answer["results"]["state"] == "complete"
    assert len(answer["results"]["messages"]) == len(sample_calls()[0].truth["turns"])


def test_a_transcript_that_is_not_there_is_not_found(client: FlaskClient, rows: CallRows) -> None:
    """404, with a reason that programs can tell from a wrong id."""
    conversation = a_conversation()
    rows.put(conversation, belonging(a_job(), conversation))

    response = client.get(f"/calls/{conversation.id}.vtt")

    assert (response.status_code, response.get_json()["reason"]) == (404, "TRANSCRIPT_NOT_READY")


def test_an_unknown_call_is_not_found(client: FlaskClient, rows: CallRows) -> None:
    """404, with the id and the way to the list."""
    assert rows

    page = opened(client, "/calls/nobody", status=404)

    assert "There is no call 'nobody'" in page.text
    assert "/calls" in page.links
