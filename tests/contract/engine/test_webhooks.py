"""Webhooks: one per status change, again until accepted, never lost by a restart."""

import pytest

from tests.contract.engine.stage import Stage, StageFactory


def submitted(stage: Stage, path: str = "/hook?token=abc") -> str:
    return stage.submit(stage.recording("call"), webhookUrl=stage.outside.url(path))[1]


def test_a_good_job_tells_three_statuses_in_order(stage: Stage) -> None:
    job_id = submitted(stage)
    stage.engine.run_pending()
    assert [post["body"] for post in stage.outside.posts] == [
        {"id": job_id, "status": "scheduled"},
        {"id": job_id, "status": "in_progress"},
        {"id": job_id, "status": "completed"},
    ]
    assert {(post["path"], post["type"]) for post in stage.outside.posts} == {("/hook?token=abc", "application/json")}


@pytest.mark.parametrize(("key", "keys"), [("id", {"id"}), ("jobId", {"jobId"}), ("both", {"id", "jobId"})])
def test_the_key_of_the_job_is_a_setting(make_stage: StageFactory, key: str, keys: set[str]) -> None:
    stage = make_stage(webhook_key=key)
    job_id = submitted(stage)
    stage.engine.run_pending()
    assert {frozenset(post["body"]) for post in stage.outside.posts} == {frozenset({*keys, "status"})}
    assert all(post["body"][name] == job_id for post in stage.outside.posts for name in keys)


@pytest.mark.parametrize("status", [201, 204, 302, 404, 500])
def test_anything_but_200_is_no_acceptance(stage: Stage, status: int) -> None:
    stage.outside.answers["/hook"] = status
    submitted(stage, "/hook")
    stage.engine.run_pending()
    stage.outside.answers.clear()
    stage.clock.advance(1)
    stage.engine.run_pending()
    assert stage.outside.statuses() == ["scheduled", "in_progress", "completed"] * 2


def test_a_webhook_is_sent_again_after_1_5_and_25_seconds_then_dropped(stage: Stage) -> None:
    stage.outside.answers["/hook"] = 500
    submitted(stage, "/hook")
    sent = []
    for seconds in (0, 0.9, 0.1, 4.9, 0.1, 24.9, 0.1, 1000):
        stage.clock.advance(seconds)
        stage.engine.run_pending()
        sent.append(len(stage.outside.posts))
    assert sent == [3, 3, 6, 6, 9, 9, 12, 12]
    assert stage.engine.store.pending_deliveries() == 0


def test_a_restart_loses_no_webhook(stage: Stage) -> None:
    stage.outside.answers["/hook"] = 503
    submitted(stage, "/hook")
    stage.engine.run_pending()
    stage.outside.posts.clear()
    stage.outside.answers.clear()
    stage.restarted()
    stage.clock.advance(1)
    stage.engine.run_pending()
    assert stage.outside.statuses() == ["scheduled", "in_progress", "completed"]


def test_a_receiver_at_a_private_address_is_not_called_unless_allowed(make_stage: StageFactory) -> None:
    stage = make_stage(allow_private_urls=False)
    submitted(stage, "/hook")
    stage.engine.run_pending()
    assert stage.outside.posts == []
    assert (
        stage.engine.store.pending_deliveries() == 2
    )  # scheduled and failed (its audio is private too), to be tried again


def test_a_receiver_that_is_down_holds_up_no_job(stage: Stage) -> None:
    _, job_id = stage.submit(stage.recording("call"), webhookUrl="http://127.0.0.1:9/hook")
    stage.engine.run_pending()
    assert stage.status(job_id) == "completed"
