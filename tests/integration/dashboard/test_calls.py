"""The list of calls."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from common.model.intelligence import Section, SectionState
from common.model.lifecycle import JobStatus
from tests.factories import NOW, a_conversation, a_job, a_message, sample_calls
from tests.integration.dashboard.conftest import BROWSER
from tests.integration.dashboard.page import Page
from tests.integration.dashboard.rows import a_collected_job, belonging, sample_conversation, sample_results

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient

    from tests.integration.dashboard.rows import CallRows


def opened(client: FlaskClient, path: str, *, status: int = 200) -> Page:
    response = client.get(path, headers=BROWSER)
    assert response.status_code == status, response.text
    return Page(response.text)


def test_a_row_says_what_a_person_asks_first(client: FlaskClient, rows: CallRows) -> None:
    """Started in the call's own zone, its name and company, who took it, how long it was and what came of it."""
    rows.put_sample(sample_calls()[0])

    response = client.get("/calls", headers=BROWSER)

    page = Page(response.text)
    assert '<time datetime="2026-03-18T20:42:00.000Z"' in response.text
    assert "18 Mar 2026, 16:42" in page.text
    assert "Double charge, angry customer asks for a supervisor" in page.text
    assert "Brightline Mobile Daniel Brooks" in page.text
    assert "1:48" in page.text
    assert "Ready 4 trackers, 5 questions, 2 action items, 1 follow-up" in page.text
    assert "<title>1:48 long: agent" in response.text  # the ribbon, in words
    assert "negative" in page.text


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (JobStatus.PENDING, "Waiting its turn"),
        (JobStatus.SUBMITTING, "Being sent"),
        (JobStatus.SCHEDULED, "Queued for analysis"),
        (JobStatus.IN_PROGRESS, "Being analysed"),
        (JobStatus.COMPLETED, "Fetching results"),
        (JobStatus.FAILED, "Failed no speech in it"),
    ],
)
def test_a_status_is_in_words(client: FlaskClient, rows: CallRows, status: JobStatus, words: str) -> None:
    """Every status of a request has words that a person understands; only unfinished rows are refreshed."""
    conversation = a_conversation()
    rows.put(conversation, belonging(a_job(status), conversation))

    page = opened(client, "/calls")

    assert words in page.text
    (row,) = [attributes for attributes in page.all("tr") if "id" in attributes]
    assert ("data-working" in row) == (status is not JobStatus.FAILED)


def test_results_that_are_still_missing_are_named(client: FlaskClient, rows: CallRows) -> None:
    """A call that is ready in part says what it still lacks."""
    conversation = a_conversation()
    sections = [
        Section(name="messages", state=SectionState.STORED, count=3),
        Section(name="summary", state=SectionState.NOT_READY),
    ]
    job = a_job(JobStatus.COMPLETED).collected(sections, next_check_at=NOW)
    rows.put(conversation, belonging(job, conversation))

    text = opened(client, "/calls").text

    assert "Ready in part" in text
    assert "transcript only; still without topics, trackers" in text
    assert "summary" in text


def test_older_and_newer_lead_through_all_calls_and_back(client: FlaskClient, rows: CallRows) -> None:
    """No call is shown twice or left out on the way down, and the way back shows the same pages."""
    for number in range(1, 6):
        conversation = a_conversation(number, started_at=NOW + timedelta(minutes=number))
        job = a_job(number=number)
        rows.put(conversation, belonging(job, conversation))

    def follow(page: Page, rel: str) -> Page | None:
        links = [a["href"] for a in page.all("a") if a.get("rel") == rel]
        return opened(client, links[0]) if links else None

    down = [opened(client, "/calls?page_size=2")]
    while older := follow(down[-1], "next"):
        down.append(older)
    up = [down[-1]]
    while newer := follow(up[-1], "prev"):
        up.append(newer)

    shown = [re.findall(r"Call (\d)", page.text) for page in down]
    assert shown == [["5", "4"], ["3", "2"], ["1"]]
    assert [page.text for page in up] == [page.text for page in reversed(down)]


def test_an_empty_list_says_how_to_fill_it(pages: Callable[..., FlaskClient], rows: CallRows) -> None:
    """The first recording is one command away, and the command names this installation."""
    assert rows
    page = opened(pages(PUBLIC_BASE_URL="http://127.0.0.1:8080"), "/calls")

    assert "No calls yet" in page.text
    assert "curl -F audio=@call.wav" in page.text
    assert "http://127.0.0.1:8080/api/v1/recordings" in page.text
    assert page.all("button")[-1]["data-copy"] in page.ids


def test_a_filter_without_calls_can_be_taken_off(client: FlaskClient, rows: CallRows) -> None:
    """Nothing found names the filter and leads back to all calls."""
    rows.put_sample(sample_calls()[0])

    page = opened(client, "/calls?filter=company:Nobody")

    assert "No calls match" in page.text
    assert "company:Nobody" in page.text
    assert "/calls" in page.links


def test_a_page_that_ended_early_leads_on(client: FlaskClient, rows: CallRows) -> None:
    """Where much was opened in vain, an empty page does not say that nothing is there."""
    for number in range(1, 6):  # no token tells 45 seconds from a minute
        conversation = a_conversation(
            number, started_at=NOW - timedelta(minutes=number), duration=timedelta(seconds=45 if number == 5 else 59)
        )
        rows.put(conversation, belonging(a_job(number=number), conversation))

    page = opened(client, "/calls?page_size=1&filter=length:40s..50s")

    assert "None so far" in page.text
    assert "No calls match" not in page.text
    (onwards,) = [link for link in page.links if "page_token" in link][:1]
    assert "Call 5" in opened(client, onwards).text


