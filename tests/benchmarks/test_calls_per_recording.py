"""What operators pay for: calls per recording without faults, from its arrival to complete results.

RPCs are counted where they arrive, at the Datastore server. A transaction begins with its first read, so it is that
read and a commit. Cloud Storage's event, the tasks and the webhooks are calls of functions; none is left out.

Where each goes, for one recording that is dropped into the bucket:

| function         | lookups                          | queries              | commits                         |
|------------------|----------------------------------|----------------------|---------------------------------|
| ingest_recording | is it known; what `add` reads    |                      | metadata, request, audio's hash |
| dispatch_jobs    | account and turns; for the claim | leases; who waits    | slot and request                |
| submit_job       | what is said of it; request, 2 x |                      | marked as sent; accepted        |
| symbl_webhook    | event and request, 3 x           |                      | event and request, 3 x          |
| collect_results  | request; with its slot; event    | does anybody wait    | completed; results and event    |
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from deploy.engine.engine import create_engine
from deploy.engine.settings import EngineSettings
from tests.benchmarks.call_counts import counted
from tests.factories import a_wav
from tests.integration.pipeline.installation import Served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deploy.engine.engine import Engine
    from tests.benchmarks.call_counts import CallCounts
    from tests.callee import ManualClock
    from tests.integration.pipeline.installation import Installation

SLOTS = 5  # as the settings of all tests have it
SAID = {"text": "Thank you for calling. I will send you the invoice tomorrow.", "start": 0.0, "end": 0.5}


@pytest.fixture
def engine(tmp_path: Path, clock: ManualClock, installation: Installation) -> Iterator[Engine]:
    """Knows what is said in the recordings of this file; takes as many jobs as there are slots."""
    transcripts = tmp_path / "transcripts"
    transcripts.mkdir()
    for seed in range(100):
        known = {"sha256": hashlib.sha256(_audio(seed)).hexdigest(), "duration_s": 0.5}
        (transcripts / f"{seed}.json").write_text(json.dumps({**known, "turns": [{"channel": "left", **SAID}]}))
    settings = EngineSettings(
        state=tmp_path / "engine",
        analyzer="replay",
        replay_dir=transcripts,
        allow_private_urls=True,
        start_after_s=0,
        max_active_jobs=SLOTS,
    )
    built = create_engine(settings, clock=clock)
    served = Served(built.app)
    installation.configure(SYMBL_API_URL=served.url)
    yield built
    served.close()
    built.stop()


def _audio(seed: int) -> bytes:
    return a_wav(seed=seed)


def _drop(installation: Installation, seed: int, *, company: str = "Acme") -> None:
    """Into the bucket, with the sender's words, as a telephone system would."""
    installation.drop(f"{seed}.wav", _audio(seed), {"calltrack-metadata": json.dumps({"company": company})})
    assert installation.deliver_events() == [200]


def _end_one(installation: Installation, engine: Engine) -> None:
    """The engine ends one job, and what follows from that is worked off."""
    _deliver(engine)
    engine.analyst.step()
    _deliver(engine)
    _run(installation)


def _run(installation: Installation) -> None:
    """Whatever the queues' rates keep for later, too."""
    while installation.run() or installation.tasks.tasks():
        installation.clock.advance(timedelta(seconds=10))


def _deliver(engine: Engine) -> None:
    while engine.courier.step() or engine._fetcher.step():
        pass


def _work_off(installation: Installation, engine: Engine) -> None:
    """All of it, one job after the other."""
    _run(installation)
    while engine.store.active_jobs():
        _end_one(installation, engine)


def _expect_complete(installation: Installation, recordings: int) -> None:
    listed = installation.get("?page_size=100").get_json()["recordings"]
    assert [row["results"]["state"] for row in listed] == ["complete"] * recordings
    assert installation.count("SymblSlot") == 0
    assert installation.tasks.tasks() == []


