"""The local stack's own API."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from deploy.local.control import ControlServer
from deploy.local.scheduler import Job, Scheduler
from deploy.local.tasks import TasksServer
from tests.callee import Callee
from tests.tokens import an_identity

if TYPE_CHECKING:
    from collections.abc import Iterator

QUEUES = Path(__file__).parents[4] / "deploy" / "queues.yaml"


@pytest.fixture
def functions() -> Callee:
    return Callee()


@pytest.fixture
def url(functions: Callee) -> Iterator[str]:
    job = Job(
        name="sweep", every=timedelta(minutes=1), url="http://f/", audience="http://f/", service_account="c@x.com"
    )
    tasks = TasksServer(identity=an_identity(), dispatching=False)
    tasks.create_queues(QUEUES, project="local", location="here")
    scheduler = Scheduler([job], identity=an_identity(), connect=functions.connect)
    control = ControlServer(identity=an_identity(), scheduler=scheduler, tasks=tasks)
    yield control.start()
    control.stop()
    tasks.stop()


def test_the_keys_are_served(url: str) -> None:
    """What the functions verify tokens against."""
    assert requests.get(f"{url}/jwks", timeout=5).json() == an_identity().jwks()


def test_a_job_is_run_by_hand(url: str, functions: Callee) -> None:
    """Its status is told, and decides the answer's own."""
    functions.answers = [204, 500]
    done = requests.post(f"{url}/scheduler/sweep/run", timeout=5)
    assert (done.status_code, done.json()) == (200, {"job": "sweep", "status": 204})
    broken = requests.post(f"{url}/scheduler/sweep/run", timeout=5)
    assert (broken.status_code, broken.json()) == (502, {"job": "sweep", "status": 500})


def test_a_job_that_does_not_exist_is_not_found(url: str, functions: Callee) -> None:
    """And nothing is called."""
    assert requests.post(f"{url}/scheduler/nightly/run", timeout=5).status_code == 404
    assert not functions.calls


def test_the_queues_are_shown_with_their_tasks(url: str) -> None:
    """Empty ones too, each with its state."""
    assert requests.get(f"{url}/queues", timeout=5).json() == {
        "queues": {
            "collect-results": {"state": "RUNNING", "tasks": []},
            "dispatch-jobs": {"state": "RUNNING", "tasks": []},
            "submit-job": {"state": "RUNNING", "tasks": []},
        }
    }
