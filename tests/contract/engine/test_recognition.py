"""The real recogniser on the six sample calls, once for all tests here; skipped where its model cannot be had."""

import statistics
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.engine.analysis.heard import Track, Word
from deploy.engine.analysis.vocabulary import with_vocabulary
from tests.call_quality import SAMPLES, SIDES, Call, Quality, answers, submission, truth
from tests.contract.engine.stage import Outside, Stage
from tests.local_stack import RealCalls
from tests.scoring import word_errors

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]
EXCERPT_S = 14


@pytest.fixture(scope="session")
def quality(real_calls: RealCalls) -> Quality:
    """All six calls, as the engine of the running stack answers for them."""
    return Quality(
        {
            name: Call(
                truth(name),
                answers(real_calls.engine.get, f"/v1/conversations/{recording['request']['conversation_id']}"),
            )
            for name, recording in real_calls.recordings.items()
        }
    )


def test_word_errors_stay_under_five_percent(quality: Quality, measured: Callable[[str], None]) -> None:
    """The mean over both channels of all calls; synthetic speech, so this says nothing about real callers."""
    measured(quality.table())
    assert quality.mean_word_error_rate <= 0.05
    assert max(max(rates) for rates in quality.word_error_rates.values()) <= 0.10


def test_messages_lie_within_a_second_of_their_turns(quality: Quality) -> None:
    """First and last message of each turn; the median is far better."""
    assert statistics.median(quality.edge_errors) <= 0.25
    assert statistics.quantiles(quality.edge_errors, n=20)[-1] <= 1.0


def test_talk_time_is_within_seven_percent(quality: Quality) -> None:
    assert quality.worst_talk_error <= 0.07


def test_overlap_is_found_where_they_talk_over_each_other(quality: Quality) -> None:
    assert quality.worst_overlap_error_s <= 0.4


def test_trackers_are_found_in_exactly_the_expected_turns(quality: Quality) -> None:
    for call in quality.calls.values():
        found, true = call.trackers()
        assert found == true


def test_nine_questions_in_ten_are_found_and_right(quality: Quality) -> None:
    assert quality.questions.precision >= 0.9
    assert quality.questions.recall >= 0.9


@pytest.mark.parametrize("kind", ["action-items", "follow-ups"])
def test_tasks_have_their_turn_owner_and_date(quality: Quality, kind: str) -> None:
    """A date counts by its day in the call's zone."""
    assert quality.tasks(kind).f1 >= 0.85


def test_the_customers_mood_is_right_in_every_call(quality: Quality) -> None:
    found = {name: call.mood() for name, call in quality.calls.items()}
    assert found == {name: call.truth["expected"]["sentiment_of_customer"] for name, call in quality.calls.items()}


def test_the_disclosure_is_heard_in_time_where_it_is_said_and_nowhere_else(quality: Quality) -> None:
    found = {name: call.disclosure_is_right() for name, call in quality.calls.items()}
    assert found == dict.fromkeys(quality.calls, True)
    assert {call.disclosed_at_s() is None for call in quality.calls.values()} == {True, False}


def test_words_lie_in_the_voice_that_carries_them(quality: Quality) -> None:
    """In order, with a length, and none in the 15 s on hold."""
    for name, call in quality.calls.items():
        for email in (call.truth[role]["email"] for role in SIDES):
            said = [m for m in call.messages().values() if m["from"]["email"] == email]
            words = [word for message in said for word in message["words"]]
            assert all(word["duration"] > 0 for word in words), name
            starts = [word["timeOffset"] for word in words]
            assert starts == sorted(starts), name
            for silence in call.truth["expected"]["silences_over_5s"]:
                within = [w for w in words if silence["start"] + 0.5 < w["timeOffset"] < silence["end"] - 0.5]
                assert within == [], name


def test_a_vocabulary_of_names_puts_more_of_them_right_and_no_word_wrong(quality: Quality) -> None:
    """On the words that the recogniser heard, with its own confidence; the vocabulary is the call's names."""
    errors = {False: 0, True: 0}
    names = {False: 0, True: 0}
    for call in quality.calls.values():
        people = [call.truth[role]["name"] for role in SIDES]
        vocabulary = [*people, *(part for name in people for part in name.split()), call.truth["company"]]
        for role, channel in SIDES.items():
            said = " ".join(turn["text"] for turn in call.turns if turn["role"] == role)
            heard = [
                Word(word["word"], word["timeOffset"], word["timeOffset"] + word["duration"], word["score"])
                for message in call.messages().values()
                if message["from"]["email"] == call.truth[role]["email"]
                for word in message["words"]
            ]
            for given in (False, True):
                [track] = with_vocabulary([Track(channel, tuple(heard), ())], vocabulary if given else [])
                text = " ".join(word.text for word in track.words)
                errors[given] += word_errors(said, text).errors
                names[given] += sum(min(said.count(part), text.count(part)) for part in set(vocabulary))
    assert errors[True] < errors[False]
    assert names[True] > names[False]


@pytest.fixture
def excerpt(tmp_path: Path) -> Path:
    """The beginning of a call with the disclosure in it."""
    target = tmp_path / "excerpt.wav"
    with wave.open(str(SAMPLES / "cancellation-retention.wav")) as whole, wave.open(str(target), "wb") as part:
        part.setparams(whole.getparams())
        part.writeframes(whole.readframes(EXCERPT_S * whole.getframerate()))
    return target


@pytest.fixture
def outside() -> Iterator[Outside]:
    server = Outside()
    yield server
    server.close()


def test_the_same_audio_gives_the_same_answers(
    real_calls: RealCalls, excerpt: Path, outside: Outside, tmp_path: Path
) -> None:
    """Whatever the number of threads: every answer alike but for ids, which follow from the conversation's."""
    del real_calls  # where it is skipped, so is this
    outside.files["/excerpt"] = excerpt.read_bytes()
    found = []
    for threads in (1, 2):
        home = tmp_path / str(threads)
        home.mkdir()
        stage = Stage(home, outside, analyzer="whisper", threads=threads)
        conversation, job = stage.submit(outside.url("/excerpt"), **submission(truth("cancellation-retention")))
        stage.engine.run_pending()
        assert stage.status(job) == "completed"
        details = stage.get(f"/v1/job/{job}/details")
        found.append(
            (without_ids(answers(stage.get, f"/v1/conversations/{conversation}")), details["provenance"]["engine"])
        )
        stage.engine.stop()
    assert found[0] == found[1]
    assert found[0][0]["messages"]["messages"]
    assert found[0][1].startswith("local-whisper-tiny.en@1a5afae06a4d")


def without_ids(answer: Any) -> Any:
    """An answer with each id replaced by the order in which it came up, so that references still count."""
    seen: dict[str, int] = {}

    def plain(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: plain(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [plain(inner, key) for inner in value]
        return seen.setdefault(value, len(seen)) if key in {"id", "messageIds", "conversationId"} else value

    return plain(answer)
