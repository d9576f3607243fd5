"""Reading a call: its timeline, finding and filtering turns, what was not said, and the calls beside it."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from common.adapters.datastore.companies import DatastoreCompanies
from common.adapters.datastore.inbox import DatastoreInbox
from common.model.company import CompanyDefaults, Tracker
from common.model.job import FailureClass
from common.model.lifecycle import JobStatus, Maker
from common.model.recording import Role
from tests.datastore_faults import noted
from tests.factories import a_conversation, a_job, an_event, sample_calls
from tests.integration.dashboard.conftest import BROWSER
from tests.integration.dashboard.page import Page
from tests.integration.dashboard.rows import a_collected_job, belonging, sample_conversation, sample_results
from tests.integration.dashboard.test_calls import opened

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from deploy.local.datastore import DatastoreServer
    from tests.integration.dashboard.rows import CallRows

ANGRY = sample_calls()[0]


def settle(rows: CallRows, *names: str) -> None:
    """Have the sample's company look for these trackers."""
    trackers = tuple(Tracker(name=name, vocabulary=("x",)) for name in names)
    DatastoreCompanies(rows.client).put_defaults(CompanyDefaults(company=ANGRY.truth["company"], trackers=trackers))


def test_the_timeline_is_there_without_a_script(client: FlaskClient, rows: CallRows) -> None:
    """Lanes, mood, marks that lead to their turns, ticks; the bar that seeks is for scripts alone."""
    page = opened(client, f"/calls/{rows.put_sample(ANGRY)}")

    (timeline,) = page.all("div", "timeline")
    assert "in words" in timeline["aria-label"]
    assert {path["class"] for path in page.all("path") if "class" in path} >= {"plain", "negative", "zero", "line"}
    marks = [urlsplit(link["href"]) for link in page.all("a", "mark")]
    assert marks
    assert {mark.fragment for mark in marks} <= page.ids
    (bar,) = page.all("input", "seek-bar")
    assert "hidden" in bar
    assert float(bar["max"]) == pytest.approx(ANGRY.truth["duration_s"], abs=0.1)


def test_a_call_without_turns_has_no_timeline(client: FlaskClient, rows: CallRows) -> None:
    """While it is in work, or where nothing was said."""
    conversation = a_conversation()
    rows.put(conversation, belonging(a_job(JobStatus.IN_PROGRESS), conversation))

    assert opened(client, f"/calls/{conversation.id}").all("div", "timeline") == []


def test_words_are_found_and_stepped_through(client: FlaskClient, rows: CallRows) -> None:
    """?find= marks each place, says where one is among them, and leads to the ones before and after."""
    path = f"/calls/{rows.put_sample(ANGRY)}"
    first = Page(client.get(f"{path}?find=THE&t=0", headers=BROWSER).text)
    (onwards,) = [link["href"] for link in first.all("a", "found")]

    second = opened(client, path + onwards.split("#")[0])

    turns = [turn for turn in ANGRY.truth["turns"] if "the" in turn["text"].lower()]
    assert len(first.all("mark")) == sum(turn["text"].lower().count("the") for turn in ANGRY.truth["turns"])
    assert f"of {len(turns)} turns" in second.text
    assert [element["value"] for element in second.all("input") if element.get("name") == "find"] == ["THE"]
    assert len(second.all("a", "found")) in {1, 2}


def test_what_cannot_be_found_is_said(client: FlaskClient, rows: CallRows) -> None:
    """No mark, and "no turns" is not an empty page."""
    page = opened(client, f"/calls/{rows.put_sample(ANGRY)}?find=zebra")

    assert "0 turns" in page.text
    assert len(page.all("li", "turn")) == len(ANGRY.truth["turns"])


@pytest.mark.parametrize(("given", "role"), [("customer", Role.CUSTOMER), ("agent", Role.AGENT)])
def test_turns_are_shown_by_speaker(client: FlaskClient, rows: CallRows, given: str, role: Role) -> None:
    """A link, so that it works without a script; what is left says how much it is of."""
    page = opened(client, f"/calls/{rows.put_sample(ANGRY)}?speaker={given}")

    own = [turn for turn in ANGRY.truth["turns"] if turn["role"] == role]
    assert len(page.all("li", "turn")) == len(own)
    assert f"{len(own)} of {len(ANGRY.truth['turns'])} turns" in page.text
    assert [link["href"] for link in page.all("a") if link.get("aria-current")] == [f"?speaker={given}#transcript"]


