"""Sentiment, topics, entities and summary."""

from datetime import UTC, datetime

import pytest

from deploy.engine.analysis.entities import entities
from deploy.engine.analysis.sentiment import label, polarity
from deploy.engine.analysis.summary import summary
from deploy.engine.analysis.topics import topics
from tests.unit.deploy.engine.speech import said

NOW = datetime(2026, 3, 10, 9, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My water heater is leaking all over the garage floor.", "negative"),
        ("That is ridiculous, this is terrible service.", "negative"),
        ("You have been wonderful.", "positive"),
        ("Okay, yes please.", "neutral"),
        ("We are pretty backed up.", "neutral"),
        ("How can I help you?", "neutral"),
        ("No problem, I am Grace.", "neutral"),
        ("Great. Is that the best number to reach you?", "neutral"),
        ("Have a nice day, bye.", "neutral"),
        ("I am fed up with this.", "negative"),
        ("Nobody told me about it.", "negative"),
        ("I can't wait, thank you so much.", "positive"),
    ],
)
def test_moods_of_calls(text: str, expected: str) -> None:
    """Manners are no mood, and what breaks is no neutral matter."""
    assert label(polarity(text)) == expected


def test_thirty_hundredths_are_still_neutral() -> None:
    assert [label(score) for score in (-0.301, -0.3, 0.3, 0.301)] == ["negative", "neutral", "neutral", "positive"]


def test_topics_are_phrases_said_by_both() -> None:
    messages = said("a: The water heater is new.", "b: Your water heater has a warranty.", "a: I like the warranty.")
    found = [topic.text for topic in topics(messages)]
    assert found[:2] == ["water heater", "warranty"] or found[:2] == ["warranty", "water heater"]


def test_people_are_no_topics() -> None:
    messages = said("a: Thank you Grace.", "b: Grace has a modem.", "a: The modem, Grace.")
    assert [topic.text for topic in topics(messages, names=["Grace Miller"])] == ["modem"]


def test_topic_scores_lie_between_a_half_and_one() -> None:
    messages = said("a: The red valve and the gas pipe.", "b: The gas pipe is old.")
    assert all(0.5 <= topic.score < 1 for topic in topics(messages))


@pytest.mark.parametrize(
    ("text", "type_", "found"),
    [
        ("It costs $95.50 in all.", "money", "$95.50"),
        ("It is forty five dollars per month.", "money", "forty five dollars"),
        ("Call 555-0198 please.", "phone_number", "555-0198"),
        ("Five five five, zero one nine eight.", "phone_number", "Five five five, zero one nine eight"),
        ("Write to ann@shop.example today.", "email", "ann@shop.example"),
        ("It is 42 Oak Street in town.", "location", "42 Oak Street"),
        ("My name is Michael Turner.", "person", "Michael Turner"),
        ("Doctor Young is here.", "person", "Young"),
        ("I will come on Friday.", "datetime", "Friday"),
    ],
)
def test_an_entity_is_found_where_it_stands(text: str, type_: str, found: str) -> None:
    [entity] = [entity for entity in entities(said(text), NOW) if entity.type == type_]
    assert entity.text == found
    assert text[entity.offset :].startswith(found)


def test_members_are_found_by_their_first_names() -> None:
    [entity] = entities(said("You are welcome, Michael."), NOW, people=["Michael Turner"])
    assert (entity.text, entity.value) == ("Michael", "michael turner")


def test_a_date_entity_is_iso() -> None:
    [entity] = entities(said("See you on Friday."), NOW)
    assert (entity.value, entity.sub_type) == ("2026-03-13", "date")


CALL = [
    "a: Thank you for calling Northside Plumbing today.",
    "b: My water heater is leaking all over the floor.",
    "a: There is a red valve above the water heater.",
    "b: The water heater is six years old already.",
    "a: I will send a technician for the water heater tomorrow.",
    "a: Have a nice day and goodbye to you.",
]


def test_the_summary_leaves_out_manners_and_keeps_the_order() -> None:
    messages = said(*CALL)
    found = summary(messages)
    assert 3 <= len(found) < len(messages)
    assert found == [message for message in messages if message in found]
    assert not {messages[0], messages[-1]} & set(found)


def test_what_was_agreed_is_in_the_summary() -> None:
    messages = said(*CALL)
    assert messages[4] in summary(messages, agreed={"m4"})


def test_fewer_than_three_sentences_give_no_summary() -> None:
    assert summary(said(*CALL[1:3])) == []
