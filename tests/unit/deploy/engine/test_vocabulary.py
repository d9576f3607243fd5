import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.engine.analysis.heard import Track, Word
from deploy.engine.analysis.vocabulary import UNSURE, likeness, with_vocabulary


def corrected(heard: str, *vocabulary: str, score: float = 0.5, sure: str = "") -> str:
    """What becomes of words heard with *score*, where others were heard for *sure*."""
    words = [Word(text, i, i + 0.5, score) for i, text in enumerate(heard.split())]
    known = [Word(text, 50.0, 50.5, 0.99) for text in sure.split()]
    first, _ = with_vocabulary([Track(1, tuple(words), ()), Track(2, tuple(known), ())], vocabulary)
    assert [(word.start, word.end, word.score) for word in first.words] == [(w.start, w.end, w.score) for w in words]
    return " ".join(word.text for word in first.words)


@pytest.mark.parametrize(
    ("heard", "term", "meant"),
    [
        (
            "Farber Internet,",
            "Harbor Internet",
            "Harbor Internet,",
        ),  # heard so in a sample call, as are the next
        ("Thanks, sir.", "Sarah Whitfield", "Thanks, sir."),  # the surname is not there
        ("Thanks, sir.", "Sarah", "Thanks, Sarah."),
        ("Kevin March's desk", "Kevin Marsh", "Kevin Marsh's desk"),
        ("Witfeeld here", "Whitfield", "Whitfield here"),
        ("the price", "Perez", "the price"),  # sounds alike, is written otherwise
        ("due in an hour", "Donna", "due in an hour"),  # words are not joined
        ("the fee", "Fay", "the fee"),
        ("call 5550", "Fifty", "call 5550"),
        ("", "Harbor", ""),
        ("-- ... Farber", "Harbor", "-- ... Harbor"),
    ],
)
def test_a_doubtful_word_becomes_the_term_it_sounds_like(heard: str, term: str, meant: str) -> None:
    assert corrected(heard, term) == meant


def test_what_was_heard_surely_stays() -> None:
    """There, or elsewhere in the recording, or because it is of the vocabulary itself."""
    assert corrected("Farber", "Harbor", score=UNSURE + 0.01) == "Farber"
    assert corrected("farber", "Harbor", sure="Farber.") == "farber"
    assert corrected("Farber", "Harbor", "Farber") == "Farber"


def test_the_nearest_and_then_the_longest_term_is_taken() -> None:
    assert corrected("Karin Lopas", "Corin", "Karen Lopez") == "Karen Lopez"
    assert corrected("Farber", "Barber", "Harbor", "Harper") == corrected("Farber", "Harper", "Harbor", "Barber")


def test_two_words_that_the_vocabulary_writes_as_one_are_one() -> None:
    """However sure the recogniser was; but not across a comma, and no short ones by chance."""
    heard = [Word("(North", 1.0, 1.3, 0.99), Word("Side,", 1.3, 1.6, 0.8), Word("Plumbing", 1.6, 2.0, 0.9)]
    [track] = with_vocabulary([Track(1, tuple(heard), ())], ["Northside Plumbing"])
    assert track.words == (Word("(Northside,", 1.0, 1.6, 0.8), heard[2])
    assert corrected("north, side", "Northside", score=0.9) == "north, side"
    assert corrected("to day", "Today", score=0.9) == "to day"


WORDS = st.text(alphabet="abceghkmnorstwy'. ", max_size=12)


SHORT = st.lists(st.text(alphabet="abehort", max_size=5), max_size=3).map(" ".join)


@given(heard=WORDS, vocabulary=st.lists(SHORT, max_size=3))
def test_no_short_word_is_added_or_lost_and_correcting_again_changes_nothing(heard: str, vocabulary: list[str]) -> None:
    once = corrected(heard, *vocabulary)
    assert len(once.split()) == len(heard.split())
    assert corrected(once, *vocabulary) == once


@given(one=WORDS, other=WORDS)
def test_likeness_is_a_share(one: str, other: str) -> None:
    assert 0 <= likeness(one, other) <= 1
