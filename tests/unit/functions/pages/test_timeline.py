"""The picture of a call."""

from __future__ import annotations

import dataclasses
import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.model.recording import Role
from functions.pages.timeline import (
    KINDS,
    NARROW_PX,
    TARGET_PX,
    WIDE_PX,
    Band,
    Cluster,
    Mark,
    Span,
    Theme,
    Tick,
    Timeline,
    clusters,
    mood_path,
    overlaps_of,
    ticks,
    timeline_of,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spoken:
    """A turn."""

    start: float = 0.0
    end: float = 1.0
    role: Role = Role.AGENT
    polarity: float | None = None
    tone: str | None = None

    @property
    def name(self) -> str:
        return str(self.role)

    @property
    def link(self) -> str:
        return f"?t={self.start}"


durations = st.floats(0.5, 4 * 3600)
moments = st.floats(-10, 5 * 3600)  # an engine may count beyond the end, or before the beginning
marks = st.lists(st.builds(Mark, kind=st.sampled_from(KINDS), at=moments, words=st.just("x"), link=st.just("?t=0")))


@st.composite
def conversations(draw: st.DrawFn) -> list[Spoken]:
    """Turns in order of time, of anybody, over each other or not."""
    spans = draw(st.lists(st.tuples(moments, st.floats(0, 60)), min_size=1, max_size=30))
    return [
        Spoken(
            start=start,
            end=start + length,
            role=draw(st.sampled_from(Role)),
            polarity=draw(st.none() | st.floats(-1, 1)),
            tone=draw(st.sampled_from([None, "positive", "neutral", "negative"])),
        )
        for start, length in sorted(spans)
    ]


def drawn(turns: list[Spoken], duration: float = 60.0, **given: object) -> Timeline:
    picture = timeline_of(turns, duration=duration, **given)  # type: ignore[arg-type]  # marks and themes
    assert picture
    return picture


@given(conversations(), durations, marks)
def test_nothing_lies_outside(turns: list[Spoken], duration: float, found: list[Mark]) -> None:
    """Whatever an engine says of times, everything is drawn from 0 to 100 %, or 0 to 1000 units."""
    themes = [Theme(text="billing", tone="neutral", turns=tuple(turns))]

    picture = drawn(turns, duration, marks=found, themes=themes)

    spans: list[Span | Band] = [*picture.silences, *picture.overlaps, *picture.bands]
    for span in spans:
        assert 0 <= span.x <= 100
        assert 0 <= span.width <= 100.01
        assert span.x + span.width <= 100.01
    points: list[Cluster | Tick] = [*picture.wide, *picture.narrow, *picture.ticks]
    assert all(0 <= point.x <= 100 for point in points)
    for lane in picture.lanes:
        for _, path in lane.paths:
            for x, width in re.findall(r"M(\d+) 0h(\d+)", path):
                assert 0 < int(width) <= int(x) + int(width) <= 1000
    for x, y in re.findall(r"[ML](\d+) (\d+)", picture.mood):
        assert int(x) <= 1000
        assert int(y) <= 200


@given(marks, durations, st.sampled_from([WIDE_PX, NARROW_PX]))
def test_clusters_lose_nothing_and_keep_the_order(found: list[Mark], duration: float, width: int) -> None:
    """Every mark is in one of them, in order of time, and two of them are a finger apart."""
    ordered = sorted(found, key=lambda mark: mark.at)

    grouped = clusters(ordered, duration, width_px=width)

    assert [mark for cluster in grouped for mark in cluster.marks] == ordered
    for one, other in itertools.pairwise(grouped):
        assert (other.x - one.x) * width / 100 >= TARGET_PX - 0.1


@given(durations)
def test_ticks_are_few_and_round(duration: float) -> None:
    """From the beginning on, evenly, at most eight."""
    found = list(ticks(duration))

    assert found[0].x == 0
    assert len(found) <= 8


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (59, ["0:00", "0:10", "0:20", "0:30", "0:40", "0:50"]),
        (100, ["0:00", "0:15", "0:30", "0:45", "1:00", "1:15", "1:30"]),
        (3700, ["0:00", "10:00", "20:00", "30:00", "40:00", "50:00"]),
        (4 * 3600, ["0:00", "1:00:00", "2:00:00", "3:00:00"]),
    ],
)
def test_ticks_stand_at_human_times(duration: float, expected: list[str]) -> None:
    """Quarters and halves, not sevenths; nothing at the very end, where its words would stick out."""
    assert [tick.text for tick in ticks(duration)] == expected


