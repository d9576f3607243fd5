"""Runs of our rule in processes of their own, as many at once as there are processors."""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

from tests.benchmarks.slot_use.ours import ours

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.benchmarks.slot_use.load import Load, Run


def all_of_ours(loads: Sequence[Load]) -> Iterator[Run]:
    """One run for each load, in their order, each as soon as it is there."""
    spawned = multiprocessing.get_context("spawn")  # gRPC does not outlive a fork
    with ProcessPoolExecutor(os.cpu_count(), mp_context=spawned, initializer=_end_with_parent) as processes:
        yield from processes.map(ours, loads)


def _end_with_parent() -> None:
    """A worker that waits for work does not notice that nobody is left to give it any."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
