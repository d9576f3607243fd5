"""Random queries over random calls: the answer is what a patient reader of every call would give."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.adapters.datastore.kinds import CALL_INDEX
from common.adapters.datastore.requests import DatastoreRequests
from common.adapters.datastore.search import DatastoreSearchIndex
from common.errors import Rejected
from common.model.job import FailureClass
from common.model.recording import Direction, Priority, Role, Speaker
from common.model.search.document import CallDocument, CallState, Spoken, TrackerHit
from common.model.search.query import (
    Compare,
    Comparison,
    Equals,
    Facet,
    Figure,
    Node,
    Phrase,
    Tracker,
    Word,
    conjunction,
    disjunction,
    negation,
)
from common.model.search.tokens import entry_of, terms_of
from functions._search import READ_PER_RESULT, Search
from tests.conftest import PROJECT
from tests.integration.search.reading import reads

if TYPE_CHECKING:
    from deploy.local.datastore import DatastoreServer

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
VOCABULARY = ["refund", "refunds", "refunded", "gift", "card", "cancel", "cancelled", "canal", "to", "a", "supervisor",
              "speak", "Müller", "muller", "don't"]  # fmt: skip
SPEAKERS = [
    Speaker(name="Ann Agent", email="ann@acme.example", role=Role.AGENT),
    Speaker(name="Cal Müller", role=Role.AGENT),
    Speaker(name="Bo Bell", role=Role.CUSTOMER),
]
TRACKERS = ["Refund", "Cancellation Risk"]
TOPICS = ["billing", "Gift cards"]
ROLES = [Role.AGENT, Role.CUSTOMER, Role.OTHER]


@st.composite
def calls(draw: st.DrawFn, number: int) -> CallDocument:
    roles = st.sampled_from(ROLES)
    said = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=6).map(" ".join)
    turns = tuple(
        Spoken(role=draw(roles), name="x", start=float(at * 7), end=float(at * 7 + 5), text=draw(said))
        for at in range(draw(st.integers(0, 4)))
    )
    hits = tuple(
        TrackerHit(
            tracker=draw(st.sampled_from(TRACKERS)),
            role=draw(roles),
            start=draw(st.sampled_from([0.0, 4.9, 5.0, 12.0, 61.5, 900.0])),
            text="x",
        )
        for _ in range(draw(st.integers(0, 3)))
    )
    share = st.none() | st.sampled_from([0.0, 0.05, 0.2, 0.21, 0.5, 0.99])
    return CallDocument(
        recording_id=f"r{number:03d}",
        company=draw(st.sampled_from(["Acme", "Bolt"])),
        name=draw(said),
        started_at=START + timedelta(milliseconds=draw(st.integers(0, 5)) * 1000 * 3600 + draw(st.integers(0, 2))),
        created_at=START,
        timezone_offset=draw(st.sampled_from([0, -240, 330])),
        duration_s=draw(st.sampled_from([0.5, 30.0, 59.9, 600.0, 600.1, 20000.0])),
        priority=Priority.LIVE,
        language_code="en-US",
        direction=draw(st.sampled_from([None, *Direction])),
        external_id=draw(st.sampled_from([None, "crm-1"])),
        speakers=tuple(draw(st.sets(st.sampled_from(SPEAKERS)))),
        representative=draw(st.sampled_from([None, "Cal Müller"])),
        state=draw(st.sampled_from(CallState)),
        failure_class=draw(st.sampled_from([None, FailureClass.UNKNOWN])),
        failure=None,
        has=tuple(draw(st.sets(st.sampled_from(["transcript", "summary"])))),
        topics=tuple(draw(st.sets(st.sampled_from(TOPICS)))),
        hits=hits,
        polarity=draw(st.none() | st.sampled_from([-1.0, -0.31, -0.3, 0.0, 0.3, 0.35, 1.0])),
        silence=draw(share),
        talk=draw(share),
        summary=draw(st.just("") | said),
        turns=turns,
    )


def conditions() -> st.SearchStrategy[Node]:
    by = st.none() | st.sampled_from(ROLES)
    word = st.sampled_from(VOCABULARY)
    place = st.none() | st.sampled_from([1.0, 5.0, 12.0, 17.0, 60.0, 1000.0])
    values = {
        Facet.COMPANY: ["acme", "Bolt", "nobody"],
        Facet.AGENT: ["ann", "Ann Agent", "ANN@acme.example", "muller"],
        Facet.CUSTOMER: ["bell"],
        Facet.TOPIC: ["Billing", "gift cards"],
        Facet.SENTIMENT: ["negative", "positive"],
        Facet.IS: ["failed", "processing"],
        Facet.STATUS: ["failed", "completed"],
        Facet.HAS: ["summary"],
        Facet.DIRECTION: ["inbound"],
        Facet.EXTERNAL_ID: ["CRM-1"],
    }
    numbers = {
        Figure.LENGTH: [0.0, 30.0, 45.0, 600.0, 30000.0],
        Figure.SILENCE: [0.0, 0.05, 0.2, 0.22, 1.0],
        Figure.TALK: [0.5, 0.07],
        Figure.POLARITY: [-1.0, -0.3, -0.25, 0.0, 0.3],
        Figure.HOUR: [0.0, 9.0, 13.0, 23.0],
        Figure.STARTED_AT: [(START + timedelta(hours=hours)).timestamp() for hours in (-1, 0, 1, 2.5)]
        + [START.timestamp() + 0.001, START.timestamp() + 3600.0005],
    }
    facets = st.sampled_from([(facet, value) for facet, known in values.items() for value in known])
    figures = st.sampled_from([(figure, value) for figure, known in numbers.items() for value in known])
    return st.one_of(
        st.builds(Word, word, by=by),
        st.builds(
            Word,
            st.sampled_from(["can", "canc", "cance", "cancelle", "cancellation", "ref"]),
            prefix=st.just(True),
            by=by,
        ),
        st.builds(Phrase, st.lists(word, min_size=1, max_size=3).map(tuple), by=by),
        st.builds(Tracker, st.sampled_from(["refund", "cancellation risk"]), by=by, after=place, before=place),
        facets.map(lambda pair: Equals(*pair)),
        st.tuples(figures, st.sampled_from(Comparison)).map(lambda pair: Compare(pair[0][0], pair[1], pair[0][1])),
    )


def queries() -> st.SearchStrategy[Node]:
    return st.recursive(
        conditions(),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(conjunction),
            st.lists(inner, min_size=1, max_size=3).map(disjunction),
            inner.map(negation),
        ),
        max_leaves=6,
    )


@st.composite
def archives(draw: st.DrawFn) -> list[CallDocument]:
    return [draw(calls(number)) for number in range(draw(st.integers(0, 12)))]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    archive=archives(),
    asked=st.lists(queries(), min_size=8, max_size=8),
    size=st.integers(1, 5),
    walk=st.integers(1, 9),
)
def test_the_answer_is_that_of_a_patient_reader(
    datastore_server: DatastoreServer, archive: list[CallDocument], asked: list[Node], size: int, walk: int
) -> None:
    """Page by page, the latest first, each call once; a page opens little beside its results; a count is right."""
    datastore_server.reset()
    client = datastore_server.in_process_client(PROJECT)
    index = DatastoreSearchIndex(client)
    for number, document in enumerate(archive):
        few = len(terms_of(document)) + 1  # every third call is taken for one with too many words
        entry = entry_of(document, most_terms=few if number % 3 == 0 else None)
        client.put(CALL_INDEX.entity(client, entry.key, entry))
    for query in asked:
        wanted = {call.recording_id for call in archive if reads(query, call)}
        found: list[CallDocument] = []
        after: str | None = None
        while True:
            try:
                search = Search(
                    index=index, requests=DatastoreRequests(client), query=query, walk=walk, keys_per_page=4
                )
            except Rejected:
                break  # too many alternatives
            page = search.page(size=size, after=after)
            assert len(page.calls) <= size
            assert page.effort.calls_read + page.effort.requests_read <= READ_PER_RESULT * size
            found += page.calls
            after = page.next_key
            if after is None:
                assert [call.recording_id for call in found] == [
                    call.recording_id
                    for call in sorted(archive, key=lambda call: (-call.started_at.timestamp(), call.recording_id))
                    if call.recording_id in wanted
                ]
                assert search.count() in {None, len(wanted)}
                break


def test_what_is_stored_is_what_was_known(datastore_server: DatastoreServer) -> None:
    """Packed and unpacked, a call is the same; put twice it is one; deleted it is gone."""
    datastore_server.reset()
    index = DatastoreSearchIndex(datastore_server.in_process_client(PROJECT))
    call = CallDocument(
        recording_id="r",
        company="Acme",
        name="n",
        started_at=START,
        created_at=START,
        timezone_offset=0,
        duration_s=1.5,
        priority=Priority.LIVE,
        language_code="en-US",
        direction=None,
        external_id=None,
        speakers=(Speaker(name="Ann", email="a@b.example", role=Role.AGENT),),
        state=CallState.COMPLETED,
        failure_class=None,
        failure=None,
        hits=(TrackerHit(tracker="Refund", role=None, start=1.25, text="refund"),),
        turns=(Spoken(role=Role.AGENT, name="Ann", start=0, end=1, text="A refund?", polarity=-0.5),),
    )
    index.put(call)
    index.put(dataclasses.replace(call, name="m"))

    everything = Search(index=index, requests=DatastoreRequests(index._client), query=conjunction([]))
    assert everything.page(size=5, after=None).calls == [dataclasses.replace(call, name="m")]
