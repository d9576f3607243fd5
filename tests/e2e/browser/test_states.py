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
from tests.e2e.browser.conftest import complaints_of
from tests.e2e.browser.states import STATES, Scene, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, ViewportSize

    from deploy.local.datastore import DatastoreServer
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


@pytest.fixture(scope="module")
def tab(browser: Browser, address: str) -> Iterator[Page]:
    """One for all states: a tab of its own costs more than a page, and no state is kept in it."""
    with browser.new_context(base_url=address, bypass_csp=True) as context:
        yield context.new_page()


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_state_reads_well(tab: Page, scene: Scene, state: State) -> None:
    """In light on a desk and in dark on a phone; the browser has nothing to complain about."""
    complaints: list[str] = []
    with scene.until_closed, complaints_of(tab, complaints):
        path = state.arranged(scene)
        tab.set_viewport_size(WIDE)
        tab.emulate_media(color_scheme="light")
        answer = tab.goto(path)
        assert answer is not None
        assert answer.status == state.status
        assert state.says in tab.locator("main").inner_text()
        pictured(tab, f"{state.name}-wide")
        assert violations(tab) == []
        tab.set_viewport_size(NARROW)
        tab.emulate_media(color_scheme="dark")
        pictured(tab, f"{state.name}-narrow-dark")
        assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
        assert violations(tab, *LOOKS) == []
    if state.status < 400:  # of others the browser tells by itself
        assert complaints == []
