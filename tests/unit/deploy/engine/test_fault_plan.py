"""What an operator may write, what he is told otherwise, and which targets a plan strikes."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.engine.errors import SettingsError
from deploy.engine.faults.plan import FIELDS, Fault, JobFailed, Plan, Target, read_plan
from deploy.engine.faults.strikes import LOG_LENGTH, Strikes
from deploy.engine.settings import REPOSITORY, EngineSettings

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def strikes(*switches: dict[str, Any], seed: int = 0, clock: Callable[[], datetime] = lambda: NOON) -> Strikes:
    return Strikes(read_plan({"faults": list(switches), "seed": seed}), clock)


def struck(plan: Strikes, keys: str) -> str:
    """Those of the targets that were struck."""
    return "".join(key for key in keys if plan.first(Target(key=key), Fault))


@pytest.mark.parametrize(
    ("plan", "complaint"),
    [
        ([], '"plan" must be an object'),
        ({"faults": 3}, '"faults" should be a valid list'),
        ({"seed": "x"}, '"seed" should be a valid integer'),
        ({"sed": 1}, '"sed" is no field of a plan: it has faults, seed'),
        ({"faults": [{}]}, '"faults[0].fault" must be one of webhook_dropped, '),
        ({"faults": [{"fault": "typo"}]}, '"faults[0].fault" must be one of webhook_dropped, '),
        ({"faults": [{"fault": "away", "rate": 1}]}, '"faults[0].rate" is no field of away: it has fault, for_s'),
        ({"faults": [{"fault": "away"}, {"fault": "job_failed", "rate": 1.1}]}, '"faults[1].rate" should be less'),
        ({"faults": [{"fault": "job_failed", "next": 0}]}, '"faults[0].next" should be greater than or equal to 1'),
        ({"faults": [{"fault": "job_failed", "metadata": {"a": 1}}]}, '"faults[0].metadata.a" should be a valid str'),
        ({"faults": [{"fault": "webhook_delayed"}]}, '"faults[0].by_s" is required'),
        ({"faults": [{"fault": "error_answer", "status": 418}]}, '"faults[0].status" should be 400, 401, '),
    ],
)
def test_a_wrong_field_is_named_with_its_mend(plan: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}"):
        read_plan(plan)


def test_all_wrong_fields_are_named_at_once() -> None:
    with pytest.raises(ValueError, match=r'"faults\[0\]\.rate" .*; "faults\[1\]\.by_s" '):
        read_plan({"faults": [{"fault": "job_stuck", "rate": -1}, {"fault": "slow_answer"}]})


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ('[{"fault": "away", "x": 1}]', 'ENGINE_FAULTS: "faults[0].x" is no field of away: it has fault, for_s'),
        ("[{", "ENGINE_FAULTS: must be a JSON list of switches: "),
        ("/nowhere/faults.json", "ENGINE_FAULTS: must be a JSON list of switches or the name of a file that holds one"),
    ],
)
def test_a_wrong_setting_is_named_with_its_mend(value: str, complaint: str) -> None:
    with pytest.raises(SettingsError) as raised:
        EngineSettings.from_environment({"ENGINE_FAULTS": value})
    assert str(raised.value).startswith(complaint)


def test_the_setting_is_a_list_or_a_file_that_holds_one(tmp_path: Path) -> None:
    text = json.dumps([{"fault": "job_failed", "next": 2}])
    (tmp_path / "faults.json").write_text(text)
    for value in (text, str(tmp_path / "faults.json")):
        settings = EngineSettings.from_environment({"ENGINE_FAULTS": value})
        assert settings.faults == (JobFailed(fault="job_failed", next=2),)
        assert settings.faulty


def test_the_api_is_refused_where_others_reach_it() -> None:
    credentials = {"ENGINE_APP_ID": "app", "ENGINE_APP_SECRET": "s3cret"}
    with pytest.raises(SettingsError, match=r"ENGINE_HOST=0\.0\.0\.0 is reachable .* set ENGINE_HOST=127\.0\.0\.1"):
        EngineSettings.from_environment({"ENGINE_FAULTS_API": "true", "ENGINE_HOST": "0.0.0.0", **credentials})
    assert EngineSettings.from_environment({"ENGINE_FAULTS_API": "true"}).faulty
    assert not EngineSettings.from_environment({}).faulty


def test_every_switch_and_every_field_of_it_is_documented() -> None:
    text = (REPOSITORY / "docs" / "engine.md").read_text()
    wanted = {*FIELDS, *(field for fields in FIELDS.values() for field in fields - {"fault"})}
    assert sorted(word for word in wanted if f"`{word}`" not in text) == []


def test_targets_are_struck_by_number() -> None:
    """`skip` those that match, then `next` of them; `each` counts every target for itself."""
    assert struck(strikes({"fault": "job_failed"}), "abab") == "abab"
    assert struck(strikes({"fault": "job_failed", "next": 2}), "abab") == "ab"
    assert struck(strikes({"fault": "job_failed", "skip": 1, "next": 2}), "abcd") == "bc"
    assert struck(strikes({"fault": "job_failed", "each": 1}), "abab") == "ab"
    assert struck(strikes({"fault": "job_failed", "each": 2, "next": 3}), "aaabbb") == "aab"


def test_a_switch_lasts_its_time() -> None:
    now = NOON
    plan = strikes({"fault": "job_failed", "for_s": 10}, clock=lambda: now)
    now += timedelta(seconds=9.9)
    assert struck(plan, "a") == "a"
    now += timedelta(seconds=0.1)
    assert struck(plan, "a") == ""


def test_switches_are_asked_in_order_and_none_after_the_one_that_strikes() -> None:
    plan = strikes({"fault": "job_failed", "next": 1, "reason": "first"}, {"fault": "job_failed", "reason": "second"})
    found = [plan.first(Target(key="a"), JobFailed) for _ in range(2)]
    assert [fault.reason for fault in found if fault] == ["first", "second"]
    assert [fault["struck"] for fault in plan.as_json()["faults"]] == [1, 1]


def test_the_log_keeps_the_last_strikes() -> None:
    plan = strikes({"fault": "job_failed"})
    for number in range(LOG_LENGTH + 1):
        plan.first(Target(key=f"job {number}"), Fault)
    told = [strike["hit"] for strike in plan.as_json()["strikes"]]
    assert told == [f"job {number}" for number in range(1, LOG_LENGTH + 1)]


RATES = st.lists(st.floats(0, 1), min_size=1, max_size=3)


@given(rates=RATES, seed=st.integers(), keys=st.text("abc", max_size=30))
def test_the_same_seed_and_order_give_the_same_strikes(rates: list[float], seed: int, keys: str) -> None:
    """In a plan of its own and in one that is begun again, whatever came before."""
    switches = [{"fault": "job_failed", "rate": rate} for rate in rates]
    first, again = strikes(*switches, seed=seed), strikes({"fault": "job_failed", "rate": 0.5})
    told = struck(first, keys), first.random_uuid(), first.as_json()
    struck(again, "aaaa")
    again.begin(read_plan({"faults": switches, "seed": seed}))
    assert (struck(again, keys), again.random_uuid(), again.as_json()) == told


@given(rate=st.floats(0, 1), seed=st.integers(), among=st.text("abx", max_size=40))
def test_what_else_happens_changes_no_luck(rate: float, seed: int, among: str) -> None:
    """Two switches draw apart: other targets in between, as with other timing, change nothing for the first one's."""
    plan = strikes(
        {"fault": "job_failed", "name": "ours", "rate": rate},
        {"fault": "job_failed", "name": "others", "rate": 0.5},
        seed=seed,
    )
    alone = strikes({"fault": "job_failed", "name": "ours", "rate": rate}, seed=seed)
    told = [bool(plan.first(Target(key=key, name="others" if key == "x" else "ours"), Fault)) for key in among]
    ours = [hit for hit, key in zip(told, among, strict=True) if key != "x"]
    assert ours == [bool(alone.first(Target(key=key, name="ours"), Fault)) for key in among if key != "x"]


@settings(max_examples=10, derandomize=True)
@given(rate=st.floats(0.1, 0.9), seed=st.integers(0, 2**32))
def test_a_rate_is_kept_in_the_long_run(rate: float, seed: int) -> None:
    """2,000 draws stay within five standard deviations."""
    plan = Strikes(Plan(faults=[JobFailed(fault="job_failed", rate=rate)], seed=seed), lambda: NOON)
    hits = len(struck(plan, "a" * 2000))
    assert abs(hits - 2000 * rate) <= 5 * (2000 * rate * (1 - rate)) ** 0.5