def _dropped(installation: Installation, engine: Engine) -> CallCounts:
    """One recording, by the bucket's event."""
    with counted(installation) as counts:
        _drop(installation, 0)
        _work_off(installation, engine)
    _expect_complete(installation, 1)
    return counts


def _posted(installation: Installation, engine: Engine) -> CallCounts:
    """One recording, by the API; the event of the object that this writes comes too."""
    with counted(installation) as counts:
        assert installation.add(_audio(0), {"company": "Acme"}).status_code == 201
        assert installation.deliver_events() == [200]
        _work_off(installation, engine)
    _expect_complete(installation, 1)
    return counts


def _burst(installation: Installation, engine: Engine, *, recordings: int, companies: int) -> CallCounts:
    """Many recordings at once through few slots, from an empty installation to an empty one."""
    with counted(installation) as counts:
        for seed in range(recordings):
            _drop(installation, seed, company=f"Company {seed % companies}")
        _work_off(installation, engine)
    _expect_complete(installation, recordings)
    return counts


def _steady(installation: Installation, engine: Engine, *, recordings: int, companies: int) -> CallCounts:
    """Every slot is taken and some wait: each arrival finds no slot, and each release is followed by a claim."""
    before = SLOTS + 2 * companies
    for seed in range(before):
        _drop(installation, seed, company=f"Company {seed % companies}")
    _run(installation)
    _deliver(engine)
    with counted(installation) as counts:
        for seed in range(before, before + recordings):
            _drop(installation, seed, company=f"Company {seed % companies}")
            _run(installation)
            _end_one(installation, engine)
        _deliver(engine)
    _work_off(installation, engine)
    _expect_complete(installation, before + recordings)
    return counts


def test_one_recording_from_the_bucket_costs_25_rpcs(installation: Installation, engine: Engine) -> None:
    """Nine of them commits, made by seven calls of functions: nobody waits, so its release calls nobody."""
    cost = _dropped(installation, engine).total

    assert (cost.rpcs.total(), cost.commits, cost.calls) == (25, 9, 7)


def test_one_recording_by_the_api_costs_27_rpcs(installation: Installation, engine: Engine) -> None:
    """One look more for the same audio, a commit that says who added it, and its object's event: a call, one lookup."""
    cost = _posted(installation, engine).total

    assert (cost.rpcs.total(), cost.commits, cost.calls) == (27, 10, 8)


@pytest.mark.parametrize(("companies", "turns"), [(1, 0), (3, 1)])
def test_a_recording_that_waits_costs_27_rpcs(
    installation: Installation, engine: Engine, companies: int, turns: int
) -> None:
    """Two runs of dispatch belong to it: one that found no slot, and one that claimed.

    Where several companies wait, the latter keeps whose turn it was: one commit more.
    """
    recordings = 4

    cost = _steady(installation, engine, recordings=recordings, companies=companies).total

    per_recording = (27 + turns, 9 + turns, 8)
    assert (cost.rpcs.total(), cost.commits, cost.calls) == tuple(recordings * figure for figure in per_recording)


@pytest.mark.benchmark
@pytest.mark.parametrize("way", [_dropped, _posted])
def test_calls_of_one_recording(
    installation: Installation, engine: Engine, way: Callable[[Installation, Engine], CallCounts]
) -> None:
    """Prints where each call goes."""
    print(way(installation, engine).table(str(way.__doc__)))


@pytest.mark.benchmark
@pytest.mark.parametrize("companies", [1, 3])
@pytest.mark.parametrize("load", [_burst, _steady])
def test_calls_per_recording_of_many(
    installation: Installation, engine: Engine, load: Callable[..., CallCounts], companies: int
) -> None:
    """Prints the average of 30 recordings through five slots."""
    counts = load(installation, engine, recordings=30, companies=companies)
    print(counts.table(f"{load.__doc__} Companies: {companies}. Per recording:", recordings=30))
