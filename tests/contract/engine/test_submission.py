"""What `process/audio/url` takes and refuses."""

import re
import uuid
from typing import Any

import pytest

from tests.contract.engine.stage import Stage, StageFactory

BAD_URL = "must be a valid uri with a scheme matching the http|https pattern"
URL = "http://media.example/call.wav"


def refusal(stage: Stage, body: Any, **options: Any) -> str:
    answer = stage.ask("POST", "/v1/process/audio/url", body, **options)
    assert answer.status_code == 400, answer.get_data(as_text=True)
    assert set(answer.get_json()) == {"message"}
    message: str = answer.get_json()["message"]
    return message


def test_a_recording_is_accepted_with_both_ids(stage: Stage) -> None:
    """A conversation id is 16 digits, a job id a UUID."""
    answer = stage.ask("POST", "/v1/process/audio/url", {"url": URL})
    assert answer.status_code == 201
    assert set(answer.get_json()) == {"conversationId", "jobId"}
    assert re.fullmatch(r"\d{16}", answer.get_json()["conversationId"])
    assert uuid.UUID(answer.get_json()["jobId"]).version == 4


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"url": None}, '"url" must not be null'),
        ({"url": ""}, '"url" is not allowed to be empty'),
        ({"url": 5}, '"url" must be a string'),
        ({"url": "ftp://media.example/call.wav"}, f'"url" {BAD_URL}'),
        ({"name": None}, '"name" must not be null'),
        ({"webhookUrl": "nowhere"}, f'"webhookUrl" {BAD_URL}'),
        ({"customVocabulary": "a word"}, '"customVocabulary" must be an array'),
        ({"confidenceThreshold": 0.4}, '"confidenceThreshold" must be greater than or equal to 0.5'),
        ({"confidenceThreshold": 1.1}, '"confidenceThreshold" must be less than or equal to 1.0'),
        ({"detectEntities": "perhaps"}, '"detectEntities" must be a boolean'),
        ({"mode": "studio"}, '"mode" must be one of [default, phone]'),
        ({"channelMetadata": [{"speaker": {}}]}, '"channelMetadata[0].channel" is required'),
        ({"channelMetadata": [{"channel": 0}]}, '"channelMetadata[0].channel" must be greater than or equal to 1'),
        ({"channelMetadata": [{"speaker": {"name": None}}]}, '"channelMetadata[0].speaker.name" must not be null'),
        ({"trackers": [{"name": "Price"}]}, '"trackers[0].vocabulary" is required'),
        ({"diarizationSpeakerCount": 1.5}, '"diarizationSpeakerCount" must be an integer'),
        ({"metadata": {"key": 5}}, '"metadata.key" must be a string'),
        ({"metadata": {"key": "x" * 129}}, '"metadata.key" length must be less than or equal to 128 characters long'),
        ({"startTime": "yesterday"}, '"startTime" must be in ISO 8601 date format'),
        ({"features": []}, '"features" must be of type object'),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named_in_joi_words(idle_stage: Stage, fields: dict[str, Any], message: str) -> None:
    assert refusal(idle_stage, {"url": URL, **fields}) == message


def test_a_missing_url_is_named(idle_stage: Stage) -> None:
    assert refusal(idle_stage, {"name": "call"}) == '"url" is required'


def test_all_that_is_wrong_is_told_at_once(idle_stage: Stage) -> None:
    assert refusal(idle_stage, {"mode": "x"}) == '"url" is required. "mode" must be one of [default, phone]'


def test_a_body_that_is_no_object_is_refused(idle_stage: Stage) -> None:
    assert refusal(idle_stage, [URL]) == '"value" must be of type object'


def test_numbers_and_booleans_may_come_as_text(stage: Stage) -> None:
    """Joi converts, so older clients send "true" and "2"."""
    stage.submit(URL, enableSpeakerDiarization="true", diarizationSpeakerCount="2", confidenceThreshold="0.7")


def test_diarization_and_webhook_may_stand_in_the_query(stage: Stage) -> None:
    """The query of older clients is validated as the body is."""
    query = {"enableSpeakerDiarization": "true", "diarizationSpeakerCount": "2", "webhookUrl": "http://hook.example/x"}
    answer = stage.ask("POST", "/v1/process/audio/url", {"url": URL}, query_string=query)
    assert answer.status_code == 201
    job = stage.engine.store.job(answer.get_json()["jobId"])
    assert (job.submission.diarizationSpeakerCount, job.submission.webhookUrl) == (2, "http://hook.example/x")
    assert "must be a boolean" in refusal(stage, {"url": URL}, query_string={"enableSpeakerDiarization": "often"})


def test_a_language_that_the_model_does_not_know_is_refused_by_name(idle_stage: Stage) -> None:
    assert "fr-FR" in refusal(idle_stage, {"url": URL, "languageCode": "fr-FR"})
    assert "must be one of" in refusal(idle_stage, {"url": URL, "languageCode": "xx-XX"})


