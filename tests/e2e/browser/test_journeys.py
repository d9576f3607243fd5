"""What people come for, from beginning to end, with JavaScript off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.factories import a_conversation, a_job, ended_badly, sample_calls
from tests.integration.dashboard.rows import belonging

if TYPE_CHECKING:
    from tests.e2e.browser.conftest import Visitor
    from tests.integration.dashboard.rows import CallRows

pytestmark = pytest.mark.browser


def test_a_call_is_searched_and_opened_where_the_words_were_said(visitor: Visitor, rows: CallRows) -> None:
    """The box, a chip taken off again, and an excerpt that leads to its turn."""
    for number, call in enumerate(sample_calls(), start=1):
        rows.put_sample(call, number=number)
    with visitor.visit("/calls", java_script_enabled=False) as page:
        page.get_by_role("searchbox").fill('by:customer "speak to a supervisor" agent:nobody')
        page.get_by_role("searchbox").press("Enter")
        page.get_by_text("No calls match").wait_for()

        page.get_by_role("link", name="Search without agent:nobody").click()
        page.get_by_text("1 call").first.wait_for()
        page.locator(".hits li", has_text="speak to a supervisor").get_by_role("link").click()

        marked = page.locator(".turn[aria-current]")
        assert "speak to a supervisor" in marked.inner_text()


def test_a_failed_call_is_replayed_from_its_page(visitor: Visitor, rows: CallRows) -> None:
    """A reason, a button, and the call waits its turn again; the trail says why."""
    conversation = a_conversation(9, name="A call that failed")
    rows.put(conversation, belonging(ended_badly(a_job(number=9)), conversation))
    with visitor.visit("/calls?filter=is:failed", java_script_enabled=False) as page:
        page.get_by_role("link", name="A call that failed").click()
        page.get_by_role("textbox", name="with the reason").fill("recorded anew")
        page.get_by_role("button", name="Replay").click()

        page.get_by_role("heading", name="Waiting its turn").wait_for()
        assert "recorded anew" in page.locator(".trail").inner_text()
