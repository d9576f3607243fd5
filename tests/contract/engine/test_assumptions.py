"""What Symbl's documents leave open: each setting does what its row in docs/engine.md says."""

from typing import Any

import pytest

from tests.contract.engine.stage import Stage, StageFactory

SUBMIT = "/v1/process/audio/url"
UNKNOWN = "/v1/conversations/1234567890123456"


def test_webhooks_are_sent_again_when_told_to(make_stage: StageFactory) -> None:
    stage = make_stage(webhook_retries_s=(2,))
    stage.outside.answers["/hook"] = 500
    stage.submit(stage.outside.url("/nothing"), webhookUrl=stage.outside.url("/hook"))
    sent = []
    for seconds in (0, 1.9, 0.1, 100):
        stage.clock.advance(seconds)
        stage.engine.run_pending()
        sent.append(len(stage.outside.posts))
    assert sent == [2, 2, 4, 4]


def test_a_job_is_scheduled_for_half_a_second(make_stage: StageFactory) -> None:
    """Counted from its acceptance: one that waited for its turn waits no more."""
    stage = make_stage(start_after_s=0.5)
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        stage.clock.advance(seconds)

    stage.wait = wait
    _, first = stage.submit(stage.recording("call"))
    stage.clock.advance(0.2)
    _, second = stage.submit(stage.recording("call"))
    stage.engine.run_pending()
    assert waits == [pytest.approx(0.3), pytest.approx(0.2)]
    assert stage.engine.store.job(first).started_at == stage.engine.store.job(first).accepted_at.replace(
        microsecond=500_000
    )
    assert stage.status(second) == "completed"


@pytest.mark.parametrize("status", [400, 404])
def test_an_unknown_job(make_stage: StageFactory, status: int) -> None:
    answer = make_stage(unknown_job_status=status).ask("GET", "/v1/job/0b9c1d52-7c1f-4f0e-9a86-3e3c1a0f5d11")
    assert (answer.status_code, answer.get_json()) == (status, {"message": "Job not found"})


@pytest.mark.parametrize("status", [200, 400, 404])
def test_an_unknown_conversation(make_stage: StageFactory, status: int) -> None:
    stage = make_stage(unknown_conversation_status=status)
    message = {"message": "The conversationId is either invalid or does not exist."}
    for method, path in (("GET", f"{UNKNOWN}/topics"), ("DELETE", UNKNOWN)):
        answer = stage.ask(method, path)
        assert (answer.status_code, answer.get_json()) == (status, message)


def test_a_bad_url_makes_a_failed_job(stage: Stage) -> None:
    _, job_id = stage.submit(stage.outside.url("/nothing"))
    stage.engine.run_pending()
    assert stage.status(job_id) == "failed"


@pytest.mark.parametrize(("answered", "reason"), [(404, "HTTP 404"), (302, "redirects"), (None, "a web page")])
def test_or_is_refused_at_once(make_stage: StageFactory, answered: int | None, reason: str) -> None:
    """Where the settings say so, the caller waits until it was fetched."""
    stage = make_stage(bad_url="refuse")
    stage.recording("call")
    if answered:
        stage.outside.answers["/call"] = answered
    else:
        stage.outside.types["/call"] = "text/html; charset=utf-8"
    answer = stage.ask("POST", SUBMIT, {"url": stage.outside.url("/call")})
    assert answer.status_code == 400
    assert answer.get_json()["message"].startswith('"url" gives no recording')
    assert reason in answer.get_json()["message"]
    assert stage.engine.store.active_jobs() == 0
    assert list((stage.settings.state / "audio").iterdir()) == []


def test_and_a_good_one_is_fetched_once(make_stage: StageFactory) -> None:
    stage = make_stage(bad_url="refuse")
    _, job_id = stage.submit(stage.recording("call"))
    stage.engine.run_pending()
    assert stage.status(job_id) == "completed"
    assert stage.outside.gets == ["/call"]


def test_one_that_says_that_it_is_too_long_is_refused_at_once(make_stage: StageFactory) -> None:
    stage = make_stage(bad_url="refuse", max_duration_s=1)
    stage.outside.files["/long.wav"] = wav(seconds=2)
    answer = stage.ask("POST", SUBMIT, {"url": stage.outside.url("/long.wav")})
    assert answer.status_code == 400
    assert "longer than" in answer.get_json()["message"]


