"""The lists above the calls: what they offer and count, how a choice becomes a search, and what it all costs."""

from __future__ import annotations

import html
import re
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from deploy.local.datastore.server import METHODS
from tests.factories import sample_calls
from tests.integration.dashboard.conftest import BROWSER
from tests.integration.dashboard.page import Page

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient

    from deploy.local.datastore import DatastoreServer
    from tests.integration.dashboard.rows import CallRows

CALLS = sample_calls()


@pytest.fixture
def samples(rows: CallRows) -> list[str]:
    """The six sample calls, each another company's; their ids."""
    return [rows.put_sample(call, number=number) for number, call in enumerate(CALLS, start=1)]


def opened(client: FlaskClient, path: str, **query: str) -> str:
    """A page or a part of one, as a browser shows it."""
    response = client.get(path, query_string=query or None, headers=BROWSER)
    assert response.status_code == 200, response.text
    return response.text


def options(text: str) -> dict[str, list[str]]:
    """What each list offers, by its title."""
    lists = re.findall(r"<label>(\w+) <select[^>]*>(.*?)</select>", text, flags=re.DOTALL)
    texts = {title: re.findall(r"<option[^>]*>([^<]*)</option>", inside) for title, inside in lists}
    return {title: [html.unescape(text) for text in found] for title, found in texts.items()}


def counted_calls(server: DatastoreServer, do: Callable[[], object]) -> Counter[str]:
    """What `do` asks of Datastore, by method."""
    service: Any = server._service
    found: Counter[str] = Counter()
    names = [name for name, _, _ in METHODS.values()]

    def tap(name: str) -> None:
        original = getattr(service, name)

        def tapped(request: object) -> object:
            found[name] += 1
            return original(request)

        setattr(service, name, tapped)

    for name in names:
        tap(name)
    try:
        do()
    finally:
        for name in names:
            delattr(service, name)
    return found


@pytest.mark.usefixtures("samples")
def test_the_lists_count_what_each_value_would_leave(client: FlaskClient) -> None:
    """Names with their calls, the most frequent first; values that are known beforehand in their own order."""
    found = options(opened(client, "/calls/facets"))

    companies = Counter(call.truth["company"] for call in CALLS)
    assert set(found["Company"]) == {"any", *(f"{name} ({count})" for name, count in companies.items())}
    assert found["Customer"][0] == "any"
    assert [text.split(" (")[0] for text in found["Customer"]] == ["any", "Negative", "Neutral", "Positive"]
    assert "Completed (6)" in found["Status"]
    assert "Summary (6)" in found["With"]
    assert "Summary (0)" in found["Without"]
    assert sum(int(text.split("(")[1][:-1]) for text in found["Length"][1:]) == 6


@pytest.mark.usefixtures("samples")
def test_a_choice_becomes_part_of_the_search(client: FlaskClient) -> None:
    """The form's conditions and what else was searched for make one filter, whose page shows them as chosen."""
    agent = CALLS[0].truth["agent"]["name"]
    sent = client.get(
        "/calls",
        query_string={"filter": "supervisor", "and": [f'agent:"{agent}"', "", "length:1m..3m"], "page_size": "5"},
    )

    assert sent.status_code == 302
    kept = parse_qs(urlsplit(sent.headers["Location"]).query)
    assert kept == {"filter": [f'supervisor agent:"{agent}" length>=60s length<3m'], "page_size": ["5"]}
    text = opened(client, sent.headers["Location"])
    assert CALLS[0].truth["title"] in text
    chosen = re.findall(r"<option[^>]* selected>([^<]*)</option>", text)
    assert chosen == [agent, "1 to 3 min"]
    assert '<input type="hidden" name="filter" value="supervisor">' in text


@pytest.mark.usefixtures("samples")
def test_another_choice_takes_the_place_of_the_first(client: FlaskClient) -> None:
    """A call has one mood: the counts are of the other moods, not of both at once."""
    found = options(opened(client, "/calls/facets", filter="sentiment:negative"))

    assert sum(int(text.split("(")[1][:-1]) for text in found["Customer"][1:]) == 6


@pytest.mark.usefixtures("samples")
def test_without_a_script_a_link_shows_names_and_counts(client: FlaskClient) -> None:
    """The page itself has the lists that are known beforehand, and fetches the rest where it can."""
    plain = opened(client, "/calls", filter="is:completed")
    link = Page(plain).links
    counts = next(html.unescape(address) for address in link if "counts=true" in address)

    assert 'data-facets="/calls/facets?filter=is' in plain
    assert options(plain)["Agent"] == ["any"]
    shown = options(opened(client, counts))
    assert any(text.startswith(CALLS[0].truth["agent"]["name"]) for text in shown["Agent"])
    assert "data-facets" not in opened(client, counts)


@pytest.mark.usefixtures("samples")
def test_each_value_of_a_row_leads_to_the_calls_that_have_it_too(client: FlaskClient) -> None:
    """Within the search that there is; a value that it names already is no link."""
    links = [urlsplit(html.unescape(link)) for link in Page(opened(client, "/calls", filter="supervisor")).links]
    filters = [parse_qs(link.query)["filter"][0] for link in links if "filter" in parse_qs(link.query)]

    truth = CALLS[0].truth
    for condition in (f'company:"{truth["company"]}"', f'agent:"{truth["agent"]["name"]}"'):
        assert f"supervisor {condition}" in filters
        assert f"{condition} {condition}" not in filters
    for filter_ in filters:
        assert opened(client, "/calls", filter=filter_)


@pytest.mark.usefixtures("samples")
def test_a_search_without_calls_says_what_each_condition_costs(client: FlaskClient) -> None:
    """How many calls there are without it; nothing is said where only opening calls could tell."""
    text = Page(opened(client, "/calls", filter="sentiment:negative zebra -appointment")).text

    assert "without sentiment:negative : no calls" in text
    assert "without zebra : 1 call" in text


@pytest.mark.usefixtures("samples")
def test_the_page_stays_one_query_and_one_count(
    client: FlaskClient, datastore_server: DatastoreServer, measured: Callable[[str], None]
) -> None:
    """The lists are a request of their own: a query for the latest call, one for the names, at most forty counts."""
    page = counted_calls(datastore_server, lambda: opened(client, "/calls", filter="is:completed"))
    facets = counted_calls(datastore_server, lambda: opened(client, "/calls/facets", filter="is:completed"))
    nothing = counted_calls(datastore_server, lambda: opened(client, "/calls", filter="zebra is:completed"))
    measured(f"a page of calls: {dict(page)}; its facets: {dict(facets)}; a page without calls: {dict(nothing)}")

    assert page == {"run_query": 1, "lookup": 1, "run_aggregation_query": 1}
    assert facets["run_query"] == 2
    assert 20 < facets["run_aggregation_query"] <= 40
    assert set(facets) == {"run_query", "run_aggregation_query"}
    assert nothing == {"run_query": 1, "run_aggregation_query": 3}


@pytest.mark.parametrize("parameter", ["and", "filter"])
def test_a_condition_that_is_none_is_told(client: FlaskClient, rows: CallRows, parameter: str) -> None:
    """As everywhere."""
    assert rows
    assert client.get("/calls", query_string={parameter: "agnet:x"}).status_code == 400
