from __future__ import annotations

import re

import pytest

from functions.pages.site import Site, assets, content_security_policy, origin_of

_TOKEN = re.compile(r"--([a-z]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)")
_TEXT = ("ink", "muted", "accent", "positive", "negative", "agent", "customer", "other")
_BACKGROUNDS = ("paper", "raised", "now")


def luminance(colour: str) -> float:
    """Relative luminance (https://www.w3.org/TR/WCAG22/#dfn-relative-luminance)."""

    def linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_on_every_background(scheme: str) -> None:
    """Every colour of text has the contrast of WCAG's AA, 4.5 to 1, in both schemes."""
    tokens = {
        name: {"light": light, "dark": dark}[scheme]
        for name, light, dark in _TOKEN.findall(assets()["app.css"].content.decode())
    }
    for text in _TEXT:
        for background in _BACKGROUNDS:
            darker, lighter = sorted((luminance(tokens[text]), luminance(tokens[background])))
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (text, background)


@pytest.mark.parametrize(
    ("base", "path", "below"),
    [
        ("http://127.0.0.1:8080", "/calls", "/calls"),
        ("https://x.example/dashboard", "/dashboard/calls", "/calls"),
        ("https://x.example/dashboard", "/calls", "/calls"),
        ("https://x.example/dashboard", "/dashboard", "/"),
        ("https://x.example/dashboard", "/dashboards", "/dashboards"),
    ],
)
def test_a_request_is_found_below_the_base_path(base: str, path: str, below: str) -> None:
    """Whether the front end strips the base path or not."""
    assert Site.at(base).path_of(path) == below


def test_a_link_is_quoted() -> None:
    """Names and values cannot leave their place in the address."""
    assert Site("/x").link("/calls/a b", filter='company:"A&B"', trail=["1", "2"], none=None) == (
        "/x/calls/a%20b?filter=company%3A%22A%26B%22&trail=1&trail=2"
    )


def test_the_policy_allows_nothing_unsafe() -> None:
    """Everything is refused by default; audio comes from one origin, if any."""
    policy = content_security_policy(origin_of("https://storage.googleapis.com/b/o.wav?X-Goog-Signature=1"))

    assert policy.startswith("default-src 'none'")
    assert "media-src https://storage.googleapis.com;" in policy
    assert "media-src 'none'" in content_security_policy()
    assert "unsafe" not in policy
