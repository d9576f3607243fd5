from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.model.intelligence import ResultsState, Sentiment
from common.model.lifecycle import JobStatus
from functions.pages.words import (
    age,
    counted,
    label,
    length,
    moment,
    mood,
    mood_over,
    plural,
    signed,
    status_of,
    step_of,
    zone,
)
from tests.factories import a_job

MINUS = "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("score", "text"),
    [(0.5, "+0.50"), (-0.5, f"{MINUS}0.50"), (0.0, "0.00"), (0.004, "0.00"), (-0.004, "0.00"), (1, "+1.00")],
)
def test_a_number_has_its_sign(score: float, text: str) -> None:
    """A true minus, a plus, and neither for nothing."""
    assert signed(score) == text


@given(st.floats(-1, 1))
def test_a_moods_mark_never_contradicts_its_number(score: float) -> None:
    """▲ only above zero, ▼ only below, ● in between."""
    shown = mood(score)

    assert shown.mark == {"positive": "▲", "neutral": "●", "negative": "▼"}[shown.tone]
    assert (shown.tone == "positive") == (score >= 0.3)
    assert (shown.tone == "negative") == (score <= -0.3)


def test_a_mean_leaves_out_what_was_not_judged() -> None:
    """Turns without sentiment count neither way; none at all is no mood, not a neutral one."""
    assert mood_over([Sentiment(score=0.8, label="positive"), None, Sentiment(score=0.0, label="neutral")]) == mood(
        0.39
    )
    assert mood_over([None]) is None


@pytest.mark.parametrize(
    ("offset", "name"),
    [(0, "UTC"), (-240, f"UTC{MINUS}4"), (330, "UTC+5:30"), (-210, f"UTC{MINUS}3:30"), (840, "UTC+14")],
)
def test_a_zone_is_its_distance_from_utc(offset: int, name: str) -> None:
    """Hours, and minutes where there are any."""
    assert zone(offset) == name


def test_a_moment_is_told_in_its_own_zone_and_meant_in_utc() -> None:
    """The wall clock of the call for people, UTC for machines."""
    shown = moment(datetime(2026, 3, 1, 2, 5, 9, tzinfo=UTC), -240)

    assert (shown.day, shown.hour, shown.second) == ("28 Feb 2026", "22:05", "22:05:09")
    assert shown.machine == "2026-03-01T02:05:09.000Z"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3600, "1:00:00")])
def test_a_length_has_hours_only_from_an_hour_on(seconds: float, text: str) -> None:
    """m:ss, then h:mm:ss."""
    assert length(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize("status", list(JobStatus))
def test_every_status_has_words(status: JobStatus) -> None:
    """In the list and in the history; only what may still change is called working."""
    job = a_job(status)

    assert status_of(job).text
    assert step_of(status)
    assert status_of(job).is_working == (status is not JobStatus.FAILED)


@pytest.mark.parametrize("state", list(ResultsState))
def test_a_completed_call_is_as_ready_as_its_results(state: ResultsState) -> None:
    """The engine being done is not the end: results are."""
    status = status_of(dataclasses.replace(a_job(JobStatus.COMPLETED), results=state))

    assert status.is_working == (state in {ResultsState.WAITING, ResultsState.PARTIAL})


def test_counts_and_names_read_as_words() -> None:
    """One turn, two turns, no turns; machine names with a capital and spaces."""
    assert [plural(n, "turn") for n in (0, 1, 2)] == ["no turns", "1 turn", "2 turns"]
    assert label("PERSON_NAME") == "Person name"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (7_500, "2 h 5 min"),
        (86_400, "1 d"),
        (100_000, "1 d 3 h"),
    ],
)
def test_an_age_has_two_units_at_most(seconds: float, text: str) -> None:
    """The largest that fits, and the one below it where there is any of it."""
    assert age(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0"), (999, "999"), (1000, "1\N{NARROW NO-BREAK SPACE}000+")])
def test_a_count_that_reached_its_limit_has_a_plus(count: int, text: str) -> None:
    """Below the limit it is exact."""
    assert counted(count, up_to=1000) == text
