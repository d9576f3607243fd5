from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.engine.analysis.audio import RATE, Row
from deploy.engine.analysis.heard import Span, Word
from deploy.engine.analysis.recognition import CLAMP_S, WINDOW_S, clamped, joined, windows


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


class Clock(Row):
    """A channel of that many seconds whose samples are the time, so that nothing has to lie on a disk."""

    def __init__(self, seconds: float, speech: list[Span]) -> None:
        self._length = round(seconds * RATE)
        self.speech = speech

    def __getitem__(self, stretch: slice) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
        start, stop, _ = stretch.indices(self._length)
        return np.broadcast_to(np.float32(start / RATE), (stop - start,))

    def voice_in(self, samples: "np.ndarray[tuple[int], np.dtype[np.float32]]") -> tuple[Span, ...]:
        begin, length = float(samples[0]), len(samples) / RATE
        inside = ((max(s - begin, 0.0), min(e - begin, length)) for s, e in self.speech)
        return tuple((s, e) for s, e in inside if s < e)


@settings(max_examples=30)
@given(
    seconds=st.floats(1, 3 * WINDOW_S),
    talk=st.lists(st.tuples(st.floats(1, 300), st.floats(0.5, 90)), max_size=12),
)
def test_windows_tile_a_channel_and_lose_no_voice(seconds: float, talk: list[tuple[float, float]]) -> None:
    """None is longer than may be in memory at once, each begins where the one before it ended."""
    speech, at = [], 0.0
    for length, pause in talk:
        speech.append((at, at + length))
        at += length + pause
    row = Clock(seconds, [(s, min(e, seconds)) for s, e in speech if s < seconds])
    found = list(windows(row, row.voice_in))
    ends = [window.start + len(window.samples) / RATE for window in found]
    assert max(len(window.samples) for window in found) <= WINDOW_S * RATE
    assert [window.start for window in found[1:]] == pytest.approx(ends[:-1])
    assert ends[-1] == pytest.approx(len(row) / RATE)
    heard = sum(e - s for window in found for s, e in window.speech)
    assert heard == pytest.approx(sum(e - s for s, e in row.speech), abs=0.1)
    for window, end in zip(found, ends, strict=True):
        assert all(window.start <= s + 0.001 and s <= e <= end + 0.001 for s, e in window.speech)


def test_a_window_ends_in_the_longest_pause_of_its_last_part() -> None:
    row = Clock(900, [(0.0, 500.0), (501.0, 540.0), (544.0, 590.0), (591.0, 900.0)])
    assert [window.start for window in windows(row, row.voice_in)] == [0.0, 542.0]


def test_where_nobody_pauses_a_window_is_as_long_as_it_may_be() -> None:
    row = Clock(700, [(0.0, 700.0)])
    assert [window.start for window in windows(row, row.voice_in)] == [0.0, WINDOW_S]


def test_a_row_gives_the_stretch_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "row"
    np.array([0, 16384, -32768, 32767], dtype=np.int16).tofile(path)
    row = Row(path)
    assert len(row) == 4
    assert list(row[1:3]) == [0.5, -1.0]
    assert list(row[3:9]) == [pytest.approx(1.0, abs=1e-4)]