def test_turns_are_shown_by_tracker_and_by_mood(client: FlaskClient, rows: CallRows) -> None:
    """Each tracker that was found, and what was said in a clear mood."""
    path = f"/calls/{rows.put_sample(ANGRY)}"
    name, found = next(iter(ANGRY.truth["expected"]["trackers"].items()))

    by_tracker = Page(client.get(path, query_string={"tracker": name}, headers=BROWSER).text)
    negative = opened(client, f"{path}?sentiment=negative")

    assert len(by_tracker.all("li", "turn")) == len(set(found))
    assert len(negative.all("li", "turn")) == sum(turn["role"] == "customer" for turn in ANGRY.truth["turns"])


def test_a_turn_says_what_was_found_in_it(client: FlaskClient, rows: CallRows) -> None:
    """Trackers by name, questions, tasks."""
    page = opened(client, f"/calls/{rows.put_sample(ANGRY)}")

    expected = ANGRY.truth["expected"]
    assert len(page.all("span", "question")) == len(set(expected["questions"]))
    assert len(page.all("span", "tracker")) == sum(len(set(turns)) for turns in expected["trackers"].values())


def test_a_disclosure_that_was_not_said_is_missing(client: FlaskClient, rows: CallRows) -> None:
    """What the company looks for and did not get is as visible as what it got."""
    settle(rows, "Recording Disclosure", "Competitor", "Escalation")

    page = opened(client, f"/calls/{rows.put_sample(ANGRY)}")

    assert "Recording Disclosure: not said" in page.text
    assert "Not said: Recording Disclosure, Competitor." in page.text
    assert len(page.all("li", "missing")) == 1


def test_a_disclosure_that_the_agent_said_is_ticked(client: FlaskClient, rows: CallRows) -> None:
    """With who said it and when."""
    call = next(call for call in sample_calls() if "Recording Disclosure" in call.truth["expected"]["trackers"])
    trackers = (Tracker(name="Recording Disclosure", vocabulary=("x",)),)
    DatastoreCompanies(rows.client).put_defaults(CompanyDefaults(company=call.truth["company"], trackers=trackers))

    page = opened(client, f"/calls/{rows.put_sample(call)}")

    assert f"Recording Disclosure: said by {call.truth['agent']['name']} 0:0" in page.text
    assert page.all("li", "missing") == []


def test_nothing_is_called_not_said_before_the_trackers_are_there(client: FlaskClient, rows: CallRows) -> None:
    """What was not looked at was not found missing."""
    settle(rows, "Recording Disclosure")
    conversation = sample_conversation(ANGRY)
    results = {"messages": sample_results(ANGRY)["messages"]}
    rows.put(conversation, a_collected_job(conversation, results=results), results)

    assert "not said" not in opened(client, f"/calls/{conversation.id}").text.lower()


def test_every_attempt_is_told(client: FlaskClient, rows: CallRows) -> None:
    """The one that was put back, and the one that is under way with its webhook and when it should be done."""
    conversation = a_conversation(duration=timedelta(minutes=10))
    job = a_job(JobStatus.SUBMITTING, attempt_id="attempt-1")
    now = job.created_at
    job = job.put_back(
        FailureClass.NOT_ACCEPTED, why="429: the account is full", by=Maker.SUBMIT, now=now, available_at=now
    )
    job = job.claimed("attempt-2", slot=3, now=now, next_check_at=now).marked_sent(now=now, next_check_at=now)
    job = job.accepted(conversation_id="c-2", job_id="j-2", now=now, next_check_at=now)
    job = belonging(job, conversation)
    rows.put(conversation, job)
    DatastoreInbox(rows.client).receive(an_event(job, JobStatus.IN_PROGRESS), lambda request, _: request)

    page = opened(client, f"/calls/{conversation.id}")

    assert "2 attempts" in page.text
    assert "Attempt 1 in slot 0: 429: the account is full" in page.text
    assert "Attempt 2 in slot 3: Queued for analysis" in page.text
    assert "in_progress" in page.text
    assert "Expected by" in page.text
    assert "40 % of the recording's length" in page.text


@pytest.fixture
def three(rows: CallRows) -> list[str]:
    """Three calls of one company, the latest first, and one of another in between."""
    results = sample_results(ANGRY)
    ids = []
    for number in range(4):
        started = sample_conversation(ANGRY).started_at - timedelta(hours=number)
        company = "Other" if number == 2 else ANGRY.truth["company"]
        conversation = dataclasses.replace(
            sample_conversation(ANGRY, number=number + 1), id=f"call{number}", started_at=started, company=company
        )
        ids.append(rows.put(conversation, a_collected_job(conversation, number=number + 1, results=results), results))
    return [id_ for number, id_ in enumerate(ids) if number != 2]


