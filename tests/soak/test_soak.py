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

import requests

from tests.fast_clock import FastClock
from tests.soak.account import Account, is_settled
from tests.soak.installation import Installation, Scene
from tests.soak.ledger import most_active
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
        at(0.02, "slow_answer", by_s=200, on="submissions"),
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
        at(0.005, "connection_closed", when="after"),
        at(0.01, "empty_answer", path="*/topics"),
        at(0.005, "rubbish_answer"),
        at(0.005, "rubbish_answer", how="truncated"),
        at(0.2, "short_token", lifetime_s=600),
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

    def account(self) -> Account:
        """Both books, as they are now."""
        view = self.installation
        return Account(requests=view.requests(), jobs=view.jobs(), log=list(view.log_lines()))

    def wait_for_all_but_the_stuck(self, *, patience_s: float) -> set[str]:
        """Until all that is not settled hangs on a stuck job; the ids of those jobs."""
        stuck: set[str] = set()

        def done() -> bool:
            nonlocal stuck
            if self.ended() < len(self.recordings) * 0.8:
                return False
            stuck = self.installation.stuck_jobs()
            of_stuck = {job.request_id for job in self.installation.jobs() if job.id in stuck}
            found = self.installation.requests()
            return len(found) == len(self.recordings) and all(is_settled(r) or r.id in of_stuck for r in found)

        self.installation.wait_until(done, patience_s=patience_s, what="some recordings are not settled")
        return stuck

    def wait_for_all(self, *, patience_s: float) -> None:
        """Until every recording has come to its end and every slot is free."""

        def done() -> bool:
            found = self.installation.requests()
            everybody = len(found) == len(self.recordings) and all(is_settled(r) for r in found)
            return everybody and not self.installation.leases()

        self.installation.wait_until(done, patience_s=patience_s, what="a recording is not settled, or a slot is held")


def expect_good_order(account: Account, soak: Soak) -> None:
    """What must hold after any soak."""
    assert account.unsettled() == []
    assert account.unjustified() == []
    assert account.without_results() == []
    assert account.sent_twice() == []
    assert account.uncounted() == []
    assert account.defects() == []
    assert most_active(account.jobs) <= soak.scene.cap
    assert len(account.requests) == len(soak.recordings)
    assert soak.installation.leases() == []


def soak_with_faults(soak: Soak, *, patience_s: float, title: str) -> str:
    """Send, kill, wait, release what is stuck, wait again; the table."""
    began = time.monotonic()
    with soak.installation, ThreadPoolExecutor(1) as aside:
        sending = aside.submit(soak.send)
        soak.kill_on_the_way()
        sending.result()
        stuck = soak.wait_for_all_but_the_stuck(patience_s=patience_s)
        soak.installation.lift_faults()
        soak.wait_for_all(patience_s=patience_s)
        account = soak.account()
        table = account.table(
            title,
            {
                "stuck until they were released": len(stuck),
                "kill -9": len(soak.kills),
                "took": f"{time.monotonic() - began:.0f} s, {soak.clock.elapsed() / 60:.0f} min of the fast clock",
            },
        )
        print(table)
        expect_good_order(account, soak)
        assert stuck
    return table


def test_a_short_soak_loses_nothing(tmp_path: Path, measured: Callable[[str], None]) -> None:
    """Every fault at several times the rates of the long soak, and the functions killed in the middle."""
    soak = Soak(
        tmp_path,
        Scene(cap=8, faults=every_fault(times=2), seed=1),
        soak_recordings(60, minutes=(2, 5), chance=random.Random(1)),
        speed=40,
        kills=[(20, Installation.kill_functions)],
    )
    measured(soak_with_faults(soak, patience_s=90, title="Short soak"))
