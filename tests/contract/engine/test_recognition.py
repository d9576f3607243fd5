"""The real recogniser on the six sample calls, once for all tests here; skipped where its model cannot be had."""

import dataclasses
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.engine.analysis.heard import Track, Word
from deploy.engine.analysis.vocabulary import with_vocabulary
from deploy.engine.instants import parse_instant
from deploy.engine.settings import REPOSITORY
from tests.contract.engine.stage import Outside, Stage
from tests.local_stack import RealCalls
from tests.scoring import Score, word_errors

SAMPLES = REPOSITORY / "samples"
SIDES = {"agent": 1, "customer": 2}
pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]


@dataclasses.dataclass(frozen=True)
class Call:
    """A call's truth, and what the engine says of it."""

    truth: dict[str, Any]
    answers: dict[str, Any]

    @property
    def turns(self) -> list[dict[str, Any]]:
        turns: list[dict[str, Any]] = self.truth["turns"]
        return turns

    def email(self, turn: dict[str, Any]) -> str:
        email: str = self.truth[turn["role"]]["email"]
        return email

    def turn_of(self, message: dict[str, Any]) -> int:
        """The turn of that speaker that shares most time with the message."""
        start, end = message["timeOffset"], message["timeOffset"] + message["duration"]
        own = [i for i, turn in enumerate(self.turns) if self.email(turn) == message["from"]["email"]]
        return max(own, key=lambda i: min(end, self.turns[i]["end"]) - max(start, self.turns[i]["start"]))

    def messages(self) -> dict[str, dict[str, Any]]:
        return {message["id"]: message for message in self.answers["messages"]["messages"]}

    def turns_of(self, ids: list[str]) -> set[int]:
        return {self.turn_of(self.messages()[id_]) for id_ in ids}

    def score(self, role: str) -> Score:
        email = self.truth[role]["email"]
        said = " ".join(turn["text"] for turn in self.turns if turn["role"] == role)
        heard = " ".join(m["text"] for m in self.messages().values() if m["from"]["email"] == email)
        return word_errors(said, heard)


@pytest.fixture(scope="session")
def calls(real_calls: RealCalls) -> dict[str, Call]:
    """All six calls, as the engine of the running stack answers for them."""
    return {
        name: Call(
            json.loads((SAMPLES / f"{name}.json").read_text()),
            answers(real_calls.engine.get, f"/v1/conversations/{recording['request']['conversation_id']}"),
        )
        for name, recording in real_calls.recordings.items()
    }


def answers(get: Callable[[str], Any], path: str) -> dict[str, Any]:
    kinds = ("messages?verbose=true", "questions", "action-items", "follow-ups", "analytics", "trackers", "summary")
    return {kind.partition("?")[0]: get(f"{path}/{kind}") for kind in kinds}


def analysed(stage: Stage, name: str) -> Call:
    truth = json.loads((SAMPLES / f"{name}.json").read_text())
    stage.outside.files[f"/{name}"] = (SAMPLES / truth["audio"]).read_bytes()
    conversation_id, job_id = stage.submit(
        stage.outside.url(f"/{name}"),
        startTime=truth["started_at"],
        enableSeparateRecognitionPerChannel=True,
        channelMetadata=[{"channel": SIDES[role], "speaker": truth[role]} for role in SIDES],
        trackers=json.loads((SAMPLES / "trackers.json").read_text())["trackers"],
        detectEntities=True,
        confidenceThreshold=0.6,
    )
    stage.engine.run_pending()
    assert stage.status(job_id) == "completed"
    return Call(truth, answers(stage.get, f"/v1/conversations/{conversation_id}"))


def test_word_errors_stay_under_five_percent(calls: dict[str, Call]) -> None:
    """The mean over both channels of all calls; synthetic speech, so this says nothing about real callers."""
    scores = {(name, role): call.score(role) for name, call in calls.items() for role in SIDES}
    assert statistics.mean(score.rate for score in scores.values()) <= 0.05
    assert max(score.rate for score in scores.values()) <= 0.10


