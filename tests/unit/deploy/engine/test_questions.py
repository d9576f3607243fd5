import pytest

from deploy.engine.analysis.questions import questions
from tests.unit.deploy.engine.speech import said


@pytest.mark.parametrize(
    "text",
    [
        "How can I help you?",
        "Maybe?",
        "And what about my crown.",
        "May I call you again on Thursday afternoon.",
        "I can help with that, which lights are on at the front of the modem.",
        "Thank you, may I have your number.",
        "I will send you our price list by email today what is your address",
        "Okay, I will take the pictures tonight can we talk about the warranty next week.",
        "Okay, and if it is still not working after that",
        "Is the water still running.",
        "What would it cost.",
        "How many cases of paper do you use.",
    ],
)
def test_a_question_is_found_with_or_without_its_mark(text: str) -> None:
    """Small recognisers lose many question marks and join sentences."""
    assert [question.text for question in questions(said(text))] == [text]


@pytest.mark.parametrize(
    "text",
    [
        "I will ask your old dentist.",
        "That is what I said.",
        "When it arrives, please connect it.",
        "I have two, which is enough.",
        "So do I.",
        "If this is not fixed today, I will cancel.",
        "Let me test your line.",
        "You can do it as we did.",
        "I know what it costs.",
        "What a day.",
        "May the fifth is fine.",
    ],
)
def test_a_statement_is_no_question(text: str) -> None:
    assert questions(said(text)) == []


def test_only_the_asking_sentence_of_a_message_is_the_question() -> None:
    [question] = questions(said("Perfect. What is your address?"))
    assert question.text == "What is your address?"


def test_a_mark_and_the_form_together_are_surer_than_either() -> None:
    scores = [questions(said(text))[0].score for text in ("What is it?", "Tomorrow?", "What is it.")]
    assert scores == sorted(scores, reverse=True)
