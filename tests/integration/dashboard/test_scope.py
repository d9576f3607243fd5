"""Nothing of one company appears under another's scope: no call, agent, customer, e-mail, word, topic or tracker."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from common.model.share import ShareLink, share_token
from tests.conftest import SETTINGS
from tests.factories import SampleCall, sample_calls
from tests.integration.dashboard.conftest import BROWSER

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.integration.dashboard.rows import CallRows

COMPANIES = sorted({call.truth["company"] for call in sample_calls()})
RANGE = "days=90&until=2026-05-10"


def own_words(call: SampleCall) -> set[str]:
    """What can be told of one call alone."""
    truth = call.truth
    people = {truth[role][field] for role in ("agent", "customer") for field in ("name", "email")}
    topics = {topic for topic in truth["expected"]["topics"] if " " in topic}
    return {truth["title"], *people, *topics, *(turn["text"] for turn in truth["turns"] if len(turn["text"]) > 30)}


@pytest.fixture
def ids(rows: CallRows) -> dict[str, list[str]]:
    """All sample calls; their ids by company."""
    found: dict[str, list[str]] = {company: [] for company in COMPANIES}
    for number, call in enumerate(sample_calls(), start=1):
        found[call.truth["company"]].append(rows.put_sample(call, number=number))
    return found


@pytest.mark.parametrize("company", COMPANIES)
def test_a_scope_shows_its_own_alone(client: FlaskClient, ids: dict[str, list[str]], company: str) -> None:
    """Overview, lists, counts, a call with those beside it, and its summary page; for people and for programs."""
    scope = quote(f'company:"{company}"')
    link = ShareLink(recording_id=ids[company][0], expires_at=None)
    paths = [
        f"/?company={quote(company)}&{RANGE}",
        f"/overview.json?company={quote(company)}&{RANGE}",
        f"/calls?filter={scope}",
        f"/calls?filter={scope}&counts=true",
        f"/calls/facets?filter={scope}",
        f"/calls/{ids[company][0]}?filter={scope}",
        f"/share/{share_token(link, secret=SETTINGS['WEBHOOK_SECRETS'].split(',')[0])}",
    ]
    ours = set().union(*(own_words(call) for call in sample_calls() if call.truth["company"] == company))
    theirs = set().union(*(own_words(call) for call in sample_calls() if call.truth["company"] != company)) - ours
    other_ids = {id_ for other, calls in ids.items() if other != company for id_ in calls}

    for path in paths:
        answer = client.get(path, headers=BROWSER)
        assert answer.status_code == 200, path
        shown = answer.get_data(as_text=True).replace("&#39;", "'")
        assert {word for word in theirs | other_ids if word in shown} == set(), path
    assert any(word in client.get(paths[2], headers=BROWSER).text for word in ours)
