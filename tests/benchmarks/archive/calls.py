"""Calls that nobody has made: companies, agents, days, words, trackers and moods as a contact centre has them.

Call `number` is always the same, and the higher its number, the earlier it took place. What is said is half sentences
of the sample calls, half words by Zipf's law over 20,000 words, so that there are words in nearly every call, words in
a handful of calls, words that are in many calls and seldom beside each other, and phrases.
"""

from __future__ import annotations

import bisect
import dataclasses
import functools
import itertools
import json
import random
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from common.model.aggregates import local_day
from common.model.conversation import ConversationMetadata
from common.model.intelligence import (
    ActionItem,
    Analytics,
    DetectedTracker,
    MemberAnalytics,
    Message,
    MessageRef,
    Metric,
    Person,
    Sentiment,
    SummarySentence,
    Topic,
    TrackerMatch,
)
from common.model.job import SymblAsyncRequest, request_id_of
from common.model.lifecycle import JobStatus
from common.model.recording import Direction, Priority, Role, Speaker, recording_id
from common.model.search.document import CallDocument, as_it_stands, document_of, with_results
from tests.factories import SAMPLES, a_conversation, a_job

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from common.model.intelligence import Rows

SEED = 20261122
LATEST = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
YEARS = timedelta(days=730)
COMPANIES = ("Brightline Mobile", "Northside Plumbing", "Summit Office Supply", "Lakeside Dental", "Harbor Internet",
             "Crestview Insurance", "Meadow Energy", "Tern Airways")  # fmt: skip
_FIRST = ("Daniel", "Sarah", "Linda", "Maria", "James", "Aisha", "Tom", "Ines", "Ken", "Olga", "Ravi", "Emma", "Luis",
          "Nora", "Paul", "Zoë", "Amir", "Grace", "Ivan", "Julia")  # fmt: skip
_LAST = ("Brooks", "Whitfield", "Hayes", "Reyes", "Müller", "Okafor", "Tanaka", "Novak", "Dubois", "Singh", "Larsen",
         "Costa", "Abbott", "Quinn", "Petrov", "Schwartz", "Nguyen", "Ellis", "Moreau", "Kaplan")  # fmt: skip
_AGENTS_PER_COMPANY = 15
_DISCLOSURE = "This call may be recorded for quality and training."
_WORDS = 20_000
_TEMPLATE = a_conversation()
_JOBS = {status: a_job(status) for status in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.IN_PROGRESS)}


@dataclasses.dataclass(frozen=True)
class Theme:
    """What a call is about, in the words of one of the sample calls."""

    topics: tuple[str, ...]
    said: dict[Role, tuple[str, ...]]


@dataclasses.dataclass(frozen=True)
class Call:
    """A recording, its request, and what search knows of it."""

    conversation: ConversationMetadata
    request: SymblAsyncRequest
    document: CallDocument


def a_call(number: int, *, of: int) -> Call:
    """The call of that number in an archive of so many."""
    rng = random.Random(f"{SEED}-{number}")
    conversation = _conversation(number, of, rng)
    status = rng.choices((JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.IN_PROGRESS), (96, 3, 1))[0]
    request = dataclasses.replace(
        _JOBS[status],
        id=request_id_of(conversation.id),
        recording_id=conversation.id,
        company=conversation.company,
    ).of_call(
        started_at=conversation.started_at,
        day=local_day(conversation.started_at, conversation.timezone_offset).isoformat(),
    )
    document = document_of(conversation)
    if status is JobStatus.COMPLETED:
        document = with_results(document, _results(conversation, rng))
    return Call(conversation, request, as_it_stands(document, request))


def _conversation(number: int, of: int, rng: random.Random) -> ConversationMetadata:
    started_at = LATEST - YEARS * ((number + rng.random()) / of)
    started_at = started_at.replace(microsecond=rng.randrange(1000) * 1000)
    company = rng.choices(range(len(COMPANIES)), (30, 20, 15, 12, 10, 7, 4, 2))[0]
    first, last = (rng.randrange(_AGENTS_PER_COMPANY) for _ in range(2))
    agent_names = _FIRST[(company + first) % len(_FIRST)], _LAST[(7 * company + last) % len(_LAST)]
    agent, agent_email = " ".join(agent_names), f"{'.'.join(agent_names).lower()}@{company}.example"
    customer = f"{rng.choice(_FIRST)} {_spelled(rng.randrange(_WORDS)).title()}"
    return dataclasses.replace(
        _TEMPLATE,
        id=recording_id("recordings", f"archive/{number:06d}.wav", number),
        file_name=f"{number:06d}.wav",
        recording_url=f"gs://recordings/archive/{number:06d}.wav",
        company=COMPANIES[company],
        name=f"{customer} with {COMPANIES[company]}",
        started_at=started_at,
        created_at=started_at + timedelta(minutes=20),
        duration=timedelta(seconds=round(min(max(rng.lognormvariate(5.6, 0.8), 8), 4 * 3600), 2)),
        timezone_offset=rng.choice((-300, -240, -480)),
        direction=rng.choices((Direction.INBOUND, Direction.OUTBOUND), (80, 20))[0],
        priority=rng.choices((Priority.LIVE, Priority.BACKFILL), (70, 30))[0],
        external_id=f"crm-{number}",
        representative=agent,
        speakers=(
            Speaker(name=agent, email=agent_email, role=Role.AGENT, channel=1),
            Speaker(name=customer, email=None, role=Role.CUSTOMER, channel=2),
        ),
    )


