"""What an engine says of the sample calls, scored against their ground truth (samples/README.md has its terms)."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from common.model.intelligence import Sentiment
from common.model.recording import Role
from common.model.search.document import mood, polarity_of
from common.model.transcript import Turn
from deploy.engine.instants import parse_instant
from deploy.engine.settings import REPOSITORY
from tests.found import Found
from tests.scoring import Score, word_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SAMPLES = REPOSITORY / "samples"
SIDES = {"agent": 1, "customer": 2}
DISCLOSURE = "Recording Disclosure"
_READS = (
    "messages?verbose=true&sentiment=true", "questions", "action-items", "follow-ups",
    "topics?sentiment=true&parentRefs=true", "entities", "analytics", "trackers", "summary",
)  # fmt: skip
_TASKS = {"action-items": ("actionItems", "action_items"), "follow-ups": ("followUps", "follow_ups")}


def truth(name: str) -> dict[str, Any]:
    """What is really in the sample call of that name."""
    found: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    return found


def answers(get: Callable[[str], Any], path: str) -> dict[str, Any]:
    """All that the engine says of the conversation at *path*."""
    return {read.partition("?")[0]: get(f"{path}/{read}") for read in _READS}


def submission(call: Mapping[str, Any]) -> dict[str, Any]:
    """How a sample call is sent in."""
    return {
        "startTime": call["started_at"],
        "enableSeparateRecognitionPerChannel": True,
        "channelMetadata": [{"channel": SIDES[role], "speaker": call[role]} for role in SIDES],
        "trackers": json.loads((SAMPLES / "trackers.json").read_text())["trackers"],
        "detectEntities": True,
        "confidenceThreshold": 0.6,
    }


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

    def turns_of(self, ids: Iterable[str]) -> set[int]:
        return {self.turn_of(self.messages()[id_]) for id_ in ids}

    def word_errors(self, role: str) -> Score:
        email = self.truth[role]["email"]
        said = " ".join(turn["text"] for turn in self.turns if turn["role"] == role)
        heard = " ".join(m["text"] for m in self.messages().values() if m["from"]["email"] == email)
        return word_errors(said, heard)

    def edge_errors(self) -> list[float]:
        """How far the first and the last message of each turn lie from its edges, in seconds."""
        errors = []
        for index, turn in enumerate(self.turns):
            own = [message for message in self.messages().values() if self.turn_of(message) == index]
            assert own, f"nothing was heard of {turn['text']}"
            errors.append(abs(min(m["timeOffset"] for m in own) - turn["start"]))
            errors.append(abs(max(m["timeOffset"] + m["duration"] for m in own) - turn["end"]))
        return errors

    def talk_error(self) -> float:
        """The worse speaker's talk time against the truth, as a share of it."""

        def error(member: dict[str, Any]) -> float:
            true = sum(turn["end"] - turn["start"] for turn in self.turns if self.email(turn) == member["userId"])
            return float(abs(member["talkTime"]["seconds"] / true - 1))

        return max(error(member) for member in self.answers["analytics"]["members"])

    def overlap_error_s(self) -> float:
        """How many seconds of overlap are too many or too few."""
        true = sum(overlap["end"] - overlap["start"] for overlap in self.truth["expected"]["overlaps"])
        metric = self.answers["analytics"]["metrics"][2]
        assert metric["type"] == "total_overlap"
        return float(abs(metric["seconds"] - true))

    def questions(self) -> tuple[set[int], set[int]]:
        """The turns in which questions were found, and those with one."""
        found = self.turns_of(
            id_ for question in self.answers["questions"]["questions"] for id_ in question["messageIds"]
        )
        return found, set(self.truth["expected"]["questions"])

    def tasks(self, kind: str) -> tuple[set[tuple[Any, ...]], set[tuple[Any, ...]]]:
        """What was found and what there is, each as turn, owner and day in the call's zone."""
        key, expected = _TASKS[kind]
        roles = {self.truth[role]["email"]: role for role in SIDES}
        zone = parse_instant(self.truth["started_at"]).tzinfo
        found = set()
        for item in self.answers[kind][key]:
            by = roles.get(item["assignee"].get("email"), "other")
            due = parse_instant(item["dueBy"]).astimezone(zone).date().isoformat() if "dueBy" in item else None
            found |= {(turn, by, due) for turn in self.turns_of(item["messageIds"])}
        return found, {(item["turn"], item["by"], item["due"]) for item in self.truth["expected"][expected]}

    def trackers(self) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
        """Where trackers were found, and where they are."""
        found = {
            (tracker["name"], turn)
            for tracker in self.answers["trackers"]
            for match in tracker["matches"]
            for turn in self.turns_of(ref["id"] for ref in match["messageRefs"])
        }
        return found, {(name, turn) for name, turns in self.truth["expected"]["trackers"].items() for turn in turns}

    def disclosed_at_s(self) -> float | None:
        """When the recording disclosure begins, None where none was heard."""
        ids = [
            ref["id"]
            for tracker in self.answers["trackers"] if tracker["name"] == DISCLOSURE
            for match in tracker["matches"]
            for ref in match["messageRefs"]
        ]  # fmt: skip
        return min((self.messages()[id_]["timeOffset"] for id_ in ids), default=None)

    def disclosure_is_right(self) -> bool:
        """It is heard before the second by which it was said; where it never was, it is not heard."""
        latest, heard = self.truth["expected"]["disclosure_before_s"], self.disclosed_at_s()
        return heard is None if latest is None else heard is not None and heard < latest

    def mood(self) -> str | None:
        """The customer's, over the whole call, as the pipeline judges it from the engine's sentences."""
        return mood(polarity_of(self._turn(message) for message in self.messages().values()))

    def _turn(self, message: dict[str, Any]) -> Turn:
        who = message["from"]["email"]
        role = Role.CUSTOMER if who == self.truth["customer"]["email"] else Role.AGENT
        sentiment = message["sentiment"]
        return Turn(
            message_id=message["id"], name=message["from"]["name"], email=who, role=role, channel=None,
            start=message["timeOffset"], end=message["timeOffset"] + message["duration"], text=message["text"],
            sentiment=Sentiment(score=sentiment["polarity"]["score"], label=sentiment["suggested"]),
        )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Quality:
    """All calls together."""

    calls: Mapping[str, Call]

    @property
    def word_error_rates(self) -> dict[str, tuple[float, float]]:
        """By call: the agent's and the customer's."""
        return {
            name: (call.word_errors("agent").rate, call.word_errors("customer").rate)
            for name, call in self.calls.items()
        }

    @property
    def mean_word_error_rate(self) -> float:
        return statistics.mean(rate for rates in self.word_error_rates.values() for rate in rates)

    @property
    def edge_errors(self) -> list[float]:
        return [error for call in self.calls.values() for error in call.edge_errors()]

    @property
    def worst_talk_error(self) -> float:
        return max(call.talk_error() for call in self.calls.values())

    @property
    def worst_overlap_error_s(self) -> float:
        return max(call.overlap_error_s() for call in self.calls.values())

    @property
    def questions(self) -> Found:
        return Found.of(call.questions() for call in self.calls.values())

    def tasks(self, kind: str) -> Found:
        return Found.of(call.tasks(kind) for call in self.calls.values())

    @property
    def trackers(self) -> Found:
        return Found.of(call.trackers() for call in self.calls.values())

    def table(self) -> str:
        """For people, as Markdown."""
        edges = self.edge_errors
        moods = sum(call.mood() == call.truth["expected"]["sentiment_of_customer"] for call in self.calls.values())
        disclosures = sum(call.disclosure_is_right() for call in self.calls.values())
        late = statistics.quantiles(edges, n=20)[-1]
        rows = [
            ("word error rate, mean of all channels", f"{self.mean_word_error_rate:.1%}"),
            ("the worst channel", f"{max(max(rates) for rates in self.word_error_rates.values()):.1%}"),
            ("edges of turns, median and 95th percentile", f"{statistics.median(edges):.2f} s, {late:.2f} s"),
            ("talk time of a speaker, worst", f"{self.worst_talk_error:.1%}"),
            ("overlap of a call, worst", f"{self.worst_overlap_error_s:.2f} s"),
            ("questions, precision and recall", f"{self.questions.precision:.2f}, {self.questions.recall:.2f}"),
            ("action items with owner and day, F1", f"{self.tasks('action-items').f1:.2f}"),
            ("follow-ups with owner and day, F1", f"{self.tasks('follow-ups').f1:.2f}"),
            ("trackers by turn, F1", f"{self.trackers.f1:.2f}"),
            ("customer's mood right", f"{moods} of {len(self.calls)}"),
            ("recording disclosure right", f"{disclosures} of {len(self.calls)}"),
        ]  # fmt: skip
        return "\n".join(f"| {what} | {figure} |" for what, figure in rows)
