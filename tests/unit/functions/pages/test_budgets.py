"""How much a page may weigh on the wire."""

from __future__ import annotations

import dataclasses
import gzip
import itertools
from datetime import timedelta

from common.model.intelligence import (
    ActionItem,
    DetectedTracker,
    MessageRef,
    Person,
    Question,
    Sentiment,
    Topic,
    TrackerMatch,
)
from common.model.lifecycle import JobStatus
from common.model.recording import Role
from common.model.search.document import Spoken, TrackerHit, document_of
from common.model.search.query import EVERYTHING
from functions.pages.call import CallView, call_view
from functions.pages.calls import Paging, call_rows
from functions.pages.facets import facet_bar
from functions.pages.site import Site
from functions.pages.trail import Surroundings
from tests.factories import NOW, a_conversation, a_job, a_message, sample_calls

WORDS = [turn["text"] for call in sample_calls() for turn in call.truth["turns"]]


def _spoken(seed: int) -> Spoken:
    """A turn of its own length, speaker and mood."""
    start = (seed % 80) * 7.5
    return Spoken(
        role=[Role.AGENT, Role.CUSTOMER][seed % 2],
        name="x",
        start=start,
        end=start + 1 + seed % 6,
        text="x",
        polarity=(seed % 21 - 10) / 10,
    )


def weight(html: bytes) -> int:
    return len(gzip.compress(html, 9))


def an_hour(turns: int = 700, *, hours: int = 1) -> CallView:
    """A long call of what people really say: 40 topics in six turns each, 40 questions, 30 tasks, 12 trackers."""
    texts = itertools.islice(itertools.cycle(WORDS), turns)
    every = hours * 3596 / turns
    customer = Person(name="Carl Customer", email="carl@home.example")
    messages = tuple(
        a_message(
            number,
            start=number * every,
            duration=4 + number % 3,
            text=f"{text} {number * 7919}",
            speaker=customer if number % 2 else a_message().speaker,
            sentiment=Sentiment(score=(number * 37 % 21 - 10) / 10, label="neutral"),
        )
        for number, text in enumerate(texts)
    )

    def some(seed: int, count: int) -> tuple[str, ...]:
        return tuple(str((seed * 7919 + number * 613) % turns) for number in range(count))

    results = {
        "messages": messages,
        "topics": tuple(Topic(id=f"{n}", text=WORDS[n][:24], score=0.5, message_ids=some(n, 6)) for n in range(40)),
        "questions": tuple(Question(id=f"{n}", text=WORDS[n], score=0.5, message_ids=some(n, 1)) for n in range(40)),
        "action_items": tuple(
            ActionItem(id=f"{n}", text=WORDS[-n], score=0.5, message_ids=some(n, 1)) for n in range(30)
        ),
        "trackers": tuple(
            DetectedTracker(
                id=f"{n}",
                name=WORDS[n][:16],
                matches=(
                    TrackerMatch(
                        type="vocabulary",
                        value=WORDS[n][:12],
                        message_refs=tuple(MessageRef(message_id=id_) for id_ in some(n, 5)),
                    ),
                ),
            )
            for n in range(12)
        ),
    }
    conversation = a_conversation(duration=timedelta(hours=hours))
    return call_view(conversation, a_job(JobStatus.COMPLETED), results, around=Surroundings(now=NOW))


def served(view: CallView) -> bytes:
    """Its page."""
    page = Site().page(
        "call.html",
        call=view,
        beside=None,
        audio_url="https://storage.googleapis.com/b/o.wav",
        waveform_url="/calls/x/waveform.svg",
        request_id="r",
    )
    return bytes(page.get_data())


def test_a_call_of_an_hour_is_forty_kilobytes() -> None:
    """700 turns, and as much as an engine finds in them, compressed."""
    view = an_hour()

    assert view.transcript.total == 700
    assert weight(served(view)) <= 40 * 1024


def test_a_usual_call_is_shown_whole() -> None:
    """350 turns are on one page, which is as light."""
    view = an_hour(350)

    assert len(view.turns) == 350
    assert view.transcript.parts == ()
    assert weight(served(view)) <= 40 * 1024


def test_a_call_of_hours_is_shown_by_quarters() -> None:
    """Where there are very many, a page has the turns of a quarter of an hour; the timeline has all of them."""
    view = an_hour(2800, hours=4)

    assert len(view.turns) == 176
    assert view.transcript.total == 2800
    assert len(view.transcript.parts) == 17
    assert view.timeline
    assert weight(served(view)) <= 40 * 1024


def test_a_page_of_fifty_calls_is_twenty_five_kilobytes() -> None:
    """The usual page of the list, compressed: each call of ten minutes with its own shape."""
    jobs = {job.recording_id: job for job in (a_job(JobStatus.COMPLETED, number=number) for number in range(50))}
    calls = [
        dataclasses.replace(
            document_of(a_conversation(number, duration=timedelta(minutes=10))),
            recording_id=id_,
            hits=(TrackerHit(tracker="Refund", role=Role.AGENT, start=number * 11.0, text="refund"),),
            polarity=-0.4,
            turns=tuple(_spoken(number * 7919 + turn) for turn in range(80)),
        )
        for number, id_ in enumerate(jobs)
    ]
    rows = call_rows(calls, jobs, asked=EVERYTHING, kept={})
    paging = Paging(token=None, trail=(), next_token="t" * 200, kept={})

    page = Site().page(
        "calls.html",
        rows=rows,
        filter="",
        chips=[],
        bar=facet_bar(EVERYTHING, None),
        found="more than 1 000 calls",
        order="the latest first",
        sortings=[],
        paging=paging,
        public_base_url="https://calls.example",
    )

    assert len(rows) == 50
    assert all(row.ribbon for row in rows)
    assert weight(page.get_data()) <= 25 * 1024
