import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.engine.analysis.normal import stem
from deploy.engine.analysis.trackers import hits, lines
from tests.unit.deploy.engine.speech import said


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("refund", "I want two refunds."),
        ("cancel my plan", "I am cancelling my plan"),
        ("cancel my plan", "He cancelled my plan."),
        ("this is not working", "This isn't working"),
        ("cannot pay", "I can't pay that."),
        ("dollars", "It costs $95 a month."),
        ("do not like", "I don\u2019t like it"),
        ("Apex Office", "we buy from apex office."),
        ("three months", "It took 3 months"),
    ],
)
def test_inflections_contractions_and_signs_are_the_same_words(phrase: str, text: str) -> None:
    assert len(hits([phrase], lines(said(text)))) == 1


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("cleaning", "The house is clean."),
        ("is down", "Sit down, this is it."),
        ("credit", "Good."),
        ("per case", "in any case"),
    ],
)
def test_other_words_do_not_match(phrase: str, text: str) -> None:
    assert hits([phrase], lines(said(text))) == []


def test_what_is_denied_is_said_all_the_same() -> None:
    """A tracker listens for words: whoever wants to know what was meant reads the turn."""
    assert len(hits(["cancel my account"], lines(said("I do not want to cancel my account.")))) == 1


def test_the_longest_phrase_counts_alone() -> None:
    [hit] = hits(["supervisor", "speak to a supervisor"], lines(said("Let me speak to a supervisor.")))
    assert (hit.phrase, hit.said, hit.offset) == ("speak to a supervisor", "speak to a supervisor", 7)


@given(st.lists(st.sampled_from(["refund", "my", "plan", "no", "credit,", "account."]), min_size=1, max_size=20))
def test_a_hit_lies_where_it_is_said_to(text: list[str]) -> None:
    [message] = said(" ".join(text))
    for hit in hits(["refund", "my plan", "credit"], lines([message])):
        assert message.text[hit.offset :].startswith(hit.said)


@given(st.from_regex("[a-z]{3,12}", fullmatch=True))
def test_a_stem_is_never_empty(word: str) -> None:
    assert stem(word)
