"""From a recording that lands to an answer that finds it, through the entry points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from common.model.tasks import Stage
from tests.factories import a_wav, sample_calls

if TYPE_CHECKING:
    from deploy.engine.engine import Engine
    from tests.integration.pipeline.installation import Installation


@pytest.fixture
def call(installation: Installation, engine: Engine) -> str:
    """The first sample call, analysed to the end."""
    sample = sample_calls()[0]
    answer = installation.add(sample.path.read_bytes(), sample.metadata, name=sample.path.name)
    recording: str = answer.get_json()["id"]
    for _ in range(6):
        installation.run()
        engine.run_pending()
    assert installation.request(recording).results == "complete"
    return recording


def found(installation: Installation, filter_: str) -> list[str]:
    """The ids that a filter finds."""
    answer = installation.apps["recordings"].test_client().get("/api/v1/recordings", query_string={"filter": filter_})
    assert answer.status_code == 200, answer.text
    return [recording["id"] for recording in answer.get_json()["recordings"]]


@pytest.mark.parametrize(
    "filter_",
    [
        "supervisor",
        "supervisors",
        'by:customer "speak to a supervisor"',
        "superv*",
        'company:"Brightline Mobile" agent:brooks',
        "supervisor -tracker:appointment",
        "sentiment:negative length>1m length<2m",
        "has:transcript is:completed",
        "on:2026-03-18 (refund OR credit)",
    ],
)
def test_a_completed_call_is_found_by_what_it_holds(installation: Installation, call: str, filter_: str) -> None:
    """By any word, phrase, name, tracker, mood, length and day."""
    assert found(installation, filter_) == [call]


@pytest.mark.parametrize(
    "filter_",
    ["zebra", '"supervisor a to speak"', "by:agent zebra", "-supervisor", "is:failed", "length>2m", "company:Acme"],
)
def test_it_is_not_found_by_what_it_does_not_hold(installation: Installation, call: str, filter_: str) -> None:
    """Nor by the absence of what it holds."""
    assert call
    assert found(installation, filter_) == []


def test_a_list_counts_explains_and_sorts(installation: Installation, call: str) -> None:
    """`count` and `explain` on demand; another order where an index has it, else the reason why not."""
    answer = installation.get("?filter=supervisor&count=true&explain=true").get_json()
    assert (answer["total_size"], answer["explanation"]["calls_read"]) == (1, 1)
    assert answer["explanation"]["branches"][0]["required"] == ["s:supervisor"]

    assert installation.get("?order_by=duration desc&filter=agent:brooks").get_json()["recordings"][0]["id"] == call
    refused = installation.get("?order_by=duration&filter=supervisor")
    assert refused.status_code == 400
    assert refused.get_json()["errors"][0]["field"] == "order_by"


def test_a_mistaken_filter_is_told_with_its_column(installation: Installation) -> None:
    """Never as nothing found."""
    refused = installation.get("?filter=agnet:brooks")

    assert refused.status_code == 400
    assert 'Did you mean "agent"' in refused.get_json()["detail"]


def test_the_index_can_be_made_anew(installation: Installation, call: str) -> None:
    """By a command; the answers stay the same."""
    for entity in list(installation.stored.query(kind="CallIndex").fetch()):
        installation.stored.delete(entity.key)
    assert found(installation, "supervisor") == []

    client = installation.apps["recordings"].test_client()
    assert client.post("/api/v1/recordings:reindex", json={}).get_json() == {"reindexed": 1}
    assert found(installation, "supervisor") == [call]


def test_a_status_under_way_is_that_of_the_request(installation: Installation) -> None:
    """The index knows that a call is being processed, its request how far: asked for all calls of a page at once."""
    ids = [installation.add(a_wav(seed=seed), {"company": "Acme"}).get_json()["id"] for seed in range(3)]
    installation.run(Stage.DISPATCH)

    assert sorted(found(installation, "status:submitting")) == sorted(ids)
    assert found(installation, "status:pending") == []
    assert sorted(found(installation, "is:processing company:acme")) == sorted(ids)
