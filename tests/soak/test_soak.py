"""Hundreds of recordings through the whole local stack, while everything goes wrong that can be made to go wrong.

All programs live by one fast clock. What the engine did is read from its own books, what we made of it from ours.
"""

from __future__ import annotations

import dataclasses
import json
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from common.model.job import FailureClass
from common.model.lifecycle import JobStatus
from deploy.engine.faults.plan import FIELDS
from tests.fast_clock import FastClock
from tests.soak.account import Account, is_settled
from tests.soak.installation import Installation, Scene
from tests.soak.ledger import most_active, quickest
from tests.soak.recordings import SoakRecording, soak_recordings, write_transcripts

SENDERS = 2


def every_fault(*, times: float) -> tuple[dict[str, Any], ...]:
    """Every switch that there is; the rates of the long soak, times so much."""

    def at(rate: float, fault: str, **fields: Any) -> dict[str, Any]:
        return {"fault": fault, "rate": min(1.0, rate * times), **fields}

    return (
        # 2 % lost, 2 % doubled, 5 % 5xx, 2 % accepted and then timed out, 1 % stuck, and one surely
        at(0.02, "webhook_dropped"),
        at(0.02, "webhook_duplicated"),
        at(0.025, "error_answer", status=503),
        at(0.025, "error_answer", status=500, when="after"),
        at(0.02, "no_answer", on="submissions"),
        at(0.01, "job_stuck"),
        {"fault": "job_stuck", "skip": 10, "next": 1},
        # All the others
        at(0.01, "webhook_reordered"),
        at(0.01, "webhook_delayed", by_s=120),
        at(0.01, "webhook_forged"),
        at(0.01, "webhook_forged", how="false_status"),
        at(0.01, "webhook_body"),
        at(0.01, "webhook_key", key="jobId"),
        at(0.02, "webhook_early"),
        at(0.005, "connection_closed"),
        at(0.005, "connection_closed", when="after", how="closed"),
        at(0.005, "slow_answer", by_s=20),
        at(0.01, "empty_answer", path="*/topics"),
        at(0.005, "rubbish_answer"),
        at(0.005, "rubbish_answer", how="truncated"),
        at(0.2, "short_token", lifetime_s=600),
        at(0.5, "retry_after", retry_after_s=30),
        at(0.01, "job_failed"),
        {"fault": "away", "for_s": 30},
    )


@dataclasses.dataclass
class Soak:
    """One installation and what is sent to it."""

    root: Path
    scene: Scene
    recordings: list[SoakRecording]
    speed: float
    kills: list[tuple[int, Callable[[Installation], None]]] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        write_transcripts(self.recordings, self.root / "transcripts")
        self.clock = FastClock(self.speed)
        self.installation = Installation(self.root, self.root / "transcripts", self.clock, self.scene)

    def send(self) -> None:
        """All recordings, in order, by senders who repeat what breaks off."""
        with ThreadPoolExecutor(SENDERS) as senders:
            list(senders.map(self._send_one, self.recordings))

    def _send_one(self, recording: SoakRecording) -> None:
        for _ in range(60):
            try:
                answer = requests.post(
                    f"{self.installation.url}/api/v1/recordings",
                    files={"audio": (f"{recording.name}.flac", recording.audio)},
                    data={"metadata": json.dumps(recording.metadata)},
                    timeout=60,
                )
            except requests.RequestException:
                time.sleep(0.5)
                continue
            if answer.ok:
                return
            assert answer.status_code >= 500, answer.text
            time.sleep(0.5)
        raise AssertionError(f"{recording.name} could not be sent")

    def kill_on_the_way(self) -> None:
        """Each kill as soon as so many jobs have ended."""
        for count, kill in self.kills:
            self.wait_for_ended(count)
            kill(self.installation)

    def wait_for_ended(self, count: int, *, patience_s: float = 600) -> None:
        """Until the engine is done with so many jobs."""
        self.installation.wait_until(
            lambda: self.ended() >= count, patience_s=patience_s, what=f"not even {count} jobs have ended"
        )

    def ended(self) -> int:
        """How many jobs the engine is done with."""
        return sum(1 for job in self.installation.jobs() if job.ended_at)

    def figures(self) -> dict[str, object]:
        """What the table says of the run itself."""
        elapsed = self.clock.elapsed()
        return {
            "kill -9": len(self.kills),
            "in all": f"{elapsed / self.speed:.0f} s; {elapsed / 60:.0f} min of a clock {self.speed:g} times as fast",
        }

    def account(self) -> Account:
        """Both books, as they are now."""
        view = self.installation
        return Account(requests=view.requests(), jobs=view.jobs(), log=list(view.log_lines()))

    def wait_for_all_but_the_stuck(self, *, patience_s: float) -> None:
        """Until whatever has not ended hangs on a stuck job, and at least one of those was given up."""

        def done() -> bool:
            if self.ended() < len(self.recordings) * 0.8:
                return False
            stuck, found = self.installation.stuck(), self.installation.requests()
            everybody = len(found) == len(self.recordings)
            given_up = any(r.failure_class is FailureClass.STUCK and r.id in stuck for r in found)
            return everybody and given_up and all(r.status.is_terminal or r.id in stuck for r in found)

        self.installation.wait_until(done, patience_s=patience_s, what="some recordings have not ended")

    def wait_for_all(self, *, patience_s: float) -> None:
        """Until every recording has come to its end and every slot is free."""

        def done() -> bool:
            if self.installation.leases():  # looked at first: a slot that is freed brings results to collect
                return False
            found = self.installation.requests()
            return len(found) == len(self.recordings) and all(is_settled(r) for r in found)

        self.installation.wait_until(done, patience_s=patience_s, what="a recording is not settled, or a slot is held")