def wav(*, seconds: int) -> bytes:
    """Silence at 8 kHz."""
    size = 8000 * seconds
    return b"".join(
        [
            b"RIFF", (36 + size).to_bytes(4, "little"), b"WAVEfmt ", (16).to_bytes(4, "little"),
            (1).to_bytes(2, "little"), (1).to_bytes(2, "little"), (8000).to_bytes(4, "little"),
            (8000).to_bytes(4, "little"), (1).to_bytes(2, "little"), (8).to_bytes(2, "little"),
            b"data", size.to_bytes(4, "little"), bytes([128]) * size,
        ]
    )  # fmt: skip


def test_a_url_that_is_at_work_conflicts_where_told_to(make_stage: StageFactory) -> None:
    stage = make_stage(async_conflict="active_url")
    url = stage.recording("call")
    conversation_id, _ = stage.submit(url)
    for method, path in (("POST", SUBMIT), ("PUT", f"{SUBMIT}/{conversation_id}")):
        answer = stage.ask(method, path, {"url": url})
        assert answer.status_code == 409
        assert answer.get_json()["message"]
    stage.submit(f"{url}?another")
    stage.engine.run_pending()
    stage.submit(url)


def test_a_url_that_was_sent_in_before_has_its_ids_where_told_to(make_stage: StageFactory) -> None:
    """Until its conversation is deleted; to append it is another matter."""
    stage = make_stage(idempotency="url")
    url = stage.recording("call")
    before = stage.submit(url)
    assert stage.submit(url) == before
    assert stage.submit(url, before[0])[1] != before[1]
    stage.ask("DELETE", f"/v1/conversations/{before[0]}")
    assert stage.submit(url)[0] != before[0]


def test_nulls_are_ignored_where_told_to(make_stage: StageFactory) -> None:
    stage = make_stage(null_fields="ignore")
    body: dict[str, Any] = {
        "url": stage.recording("call"),
        "name": None,
        "trackers": [{"name": "x", "vocabulary": ["y"], "id": None}],
    }
    assert stage.ask("POST", SUBMIT, body).status_code == 201
    assert stage.ask("POST", SUBMIT, {"url": None}).get_json() == {"message": '"url" is required'}


def test_phrases_are_strings_where_told_to(make_stage: StageFactory) -> None:
    stage = make_stage(phrases_shape="strings")
    path = stage.analysed()
    phrases = [phrase for message in stage.get(f"{path}/messages")["messages"] for phrase in message["phrases"]]
    assert phrases
    assert all(isinstance(phrase, str) for phrase in phrases)
    assert all(isinstance(p, str) for item in stage.get(f"{path}/action-items")["actionItems"] for p in item["phrases"])


def test_srt_is_a_string_where_told_to(make_stage: StageFactory) -> None:
    stage = make_stage(srt_payload="string")
    told = stage.ask("POST", f"{stage.analysed()}/transcript", {"contentType": "text/srt"}).get_json()["transcript"]
    assert told["contentType"] == "text/srt"
    assert told["payload"].startswith("1\n00:00:00,500 --> ")


@pytest.mark.parametrize("by_default", [False, True])
def test_entities_are_looked_for_unless_told_otherwise(make_stage: StageFactory, *, by_default: bool) -> None:
    stage = make_stage(detect_entities=by_default)
    conversation_id, _ = stage.submit(stage.recording("call"))
    stage.engine.run_pending()
    assert bool(stage.get(f"/v1/conversations/{conversation_id}/entities")["entities"]) is by_default


def test_confidence_begins_where_told_to(make_stage: StageFactory) -> None:
    stage = make_stage(min_confidence=0)
    stage.submit(stage.recording("call"), confidenceThreshold=0)
    answer = stage.ask("POST", SUBMIT, {"url": stage.outside.url("/call"), "confidenceThreshold": -0.1})
    assert answer.get_json() == {"message": '"confidenceThreshold" must be greater than or equal to 0'}
