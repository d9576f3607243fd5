"""Facets of random searches over random calls: every count is that of a patient reader, and few things are read."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.adapters.datastore.requests import DatastoreRequests
from common.adapters.datastore.search import DatastoreSearchIndex
from common.errors import Rejected
from common.model.aggregates import contribution
from common.model.search.document import CallDocument, CallState
from common.model.search.facets import MOST_COUNTS, MOST_VALUES, NAMED, Facet, fixed_values
from common.model.search.query import EVERYTHING, Equals, Node, conditions, conjunction
from common.model.search.query import Facet as Property
from functions._facets import FacetReader
from tests.conftest import PROJECT
from tests.integration.search.reading import reads
from tests.integration.search.test_answers import START, archives, queries

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from common.model.aggregates import DayStatistics
    from common.ports import Statistics
    from deploy.local.datastore import DatastoreServer


@dataclasses.dataclass
class Days:
    """The days' sums of an archive, and who was asked for."""

    archive: Sequence[CallDocument]

    def days(self, company: str | None, first: date, last: date) -> Iterable[DayStatistics]:
        """Of completed calls."""
        found = [day for call in self.archive if (day := contribution(call))]
        return [
            day for day in found if company in {None, day.company} and first.isoformat() <= day.day <= last.isoformat()
        ]

    def companies(self, first: date, last: date) -> Sequence[str]:
        """By name."""
        return sorted({day.company for day in self.days(None, first, last)})


def a_reader(server: DatastoreServer, archive: Sequence[CallDocument]) -> FacetReader:
    """Over an archive that is all there is."""
    server.reset()
    client = server.in_process_client(PROJECT)
    index = DatastoreSearchIndex(client)
    for document in archive:
        index.put(document)
    statistics: Statistics = Days(archive)
    return FacetReader(index=index, requests=DatastoreRequests(client), sees=lambda _: True, statistics=statistics)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(archive=archives(), asked=st.lists(queries(), min_size=2, max_size=2))
def test_every_count_is_that_of_a_patient_reader(
    datastore_server: DatastoreServer, archive: list[CallDocument], asked: list[Node]
) -> None:
    """Or it is not given. Without a filter all are; there are never too many values."""
    reader = a_reader(datastore_server, archive)
    for query in [EVERYTHING, *asked]:
        try:
            found = reader.read(query, Facet, now=START)
        except Rejected:
            continue  # too many alternatives
        choices = [choice for offer in found for choice in offer.choices]
        assert len(choices) <= MOST_COUNTS + len(fixed_values(Facet.MISSING))
        assert all(len(offer.choices) <= MOST_VALUES for offer in found)
        for choice in choices:
            wanted = sum(reads(choice.query, call) for call in archive)
            assert choice.count in {None, wanted}, choice
            assert choice.count is not None or query != EVERYTHING


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(archive=archives(), asked=queries())
def test_under_one_company_nothing_of_another_is_offered_or_counted(
    datastore_server: DatastoreServer, archive: list[CallDocument], asked: Node
) -> None:
    """Names of agents, trackers and topics are its own; each count is of its own calls."""
    own = [_of_its_own(call) for call in archive]
    reader = a_reader(datastore_server, own)
    query = conjunction([Equals(Property.COMPANY, "acme"), asked])
    try:
        found = reader.read(query, set(Facet) - {Facet.COMPANY}, now=START)
    except Rejected:
        return
    some_call = any(reads(query, call) for call in own)
    for offer in found:
        for choice in offer.choices:
            assert choice.count in {None, sum(reads(choice.query, c) for c in own if c.company == "Acme")}
            if some_call and offer.facet in NAMED and Property.COMPANY not in _properties(asked):
                assert choice.value.name.startswith("Acme"), choice


def _of_its_own(call: CallDocument) -> CallDocument:
    """The call with names that only its company has."""
    return dataclasses.replace(
        call,
        state=CallState.COMPLETED,
        topics=tuple(f"{call.company} {topic}" for topic in call.topics),
        hits=tuple(dataclasses.replace(hit, tracker=f"{call.company} {hit.tracker}") for hit in call.hits),
        speakers=tuple(dataclasses.replace(one, name=f"{call.company} {one.name}") for one in call.speakers),
        representative=f"{call.company} {call.representative}" if call.representative else None,
    )


def _properties(node: Node) -> set[Property]:
    return {condition.facet for condition in conditions(node) if isinstance(condition, Equals)}
