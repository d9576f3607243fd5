"""Examples for the description, made by the functions that make the answers: they cannot be out of date."""

from __future__ import annotations

import dataclasses
import functools
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from common.errors import Problem
from common.model.answers import instant, recording_answer, rejection_answer
from common.model.company import CompanyDefaults
from common.model.conversation import conversation_of
from common.model.deletion import Duty, deleted_recording
from common.model.intake import RejectedObject
from common.model.intelligence import (
    SECTIONS,
    DetectedTracker,
    Message,
    MessageRef,
    Person,
    ResultsState,
    Section,
    SectionState,
    Sentiment,
    SummarySentence,
    Topic,
    TrackerMatch,
)
from common.model.job import SymblAsyncRequest
from common.model.lifecycle import JobStatus
from common.model.recording import AudioProperties, StoredObject, details_from
from common.model.transcript import RENDERINGS, as_json, turns_of
from functions._delete import deletion_answer
from functions.pages.company_settings import business_ux_answer, business_ux_from, defaults_answer, defaults_from

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.model.intelligence import Rows

_WHEN = datetime(2026, 11, 22, 14, 14, tzinfo=UTC)
_COMPANY = "Brightline Mobile"
_STORED = StoredObject(
    bucket="recordings",
    name="uploads/Brightline-Mobile/2026/11/22/8f14e45fceea167a/call.wav",
    generation=1_795_356_840_000_001,
    size=1_920_044,
    content_type="audio/wav",
    md5="XUFAKrxLKna5cZ2REBfFkg==",
    created_at=_WHEN,
)
_CONVERSATION = conversation_of(
    stored=_STORED,
    audio=AudioProperties(duration=timedelta(seconds=60), channels=2, sample_rate=8000, codec="wav/pcm_s16le"),
    content_hash="XUFAKrxLKna5cZ2REBfFkg==",
    details=details_from({
        "company": _COMPANY,
        "direction": "inbound",
        "speakers": [{"name": "Kim Brooks", "role": "agent"}, {"name": "Linda Hayes", "role": "customer"}],
    }),
    defaults=CompanyDefaults.of(_COMPANY),
    now=_WHEN,
)  # fmt: skip
_NEW = SymblAsyncRequest.pending(_CONVERSATION.id, company=_COMPANY, priority=_CONVERSATION.priority, now=_WHEN)
_DONE = dataclasses.replace(
    _NEW,
    status=JobStatus.COMPLETED,
    conversation_id="5815170693595136",
    job_id="9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d",
    completed_at=_WHEN + timedelta(minutes=1),
    results=ResultsState.COMPLETE,
    sections=tuple(Section(name=kind.name, state=SectionState.STORED, count=1, at=_WHEN) for kind in SECTIONS),
)
_MESSAGES = (
    Message(
        id="m1",
        text="Thank you for calling Brightline, how can I help?",
        speaker=Person(name="Kim Brooks"),
        start=0.4,
        duration=2.8,
        start_time=_WHEN,
        end_time=_WHEN + timedelta(seconds=3),
        sentiment=Sentiment(score=0.3, label="positive"),
    ),
    Message(
        id="m2",
        text="I was charged twice, and I want a refund.",
        speaker=Person(name="Linda Hayes"),
        start=3.6,
        duration=2.9,
        start_time=_WHEN + timedelta(seconds=3),
        end_time=_WHEN + timedelta(seconds=6),
        sentiment=Sentiment(score=-0.4, label="negative"),
    ),
)
_REFUND = TrackerMatch(type="vocabulary", value="refund", message_refs=(MessageRef(message_id="m2", offset=34),))
_RESULTS: Mapping[str, Rows] = {
    "messages": _MESSAGES,
    "topics": (Topic(id="t1", text="double charge", score=0.82, message_ids=("m2",)),),
    "trackers": (DetectedTracker(id="k1", name="Refund", matches=(_REFUND,)),),
    "summary": (SummarySentence(id="s1", text="Linda was charged twice and wants a refund.", message_ids=("m2",)),),
}


@functools.cache
def examples() -> Mapping[str, object]:
    """JSON by name; of a transcript each file by its media type too."""
    turns = turns_of(_MESSAGES, _CONVERSATION)
    new = recording_answer(_CONVERSATION, _NEW)
    basic = recording_answer(_CONVERSATION, _DONE)
    rejected = RejectedObject(
        id="b7x3f4mzqk2dnn5wqz6a",
        recording_url="gs://recordings/inbox/unknown.wav",
        generation=1_795_356_840_000_002,
        rejected_at=_WHEN,
        reason="company: is missing",
        problems=(Problem("company", "is missing; name the company, or settle a prefix of the bucket for it"),),
    )
    tracker = {"name": "Refund", "vocabulary": ["money back", "refund"]}
    settled = _body({"language_code": "en-US", "trackers": [tracker], "prefix": "brightline/"})
    return {
        "recording_new": new,
        "recording_basic": basic,
        "recording_full": recording_answer(_CONVERSATION, _DONE, results=_RESULTS),
        "recordings_page": {"recordings": [basic], "next_page_token": "WyI0ZjUzY2RhMThjMmJhYTBjIiwgIi4uLiJd"},
        "transcript": as_json(turns),
        **{f"transcript {form.media_type}": form.render(turns) for form in RENDERINGS.values()},
        "deleted": deletion_answer(
            deleted_recording(
                _CONVERSATION, _DONE, by="ana@brightline.example", reason="ticket 4711", now=_WHEN
            ).fulfilled(set(Duty) - {Duty.LAST_LOOK}, now=_WHEN)
        ),
        "shared": {
            "url": "https://calls.example/summary/9f2c1b7e6d5a4c3b",
            "expires_at": instant(_WHEN + timedelta(days=30)),
            "iframe": '<iframe src="https://calls.example/summary/9f2c1b7e6d5a4c3b" title="A call"></iframe>',
            "allowed_origins": ["https://crm.example"],
        },
        "bulk_replay": {
            "matched": 2,
            "replayed": 1,
            "recordings": [_CONVERSATION.id],
            "skipped": [{"id": "b7x3f4mzqk2dnn5wqz6a", "reason": "a replay of it is under way"}],
            "dry_run": False,
        },
        "reindexed": {"reindexed": 25, "next_page_token": "CkASOmoTfnByb2plY3Q="},
        "defaults": defaults_answer(defaults_from(_COMPANY, settled)),
        "business_ux": business_ux_answer(business_ux_from(_COMPANY, _body({"display_name": "Brightline"}))),
        "taken_back": {
            "id": _CONVERSATION.id,
            "taken_back": True,
            "expires_at": instant(_WHEN + timedelta(days=30)),
        },
        "audit": {
            "events": [
                {
                    "at": instant(_WHEN),
                    "who": "kim@example.com",
                    "role": "reviewer",
                    "action": "transcript.read",
                    "company": _COMPANY,
                    "recording_id": _CONVERSATION.id,
                    "what": None,
                    "reason": None,
                    "request_id": "6d2b62db1abd4eeba72def3dfb77e119",
                }
            ]
        },
        "rejections": {"rejections": [rejection_answer(rejected)]},
        "checkup": {
            "ok": False,
            "checks": [
                {"name": "bucket", "ok": True, "found": "gs://recordings can be read", "mend": None},
                {
                    "name": "queues",
                    "ok": False,
                    "found": "the queue of submit_job is PAUSED",
                    "mend": "apply deploy/terraform; gcloud tasks queues resume NAME where one is paused",
                },
            ],
        },
    }


def _body(given: object) -> bytes:
    return json.dumps(given).encode()
