"""Trackers of the account, in the scheme of 2022 and in the one since."""

from typing import Any

import pytest

from deploy.engine.trackers import MAX_TRACKERS
from tests.contract.engine.stage import Stage, StageFactory

OLD_ONE, MANY = "/v1/manage/tracker", "/v1/manage/trackers"
REFUND = {"name": "Refund", "vocabulary": ["refund", "money back"]}
PRICE = {"name": "Price", "vocabulary": ["what does it cost"], "categories": ["Sales"], "languages": ["en-US"]}
FIELDS = {"id", "name", "description", "categories", "languages", "vocabulary", "createdOn", "updatedOn"}


def made(stage: Stage, body: object = REFUND, path: str = MANY) -> Any:
    answer = stage.ask("POST", path, body)
    assert answer.status_code == 201, answer.get_data(as_text=True)
    return answer.get_json()


def names(stage: Stage, query: str = "") -> list[str]:
    return [tracker["name"] for tracker in stage.get(f"{MANY}{query}")["trackers"]]


@pytest.mark.parametrize("path", [OLD_ONE, MANY])
def test_one_is_made_by_either_scheme(stage: Stage, path: str) -> None:
    """Every field of either scheme is answered; what was not sent is empty."""
    tracker = made(stage, REFUND, path)["tracker"]
    assert set(tracker) == FIELDS
    assert tracker["id"].isdecimal()
    assert (tracker["name"], tracker["vocabulary"]) == ("Refund", ["refund", "money back"])
    assert (tracker["description"], tracker["categories"], tracker["languages"]) == ("", [], [])
    assert tracker["createdOn"] == tracker["updatedOn"] == "2026-11-22T10:00:00.000Z"
    assert stage.get(f"{OLD_ONE}/{tracker['id']}") == stage.get(f"{MANY}/{tracker['id']}") == {"tracker": tracker}


@pytest.mark.parametrize("path", [MANY, f"{MANY}/bulk"])
def test_several_are_made_from_an_array(stage: Stage, path: str) -> None:
    """At the same path that takes one as an object: that is how the two schemes differ."""
    assert [tracker["name"] for tracker in made(stage, [REFUND, PRICE], path)["trackers"]] == ["Refund", "Price"]
    assert names(stage) == ["Refund", "Price"]


def test_they_are_listed_by_their_exact_name(stage: Stage) -> None:
    made(stage, [REFUND, {**REFUND, "name": "refund"}])
    assert names(stage, "?name=refund") == ["refund"]
    assert names(stage, "?name=REFUND") == []


def test_a_name_is_unique_but_for_its_case(stage: Stage) -> None:
    made(stage)
    for path, body in ((OLD_ONE, REFUND), (MANY, [PRICE, REFUND]), (f"{MANY}/bulk", [PRICE, PRICE])):
        answer = stage.ask("POST", path, body)
        assert answer.status_code == 409
        assert "already exists" in answer.get_json()["message"]
    assert names(stage) == ["Refund"]


def test_put_replaces_what_it_says(stage: Stage) -> None:
    tracker = made(stage, {**PRICE, "description": "What they ask first"})["tracker"]
    stage.clock.advance(60)
    body = {"id": tracker["id"], "name": "Prices", "vocabulary": ["how much"]}
    answer = stage.ask("PUT", f"{OLD_ONE}/{tracker['id']}", body)
    assert answer.status_code == 200
    changed = {**tracker, "name": "Prices", "vocabulary": ["how much"], "updatedOn": "2026-11-22T10:01:00.000Z"}
    assert answer.get_json() == {"tracker": changed}
    assert stage.get(f"{MANY}/{tracker['id']}") == {"tracker": changed}


