import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scoring import diarization_error, normalised, word_errors


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The call is ninety five dollars.", "the call is $95"),
        ("twelve hundred dollars", "$1,200.00"),
        ("Nine thirty is perfect", "9:30 is perfect"),
        ("April twenty second", "April 22nd"),
        ("five five five, zero one nine eight", "555-0198"),
        ("I cannot, it is late", "I can't, it's late"),
        ("Mister Drake", "Mr. Drake"),
        ("All right", "Alright"),
        ("x rays", "X-rays"),
        ("seven seven four, one nine, three two", "7741932"),
    ],
)
def test_two_ways_of_writing_the_same_words_are_no_error(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


def test_errors_are_counted_over_the_true_words() -> None:
    score = word_errors("I will send you the plan", "I will avail you plan now")
    assert (score.errors, score.words, score.rate) == (3, 6, 0.5)


def test_every_digit_counts_as_a_word() -> None:
    assert word_errors("forty two", "forty three").words == 2


@given(st.text(alphabet="abc 159$.,'-", max_size=40))
def test_a_text_has_no_errors_against_itself(text: str) -> None:
    assert word_errors(text, text).errors == 0


def test_time_given_to_another_missed_or_made_up_is_a_diarization_error() -> None:
    """Of 40 s two collared seconds are left out: 1 s is missed, 2 s are the other's, 1 s is made up."""
    truth = [[(0.0, 20.0)], [(20.0, 40.0)]]
    assert diarization_error(truth, [[(20.0, 40.0)], [(0.0, 20.0)]], 50) == 0
    found = [[(0.0, 10.0), (11.0, 18.0)], [(18.0, 41.25)]]
    assert diarization_error(truth, found, 50) == pytest.approx((1 + 1.75 + 1) / 39, abs=0.002)
    assert diarization_error(truth, [], 50) == 1