def test_messages_lie_within_a_second_of_their_turns(calls: dict[str, Call]) -> None:
    """First and last message of each turn; the median is far better."""
    errors = []
    for call in calls.values():
        for index, turn in enumerate(call.turns):
            own = [message for message in call.messages().values() if call.turn_of(message) == index]
            assert own, f"nothing was heard of {turn['text']}"
            errors.append(abs(min(m["timeOffset"] for m in own) - turn["start"]))
            errors.append(abs(max(m["timeOffset"] + m["duration"] for m in own) - turn["end"]))
    assert statistics.median(errors) <= 0.25
    assert statistics.quantiles(errors, n=20)[-1] <= 1.0


def test_talk_time_is_within_seven_percent(calls: dict[str, Call]) -> None:
    for call in calls.values():
        for member in call.answers["analytics"]["members"]:
            truth = sum(turn["end"] - turn["start"] for turn in call.turns if call.email(turn) == member["userId"])
            assert member["talkTime"]["seconds"] == pytest.approx(truth, rel=0.07)


def test_overlap_is_found_where_they_talk_over_each_other(calls: dict[str, Call]) -> None:
    for call in calls.values():
        truth = sum(overlap["end"] - overlap["start"] for overlap in call.truth["expected"]["overlaps"])
        overlap = call.answers["analytics"]["metrics"][2]
        assert overlap["type"] == "total_overlap"
        assert overlap["seconds"] == pytest.approx(truth, abs=0.3)


def test_trackers_are_found_in_exactly_the_expected_turns(calls: dict[str, Call]) -> None:
    for call in calls.values():
        found = {
            tracker["name"]: sorted(
                call.turns_of([ref["id"] for match in tracker["matches"] for ref in match["messageRefs"]])
            )
            for tracker in call.answers["trackers"]
        }
        assert found == call.truth["expected"]["trackers"]


def test_nine_questions_in_ten_are_found_and_right(calls: dict[str, Call]) -> None:
    found = {
        (n, t)
        for n, c in calls.items()
        for q in c.answers["questions"]["questions"]
        for t in c.turns_of(q["messageIds"])
    }
    truth = {(name, turn) for name, call in calls.items() for turn in call.truth["expected"]["questions"]}
    assert len(found & truth) / len(found) >= 0.9
    assert len(found & truth) / len(truth) >= 0.9


def test_tasks_have_their_turn_owner_and_date(calls: dict[str, Call]) -> None:
    """Action items and follow-ups together; a date counts by its day in the call's zone."""
    found, truth = set(), set()
    for name, call in calls.items():
        roles = {call.truth[role]["email"]: role for role in SIDES}
        zone = parse_instant(call.truth["started_at"]).tzinfo
        for kind, key in (("action-items", "actionItems"), ("follow-ups", "followUps")):
            for item in call.answers[kind][key]:
                by = roles.get(item["assignee"].get("email"), "other")
                due = parse_instant(item["dueBy"]).astimezone(zone).date().isoformat() if "dueBy" in item else None
                found |= {(name, kind, turn, by, due) for turn in call.turns_of(item["messageIds"])}
            expected = call.truth["expected"][kind.replace("-", "_")]
            truth |= {(name, kind, item["turn"], item["by"], item["due"]) for item in expected}
    assert len(found & truth) / len(found) >= 0.85
    assert len(found & truth) / len(truth) >= 0.85


def test_the_same_audio_gives_the_same_words_and_times(calls: dict[str, Call], tmp_path: Path) -> None:
    outside = Outside()
    stage = Stage(tmp_path, outside, analyzer="whisper", threads=1)
    again = analysed(stage, "cancellation-retention")
    stage.engine.stop()
    outside.close()

    def plain(call: Call) -> list[tuple[Any, ...]]:
        return [
            (m["text"], m["timeOffset"], [(w["timeOffset"], w["score"]) for w in m["words"]])
            for m in call.messages().values()
        ]

    assert plain(again) == plain(calls["cancellation-retention"])


def test_a_vocabulary_of_names_puts_more_of_them_right_and_no_word_wrong(calls: dict[str, Call]) -> None:
    """On the words that the recogniser heard, with its own confidence; the vocabulary is the call's names."""
    errors = {False: 0, True: 0}
    names = {False: 0, True: 0}
    for call in calls.values():
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
