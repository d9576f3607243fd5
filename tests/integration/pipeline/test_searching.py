"""From a recording that lands to an answer that finds it, through the entry points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from common.adapters.datastore.search import DatastoreSearchIndex
from common.model.search.plan import Branch
from common.model.search.query import Equals, Phrase, Tracker, Word
from common.model.search.stems import folded_words
from common.model.search.tokens import values_of
from common.model.tasks import Stage
from functions._search import Search
from tests.factories import a_wav, ended_badly, sample_calls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from common.model.search.document import CallDocument
    from common.model.search.query import Node
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


def test_a_completed_call_is_found_by_what_it_holds_and_by_nothing_else(installation: Installation, call: str) -> None:
    """By any word, phrase, name, tracker, mood, length and day; nor by the absence of what it holds."""
    for filter_ in (
        "supervisor",
        "supervisors",
        'by:customer "speak to a supervisor"',
        "superv*",
        'company:"Brightline Mobile" agent:brooks',
        "supervisor -tracker:appointment",
        "sentiment:negative length>1m length<2m",
        "has:transcript is:completed",
        "on:2026-03-18 (refund OR credit)",
    ):
        assert found(installation, filter_) == [call], filter_
    for filter_ in (
        "zebra",
        '"supervisor a to speak"',
        "by:agent zebra",
        "-supervisor",
        "is:failed",
        "length>2m",
        "company:Acme",
    ):
        assert found(installation, filter_) == [], filter_


def test_a_list_counts_explains_and_sorts(installation: Installation, call: str) -> None:
    """`count` and `explain` on demand; another order where an index has it, else the reason why not."""
    answer = installation.get("?filter=supervisor&count=true&explain=true").get_json()
    assert (answer["total_size"], answer["explanation"]["calls_read"]) == (1, 1)
    assert answer["explanation"]["branches"][0]["required"] == ["s:supervisor"]
    phrase = installation.get('?filter="speak to a supervisor"&count=true').get_json()
    assert phrase["total_size"] == 1  # no token tells; but they are all on the page

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


def everything_in(document: CallDocument) -> Iterator[tuple[str, Node]]:
    """A question for each different word that was said or is written about it, for each turn, and for each value."""
    said = [turn.text for turn in document.turns]
    for word in sorted({word for text in (document.about, *said) for word in folded_words(text)}):
        yield word, Word(word)
    for role, text in {(turn.role, turn.text) for turn in document.turns}:
        yield text, Phrase(tuple(folded_words(text)), by=role)
    for facet, value in values_of(document):
        yield f"{facet} {value}", Equals(facet, value)
    for hit in document.hits:
        yield hit.tracker, Tracker(hit.tracker, by=hit.role, before=hit.start + 1)


def test_what_is_collected_is_found_at_once_and_what_is_deleted_is_not(
    installation: Installation, engine: Engine
) -> None:
    """Each word, each turn word for word, each value and tracker of the six calls; no time passes in between.

    The index is written with the results, in one commit, and taken away with the recording.
    """
    ids = [
        installation.add(call.path.read_bytes(), call.metadata, name=call.path.name).get_json()["id"]
        for call in sample_calls()
    ]
    for _ in range(8):
        installation.run()
        engine.run_pending()
    assert {installation.request(id_).results for id_ in ids} == {"complete"}
    index = DatastoreSearchIndex(installation.stored)

    def finds(query: Node) -> set[str]:
        search = Search(index=index, requests=installation.services.requests, query=query)
        branch = search.plan.branches[0]
        if (
            search.plan.exact and search.plan.is_one_query and len(search.plan.branches) == 1
        ):  # as the list does; no call is opened
            return {key.rpartition("-")[2] for key in index.walk(branch.walked, branch.time, after=None, limit=10)}
        return {call.recording_id for call in search.page(size=10, after=None).calls}

    documents = [document for _, document in index.fetch([Branch()], after=None, limit=10)]
    assert {document.recording_id for document in documents} == set(ids)
    asked = 0
    for document in documents:
        for text, query in everything_in(document):
            asked += 1
            assert document.recording_id in finds(query), text
    assert asked > 600

    gone = documents[0]
    client = installation.apps["recordings"].test_client()
    assert client.delete(f"/api/v1/recordings/{gone.recording_id}?reason=x").status_code == 200
    for text, query in everything_in(gone):
        assert gone.recording_id not in finds(query), text


def test_a_replay_is_found_as_what_it_is_at_once(installation: Installation) -> None:
    """Failed until it is replayed, then at work; the commit that changes the request changes the index."""
    id_ = installation.add(a_wav(), {"company": "Acme"}).get_json()["id"]
    installation.services.requests.change(f"{id_}-1", lambda request: ended_badly(request, now=installation.clock()))
    assert found(installation, "is:failed failure_class:recording") == [id_]

    client = installation.apps["recordings"].test_client()
    answer = client.post(f"/api/v1/recordings/{id_}:replay", json={"reason": "mended"})

    assert answer.status_code == 200, answer.text
    assert found(installation, "is:failed") == found(installation, "failure_class:recording") == []
    assert found(installation, "is:processing") == found(installation, "status:pending") == [id_]


def test_a_list_counts_its_facets_on_demand(installation: Installation, call: str) -> None:
    """Each value with its calls and the filter that finds them; an unknown facet is refused."""
    answer = installation.get("?filter=supervisor&facets=agent,length,missing").get_json()

    assert list(answer["facets"]) == ["agent", "length", "missing"]
    (agent,) = answer["facets"]["agent"]["values"]
    assert agent == {"value": "Daniel Brooks", "count": 1, "filter": 'supervisor AND agent:"Daniel Brooks"'}
    assert found(installation, agent["filter"]) == [call]
    bands = {one["value"]: one["count"] for one in answer["facets"]["length"]["values"]}
    assert (bands["1 to 3 min"], sum(bands.values())) == (1, 1)
    missing = {one["value"]: one["count"] for one in answer["facets"]["missing"]["values"]}
    assert (missing["tracker"], missing["summary"]) == (1, 0)
    assert "facets" not in installation.get("").get_json()
    refused = installation.get("?facets=agnet").get_json()
    assert (refused["status"], refused["errors"][0]["field"]) == (400, "facets")


def test_a_status_under_way_is_that_of_the_request(installation: Installation) -> None:
    """The index knows that a call is being processed, its request how far: asked for all calls of a page at once."""
    ids = [installation.add(a_wav(seed=seed), {"company": "Acme"}).get_json()["id"] for seed in range(3)]
    installation.run(Stage.DISPATCH)

    assert sorted(found(installation, "status:submitting")) == sorted(ids)
    assert found(installation, "status:pending") == []
    assert sorted(found(installation, "is:processing company:acme")) == sorted(ids)
