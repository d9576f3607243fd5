"""Faults on command: each switch does what it says, to whom it says, and the engine keeps to the truth."""

import concurrent.futures
import json
from typing import Any

import pytest

from deploy.engine.faults.connections import ConnectionClosed
from deploy.engine.faults.courier import FaultyCourier
from deploy.engine.jobs import Analyst
from deploy.engine.webhooks import Courier
from tests.contract.engine.stage import Stage, StageFactory

SUBMIT = "/v1/process/audio/url"
ALL = ["scheduled", "in_progress", "completed"]


@pytest.fixture
def stage(make_stage: StageFactory) -> Stage:
    """An engine whose faults can be set while it runs."""
    return make_stage(faults_api=True)


def worked_off(stage: Stage, *switches: dict[str, Any], **fields: Any) -> str:
    """The id of a job that was submitted and worked off under these faults."""
    stage.fail(*switches)
    _, job_id = stage.submit(stage.recording("call"), webhookUrl=stage.outside.url("/hook"), **fields)
    stage.engine.run_pending()
    return job_id


def bodies(stage: Stage) -> list[Any]:
    return [post["body"] for post in stage.outside.posts]


def listed(stage: Stage) -> list[str]:
    """The attempts that conversations were made of, by their metadata."""
    return [found["metadata"]["attempt"] for found in stage.get("/v1/conversations")["conversations"]]


def submission(stage: Stage, attempt: str = "a1") -> dict[str, Any]:
    return {"url": stage.recording("call"), "name": "Call 7", "metadata": {"attempt": attempt}}


# Webhooks


def test_a_dropped_webhook_never_comes(stage: Stage) -> None:
    """The engine takes it for delivered: it is not sent again, and the job is done all the same."""
    job_id = worked_off(stage, {"fault": "webhook_dropped", "status": "completed"})
    stage.clock.advance(100)
    stage.engine.run_pending()
    assert stage.outside.statuses() == ["scheduled", "in_progress"]
    assert stage.status(job_id) == "completed"
    assert stage.engine.store.pending_deliveries() == 0


def test_a_webhook_is_duplicated(stage: Stage) -> None:
    worked_off(stage, {"fault": "webhook_duplicated", "status": "in_progress", "times": 3})
    assert stage.outside.statuses() == ["scheduled", *["in_progress"] * 3, "completed"]


@pytest.mark.parametrize(
    ("switch", "order"),
    [
        ({"status": "scheduled"}, ["in_progress", "scheduled", "completed"]),
        ({"status": "in_progress"}, ["scheduled", "completed", "in_progress"]),
        ({}, ["completed", "scheduled", "in_progress"]),
    ],
)
def test_webhooks_are_reordered(stage: Stage, switch: dict[str, Any], order: list[str]) -> None:
    """One that is held comes when a later one has been sent; the last cannot be overtaken."""
    worked_off(stage, {"fault": "webhook_reordered", **switch})
    assert stage.outside.statuses() == order


def test_a_reordered_webhook_that_nothing_follows_comes_after_its_time(stage: Stage) -> None:
    """And if it is refused then, again after a second, as any other."""
    held = {"fault": "webhook_reordered", "status": "in_progress", "hold_s": 8}
    worked_off(stage, held, {"fault": "job_stuck"})
    stage.outside.answers["/hook"] = 500
    told = []
    for seconds in (0, 7.9, 0.1, 0.9, 0.1):
        stage.clock.advance(seconds)
        stage.engine.run_pending()
        told.append(stage.outside.statuses().count("in_progress"))
    assert told == [0, 0, 1, 1, 2]


def test_one_that_is_held_waits_for_a_later_one_though_an_earlier_one_is_sent(stage: Stage) -> None:
    stage.fail({"fault": "webhook_reordered"}, {"fault": "job_stuck"})
    stage.submit(stage.recording("call"), webhookUrl=stage.outside.url("/hook"))
    assert stage.engine.courier.step()  # holds `scheduled`, for 30 s
    stage.clock.advance(10)
    stage.engine.run_pending()  # holds `in_progress`
    stage.clock.advance(20)
    stage.engine.run_pending()
    assert stage.outside.statuses() == ["scheduled"]
    stage.ask("DELETE", "/engine/faults")
    stage.engine.run_pending()
    assert stage.outside.statuses() == ["scheduled", "completed", "in_progress"]


