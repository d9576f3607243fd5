"""The overview, from what is stored of the sample calls."""

from __future__ import annotations

import collections
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from common.model.lifecycle import JobStatus
from common.model.search.grammar import parse
from tests.factories import NOW, a_conversation, a_job, sample_calls
from tests.integration.dashboard.conftest import BROWSER
from tests.integration.dashboard.page import Page
from tests.integration.dashboard.rows import belonging

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient

    from deploy.local.datastore import DatastoreServer
    from tests.integration.dashboard.rows import CallRows

#: The days of all sample calls.
SAMPLES = "days=90&until=2026-05-10"
BILLING = "Brightline Mobile"


@pytest.fixture
def calls(rows: CallRows) -> CallRows:
    """The six sample calls, one that failed and one that is being analysed."""
    for number, call in enumerate(sample_calls(), start=1):
        rows.put_sample(call, number=number)
    for number, status in ((8, JobStatus.FAILED), (9, JobStatus.IN_PROGRESS)):
        conversation = a_conversation(number, started_at=NOW + timedelta(days=10), name=f"A call {status}")
        rows.put(conversation, belonging(a_job(status, number=number), conversation))
    return rows


def opened(client: FlaskClient, path: str) -> Page:
    response = client.get(path, headers=BROWSER)
    assert response.status_code == 200, response.text
    return Page(response.text)


@contextlib.contextmanager
def counted_calls(server: DatastoreServer, *, failing: str = "") -> Iterator[collections.Counter[str]]:
    """Calls to Datastore by name; those called `failing` fail."""
    service, calls = server._service, collections.Counter[str]()
    names = ("lookup", "run_query", "run_aggregation_query", "begin_transaction", "commit")

    def counting(name: str) -> object:
        original = getattr(service, name)

        def counted(request: object) -> object:
            calls[name] += 1
            if name == failing:
                raise RuntimeError(name)
            return original(request)

        return counted

    for name in names:
        setattr(service, name, counting(name))
    try:
        yield calls
    finally:
        for name in names:
            delattr(service, name)


@pytest.mark.usefixtures("calls")
def test_it_tells_what_happened(client: FlaskClient) -> None:
    """Figures with their certainty, the calls to look into, and who and what was in them."""
    page = opened(client, f"/?{SAMPLES}")

    assert "Calls analysed 6 +6 against 0 in the range before" in page.text
    assert "Negative calls 17 % 95 % interval" in page.text
    assert "1 call is still being processed" in page.text
    assert "Needs attention" in page.text
    assert "A call failed" in page.text
    assert "no speech in it" in page.text
    assert "Double charge, angry customer asks for a supervisor" in page.text
    assert all(call.truth["agent"]["name"] in page.text for call in sample_calls())
    assert page.all("svg", "ribbon")


@pytest.mark.usefixtures("calls")
def test_its_links_are_queries_that_can_be_read(client: FlaskClient) -> None:
    """Every link to the list carries a filter of the search's language, with the days and the company."""
    page = opened(client, f"/?{SAMPLES}&company=Brightline+Mobile")

    filters = [parse_qs(urlsplit(link).query)["filter"][0] for link in page.links if link.startswith("/calls?")]
    assert len(filters) > 5
    assert all(parse(text, now=NOW) for text in filters)
    assert all(f'company:"{BILLING}"' in text for text in filters)
    assert 'tracker:Escalation company:"Brightline Mobile" after:2026-02-10 before:2026-05-11' in filters
    assert not [link for link in page.links if "A call failed" in link]


