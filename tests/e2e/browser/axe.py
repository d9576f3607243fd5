"""What axe-core finds against a page (https://github.com/dequelabs/axe-core; the package carries its script)."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: The rules that depend on colours and widths (https://dequeuniversity.com/rules/axe/): the others were asked before.
LOOKS = ("color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size")
#: Text upon what ::before or ::after may paint is judged as if they did not: else it would not be judged at all, and to
#: look for them takes five sixths of axe's time (`ignorePseudo`,
#: https://github.com/dequelabs/axe-core/blob/develop/doc/check-options.md#color-contrast).
_SETTINGS = 'axe.configure({ checks: [{ id: "color-contrast", options: { ignorePseudo: true } }] })'
_VIOLATIONS = """async (rules) => {
    const which = rules.length ? { runOnly: rules } : { rules: { "target-size": { enabled: true } } };
    const found = await axe.run({ ...which, resultTypes: ["violations"], selectors: false });
    return found.violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)]);
}"""


def violations(page: Page, *rules: str) -> list[Any]:
    """Rules (of these, or of all) that are broken, each with the elements that break it.

    The visit needs `bypass_csp`; the script is put into the page when it is first asked.
    """
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
        page.evaluate(_SETTINGS)
    found: list[Any] = page.evaluate(_VIOLATIONS, rules)
    return found
