"""Listening to a call: from a search to the moment, along the timeline, by keys, and on to somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.browser.test_pages import LOADED, POSITION, in_view, marked

if TYPE_CHECKING:
    from tests.e2e.browser.conftest import Visitor
    from tests.factories import SampleCall
    from tests.integration.dashboard.rows import CallRows

pytestmark = pytest.mark.browser


@pytest.mark.usefixtures("call")
def test_what_was_searched_is_heard_and_shared(visitor: Visitor, sample: SampleCall) -> None:
    """Search, open at the hit, play from there, copy the link: whoever opens it is at that moment."""
    number, turn = next((n, t) for n, t in enumerate(sample.truth["turns"], 1) if "cancel" in t["text"].lower())
    permissions = ["clipboard-read", "clipboard-write"]
    with visitor.visit("/calls?filter=cancel", permissions=permissions, reduced_motion="reduce") as page:
        page.get_by_role("link", name=sample.truth["title"]).click()
        page.wait_for_function(LOADED)
        assert page.url.endswith(f"#turn-{number}")
        assert in_view(page, f"#turn-{number}")
        assert page.locator(f"#turn-{number} mark").count() >= 1

        page.locator(f"#turn-{number} a.seek").click()
        page.wait_for_function(f"() => {POSITION} > {turn['start']}")
        page.keyboard.press("k")
        page.wait_for_function("() => document.querySelector('audio').paused")
        page.keyboard.press("y")
        page.get_by_role("button", name="Copied the link").wait_for()
        link = page.evaluate("navigator.clipboard.readText()")
        heard = page.evaluate(POSITION)

    with visitor.visit(link, reduced_motion="reduce") as other:
        other.wait_for_function(f"() => Math.abs({POSITION} - {heard}) < 0.1")
        assert marked(other) == [f"turn-{number}"]
        assert "filter=cancel" in other.url


def test_the_page_is_worked_by_keys(visitor: Visitor, call: str, sample: SampleCall) -> None:
    """Find and step through what is found, trackers, turns, seconds, speed; and all of it can be switched off."""
    turns = sample.truth["turns"]
    with visitor.visit(call, reduced_motion="reduce", viewport={"width": 1000, "height": 600}) as page:
        page.wait_for_function(LOADED)
        page.keyboard.press("/")
        page.keyboard.type("THE")
        hits = sum(turn["text"].lower().count("the") for turn in turns)
        assert page.locator("#finding").inner_text() == f"{hits} found"
        page.keyboard.press("Enter")
        assert page.locator("#finding").inner_text() == f"1 of {hits}"
        page.locator("#find").blur()
        page.keyboard.press("n")
        assert page.locator("#finding").inner_text() == f"2 of {hits}"
        assert in_view(page, f"#{marked(page)[0]}")

        page.keyboard.press("N")
        first = marked(page)
        page.keyboard.press("ArrowDown")
        assert int(marked(page)[0][5:]) == int(first[0][5:]) + 1
        at = page.evaluate(POSITION)
        page.keyboard.press("l")
        assert page.evaluate(POSITION) == pytest.approx(at + 5, abs=0.1)
        assert float(page.locator(".seek-bar").input_value()) == pytest.approx(at + 5, abs=0.2)

        page.keyboard.press(">")
        assert page.evaluate("document.querySelector('audio').playbackRate") == 1.25
        page.reload()
        assert page.evaluate("document.querySelector('audio').playbackRate") == 1.25

        page.keyboard.press("?")
        page.get_by_label("Shortcuts are on").uncheck()
        page.get_by_label("Shortcuts are on").blur()
        page.keyboard.press(">")
        assert page.evaluate("document.querySelector('audio').playbackRate") == 1.25


def test_the_timeline_leads_to_a_moment(visitor: Visitor, rows: CallRows, call: str, sample: SampleCall) -> None:
    """Its bar by pointer or arrows, its marks by a click; without the audio it still leads through the transcript."""
    with visitor.visit(call, reduced_motion="reduce") as page:
        page.wait_for_function(LOADED)
        assert page.locator(".wave").evaluate("image => image.decode().then(() => image.naturalWidth > 0)")
        box = page.locator(".seek-bar").bounding_box()
        assert box
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 10)
        assert page.evaluate(POSITION) == pytest.approx(sample.truth["duration_s"] / 2, abs=1)
        page.locator(".wide a.mark").last.click()
        assert page.url.endswith(f"#{marked(page)[0]}")

    gone = rows.put_sample(sample, recording_url="gs://recordings/deleted.wav", id="gone")
    with visitor.visit(f"/calls/{gone}", reduced_motion="reduce") as page:
        page.get_by_text("The audio cannot be played").wait_for()
        page.locator(".seek-bar").focus()
        page.keyboard.press("End")
        assert marked(page) == [f"turn-{len(sample.truth['turns'])}"]


def test_turns_are_chosen_without_a_script(visitor: Visitor, call: str, sample: SampleCall) -> None:
    """By speaker and by word, with links and a form."""
    with visitor.visit(call, java_script_enabled=False) as page:
        page.get_by_role("link", name="Customer", exact=True).click()
        own = [turn for turn in sample.truth["turns"] if turn["role"] == "customer"]
        assert page.locator(".turn").count() == page.locator(".turn.customer").count() == len(own)

        page.get_by_label("Find", exact=True).fill("cancel")
        page.get_by_role("button", name="Find").click()
        page.locator("a.found").click()
        assert page.locator(f"#{marked(page)[0]} mark").count() >= 1
