from __future__ import annotations

import threading
from datetime import timedelta

from functions.pages.readiness import PROVIDER_CACHE, Readiness
from tests.callee import ManualClock


class Part:
    """Something that can be asked, and be broken."""

    def __init__(self) -> None:
        self.asked = 0
        self.broken = False

    def __call__(self) -> None:
        self.asked += 1
        if self.broken:
            raise ConnectionError("password=secret")


def test_the_engine_is_asked_twice_a_minute_at_most() -> None:
    """Others are asked each time; the engine's answer, good or bad, holds for 30 seconds."""
    clock, datastore, engine = ManualClock(), Part(), Part()
    readiness = Readiness({"datastore": datastore, "engine": engine}, cached=frozenset({"engine"}), clock=clock)
    assert readiness.report()["engine"].ok

    engine.broken = True
    clock.advance(PROVIDER_CACHE - timedelta(seconds=1))
    assert readiness.report()["engine"].ok
    clock.advance(timedelta(seconds=1))
    assert not readiness.report()["engine"].ok

    engine.broken = False
    assert not readiness.report()["engine"].ok
    clock.advance(PROVIDER_CACHE)
    assert readiness.report()["engine"].ok
    assert (datastore.asked, engine.asked) == (5, 3)


def test_what_an_error_says_stays_inside() -> None:
    """Anybody may ask: the answer has the kind of error, not its words."""
    part = Part()
    part.broken = True
    report = Readiness({"datastore": part}, cached=frozenset(), clock=ManualClock()).report()["datastore"]

    assert report.as_json()["why"] == "ConnectionError"
    assert "secret" not in str(report.as_json())


def test_a_part_that_hangs_is_not_ready_and_is_asked_once() -> None:
    """The others are answered for in time, and probes do not pile up on the one that hangs."""
    released = threading.Event()
    hanging, well = Part(), Part()

    def hang() -> None:
        hanging()
        released.wait()

    readiness = Readiness(
        {"storage": hang, "datastore": well}, cached=frozenset(), clock=ManualClock(), deadline_s=0.01
    )
    try:
        reports = [readiness.report() for _ in range(3)]
    finally:
        released.set()

    assert [(report["storage"].ok, report["storage"].why) for report in reports] == [(False, "no answer in time")] * 3
    assert hanging.asked == 1
