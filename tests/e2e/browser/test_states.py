"""Every page in every state, in a real browser: it says what it must, breaks no rule of axe-core and fits a phone.

With PICTURES=directory each state is also pictured, wide and light, narrow and dark: `make screenshots`.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.browser.axe import LOOKS, violations
from tests.e2e.browser.states import STATES, Scene, State

if TYPE_CHECKING:
    from playwright.sync_api import Page, ViewportSize

    from deploy.local.datastore import DatastoreServer
    from tests.e2e.browser.conftest import Visitor
    from tests.factories import SampleCall
    from tests.integration.dashboard.rows import CallRows

pytestmark = pytest.mark.browser

WIDE: ViewportSize = {"width": 1240, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 844}


def pictured(page: Page, name: str) -> None:
    """Keep a picture of it, and one of what is seen first, where somebody wants them."""
    directory = os.environ.get("PICTURES")
    if directory:
        page.wait_for_load_state("networkidle")
        page.screenshot(path=Path(directory) / f"{name}-first.png")
        page.screenshot(path=Path(directory) / f"{name}.png", full_page=True)


@pytest.fixture
def scene(empty_datastore: DatastoreServer, rows: CallRows, sample: SampleCall, generation: int) -> Scene:
    """An empty installation."""
    return Scene(empty_datastore, rows, sample, generation, contextlib.ExitStack())


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_state_reads_well(visitor: Visitor, scene: Scene, state: State) -> None:
    """In light on a desk and in dark on a phone."""
    with scene.until_closed:
        path = state.arranged(scene)
        with visitor.visit(path, color_scheme="light", viewport=WIDE, bypass_csp=True) as page:
            assert page.evaluate("performance.getEntriesByType('navigation')[0].responseStatus") == state.status
            assert state.says in page.locator("main").inner_text()
            pictured(page, f"{state.name}-wide")
            assert violations(page) == []
            page.set_viewport_size(NARROW)
            page.emulate_media(color_scheme="dark")
            pictured(page, f"{state.name}-narrow-dark")
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
            assert violations(page, *LOOKS) == []
    if state.status >= 400:  # the browser tells of these answers by itself
        visitor.complaints.clear()