def test_a_delayed_webhook_comes_late(stage: Stage) -> None:
    worked_off(stage, {"fault": "webhook_delayed", "status": "scheduled", "by_s": 60})
    assert stage.outside.statuses() == ["in_progress", "completed"]
    stage.clock.advance(60)
    stage.engine.run_pending()
    assert stage.outside.statuses() == ["in_progress", "completed", "scheduled"]


def test_a_delay_is_no_attempt(stage: Stage) -> None:
    """After the delay all four attempts are still to come."""
    stage.outside.answers["/hook"] = 500
    worked_off(stage, {"fault": "webhook_delayed", "by_s": 60}, {"fault": "webhook_dropped", "status": "in_progress"})
    for seconds in (60, 1, 5, 25, 1000):
        stage.clock.advance(seconds)
        stage.engine.run_pending()
    assert stage.outside.statuses().count("completed") == 4


def test_a_forged_webhook_tells_of_another_job(stage: Stage) -> None:
    """Of one that exists where there is one, else of one that nobody has."""
    other = worked_off(stage)
    stage.outside.posts.clear()
    job_id = worked_off(stage, {"fault": "webhook_forged", "status": "completed"})
    assert bodies(stage)[-2:] == [{"id": other, "status": "completed"}, {"id": job_id, "status": "completed"}]


def test_the_first_job_s_forged_webhook_tells_of_nobody_s_job(stage: Stage) -> None:
    worked_off(stage, {"fault": "webhook_forged", "next": 1})
    assert stage.ask("GET", f"/v1/job/{bodies(stage)[0]['id']}").status_code == 404
    assert stage.outside.statuses() == ["scheduled", *ALL]


def test_a_forged_webhook_tells_a_false_status(stage: Stage) -> None:
    job_id = worked_off(stage, {"fault": "webhook_forged", "how": "false_status"})
    assert stage.outside.statuses() == [
        "completed", "scheduled", "completed", "in_progress", "failed", "completed",
    ]  # fmt: skip
    assert stage.status(job_id) == "completed"


def test_bad_json_is_sent_again_when_it_was_refused(stage: Stage) -> None:
    worked_off(stage, {"fault": "webhook_body", "status": "completed", "next": 1})
    assert bodies(stage)[2] is None
    stage.clock.advance(1)
    stage.engine.run_pending()
    assert bodies(stage)[3]["status"] == "completed"


def test_a_webhook_is_too_large(stage: Stage) -> None:
    worked_off(stage, {"fault": "webhook_body", "how": "too_large", "size": 5000, "status": "failed"})
    worked_off(stage, {"fault": "webhook_body", "how": "too_large", "size": 5000, "next": 1})
    assert [post["size"] > 5000 for post in stage.outside.posts] == [False] * 3 + [True, False, False]


@pytest.mark.parametrize(("key", "keys"), [("jobId", {"jobId"}), ("both", {"id", "jobId"})])
def test_the_key_changes_from_delivery_to_delivery(stage: Stage, key: str, keys: set[str]) -> None:
    worked_off(stage, {"fault": "webhook_key", "key": key, "status": "in_progress"})
    assert [set(body) - {"status"} for body in bodies(stage)] == [{"id"}, keys, {"id"}]


def test_scheduled_is_delivered_before_the_answer(stage: Stage) -> None:
    stage.fail({"fault": "webhook_early"})
    _, job_id = stage.submit(stage.recording("call"), webhookUrl=stage.outside.url("/hook"))
    assert bodies(stage) == [{"id": job_id, "status": "scheduled"}]
    stage.engine.run_pending()
    assert stage.outside.statuses() == ALL


def test_a_submission_without_a_webhook_has_none_early(stage: Stage) -> None:
    stage.fail({"fault": "webhook_early"})
    stage.submit(stage.recording("call"))
    assert bodies(stage) == []


def test_a_webhook_that_a_courier_has_in_hand_is_waited_for(stage: Stage) -> None:
    """So that it is delivered before the answer, and once."""
    stage.outside.gate.clear()
    _, job_id = stage.submit(stage.recording("call"), webhookUrl=stage.outside.url("/hook"))
    courier = stage.engine.courier
    assert isinstance(courier, FaultyCourier)
    with concurrent.futures.ThreadPoolExecutor() as threads:
        sending = threads.submit(courier.step)
        assert stage.outside.arrived.wait(5)
        ahead = threads.submit(courier.send_ahead, job_id)
        assert not concurrent.futures.wait([ahead], 0.05).done
        stage.outside.gate.set()
        assert sending.result(5)
    assert ahead.exception() is None
    assert stage.outside.statuses() == ["scheduled"]


