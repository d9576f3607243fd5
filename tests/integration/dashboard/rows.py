"""Rows as the stages would have stored them, made from the sample calls and what is known to be true of them."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from google.cloud import datastore

from common.adapters.datastore.intelligence import DatastoreResults
from common.adapters.datastore.kinds import SYMBL_ASYNC_REQUEST
from common.adapters.datastore.recordings import DatastoreRecordings
from common.adapters.datastore.search import DatastoreSearchIndex
from common.model.aggregates import local_day
from common.model.intelligence import (
    SECTIONS,
    ActionItem,
    Analytics,
    DetectedEntity,
    DetectedTracker,
    EntityMatch,
    FollowUp,
    MemberAnalytics,
    Message,
    MessageRef,
    Metric,
    Person,
    Question,
    Section,
    SectionState,
    Sentiment,
    SummarySentence,
    Topic,
    TrackerMatch,
)
from common.model.lifecycle import JobStatus
from common.model.recording import Direction, Role, Speaker
from common.model.search.document import as_it_stands, document_of
from deploy.local.datastore import DatastoreServer
from tests.datastore_writes import Writes
from tests.factories import a_conversation, a_job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.model.conversation import ConversationMetadata
    from common.model.intelligence import Rows
    from common.model.job import SymblAsyncRequest
    from tests.factories import SampleCall

#: What storing a sample call comes to, by what it depends on: most tests of pages store the same ones, and to make the
#: messages of one with Google's client takes longer than a page.
_WRITTEN: dict[object, bytes] = {}
_SCORES = {"positive": 0.62, "neutral": 0.04, "negative": -0.71}


@dataclasses.dataclass(frozen=True)
class CallRows:
    """Writes rows through the real stores."""

    server: DatastoreServer
    client: datastore.Client  #: of that server

    def put(
        self, conversation: ConversationMetadata, job: SymblAsyncRequest, results: Mapping[str, Rows] | None = None
    ) -> str:
        """Store a call as it stands; its id."""
        pending = a_job(number=1)
        pending = dataclasses.replace(
            pending,
            id=job.id,
            recording_id=conversation.id,
            company=conversation.company,
            priority=conversation.priority,
        )
        DatastoreRecordings(self.client).add(conversation, pending, allow_duplicate=True)
        day = local_day(conversation.started_at, conversation.timezone_offset).isoformat()
        job = job.of_call(started_at=conversation.started_at, day=day)
        uncollected = dataclasses.replace(job, sections=())
        self.client.put(SYMBL_ASYNC_REQUEST.entity(self.client, job.id, job if results is None else uncollected))
        DatastoreSearchIndex(self.client).put(as_it_stands(document_of(conversation), job))
        if results is not None and job.conversation_id:
            DatastoreResults(self.client).keep(
                [(section, results[section.name]) for section in SECTIONS if section.name in results],
                request=job,
                change=lambda _: job,
                event_id=None,
                now=job.created_at,
                known={},
            )
        return conversation.id

    def put_sample(self, call: SampleCall, *, number: int = 1, **fields: Any) -> str:
        """Store a sample call with all of its results."""
        conversation = dataclasses.replace(sample_conversation(call, number=number), **fields)
        known = _WRITTEN.get((call.path, conversation))
        if known is not None:
            self.server.call("Commit", known)
            return conversation.id
        results, writes = sample_results(call), Writes(self.server)
        job = a_collected_job(conversation, number=number, results=results)
        CallRows(self.server, writes.client).put(conversation, job, results)
        _WRITTEN[call.path, conversation] = writes.as_one()
        return conversation.id


def sample_conversation(call: SampleCall, *, number: int = 1) -> ConversationMetadata:
    """A sample call's metadata."""
    truth = call.truth
    started_at = datetime.fromisoformat(truth["started_at"])
    return a_conversation(
        number,
        name=truth["title"],
        company=truth["company"],
        file_name=truth["audio"],
        recording_url=f"gs://recordings/samples/{truth['audio']}",
        duration=timedelta(seconds=truth["duration_s"]),
        started_at=started_at,
        timezone_offset=int((started_at.utcoffset() or timedelta()).total_seconds() // 60),
        direction=Direction(truth["direction"]),
        speakers=tuple(
            Speaker(name=truth[role]["name"], email=truth[role]["email"], role=role, channel=channel)
            for channel, role in ((1, Role.AGENT), (2, Role.CUSTOMER))
        ),
    )


def a_collected_job(
    conversation: ConversationMetadata, *, number: int = 1, results: Mapping[str, Rows]
) -> SymblAsyncRequest:
    """A request whose results are all there."""
    created_at = conversation.created_at + timedelta(seconds=number)
    job = a_job(JobStatus.COMPLETED, number=number, now=created_at)
    sections = [
        Section(name=name, state=SectionState.STORED, count=len(rows), at=created_at + timedelta(minutes=2))
        for name, rows in results.items()
    ]
    return belonging(job.collected(sections, next_check_at=created_at), conversation)


def belonging(job: SymblAsyncRequest, conversation: ConversationMetadata) -> SymblAsyncRequest:
    """The request, of this very recording."""
    return dataclasses.replace(
        job, id=f"{conversation.id}-1", recording_id=conversation.id, company=conversation.company
    )


def sample_results(call: SampleCall) -> dict[str, Rows]:
    """Every section, as an engine that makes no mistakes would give it."""
    truth, expected, turns = call.truth, call.truth["expected"], call.truth["turns"]
    people = {role: Person(id=role, **truth[role]) for role in ("agent", "customer")}
    started_at = datetime.fromisoformat(truth["started_at"]).astimezone(UTC)

    def message(number: int, turn: dict[str, Any]) -> Message:
        mood = expected["sentiment_of_customer"] if turn["role"] == "customer" else "neutral"
        return Message(
            id=f"m{number}",
            text=turn["text"],
            speaker=people[turn["role"]],
            start=turn["start"],
            duration=turn["end"] - turn["start"],
            start_time=started_at + timedelta(seconds=turn["start"]),
            end_time=started_at + timedelta(seconds=turn["end"]),
            sentiment=Sentiment(score=_SCORES[mood], label=mood),
        )

    def task(kind: type[ActionItem], number: int, given: dict[str, Any]) -> ActionItem:
        return kind(
            id=f"t{number}",
            text=turns[given["turn"]]["text"],
            score=0.9,
            message_ids=(f"m{given['turn']}",),
            assignee=people.get(given["by"], Person()),
            due_by=datetime.fromisoformat(f"{given['due']}T12:00:00+00:00") if given["due"] else None,
        )

    spoken = {role: sum(t["end"] - t["start"] for t in turns if t["role"] == role) for role in people}
    words = {role: sum(len(t["text"].split()) for t in turns if t["role"] == role) for role in people}
    whole = truth["duration_s"]
    silence = whole - sum(spoken.values())
    return {
        "messages": tuple(message(number, turn) for number, turn in enumerate(turns)),
        "topics": tuple(
            Topic(
                id=f"o{n}", text=text, score=0.8, message_ids=("m1",), sentiment=Sentiment(score=0.1, label="neutral")
            )
            for n, text in enumerate(expected["topics"])
        ),
        "trackers": tuple(
            DetectedTracker(
                id=f"k{n}",
                name=name,
                matches=(
                    TrackerMatch(
                        type="vocabulary",
                        value=name.lower(),
                        message_refs=tuple(MessageRef(message_id=f"m{turn}") for turn in found),
                    ),
                ),
            )
            for n, (name, found) in enumerate(expected["trackers"].items())
        ),
        "questions": tuple(
            Question(
                id=f"q{turn}",
                text=turns[turn]["text"],
                score=0.9,
                message_ids=(f"m{turn}",),
                asked_by=people[turns[turn]["role"]],
            )
            for turn in expected["questions"]
        ),
        "action_items": tuple(task(ActionItem, n, given) for n, given in enumerate(expected["action_items"])),
        "follow_ups": tuple(task(FollowUp, n, given) for n, given in enumerate(expected["follow_ups"])),
        "entities": (
            DetectedEntity(
                type="person",
                sub_type="person_name",
                category="general",
                matches=(
                    EntityMatch(value=truth["agent"]["name"], message_refs=(MessageRef(message_id="m0", offset=0),)),
                ),
            ),
        ),
        "analytics": (
            Analytics(
                metrics=(Metric(type="total_silence", percent=100 * silence / whole, seconds=silence),),
                members=tuple(
                    MemberAnalytics(
                        member=people[role],
                        words_per_minute=60 * words[role] / spoken[role],
                        talk_percent=100 * spoken[role] / whole,
                        talk_seconds=spoken[role],
                        listen_percent=100 - 100 * spoken[role] / whole,
                        listen_seconds=whole - spoken[role],
                    )
                    for role in people
                ),
            ),
        ),
        "summary": tuple(
            SummarySentence(id=f"s{turn}", text=turns[turn]["text"], message_ids=(f"m{turn}",)) for turn in (1, 4)
        ),
    }
