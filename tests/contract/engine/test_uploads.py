"""What `process/audio` takes: the audio itself as the body, everything else in the query."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from deploy.engine.submission import JSON_IN_QUERY, Submission
from tests.contract.engine.stage import AGENT, CALLER, TRACKER, Stage, StageFactory

UPLOAD = "/v1/process/audio"
QUERY = {
    "name": "Call 7",
    "enableSeparateRecognitionPerChannel": "true",
    "channelMetadata": json.dumps([{"channel": 1, "speaker": AGENT}, {"channel": "2", "speaker": CALLER}]),
    "trackers": json.dumps([TRACKER]),
    "customVocabulary": json.dumps(["eighty"]),
    "metadata": json.dumps({"agentId": "a7"}),
    "confidenceThreshold": "0.6",
    "timezoneOffset": "60",
}


def upload(stage: Stage, method: str = "POST", path: str = UPLOAD, **options: Any) -> Any:
    stage.recording("call")
    options = {"data": b"audio of call", "content_type": "audio/wav", **options}
    return stage.ask(method, path, **options)


def refusal(stage: Stage, **options: Any) -> str:
    answer = upload(stage, **options)
    assert answer.status_code == 400, answer.get_data(as_text=True)
    message: str = answer.get_json()["message"]
    return message


def test_an_uploaded_recording_is_analysed_as_one_that_was_fetched(stage: Stage) -> None:
    """The same job, the same webhooks, the same results; parameters stand in the query, lists and objects in JSON."""
    answer = upload(stage, query_string={**QUERY, "webhookUrl": stage.outside.url("/hook")})
    assert answer.status_code == 201
    assert set(answer.get_json()) == {"conversationId", "jobId"}
    stage.engine.run_pending()
    path = f"/v1/conversations/{answer.get_json()['conversationId']}"
    assert stage.status(answer.get_json()["jobId"]) == "completed"
    assert stage.outside.statuses() == ["scheduled", "in_progress", "completed"]
    assert stage.outside.gets == []
    found = stage.get(path)
    assert (found["name"], found["metadata"]) == ("Call 7", {"agentId": "a7"})
    assert [member["name"] for member in found["members"]] == [AGENT["name"], CALLER["name"]]
    assert [tracker["name"] for tracker in stage.get(f"{path}/trackers")] == ["Refund"]
    assert list((stage.settings.state / "audio").iterdir()) == []


def test_an_upload_is_appended_to_its_conversation(stage: Stage) -> None:
    conversation_id, job_id = stage.submit(stage.recording("call"))
    answer = upload(stage, "PUT", f"{UPLOAD}/{conversation_id}")
    assert answer.status_code == 201
    assert answer.get_json()["conversationId"] == conversation_id
    assert answer.get_json()["jobId"] != job_id
    stage.engine.run_pending()
    path = f"/v1/conversations/{conversation_id}"
    assert stage.get(f"{path}/messages")["messages"][-1]["timeOffset"] > 20


def test_appending_to_an_unknown_conversation_gets_404_and_keeps_nothing(stage: Stage) -> None:
    answer = upload(stage, "PUT", f"{UPLOAD}/1234567890123456")
    assert answer.status_code == 404
    assert list((stage.settings.state / "audio").iterdir()) == []


def test_over_the_cap_nothing_is_kept(make_stage: StageFactory) -> None:
    stage = make_stage(max_active_jobs=1)
    assert upload(stage).status_code == 201
    answer = upload(stage)
    assert answer.status_code == 429
    assert answer.get_json()["statusCode"] == 429
    assert len(list((stage.settings.state / "audio").iterdir())) == 1


@pytest.mark.parametrize("content_type", ["audio/wav", "audio/mpeg", "audio/mp3", "audio/wave", "", None])
def test_the_type_is_one_of_symbls_or_left_out(stage: Stage, content_type: str | None) -> None:
    assert upload(stage, content_type=content_type).status_code == 201


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "application/json", "video/mp4"])
def test_another_type_is_refused(stage: Stage, content_type: str) -> None:
    """Forms above all: the body is the audio itself."""
    assert '"Content-Type" must be one of [audio/wav' in refusal(stage, content_type=content_type)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"enableSpeakerDiarization": "often"}, '"enableSpeakerDiarization" must be a boolean'),
        ({"confidenceThreshold": "0.4"}, '"confidenceThreshold" must be greater than or equal to 0.5'),
        ({"confidenceThreshold": "nan"}, '"confidenceThreshold" must be greater than or equal to 0'),
        ({"trackers": "Price"}, '"trackers" must be an array'),
        ({"trackers": '[{"name": "Price"}]'}, '"trackers[0].vocabulary" is required'),
        ({"metadata": '{"key": null}'}, '"metadata.key" must not be null'),
        ({"features": "[]"}, '"features" must be of type object'),
        ({"webhookUrl": "nowhere"}, '"webhookUrl" must be a valid uri with a scheme matching the http|https pattern'),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named_in_joi_words(stage: Stage, query: dict[str, str], message: str) -> None:
    assert refusal(stage, query_string=query) == message


def test_an_empty_body_is_refused(stage: Stage) -> None:
    assert "empty" in refusal(stage, data=b"")


def test_what_is_too_large_is_refused_and_not_kept(make_stage: StageFactory) -> None:
    stage = make_stage(max_upload_bytes=10)
    answer = upload(stage)
    assert answer.status_code == 413
    assert answer.get_json()["message"]
    assert not (stage.settings.state / "audio").exists() or not list((stage.settings.state / "audio").iterdir())


def test_the_body_goes_to_disk_as_it_comes(stage: Stage, tmp_path: Path) -> None:
    """32 MB cost less than 4 MB of memory."""
    with (tmp_path / "long").open("w+b") as audio:
        audio.truncate(32 * 1024**2)
        stage.get("/health")
        tracemalloc.start()
        answer = upload(stage, data=None, input_stream=audio)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert answer.status_code == 201
    assert most < 4 * 1024**2
    (kept,) = (stage.settings.state / "audio").iterdir()
    assert kept.stat().st_size == 32 * 1024**2


def test_an_upload_survives_a_restart(stage: Stage) -> None:
    """Its audio came with it: nothing is fetched."""
    job_id = upload(stage).get_json()["jobId"]
    stage.restarted()
    stage.engine.run_pending()
    assert stage.status(job_id) == "completed"


def test_what_is_json_in_the_query_is_what_is_no_plain_value() -> None:
    schema = Submission.model_json_schema()["properties"]
    structured = {name for name, field in schema.items() if field.get("type") in {"array", "object"} or "$ref" in field}
    assert set(JSON_IN_QUERY) == structured


def test_faults_strike_uploads_by_name_and_metadata(make_stage: StageFactory) -> None:
    """What narrows a switch stands in the query there."""
    stage = make_stage(faults_api=True)
    switch = {"fault": "error_answer", "status": 503, "on": "submissions", "name": "Call 7", "metadata": {"a": "1"}}
    stage.fail(switch)
    query = {"name": "Call 7", "metadata": '{"a": "1"}'}
    assert upload(stage, query_string=query).status_code == 503
    assert upload(stage, query_string={**query, "name": "Call 8"}).status_code == 201
    assert upload(stage, query_string={"name": "Call 7"}).status_code == 201
    stage.fail({"fault": "error_answer", "status": 503, "on": "submissions", "when": "after"})
    assert upload(stage, query_string={"name": "lost"}).status_code == 503
    assert "lost" in {found["name"] for found in stage.get("/v1/conversations")["conversations"]}
