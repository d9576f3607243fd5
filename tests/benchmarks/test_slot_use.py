"""Slot use: work done / (slots x time), of the ideal first-come-first-served rule, of ours and of the article's.

All three get the same recordings, job lengths and faults, in simulated time: the figures are the same on any machine.
Ours is the stages' own code over the embedded Datastore. See `docs/decisions/2026-11-22-slot-use.md`.
"""

from __future__ import annotations

import os
import statistics
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.benchmarks.slot_use.load import Faults, Load, Run
from tests.benchmarks.slot_use.ours import LOSSES, ours
from tests.benchmarks.slot_use.rules import article, ideal
from tests.benchmarks.slot_use.side_by_side import all_of_ours

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Each mix of faults, and the least that ours reaches of the ideal. A submission without an answer keeps its slot until
#: it is certain that the engine has no job of it: never paying twice comes before the slot.
MIXES = {
    Faults(name="none"): 0.97,
    Faults(name="1 % of webhooks lost", lost_webhooks=0.01): 0.97,
    Faults(name="5 % of webhooks lost", lost_webhooks=0.05): 0.95,
    Faults(name="2 % of submissions refused", refused=0.02): 0.97,
    Faults(name="2 % of submissions unanswered", unanswered=0.02): None,
}
#: More seeds take longer: each is two minutes of a processor for each mix.
SEEDS = range(int(os.environ.get("SLOT_USE_SEEDS", "1")))


def test_a_twentieth_of_the_webhooks_lost_costs_little() -> None:
    """In the small: each recording is analysed once, with at least 95 % of the ideal slot use; the article has less."""
    load = Load(recordings=60, slots=6, faults=Faults(name="", lost_webhooks=0.05), seed=1)

    run = ours(load)

    assert run.analysed == load.recordings
    assert run.slot_use >= 0.95 * ideal(load).slot_use > article(load).slot_use


def test_what_the_slots_time_goes_to_adds_up() -> None:
    """Faults of all kinds at once: nothing is analysed twice or not at all, and all of the time is accounted for."""
    faults = Faults(name="", lost_webhooks=0.1, refused=0.2, unanswered=0.1)
    load = Load(recordings=20, slots=4, faults=faults, seed=1)

    run = ours(load)

    assert run.analysed == load.recordings
    assert run.work == sum(load.jobs, timedelta(0))
    assert run.work + sum(run.lost.values(), timedelta(0)) == load.slots * run.took
    assert min(run.lost.values()) >= timedelta(0)


@pytest.mark.benchmark
@pytest.mark.timeout(3600)
def test_slot_use() -> None:
    """Prints all three for each mix of faults, and where our slots' time went; holds ours to its share of the ideal."""
    loads = {mix: [Load(recordings=2000, slots=50, faults=mix, seed=seed) for seed in SEEDS] for mix in MIXES}
    coming = all_of_ours([load for of_mix in loads.values() for load in of_mix])
    runs: dict[Load, Run] = {}

    print(f"\n2,000 recordings in 50 slots: slot use, time, recordings never analysed; mean of {len(SEEDS)} seed(s)")
    print(f"{'faults':32}{'ideal':>19}{'ours':>19}{'article':>19}{'ours/ideal':>13}{'article/ideal':>15}", flush=True)
    for mix, of_mix in loads.items():
        runs |= zip(of_mix, coming, strict=False)  # the later ones are of the next mix
        compared = _compared(
            mix.name,
            [ideal(load) for load in of_mix],
            [runs[load] for load in of_mix],
            [article(load) for load in of_mix],
        )
        print(compared, flush=True)
    print(f"\n{'what our slots did, % of time':32}{'work':>10}{''.join(f'{loss:>18}' for loss in LOSSES)}")
    for mix, of_mix in loads.items():
        print(_losses(mix.name, [runs[load] for load in of_mix]))

    for load, run in runs.items():
        least = MIXES[load.faults]
        assert run.analysed == load.recordings, load
        assert least is None or run.slot_use >= least * ideal(load).slot_use, load


def _compared(name: str, *rules: Sequence[Run]) -> str:
    """Each rule's slot use, time and how many it never analysed; then ours and the article's as shares of the ideal."""
    use = [statistics.mean(run.slot_use for run in runs) for runs in rules]
    hours = [statistics.mean(run.took / timedelta(hours=1) for run in runs) for runs in rules]
    missed = [statistics.mean(run.recordings - run.analysed for run in runs) for runs in rules]
    cells = [f"{u:.3f} {h:4.1f} h {m:4.0f}" for u, h, m in zip(use, hours, missed, strict=True)]
    return f"{name:32}" + "".join(f"{cell:>19}" for cell in cells) + f"{use[1] / use[0]:13.3f}{use[2] / use[0]:15.3f}"


def _losses(name: str, runs: Sequence[Run]) -> str:
    shares = [statistics.mean(run.share(run.lost[loss]) for run in runs) for loss in LOSSES]
    work = statistics.mean(run.slot_use for run in runs)
    return f"{name:32}{work:10.2%}" + "".join(f"{share:18.2%}" for share in shares)
