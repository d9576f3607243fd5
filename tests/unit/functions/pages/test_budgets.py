"""How much a page may weigh on the wire."""

from __future__ import annotations

import gzip
import itertools
from datetime import timedelta

from common.model.lifecycle import JobStatus
from functions.pages.call import call_view
from functions.pages.calls import Paging, call_rows
from functions.pages.site import Site
from tests.factories import a_conversation, a_job, a_message, sample_calls

WORDS = [turn["text"] for call in sample_calls() for turn in call.truth["turns"]]


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
    """The usual page of the list, compressed."""
    conversations = {c.id: c for c in (a_conversation(number) for number in range(50))}
    jobs = [a_job(JobStatus.IN_PROGRESS, number=number) for number in range(50)]
    rows = call_rows(jobs, conversations)
    paging = Paging(token=None, trail=(), next_token="t" * 200, kept={})

    page = Site().page("calls.html", rows=rows, filter="", paging=paging, public_base_url="https://calls.example")

    assert len(rows) == 50
    assert weight(page.get_data()) <= 25 * 1024
