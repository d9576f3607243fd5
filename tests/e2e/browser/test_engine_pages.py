"""The engine's pages in a real browser: nothing for axe-core, a phone or the policy to object to."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from werkzeug.serving import make_server

from tests.contract.engine.stage import Outside, Stage
from tests.e2e.browser.axe import violations
from tests.e2e.browser.conftest import Visitor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

BRAND = {
    "name": "audio-summary",
    "logo": "/logo.png",
    "audioUrl": "/call",
    "color": {"background": "#7f8c8d", "topicsFilter": "#ffd166", "insightsFilter": "#073b4c"},
    "font": {"family": "Georgia"},
}
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63fccfc0f01f0005000201"
    "7f5a9d6e0000000049454e44ae426082"
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Addresses of pages: as they come, in somebody's colours, of nothing yet, and one that has ended."""
    outside = Outside()
    outside.files["/logo.png"] = PIXEL
    outside.types["/logo.png"] = "image/png"
    stage = Stage(tmp_path_factory.mktemp("pages"), outside)
    server = make_server("127.0.0.1", 0, stage.engine.app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def made(path: str, **fields: object) -> str:
        body = {"name": "verbose-text-summary", **fields}
        url: str = stage.ask("POST", f"{path}/experiences", body).get_json()["url"]
        return url.replace("http://localhost", f"http://127.0.0.1:{server.server_port}")

    path = stage.analysed(name="Coffee machine")
    brand = {**BRAND, "logo": outside.url("/logo.png"), "audioUrl": outside.url("/call")}
    pending, _ = stage.submit(outside.url("/later"))
    addresses = {
        "plain": made(path),
        "brand": made(path, **brand),
        "pending": made(f"/v1/conversations/{pending}"),
        "ended": made(path, summaryURLExpiresIn=1),
    }
    stage.clock.advance(1)
    yield addresses
    server.shutdown()
    server.server_close()
    stage.engine.stop()
    outside.close()


@pytest.mark.parametrize("which", ["plain", "brand", "pending", "ended"])
def test_axe_finds_nothing_and_a_phone_need_not_scroll_sideways(
    browser: Browser, pages: dict[str, str], which: str
) -> None:
    visitor = Visitor(browser, pages["plain"])
    for scheme, width in (("light", 1280), ("dark", 390)):
        viewport = {"width": width, "height": 900}
        with visitor.visit(pages[which], bypass_csp=True, color_scheme=scheme, viewport=viewport) as page:
            assert violations(page) == [], (scheme, width)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("which", ["plain", "brand", "pending"])
def test_the_policy_lets_in_what_a_page_needs(browser: Browser, pages: dict[str, str], which: str) -> None:
    """Its style is on, its logo loaded, and the browser complains of nothing."""
    visitor = Visitor(browser, pages["plain"])
    with visitor.visit(pages[which]) as page:
        assert page.evaluate("getComputedStyle(document.querySelector('main')).display") == "grid"
        assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")
    assert visitor.complaints == []
