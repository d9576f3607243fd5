"""`explain`: why a query costs what it costs, in a sentence and in figures."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from common.model.search.explanation import explained
from common.model.search.grammar import parse
from common.model.search.plan import plan_of
from common.model.search.results import Effort

if TYPE_CHECKING:
    from common.model.answers import Explanation

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def explanation(text: str, **effort: int) -> Explanation:
    return explained(plan_of(parse(text, now=NOW)), Effort(**effort))


@pytest.mark.parametrize(
    ("text", "effort", "summary"),
    [
        ("refund account", {"queries": 1, "calls_read": 26}, "1 query for calls with 2 tokens opened 26 calls."),
        (
            "(refund OR credit) card",
            {"queries": 1, "calls_read": 1},
            "1 query for calls with one of 2 sets of tokens opened 1 call.",
        ),
        (
            "-refund",
            {"queries": 2, "keys_read": 1330, "calls_read": 26, "lookups": 1},
            "What is excluded is left out by keys: 2 queries read 1,330 keys, and 26 calls that were left were opened.",
        ),
        (
            "length:700s..705s refund",
            {"queries": 4, "calls_read": 75, "calls_set_aside": 72, "stopped_early": 1},
            (
                "4 queries for calls with 3 tokens opened 75 calls. No token says all of duration >= 700s and "
                "duration < 705s: each call that could be meant is opened and asked, and 72 of 75 were set aside. "
                "The page ended early, having read as much as a page may: the next one goes on from there."
            ),
        ),
        ("after:2026-11-02 before:2026-11-01", {}, "No call can be meant: nothing was read."),
    ],
)
def test_a_sentence_says_what_was_done(text: str, effort: dict[str, int], summary: str) -> None:
    """What was asked of Datastore, what only the calls could tell, and whether that was too much for a page."""
    assert explanation(text, **effort)["summary"] == summary


def test_the_plan_is_told_in_tokens_and_times() -> None:
    """Those of `docs/search.md`; what a branch leaves out is in groups of which a call has not all."""
    plan = explanation('"late fee" -tracker:Refund after:2026-11-01 before:2026-11-08T09:30:00Z')

    follows, unknown = plan["branches"]
    assert follows == {
        "required": ["w:late fee"],
        "excluded": [["tracker:refund|"]],
        "since": "2026-11-01T00:00:00.000Z",
        "until": "2026-11-08T09:30:00.000Z",
    }
    assert unknown["required"] == ["s:fee", "s:late", "w:*"]
    assert plan["decided_by_the_call"] == ['"late fee"']
    assert plan["exact"] is False


def test_figures_are_those_of_the_effort() -> None:
    """By the names of docs/search.md."""
    told = explanation("refund", queries=2, calls_read=30, calls_set_aside=4, stopped_early=1)

    assert (told["queries"], told["calls_read"], told["calls_set_aside"], told["stopped_early"]) == (2, 30, 4, True)
    assert told["exact"] is True