# Calls


@pytest.mark.parametrize("retry_after", [None, 5])
def test_a_submission_is_throttled(stage: Stage, retry_after: int | None) -> None:
    """With Symbl's body, and with a Retry-After only where one is asked for."""
    wish = {} if retry_after is None else {"retry_after_s": retry_after}
    stage.fail({"fault": "error_answer", "status": 429, "on": "submissions", "next": 1, **wish})
    answer = stage.ask("POST", SUBMIT, submission(stage))
    assert (answer.status_code, answer.get_json()["statusCode"]) == (429, 429)
    assert answer.headers.get("Retry-After") == (None if retry_after is None else str(retry_after))
    assert stage.ask("POST", SUBMIT, submission(stage)).status_code == 201
    assert listed(stage) == ["a1"]


@pytest.mark.parametrize("status", [500, 502, 504])
@pytest.mark.parametrize(("when", "accepted"), [("before", []), ("after", ["a1"])])
def test_a_submission_breaks(stage: Stage, status: int, when: str, accepted: list[str]) -> None:
    """Before the job exists, or after."""
    stage.fail({"fault": "error_answer", "status": status, "on": "submissions", "when": when})
    answer = stage.ask("POST", SUBMIT, submission(stage))
    assert (answer.status_code, answer.headers["X-Engine-Fault"]) == (status, "error_answer")
    assert set(answer.get_json()) == {"message"}
    assert listed(stage) == accepted


@pytest.mark.parametrize("retry_after", [None, 5])
def test_over_its_own_cap_the_engine_says_when_to_come_back_only_if_told_to(
    make_stage: StageFactory, retry_after: int | None
) -> None:
    """Nothing is queued either way."""
    stage = make_stage(faults_api=True, max_active_jobs=1)
    stage.fail(*([] if retry_after is None else [{"fault": "retry_after", "retry_after_s": retry_after}]))
    accepted = stage.ask("POST", SUBMIT, submission(stage, "a1"))
    answer = stage.ask("POST", SUBMIT, submission(stage, "a2"))
    assert (answer.status_code, answer.get_json()["statusCode"]) == (429, 429)
    assert "limit of maximum of `1` number of concurrent jobs" in answer.get_json()["message"]
    assert answer.headers.get("Retry-After") == (None if retry_after is None else str(retry_after))
    assert (accepted.status_code, accepted.headers.get("Retry-After"), listed(stage)) == (201, None, ["a1"])
    stage.engine.run_pending()
    assert listed(stage) == ["a1"]


@pytest.mark.parametrize(
    ("switch", "how"),
    [
        ({"fault": "connection_closed"}, "reset"),
        ({"fault": "connection_closed", "how": "closed"}, "closed"),
        ({"fault": "no_answer", "when": "before"}, "held"),
    ],
)
@pytest.mark.parametrize(("when", "accepted"), [("before", []), ("after", ["a1"])])
def test_a_submission_is_not_answered(
    stage: Stage, switch: dict[str, Any], how: str, when: str, accepted: list[str]
) -> None:
    """The lost 201 is one whose job exists."""
    stage.fail({**switch, "on": "submissions", "when": when})
    with pytest.raises(ConnectionClosed) as closed:
        stage.ask("POST", SUBMIT, submission(stage))
    assert (closed.value.how, listed(stage)) == (how, accepted)


def test_a_submission_is_accepted_and_answered_late(stage: Stage) -> None:
    stage.fail({"fault": "slow_answer", "on": "submissions", "by_s": 200})
    began = stage.clock()
    answer = stage.ask("POST", SUBMIT, submission(stage))
    assert (answer.status_code, (stage.clock() - began).total_seconds()) == (201, 200)
    assert stage.engine.store.job(answer.get_json()["jobId"]).accepted_at == began


