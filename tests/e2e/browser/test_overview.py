"""The overview as people use it: by links and a form, wide and narrow, without a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from common.model.lifecycle import JobStatus
from tests.factories import NOW, a_conversation, a_job, sample_calls
from tests.integration.dashboard.rows import belonging

if TYPE_CHECKING:
    from tests.e2e.browser.conftest import Visitor
    from tests.integration.dashboard.rows import CallRows

pytestmark = pytest.mark.browser

SAMPLES = "/?days=90&until=2026-05-10"


@pytest.fixture
def calls(rows: CallRows) -> CallRows:
    """The sample calls, and one whose names are as long as they can be."""
    for number, call in enumerate(sample_calls(), start=1):
        rows.put_sample(call, number=number)
    conversation = a_conversation(9, name="W" * 200, company="M" * 200, started_at=NOW)
    rows.put(conversation, belonging(a_job(JobStatus.FAILED, number=9), conversation))
    return rows


@pytest.mark.usefixtures("calls")
def test_it_reads_without_a_script(visitor: Visitor) -> None:
    """From nothing in the last days, by a link, to the days that have calls, one company of them, and a call."""
    with visitor.visit("/", java_script_enabled=False) as page:
        page.get_by_role("link", name="Show the 30 days up to then").click()
        page.get_by_label("Range").select_option("90 days")
        page.get_by_role("button", name="Show").click()

        page.get_by_role("row", name="Emily Carter").wait_for()
        page.get_by_label("Company").select_option("Brightline Mobile")
        page.get_by_role("button", name="Show").click()

        page.get_by_role("row", name="Daniel Brooks").wait_for()
        assert page.get_by_role("row", name="Emily Carter").count() == 0
        assert page.get_by_label("Range").input_value() == "90"
        page.get_by_role("link", name="Double charge, angry customer asks for a supervisor").click()
        page.get_by_role("heading", name="Double charge, angry customer asks for a supervisor").wait_for()


@pytest.mark.usefixtures("calls")
def test_nothing_sticks_out_of_the_page(visitor: Visitor) -> None:
    """With figures and without, on the narrowest phone and on a desk."""
    with visitor.visit("/") as page:
        for path in ("/", SAMPLES, f"{SAMPLES}&company={'M' * 200}"):
            page.goto(path)
            for width in (320, 390, 700, 1240):
                page.set_viewport_size({"width": width, "height": 844})
                assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0, (path, width)


@pytest.mark.usefixtures("rows")
def test_the_first_commands_can_be_copied(visitor: Visitor) -> None:
    """Each as it is shown."""
    with visitor.visit("/", permissions=["clipboard-read", "clipboard-write"]) as page:
        for number, step in enumerate(("send", "bucket", "list")):
            page.locator("button[data-copy]").nth(number).click()
            page.get_by_role("button", name="Copied").first.wait_for()
            page.wait_for_function(
                f"async () => (await navigator.clipboard.readText()) === document.getElementById('{step}').textContent"
            )