def _results(conversation: ConversationMetadata, rng: random.Random) -> dict[str, Rows]:
    theme = rng.choices(_themes(), (25, 20, 18, 15, 12, 10))[0]
    messages = tuple(_messages(conversation, theme, rng))
    silence, talk = round(rng.betavariate(1.5, 9) * 100, 1), round(rng.betavariate(8, 9) * 100, 1)
    agent = Person(name=conversation.speakers[0].name, email=conversation.speakers[0].email)
    rows: dict[str, Rows] = {
        "messages": messages,
        "topics": tuple(
            Topic(id=text, text=text, score=1, message_ids=())
            for text in rng.sample(theme.topics, min(3, len(theme.topics)))
        ),
        "trackers": tuple(_detected(messages)),
        "analytics": (
            Analytics(
                metrics=(Metric(type="total_silence", percent=silence, seconds=0),),
                members=(
                    MemberAnalytics(
                        member=agent, words_per_minute=None, talk_percent=talk, talk_seconds=0, listen_percent=0,
                        listen_seconds=0,
                    ),
                ),
            ),
        ),
        "summary": (SummarySentence(id="s", text=messages[len(messages) // 2].text, message_ids=()),),
    }  # fmt: skip
    if rng.random() < 0.4:
        rows["action_items"] = (ActionItem(id="a", text="call back", score=1, message_ids=()),)
    return rows


def _messages(conversation: ConversationMetadata, theme: Theme, rng: random.Random) -> Iterable[Message]:
    mood = rng.gauss(0.05, 0.35)
    length = conversation.duration.total_seconds()
    turns = min(max(int(length / 30), 3), 24)
    disclosed = rng.choices((0, 1, None), (90, 3, 7))[0]
    for at in range(turns):
        role = (Role.AGENT, Role.CUSTOMER)[at % 2]
        text = rng.choice(theme.said[role]) if rng.random() < 0.5 else _chatter(rng)
        if at // 2 == disclosed and role is Role.AGENT:
            text = f"{_DISCLOSURE} {text}"
        start = round(length * at / turns + rng.random() * 3, 2)
        yield Message(
            id=f"m{at}",
            text=text,
            speaker=_speaker(conversation.speakers[at % 2]),
            start=start,
            duration=round(length / turns * 0.8, 2),
            start_time=conversation.started_at,
            end_time=conversation.started_at,
            sentiment=Sentiment(score=round(min(max(rng.gauss(mood, 0.3), -1), 1), 3), label="neutral"),
        )


def _speaker(speaker: Speaker) -> Person:
    return Person(name=speaker.name, email=speaker.email)


def _chatter(rng: random.Random) -> str:
    weights = _cumulated()
    picked = (bisect.bisect(weights, rng.random() * weights[-1]) for _ in range(rng.randint(4, 12)))
    return " ".join(map(_word, picked)).capitalize() + "."


def _detected(messages: Sequence[Message]) -> Iterable[DetectedTracker]:
    for name, pattern in _trackers():
        refs = [
            MessageRef(message_id=message.id, text=match.group(), offset=match.start())
            for message in messages
            for match in pattern.finditer(message.text)
        ]
        if refs:
            yield DetectedTracker(
                id=name, name=name, matches=(TrackerMatch(type="vocabulary", value=name, message_refs=tuple(refs)),)
            )


@functools.cache
def _themes() -> tuple[Theme, ...]:
    scripts = [json.loads(path.read_text()) for path in sorted(SAMPLES.glob("*.script.json"))]
    return tuple(
        Theme(
            topics=tuple(script["topics"]),
            said={
                role: tuple(turn["text"] for turn in script["turns"] if turn["who"] == role)
                for role in (Role.AGENT, Role.CUSTOMER)
            },
        )
        for script in scripts
    )


@functools.cache
def _trackers() -> tuple[tuple[str, re.Pattern[str]], ...]:
    known = json.loads((SAMPLES / "trackers.json").read_text())["trackers"]
    return tuple(
        (tracker["name"], re.compile(rf"\b({'|'.join(map(re.escape, tracker['vocabulary']))})\b", re.IGNORECASE))
        for tracker in known
    )


@functools.cache
def _cumulated() -> list[float]:
    return list(itertools.accumulate(1 / rank for rank in range(1, _WORDS + 1)))


@functools.cache
def _frequent() -> tuple[str, ...]:
    """The words of the sample calls, the most frequent first."""
    said = " ".join(text for theme in _themes() for texts in theme.said.values() for text in texts)
    words = re.findall(r"[a-z]+", said.lower())
    return tuple(sorted(set(words), key=lambda word: (-words.count(word), word)))


def _word(rank: int) -> str:
    frequent = _frequent()
    return frequent[rank] if rank < len(frequent) else _spelled(rank)


def _spelled(number: int) -> str:
    """A word of its own for each number: two to four syllables."""
    consonants, vowels = "bcdfghklmnprstvz", "aeiou"
    word = ""
    left = number * 2_654_435_761 % 2**32 % 512_000  # spread, so that neighbours in rank share no beginning
    while left or len(word) < 4:
        left, at = divmod(left, len(consonants) * len(vowels))
        word += consonants[at // len(vowels)] + vowels[at % len(vowels)]
    return f"{word}{'lnrst'[number % 5]}"


def rare_word() -> str:
    """A word that one call in some hundreds has."""
    return _spelled(_WORDS // 10)
