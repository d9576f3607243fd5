from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.engine.stage import Outside, Stage, StageFactory


@pytest.fixture
def outside() -> Iterator[Outside]:
    server = Outside()
    yield server
    server.close()


@pytest.fixture
def make_stage(tmp_path: Path, outside: Outside) -> Iterator[StageFactory]:
    stages: list[Stage] = []

    def make(**settings: Any) -> Stage:
        stages.append(Stage(tmp_path, outside, **settings))
        return stages[-1]

    yield make
    for stage in stages:
        stage.engine.stop()


@pytest.fixture(scope="module")
def idle_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One engine for all tests of a module that only ask and change nothing."""
    server = Outside()
    stage = Stage(tmp_path_factory.mktemp("idle"), server)
    yield stage
    stage.engine.stop()
    server.close()


@pytest.fixture
def stage(make_stage: StageFactory) -> Stage:
    return make_stage()