@pytest.mark.usefixtures("calls")
def test_programs_get_the_same(client: FlaskClient) -> None:
    """Numbers with their intervals, by the same parameters."""
    answer = client.get(f"/overview.json?{SAMPLES}").get_json()

    assert answer["range"] == {"first": "2026-02-10", "last": "2026-05-10"}
    assert answer["range_before"] == {"first": "2025-11-12", "last": "2026-02-09"}
    assert (answer["figures"]["calls"], answer["figures_before"]["calls"]) == (6, 0)
    assert answer["figures"]["negative"] == {"value": 0.1667, "low": 0.0301, "high": 0.5635, "n": 6}
    assert (sum(day["calls"] for day in answer["days"]), sum(answer["hours"])) == (6, 6)
    assert len(answer["companies"]) == len({call.truth["company"] for call in sample_calls()})
    assert (answer["processing"], answer["not_read"]) == (1, [])
    assert [call["state"] for call in answer["needs_attention"]] == ["completed", "failed"]
    assert answer["agents"]["rows"][0]["calls"] == 1


@pytest.mark.parametrize("calls_there", [1, 30])
def test_a_page_costs_four_or_five_calls_to_datastore(
    client: FlaskClient, rows: CallRows, empty_datastore: DatastoreServer, calls_there: int
) -> None:
    """However many calls there were: days, failed, negative, a count; for one company, or without a call, one more."""
    for number in range(calls_there):
        started_at = NOW + timedelta(days=number)
        rows.put_sample(sample_calls()[0], number=number, started_at=started_at)

    for path, queries in ((SAMPLES, 3), (f"{SAMPLES}&company=Brightline+Mobile", 4), ("until=2020-01-01", 4)):
        with counted_calls(empty_datastore) as counted:
            opened(client, f"/?{path}")
        assert counted == {"run_query": queries, "run_aggregation_query": 1}, path


@pytest.mark.usefixtures("rows")
def test_the_first_run_says_how_to_begin(client: FlaskClient) -> None:
    """Three steps, each with a command to copy."""
    page = opened(client, "/")

    assert "No calls yet" in page.text
    assert [button["data-copy"] for button in page.all("button")] == ["send", "bucket", "list"]
    assert {"send", "bucket", "list"} <= page.ids


@pytest.mark.usefixtures("calls")
def test_a_range_without_calls_leads_to_the_last_one(client: FlaskClient) -> None:
    """The call, and the range that ends with its day."""
    page = opened(client, "/?days=7&until=2020-01-07")

    assert "No calls 1\N{EN DASH}7 Jan 2020" in page.text
    assert "6 May 2026" in page.text
    assert "/?days=7&until=2026-05-06" in page.links


@pytest.mark.usefixtures("rows")
def test_a_company_without_calls_is_no_first_run(client: FlaskClient) -> None:
    """It stays chosen in the form."""
    page = opened(client, "/?company=Nobody")

    assert "of Nobody has been analysed" in page.text
    assert "No calls yet" not in page.text


@pytest.mark.usefixtures("calls")
def test_a_part_that_cannot_be_read_leaves_the_others(client: FlaskClient, empty_datastore: DatastoreServer) -> None:
    """The count is missing, and nothing else; without queries each block says so itself, with the request's id."""
    with counted_calls(empty_datastore, failing="run_aggregation_query"):
        assert "Calls analysed 6" in opened(client, f"/?{SAMPLES}").text
        assert client.get(f"/overview.json?{SAMPLES}").get_json()["not_read"] == ["processing"]
    with counted_calls(empty_datastore, failing="run_query"):
        response = client.get("/", headers={**BROWSER, "X-Request-Id": "request-1234"})
        assert response.status_code == 200
        text = Page(response.text).text
        assert "The figures could not be read" in text
        assert "The calls that need attention could not be read" in text
        assert "1 call is still being processed" in text
        assert text.count("request-1234") == 2
        assert client.get("/overview.json").get_json()["not_read"] == ["figures", "attention"]


def test_a_mistyped_parameter_is_refused(client: FlaskClient) -> None:
    """With its name, on the page and for programs."""
    for path in ("/", "/overview.json"):
        response = client.get(f"{path}?day=7")
        assert response.status_code == 400
        assert response.get_json()["errors"][0]["field"] == "day"
