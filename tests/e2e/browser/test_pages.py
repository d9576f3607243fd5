"""The two pages as people use them: with a script and without, wide and narrow, light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from common.model.lifecycle import JobStatus
from tests.factories import a_conversation, a_job
from tests.integration.dashboard.rows import belonging

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.browser.conftest import Visitor
    from tests.factories import SampleCall
    from tests.integration.dashboard.rows import CallRows

pytestmark = pytest.mark.browser

POSITION = "document.querySelector('audio').currentTime"
LOADED = "() => document.querySelector('audio').readyState >= 1"
POLL_MS = 6_000  # more than the script's first wait


def marked(page: Page) -> list[str]:
    """The ids of the turns that are marked as current."""
    return [turn.get_attribute("id") or "" for turn in page.locator(".turn[aria-current]").all()]


def in_view(page: Page, selector: str) -> bool:
    """Whether an element can be seen below the player."""
    return bool(
        page.locator(selector).evaluate(
            """element => {
                const { top, bottom } = element.getBoundingClientRect();
                const player = document.querySelector('.player').getBoundingClientRect();
                return top >= player.bottom - 1 && bottom <= innerHeight + 1;
            }"""
        )
    )


def test_a_turns_time_moves_the_audio(visitor: Visitor, call: str, sample: SampleCall) -> None:
    """A click plays from there, marks the turn and makes the address one to share."""
    turn = sample.truth["turns"][5]
    with visitor.visit(call) as page:
        page.wait_for_function(LOADED)

        page.locator("#turn-6 a.seek").click()

        page.wait_for_function(f"() => {POSITION} > {turn['start'] + 0.05}")
        assert page.evaluate(POSITION) < turn["end"]
        assert marked(page) == ["turn-6"]
        assert page.url.endswith(f"?t={turn['start']}#turn-6")


def test_the_mark_moves_while_it_plays_and_the_page_follows(visitor: Visitor, call: str, sample: SampleCall) -> None:
    """The turn that is heard is the one that is marked, and it is in view until the reader says otherwise."""
    last = len(sample.truth["turns"]) - 1
    start = sample.truth["turns"][last - 1]["start"]
    with visitor.visit(call, viewport={"width": 1000, "height": 500}, reduced_motion="reduce") as page:
        page.wait_for_function(LOADED)
        page.evaluate(f"{{ const audio = document.querySelector('audio'); audio.currentTime = {start - 0.5}; }}")
        page.evaluate("document.querySelector('audio').playbackRate = 4")

        page.evaluate("document.querySelector('audio').play()")

        page.wait_for_selector(f"#turn-{last}[aria-current]")
        page.wait_for_selector(f"#turn-{last + 1}[aria-current]")
        assert marked(page) == [f"turn-{last + 1}"]
        assert in_view(page, f"#turn-{last + 1}")


def test_following_can_be_switched_off(visitor: Visitor, call: str, sample: SampleCall) -> None:
    """The mark still moves; the page stays where the reader is."""
    last = len(sample.truth["turns"])
    with visitor.visit(call, viewport={"width": 1000, "height": 500}, reduced_motion="reduce") as page:
        page.wait_for_function(LOADED)
        page.get_by_role("checkbox", name="Follow").uncheck()
        page.evaluate(f"document.querySelector('audio').currentTime = {sample.truth['turns'][-1]['start'] - 0.5}")

        page.evaluate("document.querySelector('audio').play()")

        page.wait_for_selector(f"#turn-{last}[aria-current]")
        assert page.evaluate("scrollY") == 0


def test_a_claim_leads_to_its_moment(visitor: Visitor, call: str) -> None:
    """A tracker's link plays the turn that proves it, and shows it below the player."""
    with visitor.visit(call, viewport={"width": 1000, "height": 600}, reduced_motion="reduce") as page:
        page.wait_for_function(LOADED)
        claim = page.locator("section[aria-labelledby=trackers] a.seek").first

        claim.click()

        link = urlsplit(claim.get_attribute("href") or "")
        page.wait_for_function(f"() => {POSITION} > {parse_qs(link.query)['t'][0]}")
        (turn,) = marked(page)
        assert turn == link.fragment
        assert in_view(page, f"#{turn}")


