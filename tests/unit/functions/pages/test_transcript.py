"""What a reader asks of a transcript, and what is marked."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.model.recording import Role
from common.model.search.grammar import parse
from functions.pages.marking import asked, pieces, typed
from functions.pages.transcript import reading_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)
texts = st.text(alphabet="abc ABC'’.,-éß", max_size=60)  # noqa: RUF001  # people type both apostrophes


def marked(query: str, text: str, role: Role = Role.CUSTOMER) -> list[str]:
    return [piece for piece, hit in pieces(text, asked(parse(query, now=NOW))(role, text)) if hit]


@given(texts, texts)
def test_nothing_is_lost_by_marking(said: str, looked_for: str) -> None:
    """The pieces together are the text; each mark is what was typed."""
    for marker in (typed(looked_for or "a"), asked(parse('abc* OR "b c"', now=NOW))):
        cut = pieces(said, marker(Role.AGENT, said))
        assert "".join(piece for piece, _ in cut) == said
        assert all(piece for piece, _ in cut)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("refund", ["refunds", "Refunded"]),
        ("ref*", ["refunds", "Refunded"]),
        ('"the card"', ["the card"]),
        ("card OR refund", ["refunds", "card", "Refunded"]),
        ("-refund", []),
        ("refund by:agent", []),
        ("tracker:Refund", []),
        ("müller", ["Müller"]),
    ],
)
def test_words_are_marked_as_they_are_found(query: str, expected: list[str]) -> None:
    """In all forms, by whom they were asked of, and never what must not be there."""
    assert marked(query, "No refunds on the card, Müller? Refunded!") == expected


def test_what_is_typed_is_found_in_any_case_and_across_spaces() -> None:
    """Letters count, not words; signs have no meaning."""
    assert typed("he  (c")(Role.AGENT, "The (card), THE\n(C") == [(1, 6), (13, 18)]


def test_parameters_that_make_no_sense_are_left_aside() -> None:
    """A mangled link still shows the call."""
    reading = reading_of({"speaker": "nobody", "sentiment": "angry", "t": "soon", "find": "  gift   card "})

    assert (reading.speaker, reading.tone, reading.position, reading.find) == (None, "", None, "gift card")
    assert reading.lens == reading.context == {}