def test_a_model_of_many_languages_is_sent_any_and_gives_messages_alone(make_stage: StageFactory) -> None:
    """Insights are English alone, as with Symbl; trackers are found by their words in any language."""
    stage = make_stage(model="tiny")
    path = stage.analysed(languageCode="fr-FR", customVocabulary=["Ann"])
    assert len(stage.get(f"{path}/messages")["messages"]) == len(stage.get(f"{stage.analysed()}/messages")["messages"])
    kinds = {"questions": "questions", "action-items": "actionItems", "topics": "topics", "entities": "entities"}
    assert [stage.get(f"{path}/{kind}")[key] for kind, key in kinds.items()] == [[]] * 4
    assert stage.get(f"{path}/summary") == {"summary": []}
    assert [tracker["name"] for tracker in stage.get(f"{path}/trackers")] == ["Refund"]


def test_appending_keeps_the_conversation_and_makes_a_new_job(stage: Stage) -> None:
    conversation_id, job_id = stage.submit(URL)
    again, next_job = stage.submit(URL, conversation_id)
    assert again == conversation_id
    assert next_job != job_id


def test_appending_to_an_unknown_conversation_gets_404(idle_stage: Stage) -> None:
    answer = idle_stage.ask("PUT", "/v1/process/audio/url/1234567890123456", {"url": URL})
    assert answer.status_code == 404
    assert answer.get_json() == {"message": "The conversationId is either invalid or does not exist."}


def test_over_the_cap_a_job_is_refused_and_nothing_is_queued(make_stage: StageFactory) -> None:
    """Scheduled jobs count; ended ones make room."""
    stage = make_stage(max_active_jobs=2)
    conversation_id, _ = stage.submit(URL)
    stage.submit(URL)
    for method, path in (("POST", ""), ("PUT", f"/{conversation_id}")):
        answer = stage.ask(method, f"/v1/process/audio/url{path}", {"url": URL})
        assert answer.status_code == 429
        assert answer.get_json()["statusCode"] == 429
        assert "limit of maximum of `2` number of concurrent jobs" in answer.get_json()["message"]
        assert "Retry-After" not in answer.headers
    assert stage.engine.store.active_jobs() == 2
    stage.ask("DELETE", f"/v1/conversations/{conversation_id}")
    stage.submit(URL)


def test_the_same_recording_twice_makes_two_conversations(stage: Stage) -> None:
    """Nothing is idempotent here: there is no key."""
    assert stage.submit(URL)[0] != stage.submit(URL)[0]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("path", "instead"),
    [
        ("/v1/process/text", "/v1/process/audio"),
        ("/v1/process/text/5123456789012345", "/v1/process/audio"),
        ("/v1/process/video/url", "/v1/process/audio/url"),
        ("/v1/manage/groups", "metadata"),
        ("/v1/manage/group/7", "metadata"),
        ("/v1/manage/entities/bulk", "`entities`"),
        ("/v1/manage/callscore/scorecards", "no language model"),
        ("/v1/manage/anything", "/v1/manage/trackers"),
        ("/v1/conversations/1/callscore/status", "no language model"),
        ("/v1/conversations/1/lm-insights", "summary"),
        ("/v1/conversations/1/insights", "questions"),
        ("/v1/conversations/1/intents", "trackers"),
        ("/v1/conversations/1/speakers", "channelMetadata"),
        ("/v1/conversations/1/bookmarks/2/summary", "timeOffset"),
        ("/v1/conversations/1/bookmarks-summary", "timeOffset"),
        ("/v1/conversations/experiences/insights/list", "GET /v1/conversations"),
        ("/v1/insights/conversations/1/metadata", "messages"),
        ("/v1/endpoint:connect", "/v1/process/audio"),
        ("/oauth2/token:revoke", "token:generate"),
    ],
)  # fmt: skip
def test_what_is_not_served_says_so_and_what_to_do(idle_stage: Stage, method: str, path: str, instead: str) -> None:
    """Whatever the method: Symbl had the path, the engine does not."""
    answer = idle_stage.ask(method, path, {})
    assert answer.status_code == 501
    assert instead in answer.get_json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/process/audio/url", {"POST", "OPTIONS"}),
        ("PUT", "/v1/process/audio/url", {"POST", "OPTIONS"}),
        ("GET", "/v1/process/audio", {"POST", "OPTIONS"}),
        ("POST", "/v1/process/audio/url/5123456789012345", {"PUT", "OPTIONS"}),
        ("POST", "/v1/conversations/5123456789012345/messages", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "/v1/conversations/5123456789012345/experiences", {"POST", "OPTIONS"}),
        ("PATCH", "/v1/manage/tracker/7", {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}),
    ],
)  # fmt: skip
def test_a_served_path_says_which_methods_it_takes(
    idle_stage: Stage, method: str, path: str, allowed: set[str]
) -> None:
    answer = idle_stage.ask(method, path, {})
    assert answer.status_code == 405
    assert answer.get_json()["message"]
    assert set(answer.headers["Allow"].split(", ")) == allowed


def test_an_unknown_path_answers_in_json(idle_stage: Stage) -> None:
    answer = idle_stage.ask("GET", "/v2/anything")
    assert answer.status_code == 404
    assert answer.get_json()["message"]


def test_half_a_surrogate_pair_and_a_number_that_is_none_are_no_json(idle_stage: Stage) -> None:
    for body in (b'{"url": "\\ud800"}', b'{"url": NaN}', b"[" * 100_000):
        answer = idle_stage.ask("POST", "/v1/process/audio/url", data=body, content_type="application/json")
        assert answer.status_code == 400
