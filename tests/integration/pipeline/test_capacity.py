"""The cap that follows the engine, and fair turns, through the entry points."""

from __future__ import annotations

import collections
import random
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from common.model.capacity import RAISE_EVERY
from common.model.lifecycle import JobStatus, Maker
from common.model.tasks import Stage
from tests.factories import a_wav
from tests.symbl_stand_in import SUBMIT_PATH, Answer

if TYPE_CHECKING:
    from tests.integration.pipeline.installation import Installation
    from tests.symbl_stand_in import SymblStandIn

ACCEPTED = Answer(201, {"conversationId": "c-1", "jobId": "j-1"})
TOO_MANY = Answer(429, {"statusCode": 429, "message": "limit"})
TOO_MANY_FOR_NOW = Answer(429, {"statusCode": 429, "message": "limit"}, (("Retry-After", "90"),))
SETTING = 5  # SYMBL_MAX_ACTIVE_JOBS of the tests' environment


@pytest.fixture(autouse=True)
def _no_luck(installation: Installation, symbl: SymblStandIn) -> None:  # noqa: ARG001  # it starts the functions anew
    """The draws of each run are the same."""
    installation.services.chance = random.Random(1)


def add(installation: Installation, number: int, *, company: str = "Acme", priority: str = "live") -> str:
    """One recording, a second after the one before."""
    installation.clock.advance(timedelta(seconds=1))
    answer = installation.add(a_wav(seed=number), {"company": company, "priority": priority})
    recording: str = answer.get_json()["id"]
    return recording


def dispatched(installation: Installation) -> dict[str, object]:
    """Call dispatch once; its report."""
    report: dict[str, object] = installation.call_internal("dispatch_jobs").get_json()
    return report


def active(installation: Installation) -> collections.Counter[str]:
    """Leases by company."""
    return collections.Counter(lease.company for lease in installation.services.slots.leases())


def statuses(installation: Installation, *recordings: str) -> list[JobStatus]:
    """Where they stand."""
    return [installation.request(recording).status for recording in recordings]


def finish(installation: Installation, company: str) -> None:
    """One job of the company's comes to its end."""
    lease = next(lease for lease in installation.services.slots.leases() if lease.company == company)
    now = installation.clock()
    installation.services.requests.change(
        lease.request_id,
        lambda r: r.reported(JobStatus.COMPLETED, by=Maker.COLLECT, now=now, why="said so", next_check_at=None),
    )


def test_a_429_lowers_the_cap_and_minutes_without_one_raise_it(installation: Installation, symbl: SymblStandIn) -> None:
    """The engine takes three of five: three run, then one more is tried each minute, up to the setting."""
    symbl.on(SUBMIT_PATH, ACCEPTED, ACCEPTED, ACCEPTED, TOO_MANY, TOO_MANY, ACCEPTED)
    recordings = [add(installation, number) for number in range(8)]
    installation.run(Stage.DISPATCH)
    assert len(installation.services.slots.leases()) == SETTING
    installation.run(Stage.SUBMIT)

    assert collections.Counter(statuses(installation, *recordings)) == {JobStatus.SCHEDULED: 3, JobStatus.PENDING: 5}
    assert dispatched(installation) == {"cap": 3, "free_slots": 0, "claimed": 0, "stopped_until": None}
    assert "dispatch_restarted" not in installation.sweep()

    seen = []
    for _ in range(3):
        installation.clock.advance(RAISE_EVERY)
        installation.run(Stage.DISPATCH)
        seen.append((dispatched(installation)["cap"], len(installation.services.slots.leases())))
        installation.run(Stage.SUBMIT)
    assert seen == [(4, 4), (5, 5), (5, 5)]


