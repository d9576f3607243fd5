"""The main job on real input: six calls go in, what comes out of the API is scored against their ground truth.

About a minute: the real recogniser listens to nine minutes of speech on both cores, once for all tests.
"""

from __future__ import annotations

import io
import json
import statistics
import time
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from common.model.search.words import words_of
from deploy.local.samples import CALLS, sample_calls
from tests.local_stack import PATIENCE_S, ROOT, RealCalls
from tests.scoring import Score, word_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

FOUND_WITHIN_S = 5.0
FEW_SECONDS = 12
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


def test_a_call_is_found_five_seconds_after_it_is_completed_and_not_after_it_is_deleted(
    real_calls: RealCalls, measured: Callable[[str], None]
) -> None:
    """By every word, turn and speaker in its transcript, by its trackers and by each facet that it has values of.

    The first words of a sample call, as a call of its own.
    """
    id_ = add_clip(real_calls.url, "cancellation-retention", seconds=FEW_SECONDS)
    completed_at = when(lambda: recording(real_calls.url, id_)["request"]["status"] == "completed")
    found_at = when(lambda: finds(real_calls.url, "external_id:clip has:transcript") == [id_])
    measured(f"Found {found_at - completed_at:.1f} s after it was completed")
    assert found_at - completed_at <= FOUND_WITHIN_S

    held = list(everything_said_of(real_calls.url, id_))
    assert len(held) > 20
    for text in held:
        assert finds(real_calls.url, f"external_id:clip {text}") == [id_], text

    requests.delete(f"{real_calls.url}/api/v1/recordings/{id_}?reason=a+test", timeout=30).raise_for_status()
    assert finds(real_calls.url, "external_id:clip") == []
    assert not any(finds(real_calls.url, f"{text} external_id:clip") for text in held[:3])


def add_clip(url: str, name: str, *, seconds: float) -> str:
    call = next(call for call in sample_calls() if call.audio.stem == name)
    clip = io.BytesIO()
    with wave.open(str(call.audio)) as whole, wave.open(clip, "wb") as part:
        part.setparams(whole.getparams())
        part.writeframes(whole.readframes(int(seconds * whole.getframerate())))
    answer = requests.post(
        f"{url}/api/v1/recordings",
        files={"audio": ("clip.wav", clip.getvalue())},
        data={"metadata": json.dumps(call.metadata | {"external_id": "clip"})},
        timeout=30,
    )
    answer.raise_for_status()
    return str(answer.json()["id"])


def recording(url: str, id_: str) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(f"{url}/api/v1/recordings/{id_}", timeout=30).json()
    return found


def finds(url: str, filter_: str) -> list[str]:
    answer = requests.get(f"{url}/api/v1/recordings", params={"filter": filter_}, timeout=30)
    answer.raise_for_status()
    return [found["id"] for found in answer.json()["recordings"]]


def everything_said_of(url: str, id_: str) -> Iterator[str]:
    """A filter for each different word, for each turn by whoever says it, and for each value."""
    found = recording(url, id_)
    turns = requests.get(f"{url}/api/v1/recordings/{id_}/transcript", timeout=30).json()["turns"]
    yield from sorted({word for turn in turns for word in words_of(turn["text"])})
    for turn in turns:
        yield f'by:{turn["speaker"]["role"]} "{" ".join(words_of(turn["text"]))}"'
        yield f'agent:"{turn["speaker"]["name"]}" OR customer:"{turn["speaker"]["email"]}"'
    yield from (f'tracker:"{tracker["name"]}"' for tracker in found["results"]["trackers"])
    yield from (f'topic:"{topic["text"]}"' for topic in found["results"]["topics"])
    yield f'company:"{found["company"]}" direction:{found["direction"]} language:{found["language_code"]}'
    yield f"is:completed length>={FEW_SECONDS - 1}s length<{FEW_SECONDS + 1}s"


def when(is_so: Callable[[], bool]) -> float:
    """The moment from which on it is so, by the clock that only moves on."""
    give_up_at = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)
    return time.monotonic()
