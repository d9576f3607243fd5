"""Voices on one channel told apart: the sample calls' two channels mixed (8 kHz telephony, no recogniser)."""

import contextlib
import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deploy.engine.analysis.audio import RATE, Row, decoded
from deploy.engine.analysis.diarization import _clustered, speaker_turns, told_apart, word_owners
from deploy.engine.analysis.heard import Span, Track, Word
from deploy.engine.analysis.recognition import voice, windows
from deploy.engine.settings import REPOSITORY
from tests.scoring import diarization_error

SAMPLES = REPOSITORY / "samples"
CALLS = (
    "billing-dispute",
    "cancellation-retention",
    "dental-scheduling",
    "internet-outage",
    "office-supply-sales",
    "plumbing-support",
)


class Call:
    """A sample call with its truth, on one channel or by channel."""

    def __init__(self, name: str) -> None:
        self.truth: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())

    @contextlib.contextmanager
    def mix(self, directory: Path) -> Iterator[Row]:
        with self.channels(directory, per_channel=False) as [row]:
            yield row

    @contextlib.contextmanager
    def channels(self, directory: Path, *, per_channel: bool = True) -> Iterator[list[Row]]:
        copy = directory / self.truth["audio"]
        copy.write_bytes((SAMPLES / self.truth["audio"]).read_bytes())
        with decoded(copy, per_channel=per_channel, max_duration_s=600) as rows:
            yield rows

    def error(self, found: list[list[Span]], *, within_s: float = 600) -> float:
        spans: dict[str, list[Span]] = {"agent": [], "customer": []}
        for turn in self.truth["turns"]:
            if turn["start"] < within_s:
                spans[turn["role"]].append((turn["start"], min(turn["end"], within_s)))
        return diarization_error(list(spans.values()), found, self.truth["duration_s"])


class Sound(Row):
    """A channel that is in memory."""

    def __init__(self, samples: "np.ndarray[tuple[int], np.dtype[np.float32]]") -> None:
        self._samples = samples

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, stretch: slice) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
        return self._samples[stretch]


def speech_in(row: Row) -> list[Span]:
    return [span for window in windows(row, voice) for span in window.speech]


@pytest.mark.parametrize("name", CALLS)
def test_the_two_voices_of_a_call_are_told_apart(name: str, tmp_path: Path, measured: Callable[[str], None]) -> None:
    """Diarization error with a collar of 0.25 s, in the first minute, and over the whole call where they overlap."""
    call, length = Call(name), 600 if name == "internet-outage" else 60
    with call.mix(tmp_path) as whole:
        row = Sound(whole[: length * RATE])
    turns = speaker_turns(row, speech_in(row), 2)
    error = call.error(turns, within_s=length)
    assert len(turns) == 2
    assert error <= 0.03
    measured(f"diarization error of {name}, mixed to mono: {error:.1%}")


def test_a_voice_alone_is_one_speaker_and_two_are_no_three(tmp_path: Path) -> None:
    """The number is the most there may be: the same voice is not cut in two where it plainly is the same."""
    call = Call("cancellation-retention")
    with call.channels(tmp_path) as [agent, _]:
        assert len(speaker_turns(agent, speech_in(agent), 2)) == 1
    with call.mix(tmp_path) as row:
        speech = speech_in(row)
        turns = speaker_turns(row, speech, 3)
        assert turns == speaker_turns(row, speech, 3)
    assert len(turns) == 2
    assert call.error(turns) <= 0.03


def test_a_moment_of_voice_is_one_speaker_and_silence_none() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    assert speaker_turns(Sound(noise), [(0.2, 0.25)], 4) == [[(0.2, 0.25)]]
    assert speaker_turns(Sound(noise), [], 4) == []
    assert told_apart(Sound(noise), Track(0, (), ()), 2) == ()


def test_words_without_voice_go_to_whoever_there_is() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    word = Word("Hello.", 0.6, 0.9, 0.4)
    [track] = told_apart(Sound(noise), Track(0, (word,), ((0.1, 0.5),)), 2)
    assert (track.channel, track.words) == (1, (word,))


def test_a_word_goes_with_its_sentence_where_voices_change() -> None:
    """The recogniser ends a sentence too late, by times alone its last word were the other's."""
    words = [
        Word("Thank", 1.0, 1.4, 1.0),
        Word("you.", 1.9, 2.2, 1.0),
        Word("You", 2.2, 2.4, 1.0),
        Word("too.", 2.4, 3.0, 1.0),
    ]
    assert word_owners(words, [[(0.0, 2.0)], [(2.0, 4.0)]]) == [0, 0, 1, 1]
    assert word_owners([], [[(0.0, 2.0)]]) == []


def test_memory_does_not_grow_with_the_square_of_the_speech() -> None:
    """Of 8,000 stretches (about an hour) each pair would be half a gigabyte; two far voices are found all the same."""
    generator = np.random.default_rng(0)
    centres = np.repeat(np.eye(2, 256, dtype=np.float32), 4000, axis=0)
    vectors = centres + generator.normal(0, 0.03, (8000, 256)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    tracemalloc.start()
    found = _clustered(vectors, 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.allclose(np.abs(found @ found.T), np.eye(2), atol=0.05)
    assert peak < 60e6
