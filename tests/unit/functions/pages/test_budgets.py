"""How much a page may weigh on the wire."""

from __future__ import annotations

import dataclasses
import gzip
import itertools
from datetime import timedelta

from common.model.lifecycle import JobStatus
from common.model.recording import Role
from common.model.search.document import Spoken, TrackerHit, document_of
from common.model.search.query import EVERYTHING
from functions.pages.call import call_view
from functions.pages.calls import Paging, call_rows
from functions.pages.facets import facet_bar
from functions.pages.site import Site
from tests.factories import a_conversation, a_job, a_message, sample_calls

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


def test_a_call_of_an_hour_is_forty_kilobytes() -> None:
    """700 turns of what people really say, compressed."""
    texts = itertools.islice(itertools.cycle(WORDS), 700)
    messages = tuple(
        a_message(number, start=number * 5.137, text=f"{text} {number * 7919}") for number, text in enumerate(texts)
    )
    view = call_view(a_conversation(duration=timedelta(hours=1)), a_job(JobStatus.COMPLETED), {"messages": messages})

    page = Site().page("call.html", call=view, audio_url="https://storage.googleapis.com/b/o.wav", request_id="r")

    assert len(view.turns) == 700
    assert weight(page.get_data()) <= 40 * 1024


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
    rows = call_rows(calls, jobs, asked=EVERYTHING)
    paging = Paging(token=None, trail=(), next_token="t" * 200, kept={})

    page = Site().page(
        "calls.html",
        rows=rows,
        filter="",
        chips=[],
        bar=facet_bar(EVERYTHING, None),
        found="more than 1 000 calls",
        paging=paging,
        public_base_url="https://calls.example",
    )

    assert len(rows) == 50
    assert all(row.ribbon for row in rows)
    assert weight(page.get_data()) <= 25 * 1024