@pytest.mark.parametrize(
    ("steps", "change"),
    [
        ([{"op": "replace", "path": "/name", "value": "Costs"}], {"name": "Costs"}),
        (
            [{"op": "add", "path": "/vocabulary/-", "value": "how much"}],
            {"vocabulary": ["what does it cost", "how much"]},
        ),
        (
            [{"op": "add", "path": "/vocabulary/0", "value": "how much"}, {"op": "remove", "path": "/vocabulary/1"}],
            {"vocabulary": ["how much"]},
        ),
        ([{"op": "replace", "path": "/vocabulary", "value": ["price"]}], {"vocabulary": ["price"]}),
        ([{"op": "replace", "path": "/vocabulary/0", "value": "price"}], {"vocabulary": ["price"]}),
        ([{"op": "remove", "path": "/categories"}], {"categories": []}),
        ([{"op": "add", "path": "/description", "value": "x"}], {"description": "x"}),
    ],
)  # fmt: skip
def test_patch_changes_step_by_step(stage: Stage, steps: list[Any], change: dict[str, Any]) -> None:
    tracker = made(stage, PRICE)["tracker"]
    answer = stage.ask("PATCH", f"{MANY}/{tracker['id']}", steps)
    assert answer.status_code == 200, answer.get_json()
    assert answer.get_json() == {"tracker": {**tracker, **change}}


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ({"op": "replace", "path": "/name", "value": "x"}, '"value" must be an array'),
        ([], '"value" must contain at least 1 items'),
        ([{"op": "move", "path": "/name"}], '"[0].op" must be one of [add, remove, replace]'),
        ([{"op": "remove", "path": "/id"}], '"[0].path" fails to match'),
        ([{"op": "remove", "path": "/vocabulary/9"}], '"[0].path" names nothing'),
        ([{"op": "add", "path": "/vocabulary/9", "value": "x"}], '"[0].path" names nothing'),
        ([{"op": "replace", "path": "/name/0", "value": "x"}], '"[0].path" names nothing'),
        ([{"op": "remove", "path": "/vocabulary/-"}], '"[0].path" names nothing'),
        ([{"op": "remove", "path": "/name"}], '"name" is not allowed to be empty'),
        ([{"op": "remove", "path": "/vocabulary"}], '"vocabulary" must contain at least 1 items'),
        ([{"op": "replace", "path": "/name", "value": ["x"]}], '"name" must be a string'),
    ],
)  # fmt: skip
def test_a_step_that_cannot_be_taken_changes_nothing(stage: Stage, steps: Any, message: str) -> None:
    tracker = made(stage, PRICE)["tracker"]
    answer = stage.ask("PATCH", f"{MANY}/{tracker['id']}", steps)
    assert answer.status_code == 400
    assert answer.get_json()["message"].startswith(message)
    assert stage.get(f"{MANY}/{tracker['id']}") == {"tracker": tracker}


@pytest.mark.parametrize("path", [OLD_ONE, MANY])
def test_a_deleted_tracker_is_gone(stage: Stage, path: str) -> None:
    id_ = made(stage)["tracker"]["id"]
    answer = stage.ask("DELETE", f"{path}/{id_}")
    assert (answer.status_code, answer.get_json()) == (200, {"id": id_, "type": "tracker", "deleted": True})
    assert names(stage) == []
    for method, body in (("GET", None), ("DELETE", None)):
        assert stage.ask(method, f"{path}/{id_}", body).status_code == 404


def test_an_unknown_tracker_gets_404_however_it_is_changed(stage: Stage) -> None:
    assert stage.ask("PUT", f"{OLD_ONE}/7", REFUND).status_code == 404
    steps = [{"op": "remove", "path": "/categories"}]
    assert stage.ask("PATCH", f"{MANY}/7", steps).status_code == 404


def test_a_name_cannot_be_changed_to_one_that_is_taken(stage: Stage) -> None:
    id_ = made(stage, [REFUND, PRICE])["trackers"][1]["id"]
    assert stage.ask("PUT", f"{OLD_ONE}/{id_}", {**PRICE, "name": "Refund"}).status_code == 409
    steps = [{"op": "replace", "path": "/name", "value": "Refund"}]
    assert stage.ask("PATCH", f"{MANY}/{id_}", steps).status_code == 409


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ""}, '"name" is not allowed to be empty'),
        ({"name": None}, '"name" must not be null'),
        ({"vocabulary": []}, '"vocabulary" must contain at least 1 items'),
        ({"vocabulary": ["a", "b", "a"]}, '"vocabulary" contains a duplicate value at position 2'),
        ({"vocabulary": ["is it dear?"]}, '"vocabulary[0]" must contain no punctuation but . \' and -'),
        ({"vocabulary": ["a", 5]}, '"vocabulary[1]" must be a string'),
        ({"phrases": ["a"]}, '"phrases" is not allowed'),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named_in_joi_words(idle_stage: Stage, change: dict[str, Any], message: str) -> None:
    answer = idle_stage.ask("POST", MANY, {**REFUND, **change})
    assert (answer.status_code, answer.get_json()) == (400, {"message": message})