def test_the_sweep_goes_on_once_the_cap_has_risen(installation: Installation, symbl: SymblStandIn) -> None:
    """Nobody releases a slot, no task is left: room has come by time alone."""
    symbl.on(SUBMIT_PATH, ACCEPTED, TOO_MANY)
    installation.configure(SYMBL_API_URL=symbl.url, SYMBL_MAX_ACTIVE_JOBS="2")
    for number in range(3):
        add(installation, number)
    installation.run(Stage.DISPATCH)
    installation.run(Stage.SUBMIT)
    installation.clock.advance(timedelta(seconds=10))
    installation.run(Stage.DISPATCH)
    assert (dispatched(installation)["cap"], len(installation.services.slots.leases())) == (1, 1)
    assert "dispatch_restarted" not in installation.sweep()

    installation.clock.advance(RAISE_EVERY)

    assert installation.sweep()["dispatch_restarted"] == 1
    installation.run(Stage.DISPATCH)
    assert len(installation.services.slots.leases()) == 2


def test_retry_after_stops_dispatch_for_all_until_then(installation: Installation, symbl: SymblStandIn) -> None:
    """The refused one is pending, the next arrival of another company waits too, and it goes on by itself."""
    symbl.on(SUBMIT_PATH, TOO_MANY_FOR_NOW, ACCEPTED)
    refused = add(installation, 1)
    installation.run(Stage.DISPATCH)
    installation.run(Stage.SUBMIT)
    until = installation.clock() + timedelta(seconds=90)
    other = add(installation, 2, company="Globex")
    installation.run()

    assert statuses(installation, refused, other) == [JobStatus.PENDING] * 2
    assert dispatched(installation)["stopped_until"] == until.isoformat()
    assert "dispatch_restarted" not in installation.sweep()
    account = installation.services.account.get()
    assert (account.stopped_until, account.reason) == (until, "429: limit")

    installation.clock.now = until
    installation.run()
    assert JobStatus.SCHEDULED in statuses(installation, refused, other)
    installation.clock.advance(RAISE_EVERY)
    installation.sweep()
    installation.run()
    assert statuses(installation, refused, other) == [JobStatus.SCHEDULED] * 2


@pytest.mark.parametrize("setting", [1, 2, 5])
def test_there_are_never_more_leases_than_setting_and_engine_allow(
    installation: Installation, symbl: SymblStandIn, setting: int
) -> None:
    """Ten minutes with an engine that refuses now and then, and jobs that end."""
    chance = random.Random(setting)
    installation.configure(SYMBL_API_URL=symbl.url, SYMBL_MAX_ACTIVE_JOBS=str(setting))
    for number in range(12):
        add(installation, number, company=chance.choice(["Acme", "Globex"]))

    caps = set()
    for _ in range(20):
        symbl.on(SUBMIT_PATH, chance.choice([ACCEPTED, TOO_MANY, TOO_MANY_FOR_NOW]))
        before = len(installation.services.slots.leases())
        cap = installation.services.account.get().cap(setting, installation.clock())
        installation.call_internal("dispatch_jobs")
        caps.add(cap)
        assert len(installation.services.slots.leases()) <= max(before, cap) <= setting
        installation.run(Stage.SUBMIT)
        installation.clock.advance(timedelta(seconds=30))
        if active(installation) and chance.random() < 0.5:
            finish(installation, next(iter(active(installation))))

    assert len(caps) == 1 if setting == 1 else len(caps) > 1


def test_a_live_call_passes_another_companys_backfill(installation: Installation, symbl: SymblStandIn) -> None:
    """Acme's archive fills every slot and waits; Globex's call has the next slot that becomes free."""
    symbl.on(SUBMIT_PATH, ACCEPTED)
    for number in range(12):
        add(installation, number, priority="backfill")
    installation.run(Stage.DISPATCH)
    assert active(installation) == {"Acme": SETTING}
    call = add(installation, 100, company="Globex")
    installation.run()
    assert statuses(installation, call) == [JobStatus.PENDING]

    finish(installation, "Acme")
    dispatched(installation)

    assert active(installation) == {"Acme": SETTING - 1, "Globex": 1}
    assert statuses(installation, call) == [JobStatus.SUBMITTING]


def test_companies_share_the_slots_alike(installation: Installation) -> None:
    """Whoever came first and with however many."""
    for number in range(8):
        add(installation, number)
    for number in range(8, 12):
        add(installation, number, company="Globex")

    dispatched(installation)

    assert sorted(active(installation).values()) == [2, 3]