def test_a_filter_shows_only_what_it_names(client: FlaskClient, rows: CallRows) -> None:
    """The filter is the API's, and stays in its box."""
    for number, call in enumerate(sample_calls(), start=1):
        rows.put_sample(call, number=number)

    page = opened(client, '/calls?filter=company:"Brightline Mobile"')

    assert len([row for row in page.all("tr") if "id" in row]) == 2
    assert 'company:"Brightline Mobile"' in {box.get("value") for box in page.all("input")}


def test_the_list_is_sorted_by_plain_links(client: FlaskClient, rows: CallRows) -> None:
    """By start, length or mood; the column it is sorted by turns round, and the search goes along."""
    for number, call in enumerate(sample_calls(), start=1):
        rows.put_sample(call, number=number)

    def lengths(page: Page) -> list[str]:
        return re.findall(r'data-label="Length">([0-9:]+)<', page.source)

    first = opened(client, "/calls?filter=is:completed")
    by_length = next(link for link in first.links if "order_by=duration" in link)
    longest = opened(client, by_length)
    turned = opened(client, next(link for link in longest.links if "order_by=duration+asc" in link))
    unhappiest = opened(client, next(link for link in longest.links if "order_by=sentiment+asc" in link))

    assert "6 calls, the latest first" in first.text
    assert "6 calls, the longest first" in longest.text
    assert lengths(longest) == sorted(lengths(first), reverse=True)
    assert lengths(turned) == sorted(lengths(first))
    assert "Double charge" in unhappiest.text[unhappiest.text.index("the unhappiest first") :][:300]
    assert "is:completed" in {box.get("value") for box in unhappiest.all("input")}
    assert "/calls?order_by=sentiment+asc" in unhappiest.links  # the condition taken off


def test_what_cannot_be_counted_says_so(client: FlaskClient, rows: CallRows) -> None:
    """Of a phrase, tokens do not tell how many calls have it: neither of all calls, nor of those with a value."""
    for number in range(1, 4):
        rows.put_sample(sample_calls()[1], number=number)
    phrase = " ".join(sample_calls()[1].truth["turns"][0]["text"].split()[:3]).strip(".,")

    some = opened(client, f'/calls?page_size=2&counts=true&filter="{phrase}"')
    all_of_them = opened(client, f'/calls?filter="{phrase}"')

    assert "2 calls here, and more; how many, only opening each of them would tell" in some.text
    assert "(—)" in some.text
    assert "—: how many calls have it, only opening them would tell." in some.text
    assert "3 calls, the latest first" in all_of_them.text
    assert "only opening" not in all_of_them.text


def test_a_value_in_a_row_keeps_order_and_size(client: FlaskClient, rows: CallRows) -> None:
    """Company, agent and trackers lead to the calls that share them, sorted as before and as many on a page."""
    rows.put_sample(sample_calls()[0])

    page = opened(client, "/calls?order_by=duration+desc&page_size=20&filter=is:completed")
    values = [parse_qs(urlsplit(link["href"]).query) for link in page.all("a") if link.get("class") == "value"]

    assert len(values) > 2
    assert all((value["order_by"], value["page_size"]) == (["duration desc"], ["20"]) for value in values)
    assert all(value["filter"][0].startswith("is:completed ") for value in values)
    (without,) = (link["href"] for link in page.all("a") if link.get("aria-label", "").startswith("Search without"))
    assert parse_qs(urlsplit(without).query) == {"order_by": ["duration desc"], "page_size": ["20"]}


def test_a_query_that_cannot_be_read_stays_in_its_box(client: FlaskClient) -> None:
    """The place is marked, and what may have been meant is a click away; programs get the same as metadata."""
    page = opened(client, "/calls?filter=refund+agnet:x", status=400)
    answer = client.get("/calls?filter=refund+agnet:x", headers={"Accept": "application/json"}).get_json()

    assert "refund agnet:x" in {box.get("value") for box in page.all("input")}
    assert 'Unknown field "agnet" at column 8. Did you mean "agent"?' in page.text
    assert "/calls?filter=refund+agent%3Ax" in page.links
    assert "<mark>agnet</mark>" in page.source
    assert answer["metadata"] == {"column": "8", "suggestion": "agent"}


def test_an_excerpt_is_cut_to_what_was_found(client: FlaskClient, rows: CallRows) -> None:
    """A long turn shows the place, marked, with a little before it."""
    call = sample_calls()[0]
    results = sample_results(call)
    long = f"{'well ' * 100}I want my money back, you see, {'and so on ' * 50}"
    results["messages"] = (a_message(text=long),)
    conversation = sample_conversation(call)
    rows.put(conversation, a_collected_job(conversation, results=results), results)

    page = opened(client, "/calls?filter=money")

    assert "want my <mark>money</mark> back" in page.source
    assert "… well" in page.text
    assert "and so on and so on" in page.text
    assert long not in page.text


@pytest.mark.parametrize("query", ["page_token=nonsense", "page_size=0", "colour=red"])
def test_a_mistaken_query_is_told_as_a_page(client: FlaskClient, query: str) -> None:
    """A typo never widens a query: 400, with the parameter and the mend."""
    page = opened(client, f"/calls?{query}", status=400)

    assert query.split("=", maxsplit=1)[0] in page.text
    assert "request id" in page.text


def test_a_call_whose_metadata_is_gone_is_left_out(client: FlaskClient, rows: CallRows) -> None:
    """A row that cannot be shown does not take the list with it."""
    conversation = a_conversation()
    orphan = dataclasses.replace(belonging(a_job(), conversation), recording_id="nobody")
    rows.put(conversation, orphan)

    assert opened(client, "/calls").all("tr", "calls") == []
