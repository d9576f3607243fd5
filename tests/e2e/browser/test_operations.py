"""The Operations page as an engineer uses it: on a desk and a phone, light and dark, with a script and without."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from common.model.job import FailureClass
from common.model.lifecycle import JobStatus
from tests.integration.dashboard.flow import Flow

if TYPE_CHECKING:
    from tests.e2e.browser.conftest import Visitor
    from tests.integration.dashboard.rows import CallRows

pytestmark = pytest.mark.browser

MINUTE = timedelta(minutes=1)
POLL_MS = 10_500


@pytest.fixture
def flow(rows: CallRows) -> Flow:
    """An empty pipeline."""
    return Flow(rows, datetime.now(UTC))


def test_nothing_sticks_out_of_it(visitor: Visitor, flow: Flow) -> None:
    """No sideways scrolling, whatever names and reasons it shows."""
    flow.of_everything()
    flow.taken(age=9 * MINUTE, length=10 * MINUTE, name="W" * 200, company="M" * 200)
    flow.waiting(1, "M" * 200)
    flow.failed(FailureClass.UNKNOWN, "x" * 300)
    with visitor.visit("/ops") as page:
        for width in (320, 390, 700, 1240):
            page.set_viewport_size({"width": width, "height": 844})
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0, width


def test_a_class_is_replayed_without_a_script(visitor: Visitor, flow: Flow) -> None:
    """A reason, a button, and the page says what was done; without a reason the browser sends nothing."""
    flow.failed(FailureClass.RECORDING)
    with visitor.visit("/calls", java_script_enabled=False) as page:
        page.get_by_role("link", name="Operations").click()
        page.get_by_role("button", name="Replay 1 call").click()
        assert page.url.endswith("/ops")

        page.get_by_role("textbox", name="with the reason").fill("speech model reinstalled")
        page.get_by_role("button", name="Replay 1 call").click()

        page.get_by_text("1 call waits for a slot again.").wait_for()
        page.get_by_text("Nothing has failed that still waits for a person.").wait_for()


def test_it_keeps_itself_up_to_date(visitor: Visitor, flow: Flow) -> None:
    """Every ten seconds, block by block, except for the one in which somebody is writing."""
    flow.failed(FailureClass.RECORDING)
    with visitor.visit("about:blank") as page:
        page.clock.install()
        page.goto("/ops")
        page.get_by_text("This page refreshes by itself.").wait_for()
        page.get_by_role("textbox", name="with the reason").fill("it was")

        flow.taken(JobStatus.SCHEDULED, age=MINUTE, length=10 * MINUTE, name="Just now")
        flow.failed(FailureClass.DEFECT)
        page.clock.fast_forward(POLL_MS)

        page.get_by_role("link", name="Just now").wait_for()
        page.get_by_text("Working. 1 of 50 slots taken").wait_for()
        page.get_by_text("2 failed calls wait for a person").wait_for()
        assert page.get_by_role("textbox", name="with the reason").input_value() == "it was"
        assert page.get_by_role("heading", name="Not understood").count() == 0
