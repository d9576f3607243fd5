"""What is indexed of a call fits an entity, whatever was said in it."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

from common.model.recording import Priority, Role
from common.model.search.document import CallDocument, Spoken, TrackerHit, document_of
from common.model.search.tokens import entry_of, facets_of, terms_of
from tests.factories import a_conversation


def spoken(text: str, role: Role = Role.AGENT) -> Spoken:
    return Spoken(role=role, name="x", start=0, end=1, text=text)


def test_a_word_is_found_by_its_stem_its_speaker_and_its_beginning() -> None:
    """Each beginning of three to ten letters has a token; other forms of the word add their own ending."""
    call = dataclasses.replace(document_of(a_conversation(name="x")), turns=(spoken("Cancelled, cancelling!"),))

    found = {token for token in terms_of(call) if "can" in token}
    beginnings = {f"p:{word[:length]}" for word in ("cancelled", "cancelling") for length in range(3, 11)}
    assert found == {"s:cancel", "s:agent:cancel", *beginnings}


def test_words_that_follow_each_other_are_found_as_they_are() -> None:
    """Within a turn, not across turns; and where they are too many for an entity, a token says that none of them is."""
    turns = (spoken("A late fee."), spoken("Fees are late"))
    call = dataclasses.replace(document_of(a_conversation(name="x", speakers=(), representative=None)), turns=turns)

    def pairs(most_terms: int) -> list[str]:
        return [term for term in entry_of(call, most_terms=most_terms).terms if term.startswith("w:")]

    assert pairs(1000) == ["w:a late", "w:are late", "w:fees are", "w:late fee"]
    assert pairs(len(terms_of(call)) + 3) == ["w:*"]


def test_a_tracker_is_found_by_whom_and_before_which_second() -> None:
    """Each step beyond its first second has a token, with its speaker and without."""
    hit = TrackerHit(tracker="Recording Disclosure", role=Role.AGENT, start=50, text="recorded")
    found = facets_of(dataclasses.replace(document_of(a_conversation()), hits=(hit,)))

    assert "tracker:recording disclosure|agent<60" in found
    assert "tracker:recording disclosure|<60" in found
    assert "tracker:recording disclosure|agent<45" not in found


def test_nothing_that_was_said_is_too_much_for_an_entity() -> None:
    """Fifteen thousand different words, a word without end, hundreds of topics: it is stored all the same."""
    call = CallDocument(
        recording_id="r",
        company="Acme",
        name="n",
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        timezone_offset=0,
        duration_s=14400,
        priority=Priority.LIVE,
        language_code="en-US",
        direction=None,
        external_id=None,
        topics=tuple(f"topic {number} {'é' * 2000}" for number in range(1000)),
        turns=(spoken(" ".join(f"word{number}" for number in range(15_000))), spoken("a" * 5000)),
    )
    entry = entry_of(call)

    assert len(entry.terms) + 8 * len(entry.facets) <= 20_000
    assert "is:processing" in entry.facets
    assert max(len(token.encode()) for token in (*entry.terms, *entry.facets)) <= 1500
    assert len(entry.document) < 1_000_000
