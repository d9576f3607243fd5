"""The waveform of a recording, as numbers."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.model.waveform import BINS, MAX_BYTES, MAX_DURATION, Peaks, Waveform, may_have_waveform
from tests.factories import NOW, a_conversation

samples = st.lists(st.integers(-32768, 32767), min_size=1, max_size=3000)


def peaks_of(heard: list[int], *, parts: int = 1, promised: int | None = None) -> list[tuple[int, int]]:
    """The pairs of one channel that is heard in so many parts."""
    meter = Peaks(samples=promised or len(heard))
    size = -(-len(heard) // parts)
    for at in range(0, len(heard), size):
        meter.add(heard[at : at + size])
    return Waveform(recording_id="r", channels=1, peaks=meter.packed(), made_at=NOW).of_channel(0)


@given(samples, st.integers(1, 20))
def test_it_does_not_matter_in_which_parts_it_is_heard(heard: list[int], parts: int) -> None:
    """Frames have any length."""
    assert peaks_of(heard, parts=parts) == peaks_of(heard)


@given(samples)
def test_the_loudest_sample_is_seen(heard: list[int]) -> None:
    """600 pairs, each from low to high, none beyond what was heard, and the extremes are among them."""
    pairs = peaks_of(heard)

    assert len(pairs) == BINS
    assert all(low <= 0 <= high for low, high in pairs)
    assert min(low for low, _ in pairs) == min(0, min(heard) >> 8)
    assert max(high for _, high in pairs) == max(0, max(heard) >> 8)


def test_a_sound_stands_at_its_place() -> None:
    """A click in the middle of a silence."""
    heard = [0] * 6000
    heard[3000] = 0x7F00

    assert [number for number, (_, high) in enumerate(peaks_of(heard)) if high] == [300]


@pytest.mark.parametrize("promised", [900, 100_000])
def test_a_length_that_was_promised_wrongly_spoils_nothing(promised: int) -> None:
    """What is too long is cut, what is too short leaves silence."""
    pairs = peaks_of([256] * 1000, promised=promised)

    assert pairs[0] == (0, 1)
    assert (pairs[-1] == (0, 1)) == (promised == 900)


def test_what_nobody_should_wait_for_has_none() -> None:
    """Two hours, or 200 MiB, are the most."""
    short = a_conversation(duration=MAX_DURATION)

    assert may_have_waveform(short)
    assert not may_have_waveform(dataclasses.replace(short, duration=MAX_DURATION + timedelta(seconds=1)))
    assert not may_have_waveform(dataclasses.replace(short, size=MAX_BYTES + 1))