def test_several_faults_strike_one_answer(stage: Stage) -> None:
    """In the plan's order, each knowing what the engine really answered."""
    broken = {"fault": "error_answer", "status": 502, "on": "submissions", "when": "after"}
    stage.fail(broken, {"fault": "webhook_early"}, {"fault": "slow_answer", "by_s": 9, "on": "submissions"})
    began = stage.clock()
    answer = stage.ask("POST", SUBMIT, {**submission(stage), "webhookUrl": stage.outside.url("/hook")})
    assert (answer.status_code, (stage.clock() - began).total_seconds()) == (502, 9)
    assert (listed(stage), stage.outside.statuses()) == (["a1"], ["scheduled"])


def test_an_answer_is_lost_only_where_there_was_one_to_lose(stage: Stage) -> None:
    """A refused submission keeps its 400, and counts for nothing."""
    stage.fail({"fault": "connection_closed", "on": "submissions", "when": "after", "next": 1})
    assert stage.ask("POST", SUBMIT, {}).status_code == 400
    with pytest.raises(ConnectionClosed):
        stage.ask("POST", SUBMIT, submission(stage))


def test_a_job_that_exists_is_not_known(stage: Stage) -> None:
    job_id = worked_off(stage, {"fault": "error_answer", "status": 404, "path": "/v1/job/*", "next": 1})
    answer = stage.ask("GET", f"/v1/job/{job_id}")
    assert (answer.status_code, answer.get_json()) == (404, {"message": "Job not found"})
    assert stage.status(job_id) == "completed"


def test_a_section_comes_late_in_every_conversation(stage: Stage) -> None:
    stage.fail({"fault": "error_answer", "status": 404, "path": "*/topics", "each": 2})
    for path in (stage.analysed(), stage.analysed()):
        assert [stage.ask("GET", f"{path}/topics").status_code for _ in range(3)] == [404, 404, 200]
        assert stage.ask("GET", f"{path}/questions").status_code == 200


@pytest.mark.parametrize(
    ("section", "nothing"),
    [("topics", {"topics": []}), ("trackers", []), ("analytics", {"metrics": [], "members": []})],
)
def test_a_section_is_empty_at_first(stage: Stage, section: str, nothing: object) -> None:
    path = stage.analysed()
    stage.fail({"fault": "empty_answer", "path": f"*/{section}", "each": 1})
    assert stage.get(f"{path}/{section}") == nothing
    assert stage.get(f"{path}/{section}") != nothing


@pytest.mark.parametrize("how", ["html", "truncated"])
def test_an_answer_is_no_json(stage: Stage, how: str) -> None:
    path = stage.analysed()
    stage.fail({"fault": "rubbish_answer", "how": how, "path": "*/messages", "next": 1})
    answer = stage.ask("GET", f"{path}/messages")
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        json.loads(answer.get_data())


def test_an_answer_has_another_shape(stage: Stage) -> None:
    path = stage.analysed()
    stage.fail({"fault": "rubbish_answer", "how": "shape", "on": "reads"})
    assert stage.get(f"{path}/messages") == {"unexpected": True}


def test_tokens_end_soon(stage: Stage) -> None:
    stage.fail({"fault": "short_token", "lifetime_s": 3})
    body = stage.log_in().get_json()
    assert body["expiresIn"] == 3
    headers = {"Authorization": f"Bearer {body['accessToken']}"}
    client = stage.engine.app.test_client()
    stage.clock.advance(2.9)
    assert client.get("/v1/conversations", headers=headers).status_code == 200
    stage.clock.advance(0.1)
    assert client.get("/v1/conversations", headers=headers).status_code == 401


def test_a_token_s_life_is_never_lengthened(make_stage: StageFactory) -> None:
    stage = make_stage(faults_api=True, token_lifetime_s=3)
    stage.fail({"fault": "short_token", "lifetime_s": 10})
    assert stage.log_in().get_json()["expiresIn"] == 3


@pytest.mark.parametrize("status", [401, 503])
def test_no_token_is_given_for_a_while(stage: Stage, status: int) -> None:
    stage.fail({"fault": "error_answer", "status": status, "on": "tokens", "for_s": 60})
    assert stage.log_in().status_code == status
    assert stage.get("/v1/conversations") == {"conversations": []}
    stage.clock.advance(60)
    assert stage.log_in().status_code == 200


