"""The rules on short calls of many trades, three of which were never looked at while the rules were written.

A call's mood is the pipeline's to judge, from the engine's sentences.
"""

import pytest

from common.model.intelligence import Sentiment
from common.model.recording import Role
from common.model.search.document import mood, polarity_of
from common.model.transcript import Turn
from deploy.engine.analysis.entities import entities
from deploy.engine.analysis.questions import questions
from deploy.engine.analysis.sentiment import label, polarity
from deploy.engine.analysis.tasks import Task, tasks
from deploy.engine.analysis.topics import topics
from tests.found import Found
from tests.unit.deploy.engine.dialogue import NOW, Dialogue, Marked, dialogues

KINDS = ["written for", "never seen"]


def those(kind: str) -> list[Dialogue]:
    return [dialogue for dialogue in dialogues() if dialogue.held_out is (kind == "never seen")]


def place(dialogue: Dialogue, message_id: str) -> int:
    return [message.id for message in dialogue.messages].index(message_id)


def marked(dialogue: Dialogue, task: Task) -> Marked:
    speaker = task.message.speaker or ""
    listener = {"agent": "customer", "customer": "agent"}[speaker]
    return Marked(
        message=place(dialogue, task.message.id),
        kind="follow-up" if task.follow_up else "action",
        by={"speaker": speaker, "listener": listener}.get(task.by, "other"),
        due=task.due.at.date().isoformat() if task.due else None,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_questions_are_found(kind: str) -> None:
    """Rhetorical ones, those without their mark and those in the form of a statement too."""
    found = Found.of(({place(d, q.message.id) for q in questions(d.messages)}, set(d.questions)) for d in those(kind))
    assert found.precision >= 0.95
    assert found.recall >= 0.95


@pytest.mark.parametrize(("kind", "least"), [("written for", 0.95), ("never seen", 0.75)])
def test_tasks_are_found_with_owner_and_day(kind: str, least: float) -> None:
    """Action items and follow-ups together; right is only what has its place, kind, owner and day."""
    found = Found.of(({marked(d, task) for task in tasks(d.messages, NOW)}, set(d.tasks)) for d in those(kind))
    assert found.f1 >= least


@pytest.mark.parametrize(("kind", "least"), [("written for", 0.9), ("never seen", 0.65)])
def test_topics_are_among_what_is_found(kind: str, least: float) -> None:
    """What is said once in one word is none."""
    found = [
        any(topic in text or text in topic for text in [found.text for found in topics(dialogue.messages)])
        for dialogue in those(kind)
        for topic in dialogue.topics
    ]
    assert sum(found) / len(found) >= least


@pytest.mark.parametrize("dialogue", dialogues(), ids=lambda dialogue: dialogue.name)
def test_entities_are_found(dialogue: Dialogue) -> None:
    found = {(entity.type, entity.text) for entity in entities(dialogue.messages, NOW)}
    assert set(dialogue.entities) <= found


@pytest.mark.parametrize("dialogue", dialogues(), ids=lambda dialogue: dialogue.name)
def test_the_customers_mood_is_right(dialogue: Dialogue) -> None:
    """Over the whole call; most sentences have none."""
    turns = [
        Turn(
            message_id=message.id,
            name=message.speaker or "",
            email=None,
            role=Role(message.speaker or "other"),
            channel=None,
            start=message.start,
            end=message.end,
            text=message.text,
            sentiment=Sentiment(score=polarity(message.text), label=label(polarity(message.text))),
        )
        for message in dialogue.messages
    ]
    assert mood(polarity_of(turns)) == dialogue.sentiment


def test_the_dialogues_hold_what_they_are_for() -> None:
    """Sixteen trades to write rules by, three kept back, and enough in each to count."""
    assert [len(those(kind)) for kind in KINDS] == [16, 3]
    assert all(d.questions and d.tasks and d.topics and d.entities for d in dialogues())
