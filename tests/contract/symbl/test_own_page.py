"""The engine's own page of a call: what is asked for, and what an answer means."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from common.adapters.symbl.client import SymblClient
from common.errors import AccountRefused, CalltrackError, RefusedByEngine, TryLater, UnreadableAnswer
from common.model.business_ux import BusinessUX
from tests.factories import NOW
from tests.symbl_stand_in import Answer, Fault, Script, SymblStandIn

if TYPE_CHECKING:
    from collections.abc import Callable

PATH = "/v1/conversations/c1/experiences"
URL = "https://meetinginsights.symbl.ai/meeting/#/eyJjIjoxfQ==?o=secret"
LOOK = BusinessUX(
    company="Acme",
    logo="https://acme.example/logo.svg",
    favicon="https://acme.example/f.ico",
    color_background="#102030",
    color_insights_filter="#0f766e",
    font_family="'Open Sans', sans-serif",
    summary_url_expires_in=timedelta(days=7),
    read_only=False,
)


@pytest.fixture
def client(symbl: SymblStandIn) -> SymblClient:
    return SymblClient(base_url=symbl.url, app_id="id", app_secret="secret", clock=lambda: NOW)


def test_the_page_is_asked_for_in_the_company_s_look(symbl: SymblStandIn, client: SymblClient) -> None:
    """Under Symbl's names; what is not settled is left out."""
    symbl.on(PATH, Answer(201, {"name": "verbose-text-summary", "url": URL}))

    assert client.own_page("c1", LOOK) == URL
    (asked,) = symbl.received(PATH)
    assert (asked.method, asked.headers["Authorization"]) == ("POST", "Bearer token-1")
    assert asked.json == {
        "name": "verbose-text-summary",
        "logo": "https://acme.example/logo.svg",
        "favicon": "https://acme.example/f.ico",
        "color": {"background": "#102030", "insightsFilter": "#0f766e"},
        "font": {"family": "Open Sans"},
        "summaryURLExpiresIn": 604800,
        "readOnly": False,
    }


@pytest.mark.parametrize(
    ("ux", "seconds"), [(None, 30 * 86400), (BusinessUX(company="Acme", summary_url_expires_in=None), 0)]
)
def test_the_life_of_the_page_is_that_of_links(
    symbl: SymblStandIn, client: SymblClient, ux: BusinessUX | None, seconds: int
) -> None:
    """30 days where nothing is settled; 0 means never."""
    symbl.on(PATH, Answer(200, {"url": URL}))

    assert client.own_page("c1", ux) == URL
    assert symbl.received(PATH)[0].json == {
        "name": "verbose-text-summary",
        "summaryURLExpiresIn": seconds,
        "readOnly": True,
    }


@pytest.mark.parametrize("status", [404, 405, 501])
def test_an_engine_may_have_no_such_pages(symbl: SymblStandIn, client: SymblClient, status: int) -> None:
    """That is an answer."""
    symbl.on(PATH, Answer(status, {"message": "no"}))

    assert client.own_page("c1", LOOK) is None


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(400, {"message": "logo must be a uri"}), RefusedByEngine),
        (Answer(401, {"message": "Token validation failed"}), AccountRefused),
        (Answer(500, {"message": "oops"}), TryLater),
        (Answer(302, b"", (("Location", "http://elsewhere/"),)), TryLater),
        (Answer(201, {"name": "verbose-text-summary"}), UnreadableAnswer),
        (Answer(201, {"url": "javascript:alert(1)"}), UnreadableAnswer),
        (Fault.RESET, TryLater),
    ],
)
def test_each_other_answer_has_its_class(
    symbl: SymblStandIn, client: SymblClient, answer: Script, error: type[CalltrackError]
) -> None:
    """Nothing is at stake: it may be asked for again."""
    symbl.on(PATH, answer)

    with pytest.raises(CalltrackError) as caught:
        client.own_page("c1", LOOK)

    assert type(caught.value) is error


@pytest.mark.parametrize(
    "spoiled",
    [lambda url: {"url": f"{url} "}, lambda url: {"url": [url]}, lambda url: f'{{"url": "{url}'.encode()],
)
def test_no_error_repeats_the_address(
    symbl: SymblStandIn, client: SymblClient, spoiled: Callable[[str], object]
) -> None:
    """Whoever has it can read the call: what is told of a bad answer says how long it was, and no more."""
    symbl.on(PATH, Answer(201, spoiled(URL)))

    with pytest.raises(UnreadableAnswer) as caught:
        client.own_page("c1", LOOK)

    told = f"{caught.value} {caught.value.exchange}"
    assert "a URL that grants access" in told
    assert "o=secret" not in told