def test_the_whole_engine_is_away_for_a_while(stage: Stage) -> None:
    """Nobody is answered and no webhook goes out; what was accepted is worked off, and told afterwards."""
    _, job_id = stage.submit(stage.recording("call"), webhookUrl=stage.outside.url("/hook"))
    stage.fail({"fault": "away", "for_s": 30})
    stage.engine.run_pending()
    for path in ("/health", "/ready", f"/v1/job/{job_id}"):
        with pytest.raises(ConnectionClosed):
            stage.ask("GET", path)
    assert bodies(stage) == []
    stage.clock.advance(30)
    stage.engine.run_pending()
    assert stage.outside.statuses() == ALL
    assert stage.status(job_id) == "completed"


# Jobs


def test_a_stuck_job_stays_in_progress_and_in_the_cap_until_released(make_stage: StageFactory) -> None:
    """And is not struck again once it goes on."""
    stage = make_stage(faults_api=True, max_active_jobs=1)
    job_id = worked_off(stage, {"fault": "job_stuck"})
    stage.clock.advance(86000)
    stage.engine.run_pending()
    assert stage.status(job_id) == "in_progress"
    assert stage.ask("POST", SUBMIT, submission(stage)).status_code == 429
    assert stage.get("/engine/faults")["stuckJobs"] == [job_id]
    assert stage.ask("DELETE", f"/engine/faults/stuck/{job_id}").get_json()["stuckJobs"] == []
    stage.engine.run_pending()
    assert stage.status(job_id) == "completed"
    assert stage.ask("DELETE", f"/engine/faults/stuck/{job_id}").status_code == 404


def test_a_job_is_stuck_before_it_begins(stage: Stage) -> None:
    job_id = worked_off(stage, {"fault": "job_stuck", "at": "scheduled"})
    assert (stage.status(job_id), stage.outside.statuses()) == ("scheduled", ["scheduled"])
    stage.ask("DELETE", "/engine/faults")
    stage.engine.run_pending()
    assert stage.outside.statuses() == ALL


def test_a_stuck_job_whose_conversation_is_deleted_has_failed(stage: Stage) -> None:
    stage.fail({"fault": "job_stuck"})
    conversation_id, job_id = stage.submit(stage.recording("call"))
    stage.engine.run_pending()
    stage.ask("DELETE", f"/v1/conversations/{conversation_id}")
    assert stage.status(job_id) == "failed"
    assert stage.get("/engine/faults")["stuckJobs"] == []


def test_a_job_fails_with_a_reason(stage: Stage) -> None:
    job_id = worked_off(stage, {"fault": "job_failed", "reason": "unsupported codec"})
    assert stage.status(job_id) == "failed"
    assert stage.get(f"/v1/job/{job_id}/details")["reason"] == "unsupported codec"
    assert stage.outside.statuses() == ["scheduled", "in_progress", "failed"]


# Who is struck, and how often


@pytest.mark.parametrize(
    ("narrowing", "failed"),
    [
        ({"name": "Call 7"}, [7]),
        ({"name": "Call *"}, [7, 8]),
        ({"metadata": {"attempt": "a8"}}, [8]),
        ({"metadata": {"attempt": "a8"}, "name": "Call 7"}, []),
        ({"next": 1}, [7]),
        ({"skip": 1}, [8, 9]),
        ({"skip": 1, "next": 1}, [8]),
        ({"rate": 0}, []),
    ],
)
def test_jobs_are_chosen(stage: Stage, narrowing: dict[str, Any], failed: list[int]) -> None:
    """By name, metadata and number."""
    stage.fail({"fault": "job_failed", **narrowing})
    jobs = {}
    for number in (7, 8, 9):
        name = {"name": f"Call {number}"} if number < 9 else {}
        _, jobs[number] = stage.submit(stage.recording("call"), metadata={"attempt": f"a{number}"}, **name)
    stage.engine.run_pending()
    assert [number for number, job_id in jobs.items() if stage.status(job_id) == "failed"] == failed