def expect_good_order(account: Account, soak: Soak) -> None:
    """What must hold after any soak, which is over when no slot is held any more."""
    assert account.unsettled() == []
    assert account.unjustified() == []
    assert account.without_results() == []
    assert account.sent_twice() == []
    assert account.uncounted() == []
    assert account.defects() == []
    assert most_active(account.jobs) <= soak.scene.cap
    assert len(account.requests) == len(soak.recordings)


def soak_with_faults(soak: Soak, measured: Callable[[str], None], *, patience_s: float, title: str) -> None:
    """Send, kill, wait, release what is stuck, wait again; then everything must be in order."""
    with soak.installation, ThreadPoolExecutor(1) as aside:
        sending = aside.submit(soak.send)
        soak.kill_on_the_way()
        sending.result()
        soak.wait_for_all_but_the_stuck(patience_s=patience_s)
        stuck = soak.installation.stuck()
        given_up = stuck & {r.id for r in soak.installation.requests() if r.failure_class is FailureClass.STUCK}
        quarantined = {lease.request_id for lease in soak.installation.leases() if lease.quarantined_at}
        soak.installation.lift_faults()
        soak.wait_for_all(patience_s=patience_s)
        account = soak.account()
    figures = {"stuck until they were released": f"{len(stuck)}, {len(given_up)} of them given up", **soak.figures()}
    measured(account.table(title, figures))
    expect_good_order(account, soak)
    assert given_up <= quarantined
    assert given_up <= {request.id for request in account.requests if request.status is JobStatus.COMPLETED}


def test_the_plan_of_the_soak_has_every_switch() -> None:
    """A fault that is added to the engine is added here."""
    assert {switch["fault"] for switch in every_fault(times=1)} == set(FIELDS)


@pytest.mark.timeout(300)
def test_a_short_soak_loses_nothing(tmp_path: Path, measured: Callable[[str], None]) -> None:
    """Every fault at twice the rates of the long soak, and the functions killed in the middle."""
    soak = Soak(
        tmp_path,
        Scene(cap=8, faults=every_fault(times=2), seed=1, settings={"JOB_LIMIT_S": "600"}),
        soak_recordings(45, minutes=(2, 5), chance=random.Random(1)),
        speed=40,
        kills=[(20, Installation.kill_functions)],
    )
    soak_with_faults(soak, measured, patience_s=120, title="Short soak")


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_five_hundred_recordings_and_every_fault(tmp_path: Path, measured: Callable[[str], None]) -> None:
    """Functions, engine and everything are killed in turn; what is given up as stuck completes once it is released."""
    soak = Soak(
        tmp_path,
        Scene(cap=50, faults=every_fault(times=1), seed=500, settings={"JOB_LIMIT_S": "1200"}),
        soak_recordings(500, minutes=(2, 20), chance=random.Random(500)),
        speed=8,
        kills=[
            (100, Installation.kill_functions),
            (200, Installation.kill_engine),
            (300, Installation.kill_everything),
        ],
    )
    soak_with_faults(soak, measured, patience_s=900, title="Soak with every fault")


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_cap_of_the_engines_own_is_used_to_the_full(tmp_path: Path, measured: Callable[[str], None]) -> None:
    """Where it takes 30 and we would send 50, all is done within 5 % of what 30 places that never rest would need."""
    recordings = soak_recordings(250, minutes=(2, 20), chance=random.Random(30))
    soak = Soak(tmp_path, Scene(cap=50, engine_cap=30), recordings, speed=8)
    with soak.installation:
        with soak.installation.dispatch_paused():
            soak.send()
        began = soak.clock()
        soak.wait_for_all(patience_s=900)
        account = soak.account()
    took = max(job.ended_at for job in account.jobs if job.ended_at) - began
    least = quickest([job.length * soak.scene.share for job in account.jobs], servers=30)
    refused = sum(1 for line in account.log if line.get("error") == "Throttled")
    figures = {
        "took": f"{took.total_seconds():.0f} s of the fast clock, the least is {least.total_seconds():.0f} s",
        "more than the least": f"{took / least - 1:.1%}",
        "429": refused,
    }
    measured(account.table("Soak against the engine's own cap of 30", {**soak.figures(), **figures}))
    expect_good_order(account, soak)
    assert most_active(account.jobs) <= 30
    assert took <= least * 1.05


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_an_engine_that_is_away_for_twenty_minutes_fails_nothing(
    tmp_path: Path, measured: Callable[[str], None]
) -> None:
    """Killed while it works and recordings come in, with slots to spare; when it is back the queue drains by itself."""
    soak = Soak(
        tmp_path,
        Scene(cap=50),
        soak_recordings(60, minutes=(2, 5), chance=random.Random(20)),
        speed=20,
        kills=[(5, lambda installation: installation.kill_engine(away_s=20 * 60))],
    )
    with soak.installation, ThreadPoolExecutor(1) as aside:
        sending = aside.submit(soak.send)
        soak.kill_on_the_way()
        sending.result()
        soak.wait_for_all(patience_s=300)
        account = soak.account()
    measured(account.table("The engine away for 20 minutes", soak.figures()))
    expect_good_order(account, soak)
    assert {request.status for request in account.requests} == {JobStatus.COMPLETED}
    assert [request.id for request in account.requests if request.attempts_made > 1], "none was sent meanwhile"