@pytest.mark.parametrize(
    ("filter_", "order", "expected"),
    [
        ('company:"Brightline Mobile"', "", [0, 1, 2]),
        ('company:"Brightline Mobile" refund', "", [0, 1, 2]),
        ('company:"Brightline Mobile"', "started_at asc", [2, 1, 0]),
        ("-company:Other", "", [0, 1, 2]),
    ],
)
def test_a_call_leads_to_those_beside_it(
    client: FlaskClient,
    three: list[str],
    empty_datastore: DatastoreServer,
    filter_: str,
    order: str,
    expected: list[int],
) -> None:
    """In the order of the list that led here, with the number in it; two queries more at most."""
    before, middle, after = (three[number] for number in expected)
    parameters = {"filter": filter_} | ({"order_by": order} if order else {})
    opened(client, f"/calls/{middle}")
    with noted(empty_datastore) as alone:
        opened(client, f"/calls/{middle}")
    with noted(empty_datastore) as found:
        page = Page(client.get(f"/calls/{middle}", query_string=parameters, headers=BROWSER).text)

    beside = {link["rel"]: urlsplit(link["href"]) for link in page.all("a") if "rel" in link}
    assert "2 of 3" in page.text
    assert (beside["prev"].path, beside["next"].path) == (f"/calls/{before}", f"/calls/{after}")
    assert parse_qs(beside["next"].query) == {name: [value] for name, value in parameters.items()}
    assert len(found) - len(alone) in {1, 2}


def test_a_call_of_the_bare_list_leads_to_those_beside_it(client: FlaskClient, three: list[str]) -> None:
    """Without a filter too: the list's links say which list it is; a link from elsewhere names none."""
    link = next(link for link in opened(client, "/calls").links if link.startswith(f"/calls/{three[1]}"))
    page = opened(client, link)

    beside = {link["rel"]: urlsplit(link["href"]).path for link in page.all("a") if "rel" in link}
    assert "2 of 4" in page.text
    assert beside["prev"] == f"/calls/{three[0]}"
    assert not any("rel" in link for link in opened(client, f"/calls/{three[1]}").all("a"))


def test_where_only_opening_calls_tells_the_next_one_is_known(client: FlaskClient, three: list[str]) -> None:
    """A phrase is not in the index: the way onwards is there, and nothing is counted."""
    page = Page(client.get(f"/calls/{three[0]}", query_string={"filter": '"bank account"'}, headers=BROWSER).text)

    assert [link["rel"] for link in page.all("a") if "rel" in link] == ["next"]
    assert page.all("mark")


def test_a_mangled_list_still_shows_the_call(client: FlaskClient, three: list[str]) -> None:
    """Whatever stands in an address."""
    page = opened(client, f"/calls/{three[0]}?filter=agnet:x&order_by=nothing")

    assert not any("rel" in link for link in page.all("a"))


def test_a_page_costs_four_reads_of_datastore_and_a_note(
    client: FlaskClient, rows: CallRows, empty_datastore: DatastoreServer
) -> None:
    """Recording and request, results, what the company settled, what was delivered; then who opened it is kept."""
    path = f"/calls/{rows.put_sample(ANGRY)}"
    with noted(empty_datastore) as found:
        opened(client, path)

    assert sorted(found) == ["commit", "lookup", "lookup", "lookup", "run_query"]


def test_a_search_leads_to_the_first_hit_and_keeps_the_list(client: FlaskClient, rows: CallRows) -> None:
    """The name of a call and each excerpt lead to their turn, with what was searched for."""
    path = f"/calls/{rows.put_sample(ANGRY)}"
    page = Page(client.get("/calls", query_string={"filter": "refund"}, headers=BROWSER).text)

    links = [urlsplit(link) for link in page.links if urlsplit(link).path == path]

    said = [n for n, turn in enumerate(ANGRY.truth["turns"], start=1) if "refund" in turn["text"].lower()]
    assert [link.fragment for link in links] == [f"turn-{said[0]}", *(f"turn-{number}" for number in said[:3])]
    assert all(parse_qs(link.query)["filter"] == ["refund"] for link in links)
    assert "with words of the search" in opened(client, f"{path}?{links[0].query}").text


def test_audio_that_is_gone_has_no_waveform(client: FlaskClient, rows: CallRows) -> None:
    """Too long: the page does not ask for one, and who asks gets nothing."""
    conversation = dataclasses.replace(sample_conversation(ANGRY), duration=timedelta(hours=3))
    rows.put(conversation, belonging(a_job(), conversation))

    assert opened(client, f"/calls/{conversation.id}").all("img", "wave") == []
    assert client.get(f"/calls/{conversation.id}/waveform.svg").status_code == 204
