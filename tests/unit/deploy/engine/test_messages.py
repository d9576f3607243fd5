from hypothesis import given
from hypothesis import strategies as st

from deploy.engine.analysis.heard import Heard, Track, Word
from deploy.engine.analysis.messages import sentences
from tests.unit.deploy.engine.speech import words


def texts(*tracks: Track) -> list[str]:
    return [" ".join(word.text for word in sentence.words) for sentence in sentences(Heard(60.0, tracks))]


def test_each_sentence_is_a_message() -> None:
    """Abbreviations end none."""
    track = Track(1, words("I need to ask Mr. Drake first. Is nine fine with you?"), ())
    assert texts(track) == ["I need to ask Mr. Drake first.", "Is nine fine with you?"]


def test_one_or_two_words_go_with_the_sentence_that_follows() -> None:
    assert texts(Track(1, words("Perfect. What is your address?"), ())) == ["Perfect. What is your address?"]


def test_one_word_that_is_answered_stands_alone() -> None:
    track = Track(1, words("Goodbye.") + words("And another thing is here.", start=9), ())
    assert texts(track) == ["Goodbye.", "And another thing is here."]


def test_a_pause_ends_a_message_where_the_recogniser_saw_none() -> None:
    track = Track(1, words("thank you I will ask him today,") + words("and I will send you the plan", start=6), ())
    assert texts(track) == ["thank you I will ask him today,", "and I will send you the plan"]


def test_a_stray_first_word_is_brought_across_the_pause() -> None:
    """Whisper puts the first word of a turn at the end of the one before it, seconds too early."""
    track = Track(1, words("It was marked as failed. I") + words("can request a refund.", start=10), ())
    [_, late] = sentences(Heard(60.0, (track,)))
    assert " ".join(word.text for word in late.words) == "I can request a refund."
    assert late.words[0].start == 9.75


def test_channels_are_interleaved_by_time() -> None:
    left = Track(1, words("How are you today?") + words("That is good to hear.", start=6), ())
    right = Track(2, words("I am very well, thanks.", start=2), ())
    assert texts(left, right) == ["How are you today?", "I am very well, thanks.", "That is good to hear."]


TEXT = st.lists(
    st.sampled_from(["yes", "no.", "Mr.", "refund?", "it's", "$4.50", "and,", "Hello!", "9.30"]), max_size=30
)
GAPS = st.lists(st.floats(0, 5), min_size=30, max_size=30)


@given(text=TEXT, gaps=GAPS)
def test_no_word_is_lost_or_doubled(text: list[str], gaps: list[float]) -> None:
    """Whatever is said with whatever pauses, the messages hold every word once, in order."""
    clock = 0.0
    track: list[Word] = []
    for word, gap in zip(text, gaps, strict=False):
        clock += gap
        track.append(Word(word, clock, clock + 0.2, 1.0))
        clock += 0.2
    found = sorted(sentences(Heard(600.0, (Track(1, tuple(track), ()),))), key=lambda s: s.words[0].start)
    assert [word.text for sentence in found for word in sentence.words] == text