def test_a_shared_moment_opens_there(visitor: Visitor, call: str, sample: SampleCall) -> None:
    """?t= puts the audio and the page at that moment, without playing."""
    turn = sample.truth["turns"][9]
    with visitor.visit(f"{call}?t={turn['start']}", reduced_motion="reduce") as page:
        page.wait_for_function(f"() => Math.abs({POSITION} - {turn['start']}) < 0.1")

        assert marked(page) == ["turn-10"]
        assert page.evaluate("document.querySelector('audio').paused")


def test_audio_that_is_gone_is_said_to_be(visitor: Visitor, rows: CallRows, sample: SampleCall) -> None:
    """One sentence in place of the player; times are links as without a script."""
    path = f"/calls/{rows.put_sample(sample, recording_url='gs://recordings/deleted.wav')}"
    with visitor.visit(path) as page:
        page.get_by_text("The audio cannot be played").wait_for()
        assert page.locator("audio").is_hidden()

        page.locator("#turn-3 a.seek").click()

        assert marked(page) == ["turn-3"]


def test_nothing_sticks_out_of_the_page(visitor: Visitor, rows: CallRows, call: str) -> None:
    """No page scrolls sideways, on the narrowest phone or a desk, whatever names it shows."""
    conversation = a_conversation(9, name="W" * 200, company="M" * 200)
    rows.put(conversation, belonging(a_job(JobStatus.FAILED, number=9), conversation))
    with visitor.visit("/calls") as page:
        for path in ("/calls", call, f"/calls/{conversation.id}", "/calls?filter=company:Nobody"):
            page.goto(path)
            for width in (320, 390, 700, 1240):
                page.set_viewport_size({"width": width, "height": 844})
                assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0, (path, width)


def test_it_reads_without_a_script(visitor: Visitor, call: str, sample: SampleCall) -> None:
    """List, call, transcript, a moment: all by plain links."""
    turn = sample.truth["turns"][5]
    with visitor.visit("/calls", java_script_enabled=False) as page:
        page.get_by_role("link", name=sample.truth["title"]).click()

        assert urlsplit(page.url).path == call
        assert page.locator("#turn-6").get_by_text(turn["text"]).is_visible()
        assert page.locator("audio").get_attribute("controls") is not None

        page.locator("#turn-6 a.seek").click()

        assert marked(page) == ["turn-6"]
        assert page.url.endswith(f"t={turn['start']}#turn-6")


def test_unfinished_rows_refresh_by_themselves(visitor: Visitor, rows: CallRows) -> None:
    """The row changes in place, and the script stops asking when everything is finished."""
    conversation = a_conversation()
    rows.put(conversation, belonging(a_job(JobStatus.IN_PROGRESS), conversation))
    with visitor.visit("about:blank") as page:
        asked: list[str] = []
        page.clock.install()
        page.goto("/calls")
        page.get_by_text("Being analysed").wait_for()
        page.on("request", lambda request: asked.append(request.url))

        rows.put(conversation, belonging(a_job(JobStatus.FAILED), conversation))
        page.clock.fast_forward(POLL_MS)

        page.get_by_text("no speech in it").wait_for()
        page.get_by_text("Everything here is finished.").wait_for()
        page.clock.fast_forward(60 * POLL_MS)
        assert len(asked) == 1


def test_an_unfinished_call_shows_itself_when_it_is_done(
    visitor: Visitor, rows: CallRows, sample: SampleCall, generation: int
) -> None:
    """Its steps appear as they come; then the page becomes the call's."""
    conversation = a_conversation(1, generation=generation)
    rows.put(conversation, belonging(a_job(JobStatus.SUBMITTING), conversation))
    with visitor.visit("about:blank") as page:
        page.clock.install()
        page.goto(f"/calls/{conversation.id}")
        page.get_by_text("This page refreshes by itself.").wait_for()

        rows.put(conversation, belonging(a_job(JobStatus.IN_PROGRESS), conversation))
        page.clock.fast_forward(POLL_MS)
        page.get_by_role("heading", name="Being analysed").wait_for()

        rows.put_sample(sample, generation=generation)
        page.clock.fast_forward(2 * POLL_MS)
        page.locator("#turn-1").get_by_text(sample.truth["turns"][0]["text"]).wait_for()


@pytest.mark.usefixtures("rows")
def test_the_first_command_can_be_copied(visitor: Visitor) -> None:
    """The empty list's command lands on the clipboard as it is shown."""
    with visitor.visit("/calls", permissions=["clipboard-read", "clipboard-write"]) as page:
        page.get_by_role("button", name="Copy").click()

        page.get_by_role("button", name="Copied").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == page.locator("#first-call").text_content()
