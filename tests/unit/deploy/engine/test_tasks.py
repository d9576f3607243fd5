from datetime import datetime, timedelta, timezone

import pytest

from deploy.engine.analysis.tasks import Task, tasks
from tests.unit.deploy.engine.speech import said

NOW = datetime(2026, 3, 10, 9, 14, tzinfo=timezone(timedelta(hours=-5)))


def found(*lines: str) -> list[Task]:
    return tasks(said(*lines), NOW)


def brief(task: Task) -> tuple[str, str, str | None]:
    return ("follow-up" if task.follow_up else "action", task.by, task.due.at.date().isoformat() if task.due else None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I will email you the application this afternoon.", ("action", "speaker", "2026-03-10")),
        ("We'll ship a new modem tomorrow.", ("action", "speaker", "2026-03-11")),
        ("I need to ask Mr. Drake first.", ("action", "speaker", None)),
        ("I can send a technician tomorrow morning.", ("action", "speaker", "2026-03-11")),
        (
            "Please take pictures and call your insurance company before noon tomorrow.",
            ("action", "listener", "2026-03-11"),
        ),
        ("Could you send me a picture of both sides before Friday?", ("action", "listener", "2026-03-13")),
        ("I will call you next Tuesday to follow up.", ("follow-up", "speaker", "2026-03-17")),
        ("Thank you, may I call you again on Thursday afternoon.", ("follow-up", "speaker", "2026-03-12")),
        ("And my supervisor, Angela, will call you tomorrow morning at nine.", ("follow-up", "Angela", "2026-03-11")),
        ("Dr. Young will follow up with you on May 5th.", ("follow-up", "Dr. Young", "2026-05-05")),
        ("I'll get back to you by Friday.", ("follow-up", "speaker", "2026-03-13")),
        ("I will let you know tomorrow.", ("action", "speaker", "2026-03-11")),
        ("I'll have it repaired by noon.", ("action", "speaker", "2026-03-10")),
        ("I'd need to ask my manager.", ("action", "speaker", None)),
        ("I'll find out if it is in stock.", ("action", "speaker", None)),
        ("Just send it back within thirty days.", ("action", "listener", "2026-04-09")),
        ("You'll need to bring your passport on Friday.", ("action", "listener", "2026-03-13")),
        ("Our driver will bring it over the weekend.", ("action", "Our driver", "2026-03-14")),
        ("Somebody from accounts will be in touch this week.", ("follow-up", "Somebody from accounts", "2026-03-13")),
        ("We'll give you a ring on Monday.", ("follow-up", "speaker", "2026-03-16")),
        ("Let's talk again on Thursday the nineteenth.", ("follow-up", "speaker", "2026-03-19")),
    ],
)
def test_a_task_is_found_with_its_owner_and_date(text: str, expected: tuple[str, str, str | None]) -> None:
    assert [brief(task) for task in found(text)] == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "If this is not fixed today, I will cancel my account and file a complaint.",
        "I am very disappointed and I will switch to another company if she does not.",
        "And if it is still not working? Then we will send a technician.",
        "I will put that on the calendar.",
        "I will make a note of that.",
        "I can help with that.",
        "I can request a refund, but it takes ten business days.",
        "Do I have to pay for a new one?",
        "Can you turn it to the right?",
        "May I put you on hold?",
        "I will stay.",
        "You will get a text message.",
        "I won't send it.",
        "I will not be sending anything.",
        "I'll transfer you to billing.",
        "Please hold for a moment.",
        "I'll be waiting.",
        "I'll have to think about it.",
        "I'd have to take a day off.",
        "Our system will send you a message.",
        "Who will call me?",
        "I will do.",
        "I'll tell you what, that is not right.",
        "Unless you refund it, I will call my lawyer.",
    ],
)
def test_threats_conditions_and_the_call_itself_are_no_tasks(text: str) -> None:
    assert found(text) == []


def test_before_then_means_the_date_that_was_named_last() -> None:
    [task] = found("Thursday after three is fine.", "I will talk to Mr. Drake before then.")
    assert brief(task) == ("action", "speaker", "2026-03-12")


def test_one_sentence_may_hold_an_action_and_a_follow_up() -> None:
    kinds = [brief(task)[0] for task in found("I will ship a new modem tomorrow and I will call you on Monday.")]
    assert kinds == ["action", "follow-up"]


def test_a_promise_is_definitive_and_a_request_is_not() -> None:
    assert [task.definitive for task in found("I will send the form.", "Please send the form.")] == [True, False]
