"""Things of the model, valid by default: a test names only what it is about."""

from __future__ import annotations

import dataclasses
import io
import json
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from common.model.conversation import ConversationMetadata
from common.model.intelligence import Message, Person, Sentiment, Word
from common.model.job import FailureClass, JobError, SymblAsyncRequest
from common.model.lifecycle import JobStatus, Maker
from common.model.recording import AudioProperties, Priority, Role, Speaker, StoredObject, recording_id
from common.model.webhook import WebhookEvent

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
SAMPLES = Path(__file__).resolve().parents[1] / "samples"
AGENT = Speaker(name="Ann Agent", email="ann@acme.example", role=Role.AGENT, channel=1)
CUSTOMER = Speaker(name="Carl Customer", email="carl@home.example", role=Role.CUSTOMER, channel=2)


def a_recording(number: int = 1, **fields: Any) -> StoredObject:
    """An object in the bucket; each number is another one."""
    return dataclasses.replace(
        StoredObject(
            bucket="recordings",
            name=f"calls/{number:04d}.wav",
            generation=1_700_000_000_000_000 + number,
            size=960_044,
            content_type="audio/wav",
            md5=f"md5-of-{number:04d}",
            created_at=NOW - timedelta(minutes=1),
        ),
        **fields,
    )


def an_audio(**fields: Any) -> AudioProperties:
    """What the bytes of a minute of stereo telephone audio say."""
    return dataclasses.replace(
        AudioProperties(duration=timedelta(seconds=60), channels=2, sample_rate=8000, codec="wav/pcm_s16le"), **fields
    )


def a_conversation(number: int = 1, **fields: Any) -> ConversationMetadata:
    """A stereo call of Acme's, an agent and a customer on channels of their own."""
    stored = a_recording(number)
    return dataclasses.replace(
        ConversationMetadata(
            id=recording_id(stored.bucket, stored.name, stored.generation),
            file_name=stored.file_name,
            recording_url=stored.uri,
            generation=stored.generation,
            size=stored.size,
            content_type=stored.content_type,
            content_hash=f"md5-of-{number:04d}",
            created_at=NOW,
            duration=timedelta(seconds=60),
            channels=2,
            sample_rate=8000,
            codec="wav/pcm_s16le",
            company="Acme",
            name=f"Call {number}",
            language_code="en-US",
            timezone_offset=-240,
            custom_vocabulary=("Acme", "toner"),
            number_of_speakers=2,
            separate_channels=True,
            speakers=(AGENT, CUSTOMER),
            service_type="support",
            representative="Ann Agent",
            started_at=NOW - timedelta(hours=1),
            direction=None,
            external_id=f"crm-{number}",
            confidence_threshold=None,
            priority=Priority.LIVE,
        ),
        **fields,
    )


def a_pending_job(
    number: int = 1, *, now: datetime = NOW, company: str = "Acme", recording: str | None = None
) -> SymblAsyncRequest:
    """The request of recording `number`, as ingest stores it."""
    return SymblAsyncRequest.pending(
        recording or a_conversation(number).id, company=company, priority=Priority.LIVE, now=now
    )


def a_job(
    status: JobStatus = JobStatus.PENDING,
    *,
    number: int = 1,
    attempt_id: str = "attempt-1",
    slot: int = 0,
    sent: bool = True,
    now: datetime = NOW,
) -> SymblAsyncRequest:
    """A request that went the usual way to `status`; SUBMITTING with `sent=False` was claimed and no more."""
    job = a_pending_job(number, now=now)
    if status is JobStatus.PENDING:
        return job
    job = job.claimed(attempt_id, slot=slot, now=now, next_check_at=now)
    if sent:
        job = job.marked_sent(now=now, next_check_at=now)
    if status is JobStatus.SUBMITTING:
        return job
    if status is JobStatus.FAILED:
        return ended_badly(job, now=now)
    job = job.accepted(conversation_id=f"conversation-{number}", job_id=f"job-{number}", now=now, next_check_at=now)
    for reached in (JobStatus.IN_PROGRESS, JobStatus.COMPLETED):
        if status in {JobStatus.SCHEDULED, job.status}:
            break
        job = job.reported(reached, by=Maker.COLLECT, now=now, why="the engine said so", next_check_at=now)
    return job


def ended_badly(job: SymblAsyncRequest, error: JobError | None = None, *, now: datetime = NOW) -> SymblAsyncRequest:
    """A request that was given up; one that still waited was claimed before."""
    if job.status is JobStatus.PENDING:
        job = job.claimed(f"{job.id}-hopeless-{job.attempts_made}", slot=99, now=now, next_check_at=now)
    return job.failed(error or an_error(), by=Maker.COLLECT, now=now)


def an_error(reason: str = "no speech in it") -> JobError:
    """Why a request was given up."""
    return JobError(failure_class=FailureClass.RECORDING, reason=reason, check="the recording")


def a_message(number: int = 1, **fields: Any) -> Message:
    """One utterance of three words, two seconds after the one before."""
    start = number * 2.0
    return dataclasses.replace(
        Message(
            id=f"{number}",
            text="What is it?",
            speaker=Person(id="m1", name="Ann Agent", email="ann@acme.example"),
            start=start,
            duration=1.5,
            start_time=NOW + timedelta(seconds=start),
            end_time=NOW + timedelta(seconds=start + 1.5),
            sentiment=Sentiment(score=0.25, label="neutral"),
            phrases=("it",),
            words=(
                Word(text="What", start=start, duration=0.5, score=0.9),
                Word(text="is", start=start + 0.5, duration=0.5, score=0.8),
                Word(text="it?", start=start + 1, duration=0.5),
            ),
        ),
        **fields,
    )


def an_event(job: SymblAsyncRequest, status: JobStatus = JobStatus.COMPLETED, **fields: Any) -> WebhookEvent:
    """News of the job's current attempt."""
    attempt = job.attempt
    event = WebhookEvent(
        request_id=job.id,
        attempt_id=attempt.id if attempt else "attempt-0",
        job_id=job.job_id or "job-1",
        status=status,
        received_at=NOW,
        next_check_at=NOW + timedelta(minutes=2) if status.is_terminal else None,
    )
    return dataclasses.replace(event, **fields)


def a_wav(*, seconds: float = 0.5, channels: int = 2, rate: int = 8000, seed: int = 0) -> bytes:
    """A small valid WAV; another seed gives other bytes."""
    target = io.BytesIO()
    with wave.open(target, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        period = b"".join(((i * 37 + seed) % 2000).to_bytes(2, "little") * channels for i in range(2000))
        length = int(seconds * rate) * 2 * channels
        out.writeframes((period * (length // len(period) + 1))[:length])
    return target.getvalue()


@dataclasses.dataclass(frozen=True)
class SampleCall:
    """One of the sample calls: its bytes, its ground truth, and the words that a sender would give."""

    path: Path
    truth: dict[str, Any]

    @property
    def metadata(self) -> dict[str, Any]:
        """As the API takes it."""
        truth = self.truth
        return {
            "company": truth["company"],
            "started_at": truth["started_at"],
            "language_code": truth["language"],
            "direction": truth["direction"],
            "speakers": [
                {**truth[role], "role": role, "channel": channel} for channel, role in ((1, "agent"), (2, "customer"))
            ],
        }


def sample_calls() -> list[SampleCall]:
    """The six sample calls, by name."""
    truths = (json.loads(path.read_text(encoding="utf-8")) for path in sorted(SAMPLES.glob("*.json")))
    return [SampleCall(SAMPLES / truth["audio"], truth) for truth in truths if "audio" in truth]
