from hypothesis import given
from hypothesis import strategies as st

from deploy.engine.analysis.heard import Word
from deploy.engine.analysis.recognition import CLAMP_S, clamped, joined


def test_pieces_without_a_space_belong_to_the_word_before() -> None:
    words = joined([(" $4", 1.0, 1.2, 0.9), (".00", 1.2, 1.4, 0.5), (" per", 1.5, 1.6, 0.8), (" case.", 1.6, 1.9, 0.8)])
    assert [word.text for word in words] == ["$4.00", "per", "case."]
    assert (words[0].start, words[0].end, words[0].score) == (1.0, 1.4, 0.5)


def test_a_word_stretched_into_a_pause_is_brought_back() -> None:
    """Whisper begins a word where the pause before it began."""
    [word] = clamped([Word("Hello", 2.0, 6.4, 0.9)], [(0.0, 2.1), (6.0, 9.0)])
    assert (word.start, word.end) == (6.0 - CLAMP_S, 6.4)


def test_without_voice_words_stay_where_they_are() -> None:
    word = Word("Hello", 2.0, 3.0, 0.9)
    assert list(clamped([word], [])) == [word]


TIMES = st.floats(0, 100, allow_nan=False).map(lambda x: round(x, 3))


@given(
    start=TIMES, length=st.floats(0, 30), spans=st.lists(st.tuples(TIMES, st.floats(0.1, 10)), min_size=1, max_size=5)
)
def test_a_clamped_word_has_a_length_and_lies_in_voice(
    start: float, length: float, spans: list[tuple[float, float]]
) -> None:
    speech = [(begin, begin + size) for begin, size in spans]
    [word] = clamped([Word("w", start, start + length, 1.0)], speech)
    assert 0 <= word.start < word.end
    assert any(begin - CLAMP_S - 0.03 <= word.start and word.end <= end + CLAMP_S + 0.03 for begin, end in speech)
