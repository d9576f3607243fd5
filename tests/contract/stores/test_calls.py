"""What search and statistics know of a call moves with the call: in the same commit, and once."""

from __future__ import annotations

import dataclasses
import statistics
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from google.cloud import datastore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.adapters.datastore.intelligence import DatastoreResults
from common.adapters.datastore.kinds import CALL_INDEX, DAY_STATISTICS
from common.adapters.datastore.recordings import DatastoreRecordings
from common.adapters.datastore.requests import DatastoreRequests
from common.adapters.datastore.search import DatastoreSearchIndex
from common.model.aggregates import DayStatistics, contribution, total_of
from common.model.intelligence import SECTIONS, Sentiment, Topic
from common.model.job import ReplayStage
from common.model.lifecycle import JobStatus, Maker
from common.model.search.document import CallDocument, CallState, polarity_over
from tests.factories import NOW, a_conversation, a_message, a_pending_job, ended_badly

if TYPE_CHECKING:
    from common.model.job import SymblAsyncRequest
    from deploy.local.datastore import DatastoreServer

TOPICS = ["Billing", "Refunds", "Toner"]
SECTION = {section.name: section for section in SECTIONS}


@dataclasses.dataclass
class Archive:
    """Calls in all the stores that know of them."""

    client: datastore.Client

    def __post_init__(self) -> None:
        self.recordings = DatastoreRecordings(self.client)
        self.requests = DatastoreRequests(self.client)
        self.results = DatastoreResults(self.client)

    def add(self, number: int) -> str:
        conversation = a_conversation(number)
        self.recordings.add(conversation, a_pending_job(number), allow_duplicate=True)
        return conversation.id

    def complete(self, recording: str) -> SymblAsyncRequest:
        """The engine is done with it; nothing is collected yet."""
        request = self.requests.of_recording(recording)
        assert request is not None

        def change(r: SymblAsyncRequest) -> SymblAsyncRequest:
            r = r.claimed(f"a{r.attempts_made}", slot=0, now=NOW, next_check_at=NOW)
            r = r.marked_sent(now=NOW, next_check_at=NOW)
            r = r.accepted(conversation_id=f"c-{recording}", job_id=f"j-{recording}", now=NOW, next_check_at=NOW)
            return r.reported(JobStatus.COMPLETED, by=Maker.COLLECT, now=NOW, why="so", next_check_at=NOW)

        return self.requests.change(request.id, change)

    def collect(self, request: SymblAsyncRequest, *topics: str, text: str = "A refund?") -> None:
        rows = tuple(Topic(id=name, text=name, score=1.0, message_ids=()) for name in topics)
        self.results.keep(
            [(SECTION["messages"], (a_message(text=text),)), (SECTION["topics"], rows)],
            request=request,
            change=lambda r: r.looked_at(next_check_at=NOW),
            event_id=None,
            now=NOW,
            known={},
        )

    def documents(self) -> dict[str, CallDocument]:
        rows = [CALL_INDEX.row_of(entity) for entity in self.client.query(kind=CALL_INDEX.name).fetch()]
        return {row.recording_id: CallDocument.unpacked(row.document) for row in rows}

    def statistics(self) -> DayStatistics:
        rows = [DAY_STATISTICS.row_of(entity) for entity in self.client.query(kind=DAY_STATISTICS.name).fetch()]
        return total_of(DayStatistics.unpacked(row.statistics) for row in rows)

    def expected_statistics(self) -> DayStatistics:
        counted = (contribution(document) for document in self.documents().values())
        return total_of(day for day in counted if day)


@pytest.fixture
def archive(datastore_client: datastore.Client) -> Archive:
    return Archive(datastore_client)


def test_a_call_is_known_from_the_moment_it_is_added(archive: Archive) -> None:
    """By its metadata; it counts nowhere yet."""
    recording = archive.add(1)

    document = archive.documents()[recording]
    assert (document.state, document.agents, document.turns) == (CallState.PROCESSING, ("Ann Agent",), ())
    assert archive.statistics().total.calls == 0


