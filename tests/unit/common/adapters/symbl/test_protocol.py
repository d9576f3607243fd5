"""Symbl's requests and answers: each shape that its clients have seen, by its recorded sample."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.adapters.symbl import protocol
from common.errors import UnreadableAnswer
from common.model import intelligence as rows
from common.model.company import Tracker
from common.ports import Submission
from tests.factories import NOW, a_conversation

if TYPE_CHECKING:
    from common.model.conversation import ConversationMetadata

SAMPLES = Path(__file__).resolve().parents[4] / "samples" / "symbl"
CALLER = rows.Person(id="6f0d", name="Caller", email="c@x.example")
MESSAGE = rows.Message(
    id="6001",
    text="What does it cost?",
    speaker=CALLER,
    start=5.1,
    duration=1.8,
    start_time=datetime(2026, 11, 22, 10, 0, 5, 100_000, tzinfo=UTC),
    end_time=datetime(2026, 11, 22, 10, 0, 6, 900_000, tzinfo=UTC),
    sentiment=rows.Sentiment(score=0.12, label="neutral"),
    phrases=("does it cost",),
    words=(rows.Word(text="What", start=5.1, duration=0.2, score=0.93),),
)
ENTITY = rows.DetectedEntity(
    type="person",
    sub_type="name",
    category="Managed",
    matches=(
        rows.EntityMatch(
            value="Ann",
            message_refs=(rows.MessageRef(message_id="6002", text="Ann will mail the quote.", offset=0),),
        ),
    ),
)
AGENT = rows.MemberAnalytics(
    member=rows.Person(id="1", name="Agent", email="a@x.example"),
    words_per_minute=140,
    talk_percent=60,
    talk_seconds=120,
    listen_percent=40,
    listen_seconds=80,
    overlap_seconds=1.5,
    overlaps=(rows.OverlapWith(member_id="2", name="Caller", percent=0.6, seconds=1.5),),
)
SENTENCE = rows.SummarySentence(id="1", text="The caller asked for the price.", message_ids=("6001",))
MEMBERS = (*rows.SECTION_NAMES, "actionItems", "followUps", "id", "text", "from", "name", "type", "matches", "metrics",
           "members", "overlap", "timeOffset")  # fmt: skip
PRICING = rows.MessageRef(message_id="6001", text="What does it cost?", offset=-1)

CASES: dict[str, tuple[str, object]] = {
    "messages": ("messages", MESSAGE),
    "messages-phrases-as-strings": ("messages", MESSAGE),
    "messages-without-speakers": (
        "messages",
        dataclasses.replace(MESSAGE, speaker=rows.Person(), sentiment=None, phrases=(), words=()),
    ),
    "messages-ids-as-numbers": ("messages", dataclasses.replace(MESSAGE, speaker=rows.Person(id="7", name="Caller"))),
    "topics": (
        "topics",
        rows.Topic(
            id="7001",
            text="billing",
            score=0.81,
            message_ids=("6001",),
            sentiment=rows.Sentiment(score=-0.4, label="negative"),
            parents=("pricing",),
        ),
    ),
    "topics-bare": ("topics", rows.Topic(id="7001", text="billing", score=None, message_ids=("6001",))),
    "questions": (
        "questions",
        rows.Question(id="7101", text="What does it cost?", score=0.98, message_ids=("6001",), asked_by=CALLER),
    ),
    "action-items": (
        "action_items",
        rows.ActionItem(
            id="7201",
            text="Ann will mail the quote.",
            score=0.94,
            message_ids=("6002",),
            said_by=rows.Person(id="1", name="Agent", email="a@x.example"),
            assignee=rows.Person(id="1", name="Ann", email="ann@x.example"),
            definitive=True,
            due_by=datetime(2026, 11, 23, 7, tzinfo=UTC),
            phrases=("mail the quote",),
            entities=(rows.TaskEntity(type="person", text="Ann", value='{"assignee": true, "name": "Ann"}'),),
        ),
    ),
    "follow-ups-nobody-named": (
        "follow_ups",
        rows.FollowUp(
            id="7301",
            text="Call again on Thursday.",
            score=0.9,
            message_ids=("6003",),
            entities=(
                rows.TaskEntity(type="date", text="Thursday", value="2026-11-26"),
                rows.TaskEntity(type="daterange", text="next week"),
            ),
        ),
    ),
    "entities-new": ("entities", ENTITY),
    "entities-old": ("entities", dataclasses.replace(ENTITY, category=None)),
    "analytics": (
        "analytics",
        rows.Analytics(
            metrics=(
                rows.Metric(type="total_silence", percent=20, seconds=50),
                rows.Metric(type="total_talk_time", percent=80, seconds=200),
                rows.Metric(type="total_overlap", percent=0, seconds=0),
            ),
            members=(AGENT,),
        ),
    ),
    "analytics-empty-overlap": (
        "analytics",
        rows.Analytics(
            metrics=(rows.Metric(type="total_silence", percent=20, seconds=50),),
            members=(
                dataclasses.replace(
                    AGENT,
                    member=rows.Person(id="1", name="Agent"),
                    words_per_minute=None,
                    listen_percent=0,
                    listen_seconds=0,
                    overlap_seconds=0,
                    overlaps=(),
                ),
            ),
        ),
    ),
    "trackers-bare-array": (
        "trackers",
        rows.DetectedTracker(
            id="7301",
            name="Pricing",
            matches=(
                rows.TrackerMatch(
                    type="vocabulary",
                    value="what is the price",
                    message_refs=(PRICING,),
                    insight_refs=(dataclasses.replace(PRICING, message_id="7101"),),
                ),
            ),
        ),
    ),
    "summary": ("summary", SENTENCE),
    "summary-with-times": ("summary", SENTENCE),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_each_recorded_answer_is_read(case: str) -> None:
    """The rows are the same whichever of the known shapes they came in."""
    section, row = CASES[case]

    assert protocol.section_rows(section, (SAMPLES / f"{case}.json").read_bytes()) == (row,)


def test_every_sample_has_its_case() -> None:
    """A shape that is recorded is a shape that is read."""
    assert {path.stem for path in SAMPLES.glob("*.json")} == set(CASES)
    assert {section for section, _ in CASES.values()} == set(rows.SECTION_NAMES) == set(protocol.SECTION_PATHS)


@pytest.mark.parametrize(
    ("section", "body", "where"),
    [
        ("messages", b"<html>", "Invalid JSON"),
        ("messages", b"[]", "should be an object"),
        ("messages", b"{}", "has no messages"),
        ("messages", b'{"messages": null}', "has no messages"),
        ("messages", b'{"messages": [{"id": "1"}]}', r"messages\.0\.text"),
        ("messages", b'{"messages": [{"id": {}, "text": "x"}]}', r"messages\.0\.id"),
        ("topics", b'{"topics": [{"id": "1", "text": "x", "score": "high"}]}', r"topics\.0\.score"),
        ("trackers", b'{"trackers": []}', "list"),
        ("trackers", b'[{"id": "1"}]', r"0\.name"),
        ("analytics", b'{"members": []}', "metrics"),
        ("entities", b'{"entities": [{"type": "person", "matches": [{}]}]}', r"entities\.0\.matches\.0"),
        ("summary", b'{"summary": "short"}', "summary"),
    ],
)
def test_an_answer_outside_the_contract_names_the_place(section: str, body: bytes, where: str) -> None:
    """Never another error, and never the transcript in it."""
    with pytest.raises(UnreadableAnswer, match=where):
        protocol.section_rows(section, body)


@given(
    st.sampled_from(rows.SECTION_NAMES),
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(MEMBERS), inner),
        max_leaves=12,
    ),
)  # fmt: skip
def test_any_answer_is_either_read_or_unreadable(section: str, body: object) -> None:
    """Whatever stands behind the URL."""
    try:
        found = protocol.section_rows(section, json.dumps(body).encode())
    except UnreadableAnswer as error:
        assert str(error)  # noqa: PT017
    else:
        assert isinstance(found, tuple)


def _body(conversation: ConversationMetadata, *, trackers: tuple[Tracker, ...] = ()) -> dict[str, Any]:
    return protocol.audio_url_body(
        Submission(
            url="https://storage.example/a.wav",
            webhook_url="https://hooks.example/w",
            attempt_id="attempt-1",
            request_id="request-1",
            conversation=conversation,
            trackers=trackers,
            confidence_threshold=0.7,
        )
    )


def test_a_submission_says_everything_explicitly() -> None:
    """Defaults that the documentation disputes are never left to the engine."""
    assert _body(a_conversation(), trackers=(Tracker(name="Pricing", vocabulary=("price", "cost")),)) == {
        "url": "https://storage.example/a.wav",
        "name": "Call 1 [attempt-1]",
        "webhookUrl": "https://hooks.example/w",
        "languageCode": "en-US",
        "confidenceThreshold": 0.7,
        "timezoneOffset": -240,
        "startTime": "2026-03-01T11:00:00.000Z",
        "mode": "phone",
        "detectPhrases": True,
        "detectEntities": True,
        "enableSummary": True,
        "enableAllTrackers": False,
        "trackers": [{"name": "Pricing", "vocabulary": ["price", "cost"]}],
        "customVocabulary": ["Acme", "toner"],
        "metadata": {"attemptId": "attempt-1", "requestId": "request-1"},
        "enableSeparateRecognitionPerChannel": True,
        "channelMetadata": [
            {"channel": 1, "speaker": {"name": "Ann Agent", "email": "ann@acme.example"}},
            {"channel": 2, "speaker": {"name": "Carl Customer", "email": "carl@home.example"}},
        ],
    }


@given(st.booleans(), st.integers(1, 10), st.sampled_from([8000, 16000, 48000]))
def test_speakers_are_separated_in_one_way_or_not_at_all(separate: bool, speakers: int, rate: int) -> None:  # noqa: FBT001
    """Diarization would win over channels; null and empty lists are never sent."""
    body = _body(
        a_conversation(separate_channels=separate, number_of_speakers=speakers, sample_rate=rate, custom_vocabulary=())
    )

    assert ("enableSeparateRecognitionPerChannel" in body) is separate
    assert ("enableSpeakerDiarization" in body) is (not separate and speakers > 1)
    assert body.get("diarizationSpeakerCount") == (speakers if not separate and speakers > 1 else None)
    assert body["mode"] == ("phone" if rate == 8000 else "default")
    assert None not in body.values()
    assert [] not in body.values()


def test_the_search_for_an_attempt_is_wide_in_time_and_narrow_by_filter() -> None:
    """The listing is by the call's own time, which may be years ago."""
    query = protocol.conversation_search("attempt-1", since=NOW, now=NOW + timedelta(hours=1))

    assert query["filter"] == "conversation.metadata.attemptId==attempt-1"
    assert query["startTime"] < "2017"
    assert query["endTime"] == "2026-03-02T13:00:00.000Z"
