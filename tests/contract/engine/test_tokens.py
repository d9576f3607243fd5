"""Tokens and who may ask."""

import pytest

from tests.contract.engine.stage import Stage, StageFactory

BAD_TOKEN = {"message": "Token validation failed for provided token."}


def test_the_right_pair_buys_a_token_for_a_day(stage: Stage) -> None:
    """The answer holds exactly the token and its seconds."""
    answer = stage.log_in()
    assert answer.status_code == 200
    assert set(answer.get_json()) == {"accessToken", "expiresIn"}
    assert answer.get_json()["expiresIn"] == 86400


def test_asking_again_gives_the_same_token_with_the_seconds_left(stage: Stage) -> None:
    """A token is renewed only when it is over."""
    first = stage.log_in().get_json()
    stage.clock.advance(1000)
    second = stage.log_in().get_json()
    assert second == {"accessToken": first["accessToken"], "expiresIn": 85400}


def test_a_token_that_is_over_is_replaced_and_refused(make_stage: StageFactory) -> None:
    """After its life another token is given, and the old one gets 401."""
    stage = make_stage(token_lifetime_s=60)
    first = stage.log_in().get_json()["accessToken"]
    stage.clock.advance(60)
    stage.token = first
    assert stage.ask("GET", "/v1/conversations").status_code == 401
    assert stage.log_in().get_json()["accessToken"] != first


def test_a_token_outlives_a_restart(stage: Stage) -> None:
    """Clients that hold a token go on with it."""
    stage.token = stage.log_in().get_json()["accessToken"]
    stage.restarted()
    assert stage.get("/v1/conversations") == {"conversations": []}


def test_a_wrong_pair_gets_401(idle_stage: Stage) -> None:
    assert idle_stage.log_in(appSecret="guess").status_code == 401
    assert idle_stage.log_in(appId="other").status_code == 401


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"type": "user"}, '"type" must be one of [application]'), ({"appId": ""}, '"appId" is not allowed to be empty')],
)
def test_a_malformed_request_gets_400(idle_stage: Stage, changes: dict[str, str], message: str) -> None:
    answer = idle_stage.log_in(**changes)
    assert (answer.status_code, answer.get_json()) == (400, {"message": message})


def test_a_body_that_is_no_json_gets_400(idle_stage: Stage) -> None:
    answer = idle_stage.engine.app.test_client().post("/oauth2/token:generate", data="appId=local")
    assert answer.status_code == 400
    assert "not JSON" in answer.get_json()["message"]


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"x-api-key": "wrong"}, {"Authorization": "Basic x"}]
)
def test_without_a_good_token_every_call_gets_the_documented_401(idle_stage: Stage, headers: dict[str, str]) -> None:
    answer = idle_stage.engine.app.test_client().get("/v1/conversations", headers=headers)
    assert (answer.status_code, answer.get_json()) == (401, BAD_TOKEN)


def test_the_older_header_carries_the_same_token(idle_stage: Stage) -> None:
    token = idle_stage.log_in().get_json()["accessToken"]
    answer = idle_stage.engine.app.test_client().get("/v1/conversations", headers={"x-api-key": token})
    assert answer.status_code == 200


def test_health_and_readiness_need_no_token(idle_stage: Stage) -> None:
    client = idle_stage.engine.app.test_client()
    assert client.get("/health").get_json() == {"status": "ok"}
    ready = client.get("/ready")
    assert ready.status_code == 200
    assert ready.get_json()["queue"] == {"activeJobs": 0, "maxActiveJobs": 50, "webhooks": 0}
