from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.pages.look import READABLE, Look, contrast, ink_on, legible, mixed, remarks, stylesheet

colours = st.integers(0, 0xFFFFFF).map("#{:06x}".format)
maybe = st.none() | colours
fonts = st.none() | st.from_regex(r"[A-Za-z0-9 ,'\"_-]{1,200}", fullmatch=True)
looks = st.builds(Look, background=maybe, topics=maybe, insights=maybe, fonts=fonts)


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#777777", "#ffffff", 4.48),
        ("#ff0000", "#0000ff", 2.15),
    ],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    """The figures that any checker gives, whichever way round."""
    assert round(contrast(one, other), 2) == round(contrast(other, one), 2) == ratio


@given(colours)
def test_text_can_be_read_on_any_background(background: str) -> None:
    """4.5 at least, whatever the company likes."""
    assert contrast(ink_on(background), background) >= READABLE


@given(colours, colours)
def test_a_colour_is_moved_only_if_it_cannot_be_read(colour: str, background: str) -> None:
    """And then until it can."""
    shown = legible(colour, on=background)

    assert contrast(shown, background) >= READABLE
    assert (shown == colour) is (contrast(colour, background) >= READABLE)


def tokens(css: str) -> dict[str, str]:
    return dict(re.findall(r"(--[a-z-]+): (#[0-9a-f]{6});", css))


@given(looks)
def test_whatever_is_chosen_every_text_can_be_read(look: Look) -> None:
    """Ink, quiet text, moods and voices on the page and on what is raised; labels on their own fill."""
    found = tokens(stylesheet(look))
    if look.background:
        assert found["--paper"] == look.background
        for name in ("ink", "muted", "other", "positive", "negative", "agent", "customer", "accent"):
            for ground in ("paper", "raised"):
                assert contrast(found[f"--{name}"], found[f"--{ground}"]) >= READABLE, (name, ground)
    else:
        assert "--paper" not in found
    for name in ("topics", "insights"):
        if f"--{name}" in found:
            assert contrast(found[f"--{name}-ink"], found[f"--{name}"]) >= READABLE


@given(looks)
def test_a_stylesheet_has_nothing_but_its_own_declarations(look: Look) -> None:
    """No name of a font opens a rule, a comment, a URL or an escape."""
    css = stylesheet(look)
    line = r"  (color-scheme|--[a-z-]+): (#[0-9a-f]{6}|light|dark|transparent|currentColor);\n"
    family = r"(\"[A-Za-z0-9 _-]+\"|[a-z-]+)(, (\"[A-Za-z0-9 _-]+\"|[a-z-]+))*"

    assert re.fullmatch(rf":root {{\n({line})*}}\n(body {{ font-family: {family}; }}\n)?", css)


def test_fonts_are_quoted_but_for_families_that_are_none() -> None:
    """Stray quotes and commas are nothing; the system's own font stands last."""
    css = stylesheet(Look(fonts="Inter, 'Open Sans', \"x, ,serif"))

    assert 'font-family: "Inter", "Open Sans", "x", serif, system-ui, sans-serif;' in css


def test_what_was_done_to_colours_is_said() -> None:
    """The ink and its contrast, which colours were moved, which labels get an outline."""
    said = " ".join(remarks(Look(background="#ffcc00", topics="#fc0fc0", insights="#ffd11a")))

    assert "Text on the background is shown in #1c2026: contrast 10.8 : 1." in said
    assert "Adjusted so that they can be read on the background: the colours of" in said
    assert "Questions and tasks get an outline: #ffd11a hardly differs from the background." in said
    assert "Topics get an outline" not in said
    assert remarks(Look()) == []


def test_half_of_one_colour_in_another_is_between_them() -> None:
    """By channel."""
    assert mixed("#000000", "#ff8000", 0.5) == "#804000"
