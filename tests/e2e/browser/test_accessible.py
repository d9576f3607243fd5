"""axe-core finds nothing against any page, light and wide or dark and on a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.browser.axe import violations
from tests.factories import a_conversation, a_job, ended_badly, sample_calls
from tests.integration.dashboard.rows import belonging

if TYPE_CHECKING:
    from tests.e2e.browser.conftest import Visitor
    from tests.integration.dashboard.rows import CallRows

pytestmark = pytest.mark.browser

PAGES = (
    "/?days=90&until=2026-05-10",
    "/?days=7",
    "/calls",
    "/calls?filter=by:customer+supervisor+OR+refund",
    "/calls?filter=zebra+agent:nobody",
)
#: Answered with 400 and 404, which the browser tells too.
MISTAKES = ("/calls?filter=agnet:x", "/nowhere")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1240), ("dark", 390)])
def test_no_page_breaks_a_rule(visitor: Visitor, rows: CallRows, scheme: str, width: int) -> None:
    """Whether it has something to show, finds nothing, or tells of a mistake."""
    calls = [rows.put_sample(call, number=number) for number, call in enumerate(sample_calls(), start=1)]
    failed = a_conversation(9, name="A call that failed")
    rows.put(failed, belonging(ended_badly(a_job(number=9)), failed))
    for path in (*PAGES, *MISTAKES, f"/calls/{calls[0]}", f"/calls/{failed.id}"):
        with visitor.visit(
            path, color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True
        ) as page:
            assert violations(page) == [], path
    assert len(visitor.complaints) == len(MISTAKES)
    visitor.complaints.clear()
