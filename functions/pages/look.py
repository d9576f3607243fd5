"""A company's colours and fonts as a stylesheet in which everything stays readable, whatever was chosen. Pure.

Contrast is WCAG 2.2's (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio); text has 4.5 at least (1.4.3).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from common.model.business_ux import BusinessUX

READABLE = 4.5
_DISTINCT = 1.5  #: a filled label that differs less from the page gets an outline
_BLACK, _WHITE = "#000000", "#ffffff"
_INKS = ("#1c2026", "#e8eaed")
_STEPS = 20
_PAGES = ("#ffffff", "#14171c")  #: the site's own backgrounds, light and dark
#: The site's own colours that carry a meaning, for light and dark (`app.css`).
_MEANINGS = {
    "positive": ("#0f766e", "#4fd1c0"),
    "negative": ("#b4431f", "#ff9a70"),
    "agent": ("#4757c9", "#8f9dff"),
    "customer": ("#8a5a00", "#e0b04a"),
    "accent": ("#3546c4", "#9aa8ff"),
}
_GENERIC = frozenset({"serif", "sans-serif", "monospace", "cursive", "fantasy", "system-ui", "ui-sans-serif",
                      "ui-serif", "ui-monospace", "ui-rounded"})  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Look:
    """What a company has chosen, checked before; colours as #rrggbb, `fonts` as names with commas between them."""

    background: str | None = None
    topics: str | None = None
    insights: str | None = None
    fonts: str | None = None

    @classmethod
    def of(cls, row: BusinessUX) -> Look:
        """A company's."""
        return cls(
            background=row.color_background,
            topics=row.color_topics_filter,
            insights=row.color_insights_filter,
            fonts=row.font_family,
        )


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, from 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def ink_on(background: str) -> str:
    """The colour of text on `background`: the site's own where it is readable there, else black or white.

    One of these two always is: where both have the same contrast, it is 4.58.
    """
    own = max(_INKS, key=lambda ink: contrast(ink, background))
    if contrast(own, background) >= READABLE:
        return own
    return max((_BLACK, _WHITE), key=lambda ink: contrast(ink, background))


def legible(colour: str, *, on: str) -> str:
    """`colour`, moved towards the ink only so far that text in it is readable."""
    ink = ink_on(on)
    shades = (mixed(colour, ink, step / _STEPS) for step in range(_STEPS))
    return next((shade for shade in shades if contrast(shade, on) >= READABLE), ink)


def mixed(one: str, other: str, share: float) -> str:
    """`share` of `other` in `one`, by channel."""
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def stylesheet(look: Look) -> str:
    """The site's tokens as this company has them; without a background the page follows the reader's light or dark."""
    rules = [":root {", *(f"  {name}: {value};" for name, value in _tokens(look)), "}"]
    if look.fonts:
        rules.append(f"body {{ font-family: {_font_names(look.fonts)}; }}")
    return "\n".join(rules) + "\n"


def remarks(look: Look) -> list[str]:
    """What was done so that the page stays readable, in sentences for whoever chooses the colours."""
    said = []
    if look.background:
        ink = ink_on(look.background)
        said.append(f"Text on the background is shown in {ink}: contrast {_ratio(ink, look.background)}.")
        moved = [name for name, pair in _MEANINGS.items() if _meaning(pair, look.background) not in pair]
        if moved:
            said.append(f"Adjusted so that they can be read on the background: the colours of {_listed(moved)}.")
    for name, colour in (("Topics", look.topics), ("Questions and tasks", look.insights)):
        if colour:
            ink = _label_ink(colour)
            said.append(f"{name} are labelled in {ink} on {colour}: contrast {_ratio(ink, colour)}.")
        if colour and _hardly_differs(colour, look):
            said.append(f"{name} get an outline: {colour} hardly differs from the background.")
    return said


def _tokens(look: Look) -> Iterable[tuple[str, str]]:
    if look.background:
        page = look.background
        ink = ink_on(page)
        is_dark = _luminance(ink) > _luminance(page)
        yield "color-scheme", "dark" if is_dark else "light"
        yield "--paper", page
        yield "--ink", ink
        # Away from the ink, so that what is readable on the page is readable here too.
        yield "--raised", mixed(page, _BLACK if is_dark else _WHITE, 0.3)
        yield "--line", mixed(page, ink, 0.2)
        yield "--track", mixed(page, ink, 0.1)
        yield "--muted", legible(mixed(page, ink, 0.6), on=page)
        yield "--other", legible(mixed(page, ink, 0.6), on=page)
        for name, pair in _MEANINGS.items():
            yield f"--{name}", _meaning(pair, page)
    for name, colour in (("topics", look.topics), ("insights", look.insights)):
        if colour:
            yield f"--{name}", colour
            yield f"--{name}-ink", _label_ink(colour)
            yield f"--{name}-edge", "currentColor" if _hardly_differs(colour, look) else "transparent"


def _hardly_differs(colour: str, look: Look) -> bool:
    pages = (look.background,) if look.background else _PAGES
    return any(contrast(colour, page) < _DISTINCT for page in pages)


def _meaning(pair: tuple[str, str], page: str) -> str:
    """The site's light or dark colour, whichever is nearer to being readable there, moved if need be."""
    return legible(max(pair, key=lambda colour: contrast(colour, page)), on=page)


def _label_ink(fill: str) -> str:
    return max((_BLACK, _WHITE), key=lambda ink: contrast(ink, fill))


def _font_names(fonts: str) -> str:
    names = (part.replace('"', "").replace("'", "").strip() for part in fonts.split(","))
    given = [name if name in _GENERIC else f'"{name}"' for name in names if name]
    return ", ".join([*given, "system-ui", "sans-serif"])


def _ratio(one: str, other: str) -> str:
    return f"{contrast(one, other):.1f} : 1"


def _listed(names: list[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4  # noqa: PLR2004  # sRGB