def test_in_an_array_the_wrong_one_is_named(idle_stage: Stage) -> None:
    answer = idle_stage.ask("POST", f"{MANY}/bulk", [PRICE, {"name": "x"}])
    assert answer.get_json() == {"message": '"[1].vocabulary" is required'}
    assert idle_stage.ask("POST", f"{MANY}/bulk", REFUND).get_json() == {"message": '"value" must be an array'}


def test_dots_apostrophes_and_hyphens_are_all_the_punctuation(stage: Stage) -> None:
    made(stage, {"name": "Signs", "vocabulary": ["it's 5.5 per cent off-peak"]})


def test_an_account_has_no_more_than_500(stage: Stage) -> None:
    made(stage, [{"name": f"T{number}", "vocabulary": ["x"]} for number in range(MAX_TRACKERS)])
    answer = stage.ask("POST", MANY, REFUND)
    assert answer.status_code == 400
    assert "500" in answer.get_json()["message"]


def test_a_body_of_more_than_a_megabyte_is_refused(stage: Stage) -> None:
    answer = stage.ask("POST", MANY, {"name": "x", "description": "x" * 1024**2, "vocabulary": ["x"]})
    assert answer.status_code == 413
    assert answer.get_json()["message"]


def test_a_second_call_meanwhile_is_refused(stage: Stage) -> None:
    """One at a time, as documented: 429, and nothing done."""
    with stage.engine.trackers.turn:
        for method, path, body in (("POST", MANY, REFUND), ("GET", MANY, None), ("DELETE", f"{OLD_ONE}/7", None)):
            answer = stage.ask(method, path, body)
            assert answer.status_code == 429
            assert answer.get_json()["statusCode"] == 429
    assert names(stage) == []


# In recordings


def detected(stage: Stage, **fields: Any) -> dict[str, str]:
    """Names of the trackers that were found, with their ids."""
    path = stage.analysed(**{"trackers": [], **fields})
    return {tracker["name"]: tracker["id"] for tracker in stage.get(f"{path}/trackers")}


def test_they_are_looked_for_where_a_submission_asks_for_all(stage: Stage) -> None:
    """By the id that they have in the account, beside those sent with the recording."""
    id_ = made(stage)["tracker"]["id"]
    assert detected(stage) == {}
    assert detected(stage, enableAllTrackers=True) == {"Refund": id_}
    inline = {"name": "Machine", "vocabulary": ["coffee machine"]}
    assert set(detected(stage, enableAllTrackers=True, trackers=[inline])) == {"Refund", "Machine"}


def test_a_setting_makes_them_count_unless_told_otherwise(make_stage: StageFactory) -> None:
    """Symbl's later documents have it so."""
    stage = make_stage(all_trackers=True)
    made(stage)
    assert set(detected(stage)) == {"Refund"}
    assert detected(stage, enableAllTrackers=False) == {}


def test_what_was_sent_in_before_keeps_the_trackers_of_then(stage: Stage) -> None:
    id_ = made(stage)["tracker"]["id"]
    path = stage.analysed(trackers=[], enableAllTrackers=True)
    stage.ask("DELETE", f"{MANY}/{id_}")
    member = stage.get(f"{path}/members")["members"][0]
    stage.ask("PUT", f"{path}/members/{member['id']}", {**member, "name": "Anna"})
    assert [tracker["id"] for tracker in stage.get(f"{path}/trackers")] == [id_]


def test_they_are_there_after_a_restart(stage: Stage) -> None:
    made(stage)
    stage.restarted()
    assert names(stage) == ["Refund"]


def test_faults_strike_them_too(make_stage: StageFactory) -> None:
    stage = make_stage(faults_api=True)
    stage.fail({"fault": "error_answer", "status": 500, "path": "/v1/manage/*", "when": "after", "next": 1})
    assert stage.ask("POST", MANY, REFUND).status_code == 500
    assert stage.ask("POST", MANY, REFUND).status_code == 409
    (tracker,) = stage.get(MANY)["trackers"]
    stage.fail({"fault": "error_answer", "status": 404, "path": f"{MANY}/*", "next": 1})
    answer = stage.ask("GET", f"{MANY}/{tracker['id']}")
    assert (answer.status_code, tracker["id"] in answer.get_json()["message"]) == (404, True)
    stage.fail({"fault": "empty_answer", "path": MANY})
    assert stage.get(MANY) == {"trackers": []}
