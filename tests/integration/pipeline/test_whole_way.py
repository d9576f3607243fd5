"""From the bucket or the API to results, step by step."""

from __future__ import annotations

import collections
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from common.model.company import CompanyDefaults
from common.model.lifecycle import JobStatus
from common.model.tasks import Stage
from tests.conftest import SETTINGS
from tests.factories import SampleCall, a_wav, sample_calls

if TYPE_CHECKING:
    from deploy.engine.engine import Engine
    from tests.integration.pipeline.installation import Installation

#: What must never stand in a log: what proves who we are, and what a speaker is called.
SECRETS = (SETTINGS["WEBHOOK_SECRETS"].split(",")[0], "Bearer ", "accessToken", "@brightline", "appSecret")
CALLS = {call.path.stem: call for call in sample_calls()}


def test_a_recording_goes_from_pending_to_complete(
    installation: Installation,
    engine: Engine,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each step leads to the next; the transcript names the speakers by the sender's words."""
    call = CALLS["billing-dispute"]

    answer = installation.add(call.path.read_bytes(), call.metadata, name=call.path.name)
    assert (answer.status_code, answer.get_json()["request"]["status"]) == (201, "pending")
    recording = answer.get_json()["id"]

    assert [delivery.status for delivery in installation.run(Stage.DISPATCH)] == [200]
    assert installation.request(recording).status is JobStatus.SUBMITTING

    assert [delivery.status for delivery in installation.run(Stage.SUBMIT)] == [200]
    submitted = installation.request(recording)
    assert submitted.status is JobStatus.SCHEDULED
    assert None not in {submitted.conversation_id, submitted.job_id}
    assert installation.count("SymblSlot") == 1

    engine.run_pending()
    assert installation.request(recording).status is JobStatus.IN_PROGRESS
    news = installation.services.inbox.of_request(submitted.id)
    assert {event.status for event in news} == {JobStatus.SCHEDULED, JobStatus.IN_PROGRESS, JobStatus.COMPLETED}

    assert [delivery.status for delivery in installation.run(Stage.COLLECT)] == [200]
    done = installation.request(recording)
    assert (done.status, done.results, done.next_check_at) == (JobStatus.COMPLETED, "complete", None)
    assert installation.count("SymblSlot") == 0
    assert all(event.worked_off_at for event in installation.services.inbox.of_request(done.id)
               if event.status.is_terminal)  # fmt: skip

    whole = installation.get(f"/{recording}").get_json()
    assert whole["results"]["state"] == "complete"
    assert {"messages", "topics", "analytics", "summary"} <= {k for k, v in whole["results"].items() if v}
    turns = installation.get(f"/{recording}/transcript").get_json()["turns"]
    names = {turn["speaker"]["name"] for turn in turns}
    assert names == {call.truth["agent"]["name"], call.truth["customer"]["name"]}
    assert " ".join(turn["text"] for turn in turns)[:20] == " ".join(t["text"] for t in call.truth["turns"])[:20]
    assert installation.services.requests.due(now=installation.clock() + timedelta(days=9), limit=9) == []

    logged = capsys.readouterr().out
    secrets = [*SECRETS, *(row["text"] for row in call.truth["turns"] if len(row["text"]) > 20), "X-Goog-Signature"]
    assert '"event": "job_accepted"' in logged
    assert [secret for secret in secrets if secret in logged] == []


@pytest.mark.parametrize("name", sorted(CALLS))
def test_an_event_of_each_sample_call_becomes_a_recording(installation: Installation, name: str) -> None:
    """Length and channels come from the bytes; the words from the object's own metadata."""
    call = CALLS[name]
    installation.drop(call.path.name, call.path.read_bytes(), {"calltrack-metadata": _json(call)})

    assert installation.deliver_events() == [200]

    (listed,) = installation.get("").get_json()["recordings"]
    assert listed["company"] == call.truth["company"]
    assert listed["channels"] == call.truth["channels"]
    assert listed["duration"] == pytest.approx(call.truth["duration_s"], abs=0.5)  # MP3 is cut in frames
    assert listed["recording_url"] == f"gs://{installation.bucket}/{call.path.name}"
    assert listed["request"]["status"] == "pending"


@pytest.mark.parametrize("order", ["event first", "call first"])
def test_event_and_call_in_either_order_give_one_recording(installation: Installation, order: str) -> None:
    """An upload's own storage event repeats its ingest harmlessly."""
    answer = installation.add(a_wav(), {"company": "Acme"})
    if order == "event first":  # as if the call had died after writing the object
        for kind in ("ConversationMetadata", "SymblAsyncRequest", "AudioFingerprint"):
            installation.stored.delete_multi([e.key for e in installation.stored.query(kind=kind).fetch()])
        assert installation.deliver_events() == [200]
        installation.add(a_wav(), {"company": "Acme"})
    else:
        assert installation.deliver_events() == [200]

    (listed,) = installation.get("").get_json()["recordings"]
    assert listed["id"] == answer.get_json()["id"]
    assert installation.count("SymblAsyncRequest") == 1
    assert installation.count("RejectedObject") == 0


def test_what_an_event_cannot_use_is_kept_with_the_mend(installation: Installation) -> None:
    """No company, no audio, no words that fit: nothing is analysed, and nothing is asked for again."""
    installation.drop("nobody.wav", a_wav(seed=1))
    installation.drop("text.wav", b"this is no recording", {"calltrack-metadata": '{"company": "Acme"}'})
    installation.drop("typo.wav", a_wav(seed=2), {"calltrack-metadata": '{"compny": "Acme"}'})
    installation.drop("folder/", b"")

    assert installation.deliver_events(4) == [200] * 4

    rejected = {row.recording_url.rsplit("/", 1)[-1]: row for row in installation.services.intake.rejections(limit=9)}
    assert {name: row.problems[0].field for name, row in rejected.items()} == {
        "nobody.wav": "company",
        "text.wav": "audio",
        "typo.wav": "compny",
    }
    assert installation.count("SymblAsyncRequest") == 0
    assert installation.tasks.tasks() == []


def test_the_same_event_again_changes_nothing(installation: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    """Eventarc delivers at least once; what came of it is logged under its own name, with the id of the delivery."""
    installation.drop("a.wav", a_wav(), {"calltrack-metadata": '{"company": "Acme"}'})
    (event,) = installation.storage.events(at_least=1)
    client = installation.apps["ingest_recording"].test_client()

    for _ in range(2):
        assert client.post("/", json=event.object, headers=event.headers()).status_code == 200

    assert installation.count("SymblAsyncRequest") == 1
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in logged if line.get("cloud_event") == event.id] == ["recording_added"]


def test_a_side_file_and_a_prefix_speak_for_an_object(installation: Installation) -> None:
    """Words in NAME.metadata.json; the company of the prefix, where they name none."""
    installation.services.companies.put_defaults(CompanyDefaults(company="Acme", prefix="acme/"))
    installation.drop("acme/a.wav.metadata.json", b'{"external_id": "crm-7"}')
    installation.drop("acme/a.wav", a_wav())

    assert installation.deliver_events(2) == [200, 200]

    (listed,) = installation.get("").get_json()["recordings"]
    assert (listed["company"], listed["external_id"]) == ("Acme", "crm-7")


def test_a_burst_fills_every_slot_and_a_release_starts_the_next(installation: Installation, engine: Engine) -> None:
    """Seven recordings, five slots: five run, and the two that wait start as the first ones end."""
    call = CALLS["billing-dispute"]
    for _ in range(7):
        metadata = {**call.metadata, "allow_duplicate": True}
        assert installation.add(call.path.read_bytes(), metadata).status_code == 201
        installation.clock.advance(timedelta(seconds=1))

    installation.run()
    assert (installation.count("SymblSlot"), engine.store.active_jobs()) == (5, 5)
    for _ in range(3):
        engine.run_pending()
        installation.clock.advance(timedelta(seconds=10))
        installation.run()

    listed = installation.get("").get_json()["recordings"]
    assert collections.Counter(row["results"]["state"] for row in listed) == {"complete": 7}
    assert installation.count("SymblSlot") == 0


def _json(call: SampleCall) -> str:
    return json.dumps(call.metadata)
