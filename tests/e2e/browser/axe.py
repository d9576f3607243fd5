"""What axe-core finds against a page (https://github.com/dequelabs/axe-core; the package carries its script)."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

_VIOLATIONS = "async () => (await axe.run()).violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)])"


def violations(page: Page) -> list[Any]:
    """Rules that are broken, each with the elements that break it; the visit needs `bypass_csp`."""
    page.evaluate(resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    found: list[Any] = page.evaluate(_VIOLATIONS)
    return found