def test_a_lane_is_coloured_by_mood() -> None:
    """Turns that touch in one colour are one shape."""
    turns = [
        Spoken(start=0, end=6),
        Spoken(start=6, end=12),
        Spoken(start=30, end=36, tone="negative", role=Role.CUSTOMER),
    ]

    agent, customer = drawn(turns).lanes

    assert agent.paths == (("plain", "M0 0h200v1h-200z"),)
    assert customer.paths == (("negative", "M500 0h100v1h-100z"),)


def test_one_speaker_alone_has_an_empty_lane_beside() -> None:
    """That nobody answered is seen; but where no role is known there is one lane, not three."""
    assert [(lane.name, bool(lane.paths)) for lane in drawn([Spoken()]).lanes] == [("Agent", True), ("Customer", False)]
    assert [lane.name for lane in drawn([Spoken(role=Role.OTHER)]).lanes] == ["Others"]


def test_silence_counts_from_anybodys_last_word_to_the_end() -> None:
    """Before the first turn, between turns, and after the last."""
    turns = [Spoken(start=6, end=20), Spoken(start=8, end=9, role=Role.CUSTOMER), Spoken(start=24, end=50)]

    assert [span.words for span in drawn(turns).silences] == ["6 s of silence from 0:00", "10 s of silence from 0:50"]


def test_only_different_voices_overlap() -> None:
    """For as long as both are heard."""
    turns = [Spoken(start=0, end=10), Spoken(start=2, end=4), Spoken(start=8, end=12, role=Role.CUSTOMER)]

    assert list(overlaps_of(turns)) == [(8, 10)]


def test_the_mood_has_no_line_where_nobody_was_heard() -> None:
    """A gap of three bandwidths is a gap; a happy customer is above zero, an angry one below."""
    turns = [Spoken(start=0, end=2, polarity=0.8), Spoken(start=500, end=502, polarity=-0.8)]

    path = mood_path(turns, 600)

    assert path.count("M") == 2
    heights = [int(y) for y in re.findall(r"[ML]\d+ (\d+)", path)]
    assert (heights[0], heights[-1]) == (20, 180)
    assert mood_path([Spoken()], 60) == ""


def test_a_cluster_is_drawn_as_what_matters_most() -> None:
    """A tracker before a question; its words tell of each."""
    found = [
        Mark(kind="question", at=1, words="asked", link="?t=1"),
        Mark(kind="tracker", at=1.5, words="Refund", link=""),
    ]

    (cluster,) = drawn([Spoken()], marks=found).wide

    assert (cluster.kind, cluster.link, cluster.words) == ("tracker", "?t=1", "0:01 asked; 0:01 Refund")


def test_bands_lie_beside_each_other() -> None:
    """The topic with the most turns goes first; a label is there where it fits."""
    turns = [Spoken(start=at, end=at + 5) for at in range(0, 60, 6)]
    long, short = turns[:6], turns[4:5]

    bands = drawn(turns, themes=[Theme(text="rates", tone="neutral", turns=tuple(short)),
                                 Theme(text="billing", tone="neutral", turns=tuple(long))]).bands  # fmt: skip

    assert [(band.text, band.label) for band in bands] == [("billing", "billing")]


def test_silence_is_no_picture() -> None:
    """Without a turn there is nothing to draw."""
    assert timeline_of([], duration=60) is None
