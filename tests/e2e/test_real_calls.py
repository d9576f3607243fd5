"""The main job on real input: six calls go in, what comes out of the API is scored against their ground truth.

About a minute: the real recogniser listens to nine minutes of speech on both cores, once for all tests.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deploy.local.samples import CALLS
from tests.local_stack import ROOT, RealCalls
from tests.scoring import Score, word_errors

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

MAX_MEAN_WER = 0.05
MAX_MEDIAN_START_ERROR_S = 1.0
MAX_TALK_TIME_ERROR = 0.07
SIDES = {"left": 1, "right": 2}


@pytest.fixture(scope="module")
def transcripts(real_calls: RealCalls) -> dict[str, list[dict[str, Any]]]:
    """The turns of each call, as the API gives them."""
    return {name: real_calls.transcript(name) for name in CALLS}


def truth(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(ROOT) / "samples" / f"{name}.json").read_text())
    return found


def said(turns: list[dict[str, Any]], channel: int) -> str:
    return " ".join(turn["text"] for turn in turns if turn["channel"] == channel)


def test_every_call_is_completed_with_all_its_results(real_calls: RealCalls) -> None:
    """Nothing is missing, nothing is waiting, and each was submitted once."""
    recordings = real_calls.recordings
    assert sorted(recordings) == sorted(CALLS)
    for recording in recordings.values():
        assert recording["request"]["status"] == "completed"
        assert recording["request"]["attempts"] == 1
        assert recording["results"]["state"] == "complete"
        for section in ("messages", "topics", "questions", "entities", "summary"):
            assert recording["results"][section], f"{recording['file_name']}: no {section}"
        assert recording["results"]["analytics"]["members"]


def test_the_words_are_right(transcripts: dict[str, list[dict[str, Any]]], measured: Callable[[str], None]) -> None:
    """Mean word error rate over both channels of the six calls is at most 5 %."""
    scores: dict[tuple[str, int], Score] = {}
    for name in CALLS:
        for side, channel in SIDES.items():
            true = " ".join(turn["text"] for turn in truth(name)["turns"] if turn["channel"] == side)
            scores[name, channel] = word_errors(true, said(transcripts[name], channel))
    mean = statistics.mean(score.rate for score in scores.values())
    rates = [f"{name:24}{scores[name, 1].rate:7.1%}{scores[name, 2].rate:10.1%}" for name in CALLS]
    measured("\n".join(["Word error rate           agent  customer", *rates, f"{'mean':24}{mean:7.1%}"]))
    assert mean <= MAX_MEAN_WER


def test_speakers_carry_the_names_and_addresses_of_the_metadata(
    transcripts: dict[str, list[dict[str, Any]]],
) -> None:
    """Every turn has the name, e-mail, role and channel of the person on that channel."""
    for name in CALLS:
        true = truth(name)
        people = {
            (SIDES[turn["channel"]], true[turn["role"]]["name"], true[turn["role"]]["email"], turn["role"])
            for turn in true["turns"]
        }
        heard = {
            (turn["channel"], turn["speaker"]["name"], turn["speaker"]["email"], turn["speaker"]["role"])
            for turn in transcripts[name]
        }
        assert heard == people


def test_turns_begin_when_they_begin(
    transcripts: dict[str, list[dict[str, Any]]], measured: Callable[[str], None]
) -> None:
    """The median distance from a true turn's start to the nearest start of the same speaker is at most 1 s."""
    errors = []
    for name in CALLS:
        for turn in truth(name)["turns"]:
            starts = [t["start"] for t in transcripts[name] if t["channel"] == SIDES[turn["channel"]]]
            errors.append(min(abs(start - turn["start"]) for start in starts))
    median = statistics.median(errors)
    measured(f"Start of turns: median error {median:.2f} s over {len(errors)} turns, worst {max(errors):.1f} s")
    assert median <= MAX_MEDIAN_START_ERROR_S


def test_talk_time_is_right(real_calls: RealCalls, measured: Callable[[str], None]) -> None:
    """Talk time per speaker is within 7 % of the truth."""
    recordings = real_calls.recordings
    worst = 0.0
    for name in CALLS:
        true = truth(name)
        members = {m["member"]["email"]: m["talk_seconds"] for m in recordings[name]["results"]["analytics"]["members"]}
        for role in ("agent", "customer"):
            seconds = sum(turn["end"] - turn["start"] for turn in true["turns"] if turn["role"] == role)
            error = members[true[role]["email"]] / seconds - 1
            worst = max(worst, abs(error))
            assert abs(error) <= MAX_TALK_TIME_ERROR, f"{name}, {role}: {error:+.1%}"
    measured(f"Talk time: worst error {worst:.1%}")


def test_trackers_are_found_in_exactly_the_turns_that_say_them(
    real_calls: RealCalls,
) -> None:
    """Every expected tracker of every call, and no other."""
    recordings = real_calls.recordings
    for name in CALLS:
        found = {tracker["name"] for tracker in recordings[name]["results"]["trackers"]}
        assert found == set(truth(name)["expected"]["trackers"]), name