def test_calls_and_webhooks_are_chosen_by_the_conversation_they_belong_to(stage: Stage) -> None:
    """From its submission, appended parts and reads on to its webhooks."""
    conversation_id, _ = stage.submit(stage.recording("call"), name="Call 7")
    other_id, job_id = stage.submit(stage.recording("call"), name="Call 8", webhookUrl=stage.outside.url("/hook"))
    stage.engine.run_pending()
    assert stage.outside.statuses() == ALL
    stage.fail(
        {"fault": "error_answer", "status": 500, "name": "Call 7"}, {"fault": "webhook_dropped", "name": "Call 7"}
    )
    url = stage.recording("call")
    struck = [
        stage.ask("POST", SUBMIT, {"url": url, "name": "Call 7"}),
        stage.ask("PUT", f"{SUBMIT}/{conversation_id}", {"url": url}),
        stage.ask("GET", f"/v1/conversations/{conversation_id}/topics"),
    ]
    spared = [
        stage.ask("POST", SUBMIT, {"url": url, "name": "Call 8"}),
        stage.ask("PUT", f"{SUBMIT}/{other_id}", {"url": url}),
        stage.ask("GET", f"/v1/conversations/{other_id}/topics"),
        stage.ask("GET", f"/v1/job/{job_id}"),
        stage.ask("GET", "/v1/conversations"),
    ]
    assert [answer.status_code for answer in struck] == [500] * 3
    assert [answer.status_code for answer in spared] == [201, 201, 200, 200, 200]


def chance(stage: Stage, seed: int) -> list[int]:
    """What twenty asks are answered with, half of which fail."""
    stage.fail({"fault": "error_answer", "status": 500, "on": "reads", "rate": 0.5}, seed=seed)
    return [stage.ask("GET", "/v1/conversations").status_code for _ in range(20)]


def test_the_same_seed_gives_the_same_faults(stage: Stage) -> None:
    first = chance(stage, seed=1)
    assert set(first) == {200, 500}
    assert chance(stage, seed=1) == first
    assert chance(stage, seed=2) != first


# The API


def test_the_strikes_are_counted_and_told(stage: Stage) -> None:
    stage.fail({"fault": "error_answer", "status": 500, "on": "reads", "next": 1}, {"fault": "away", "for_s": 0.001})
    stage.clock.advance(1)
    stage.ask("GET", "/v1/job/x")
    assert stage.get("/engine/faults") == {
        "seed": 0,
        "faults": [
            {"fault": "error_answer", "status": 500, "on": "reads", "next": 1, "struck": 1},
            {"fault": "away", "for_s": 0.001, "struck": 0},
        ],
        "strikes": [
            {"at": "2026-11-22T10:00:01.000Z", "fault": "error_answer", "hit": "GET /v1/job/x", "when": "before"}
        ],
        "stuckJobs": [],
    }


def test_a_wrong_plan_is_explained_and_changes_nothing(stage: Stage) -> None:
    stage.fail({"fault": "webhook_dropped"})
    answer = stage.ask("PUT", "/engine/faults", {"faults": [{"fault": "webhook_dropped", "rate": 2}]})
    assert (answer.status_code, answer.get_json()["message"]) == (
        400,
        'The plan was not changed: "faults[0].rate" should be less than or equal to 1',
    )
    assert stage.get("/engine/faults")["faults"] == [{"fault": "webhook_dropped", "struck": 0}]


def test_the_plan_is_lifted(stage: Stage) -> None:
    stage.fail({"fault": "error_answer", "status": 500, "on": "reads"})
    assert stage.ask("DELETE", "/engine/faults").get_json()["faults"] == []
    assert stage.get("/v1/conversations") == {"conversations": []}


def test_the_api_wants_a_token_or_the_account(stage: Stage) -> None:
    """The account's pair does where a switch has taken the tokens away."""
    client = stage.engine.app.test_client()
    stage.fail({"fault": "away"})
    assert client.get("/engine/faults").status_code == 401
    assert client.get("/engine/faults", auth=("local", "wrong")).status_code == 401
    assert client.delete("/engine/faults", auth=("local", "local")).status_code == 200
    assert client.get("/health").status_code == 200


def test_there_is_no_api_unless_it_is_asked_for(make_stage: StageFactory) -> None:
    stage = make_stage(faults='[{"fault": "webhook_dropped"}]')
    assert stage.ask("GET", "/engine/faults").status_code == 404
    stage.submit(stage.recording("call"), webhookUrl=stage.outside.url("/hook"))
    stage.engine.run_pending()
    assert bodies(stage) == []


def test_without_faults_nothing_of_them_is_installed(make_stage: StageFactory) -> None:
    engine = make_stage().engine
    assert (type(engine.courier), type(engine.analyst)) == (Courier, Analyst)
    assert "wsgi_app" not in vars(engine.app)
