"""The whole life cycle against an engine that fails on command.

Lost, doubled, late and forged webhooks, 429, 5xx, resets before and after acceptance, rubbish and dying tokens, all at
once. Any seed can be run again.
"""

from __future__ import annotations

import collections
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from common.model.lifecycle import JobStatus
from deploy.engine.engine import create_engine
from deploy.engine.settings import EngineSettings
from tests.factories import sample_calls
from tests.integration.pipeline.installation import Served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.engine.engine import Engine
    from tests.callee import ManualClock
    from tests.integration.pipeline.installation import Installation

CAP = 3
FAULTS: list[dict[str, Any]] = [
    {"fault": "webhook_dropped", "rate": 0.3},
    {"fault": "webhook_duplicated", "rate": 0.3},
    {"fault": "webhook_delayed", "by_s": 20, "rate": 0.2},
    {"fault": "webhook_forged", "how": "false_status", "rate": 0.2},
    {"fault": "webhook_body", "how": "bad_json", "rate": 0.1},
    {"fault": "webhook_early", "rate": 0.3},
    {"fault": "webhook_key", "key": "jobId", "rate": 0.3},
    {"fault": "connection_closed", "on": "submissions", "when": "after", "rate": 0.15},
    {"fault": "connection_closed", "on": "submissions", "when": "before", "skip": 2, "next": 1},
    {"fault": "error_answer", "on": "submissions", "status": 502, "skip": 4, "next": 1},
    {"fault": "error_answer", "on": "submissions", "status": 429, "retry_after_s": 5, "rate": 0.1},
    {"fault": "error_answer", "on": "reads", "status": 500, "rate": 0.1},
    {"fault": "error_answer", "path": "/v1/job/*", "status": 404, "next": 1},
    {"fault": "rubbish_answer", "on": "reads", "how": "truncated", "rate": 0.05},
    {"fault": "short_token", "lifetime_s": 40, "rate": 0.3},
]
SAMPLES = {call.path.stem: call for call in sample_calls()}


@pytest.fixture
def engine(tmp_path: Path, clock: ManualClock, installation: Installation) -> Iterator[Engine]:
    """The shipped engine with all faults at once; its own cap is the pipeline's."""
    settings = EngineSettings(
        state=tmp_path / "engine",
        analyzer="replay",
        replay_dir=next(iter(SAMPLES.values())).path.parent,
        allow_private_urls=True,
        start_after_s=0,
        max_active_jobs=CAP,
        faults=json.dumps(FAULTS),
        faults_seed=1,
    )
    built = create_engine(settings, clock=clock, wait=lambda _: None)
    served = Served(built.app)
    installation.configure(SYMBL_API_URL=served.url, SYMBL_MAX_ACTIVE_JOBS=str(CAP))
    yield built
    served.close()
    built.stop()


def test_every_recording_ends_with_all_results_and_the_cap_holds(installation: Installation, engine: Engine) -> None:
    """At every moment at most CAP leases and CAP jobs; at the end no job too many that was not counted."""
    ids = [
        installation.add(call.path.read_bytes(), call.metadata, name=call.path.name).get_json()["id"]
        for call in SAMPLES.values()
    ]
    found: collections.Counter[str] = collections.Counter()

    for _ in range(75):
        installation.run()
        engine.run_pending()
        assert installation.count("SymblSlot") <= CAP
        assert engine.store.active_jobs() <= CAP
        installation.clock.advance(timedelta(seconds=30))
        found.update(installation.sweep())
        if all(installation.request(id_).results in {"complete", "failed"} for id_ in ids):
            break

    requests = [installation.request(id_) for id_ in ids]
    story = [(r.status, r.results, r.error, [line.why for line in r.timeline]) for r in requests]
    assert all((r.status, r.results) == (JobStatus.COMPLETED, "complete") for r in requests), (story, found)
    assert installation.count("SymblSlot") == 0
    whenever = {"start": datetime(2000, 1, 1, tzinfo=UTC), "end": datetime(2100, 1, 1, tzinfo=UTC)}
    made = engine.store.conversations(**whenever, descending=False)
    jobs = collections.Counter(conversation.metadata["requestId"] for conversation in made)
    for request in requests:
        assert jobs[request.id] <= 1 + request.unknown_outcomes
