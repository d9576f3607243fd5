"""The installation's health: what is not well is told with its mend, and nothing hides the rest."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from common.bootstrap import Services
from common.config import read_settings
from deploy.local.datastore import DatastoreServer, load_indexes
from functions._checkup import Check, examine, indexes
from tests.conftest import PROJECT, ROOT, SETTINGS
from tests.tokens import a_token, api_tokens

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask.testing import FlaskClient

DECLARED = yaml.safe_load((ROOT / "deploy" / "index.yaml").read_text())["indexes"]


class OverServer(Services):
    """Services over one Datastore server, past its socket."""

    def __init__(self, server: DatastoreServer) -> None:
        super().__init__(read_settings(SETTINGS))
        self.datastore = server.in_process_client(PROJECT)


def test_what_cannot_be_reached_is_told_with_the_mend(pages: Callable[..., FlaskClient]) -> None:
    """Of a stack where only Datastore answers: the others fail, each by itself, and the answer is still 200."""
    answer = pages(STORAGE_EMULATOR_HOST="http://127.0.0.1:9").get("/api/v1/checks")

    report = answer.get_json()
    well = {check["name"] for check in report["checks"] if check["ok"]}
    assert (answer.status_code, report["ok"]) == (200, False)
    assert well == {"settings", "access", "datastore", "indexes"}
    assert all(check["found"] and check["mend"] for check in report["checks"] if not check["ok"])


def test_an_installation_without_an_admin_is_not_well(pages: Callable[..., FlaskClient]) -> None:
    """Who asks learns it, with their own name and role."""
    client = pages(AUTH_MODE="token", API_TOKENS=api_tokens(a_token("t0ken", name="kim", role="operator")))

    report = client.get("/api/v1/checks", headers={"Authorization": "Bearer t0ken"}).get_json()

    (access,) = [check for check in report["checks"] if check["name"] == "access"]
    assert (access["ok"], access["mend"]) == (False, "give somebody the role of admin: docs/howto/give-access.md")
    assert access["found"].startswith("you are kim, operator; nobody is admin")


def test_every_index_is_asked_for() -> None:
    """With all of them all queries are served."""
    with DatastoreServer(indexes=load_indexes(ROOT / "deploy" / "index.yaml")) as server:
        assert indexes(OverServer(server)) == "every query that the functions make is served"


@pytest.mark.parametrize("missing", range(len(DECLARED)))
def test_an_index_that_is_not_there_is_found(tmp_path: Path, missing: int) -> None:
    """Whichever it is: the doctor asks a query of each."""
    path = tmp_path / "index.yaml"
    path.write_text(yaml.safe_dump({"indexes": [index for at, index in enumerate(DECLARED) if at != missing]}))
    with DatastoreServer(indexes=load_indexes(path)) as server, pytest.raises(Exception, match="index"):
        indexes(OverServer(server))


def test_a_part_that_hangs_does_not_keep_the_others() -> None:
    """It has failed when the time is over."""
    never = threading.Event()
    quick = Check(name="quick", ask=lambda: "well", mend="-")
    hanging = Check(name="hanging", ask=lambda: str(never.wait(5)), mend="look at it")

    answers: list[Any] = examine([hanging, quick], deadline_s=0.05)

    never.set()
    assert answers == [
        {"name": "hanging", "ok": False, "found": "no answer within 0.05 s", "mend": "look at it"},
        {"name": "quick", "ok": True, "found": "well", "mend": None},
    ]
