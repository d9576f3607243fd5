"""The definitions that Terraform, the local stack and the code share say the same."""

from __future__ import annotations

import dataclasses
import re

import pytest
import yaml

import main
from common.adapters.cloud_tasks import DEADLINES
from common.adapters.datastore.kinds import ROW_KINDS
from common.config import Settings
from common.model.job import FailureClass
from deploy.definitions import Caller, read_definitions
from tests.conftest import ROOT

DEFINITIONS = read_definitions()
FUNCTIONS = DEFINITIONS.functions
DEPLOY = ROOT / "deploy"
TERRAFORM = {path.name: path.read_text() for path in (DEPLOY / "terraform").glob("*.tf")}
SOURCES = "".join(path.read_text() for part in ("functions", "common") for path in (ROOT / part).rglob("*.py"))
MONITORING = yaml.safe_load((DEPLOY / "monitoring.yaml").read_text())
#: The longest that Cloud Run lets a function of the storage trigger run (https://cloud.google.com/functions/quotas).
EVENT_LIMIT_S = 540


def test_every_entry_point_is_deployed_and_nothing_else() -> None:
    assert sorted(FUNCTIONS) == sorted(main.__all__)


def test_every_setting_is_given_to_the_functions_or_is_the_local_stacks_own() -> None:
    """The names in the code, in functions.yaml and in Terraform are one set; another test holds the README to it."""
    known = [*DEFINITIONS.settings, *DEFINITIONS.secrets, *DEFINITIONS.local]
    assert sorted(known) == sorted(name.upper() for name in Settings.model_fields)

    table = TERRAFORM["settings.tf"].partition("settings = {")[2]
    assert sorted(re.findall(r"^\s+([A-Z_]+)\s+= ", table, flags=re.MULTILINE)) == sorted(DEFINITIONS.settings)


def test_secrets_are_those_that_are_never_shown() -> None:
    """Whatever the code keeps from logs is in Secret Manager, and so is what goes with it."""
    hidden = {name.upper() for name, field in Settings.model_fields.items() if "Secret" in str(field.annotation)}
    assert hidden <= set(DEFINITIONS.secrets)
    assert {secret for function in FUNCTIONS.values() for secret in function.secrets} == set(DEFINITIONS.secrets)


def test_a_function_ends_before_its_tasks_are_given_up() -> None:
    """Else a task would be sent again while the first run still works on it."""
    late = {
        stage.value: FUNCTIONS[stage.value].timeout_s
        for stage, deadline in DEADLINES.items()
        if FUNCTIONS[stage.value].timeout_s >= deadline.total_seconds()
    }
    assert late == {}
    assert FUNCTIONS["ingest_recording"].timeout_s <= EVENT_LIMIT_S


def test_only_the_webhook_is_for_anybody() -> None:
    assert [name for name, function in FUNCTIONS.items() if Caller.PUBLIC in function.callers] == ["symbl_webhook"]
    anybody = {name for name, text in TERRAFORM.items() if '"allUsers"' in text}
    assert anybody == {"access.tf"}


def test_tasks_go_into_queues_that_there_are() -> None:
    queues = yaml.safe_load((DEPLOY / "queues.yaml").read_text())["queues"]
    used = {queue for function in FUNCTIONS.values() for queue in function.enqueues}
    assert used == set(queues)


def test_what_expires_is_deleted_by_datastore() -> None:
    """Each kind with a time of expiry has a TTL policy, on a property that is not indexed."""
    expiring = {
        (kind.name, field.name)
        for kind in ROW_KINDS
        for field in dataclasses.fields(kind.row)
        if field.name == "expires_at"
    }
    declared = {
        (policy["kind"], policy["property"]) for policy in yaml.safe_load((DEPLOY / "ttl.yaml").read_text())["ttl"]
    }
    assert declared == expiring
    assert not [kind.name for kind in ROW_KINDS if "expires_at" in kind.indexed]


@pytest.mark.parametrize("metric", MONITORING["metrics"])
def test_a_metric_counts_what_is_logged(metric: str) -> None:
    """By the events' names, as they stand in the code."""
    events = re.findall(r'jsonPayload\.event="(\w+)"', MONITORING["metrics"][metric]["where"])
    assert [event for event in events if f'"{event}"' not in SOURCES] == []


def test_an_alert_goes_by_a_metric_that_there_is() -> None:
    alerts = MONITORING["alerts"].values()
    assert {alert["metric"] for alert in alerts if "metric" in alert} <= set(MONITORING["metrics"])
    assert {alert["severity"] for alert in alerts} == {"CRITICAL", "WARNING"}


def test_every_alert_and_every_class_of_failure_has_its_page_in_the_runbook() -> None:
    """And each page is of one: nobody is left alone at night, or with a page about nothing."""
    pages = {path.stem for path in (ROOT / "docs" / "howto" / "runbook").glob("*.md")} - {"README"}
    assert pages == {*MONITORING["alerts"], *(str(failure) for failure in FailureClass)}
    index = (ROOT / "docs" / "howto" / "runbook" / "README.md").read_text()
    assert set(re.findall(r"\]\(([\w-]+)\.md\)", index)) == pages