def test_a_collected_call_is_found_by_what_was_said_and_counts_once(archive: Archive) -> None:
    """Collected again with other results, the earlier ones are gone from index and sums."""
    request = archive.complete(archive.add(1))

    archive.collect(request, "Billing")
    archive.collect(request, "Billing")
    assert archive.documents()[request.recording_id].topics == ("Billing",)
    assert archive.statistics().topics["Billing"].calls == 1

    archive.collect(request, "Refunds", text="Thanks")
    assert archive.statistics().total.calls == 1
    assert set(archive.statistics().topics) == {"Refunds"}
    assert archive.documents()[request.recording_id].turns[0].text == "Thanks"


def test_a_failed_call_is_found_as_such_at_once_and_a_replayed_one_no_more(archive: Archive) -> None:
    """With the reason; in the same commit that changes the request."""
    request = archive.requests.of_recording(archive.add(1))
    assert request is not None

    archive.requests.change(request.id, lambda r: ended_badly(r, now=NOW))
    failed = archive.documents()[request.recording_id]
    assert (failed.state, failed.failure) == (CallState.FAILED, "no speech in it")

    archive.requests.change(
        request.id, lambda r: r.replayed(ReplayStage.SUBMIT, by="me", reason="mended", now=NOW, next_check_at=NOW)
    )
    again = archive.documents()[request.recording_id]
    assert (again.state, again.failure, again.failure_class) == (CallState.PROCESSING, None, None)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    steps=st.lists(
        st.tuples(
            st.integers(1, 4), st.lists(st.sampled_from(["Billing", "Refunds", "Toner"]), max_size=2, unique=True)
        ),
        max_size=12,
    )
)
def test_the_sums_are_those_of_the_calls_that_there_are(
    datastore_server: DatastoreServer, steps: list[tuple[int, list[str]]]
) -> None:
    """Whatever is collected, how often and with what."""
    datastore_server.reset()
    archive = Archive(datastore_server.in_process_client("statistics"))
    requests = {number: archive.complete(archive.add(number)) for number in {number for number, _ in steps}}
    for number, topics in steps:
        archive.collect(requests[number], *topics)

    assert archive.statistics() == archive.expected_statistics()
    assert archive.statistics().total.calls == len(requests)


def test_a_days_sums_tell_means_intervals_and_waits(archive: Archive) -> None:
    """From three calls: mean mood with its interval, and how long results took."""
    moods = (0.5, -0.5, 0.3)
    for number, mood in enumerate(moods, start=1):
        request = archive.complete(archive.add(number))
        message = a_message(
            speaker=dataclasses.replace(a_message().speaker, name="Carl Customer", email=None),
            sentiment=Sentiment(score=mood, label="neutral"),
        )
        archive.results.keep(
            [(SECTION["messages"], (message,))],
            request=dataclasses.replace(request, completed_at=NOW + timedelta(minutes=number)),
            change=lambda r: r.looked_at(next_check_at=NOW),
            event_id=None,
            now=NOW,
            known={},
        )

    total = archive.statistics().total
    assert (total.calls, total.moods, total.negative) == (3, 3, 1)
    assert total.mean_mood == pytest.approx(statistics.fmean(polarity_over([mood]) or 0 for mood in moods))
    assert total.mood_interval is not None
    assert total.mood_interval[0] < 0.1 < total.mood_interval[1]
    assert archive.statistics().waits == {0: 3}


def test_the_index_is_made_anew_from_what_is_stored(archive: Archive) -> None:
    """Lost or wrong, it is right again, and nothing is counted twice; run again, nothing changes."""
    request = archive.complete(archive.add(1))
    archive.collect(request, "Billing")
    before, sums = archive.documents(), archive.statistics()
    index = DatastoreSearchIndex(archive.client)
    conversation = archive.recordings.get(request.recording_id)
    assert conversation is not None
    results = archive.results.get_all(SECTIONS, f"c-{request.recording_id}")

    for _ in range(2):
        assert index.rebuild(conversation, results)
        assert (archive.documents(), archive.statistics()) == (before, sums)
    assert not index.rebuild(dataclasses.replace(conversation, id="nobody"), results)
