from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from common.model.intelligence import Message, Person, SummarySentence, Topic
from common.model.lifecycle import JobStatus
from functions.pages.call import CallView
from functions.pages.call import call_view as view_of
from functions.pages.trail import Surroundings
from functions.pages.transcript import Reading, position_of
from tests.factories import NOW, a_conversation, a_job, a_message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.model.conversation import ConversationMetadata
    from common.model.intelligence import Rows
    from common.model.job import SymblAsyncRequest


def call_view(
    conversation: ConversationMetadata,
    request: SymblAsyncRequest | None,
    results: Mapping[str, Rows],
    *,
    position: float | None = None,
) -> CallView:
    """The page at a moment."""
    return view_of(conversation, request, results, around=Surroundings(now=NOW), reading=Reading(position=position))


seconds = st.integers(0, 4 * 3600 * 1000).map(lambda thousandths: thousandths / 1000)


@given(seconds)
def test_a_position_reads_as_seconds_or_as_a_clock(at: float) -> None:
    """83.5, 1:23.5 and 0:01:23.5 are the same moment."""
    minutes, rest = divmod(round(at * 1000), 60_000)
    hours, of_hour = divmod(minutes, 60)
    spellings = [f"{at:.3f}", f"{minutes}:{rest / 1000:06.3f}", f"{hours}:{of_hour:02d}:{rest / 1000:06.3f}"]

    assert {round(position_of(text) or 0, 3) for text in spellings} == {at}


@given(st.text(max_size=30))
def test_any_position_is_read_or_ignored(text: str) -> None:
    """Whatever stands in an address, it is a number of seconds or nothing."""
    at = position_of(text)

    assert at is None or 0 <= at < 10**7


@given(st.lists(st.tuples(seconds, st.floats(0.1, 30)), max_size=20), seconds)
def test_the_marked_turn_is_the_last_that_has_begun(spans: list[tuple[float, float]], at: float) -> None:
    """At most one turn is marked, none of the unmarked began later and yet before the moment."""
    messages = tuple(
        a_message(number, start=start, duration=duration) for number, (start, duration) in enumerate(spans)
    )

    turns = call_view(a_conversation(), None, {"messages": messages}, position=at).turns

    begun = [turn for turn in turns if turn.start <= at]
    assert [turn.number for turn in turns if turn.is_current] == [turn.number for turn in begun[-1:]]
    assert [turn.number for turn in turns] == list(range(1, len(turns) + 1))


def test_the_position_of_a_turn_marks_that_turn() -> None:
    """A link to a turn leads to it, however odd its beginning."""
    messages = (a_message(1, start=1 / 3, duration=1), a_message(2, start=2 / 3, duration=1))
    first = call_view(a_conversation(), None, {"messages": messages}).turns

    for turn in first:
        again = call_view(a_conversation(), None, {"messages": messages}, position=position_of(turn.position)).turns
        assert [t.number for t in again if t.is_current] == [turn.number]


def test_a_silence_is_counted_from_the_last_word_of_anybody() -> None:
    """A short turn inside a long one does not make a silence."""
    messages = (
        a_message(1, start=0.0, duration=20.0),
        a_message(2, start=3.0, duration=1.0),
        a_message(3, start=21.0, duration=1.0),
        a_message(4, start=30.0, duration=1.0),
    )

    silences = [turn.silence for turn in call_view(a_conversation(), None, {"messages": messages}).turns]

    assert silences == [None, None, None, 8.0]


def test_a_claim_points_at_each_of_its_turns_once_and_in_order() -> None:
    """Repeated and unknown messages add nothing."""
    messages = tuple(a_message(number) for number in (1, 2, 3))
    topic = Topic(id="t", text="billing", score=0.5, message_ids=("3", "1", "nobody", "3"))

    view = call_view(a_conversation(), None, {"messages": messages, "topics": (topic,)})

    (claim,) = next(block.claims for block in view.blocks if block.name == "topics")
    assert [turn.number for turn in claim.turns] == [1, 3]


def test_only_the_customers_turns_make_the_customers_mood() -> None:
    """What the agent says does not count; without a customer's turn there is none."""
    customer = Person(name="Carl Customer", email="carl@home.example")

    def message(number: int, score: float, **fields: object) -> Message:
        spoken = a_message(number, **fields)
        assert spoken.sentiment
        return dataclasses.replace(spoken, sentiment=dataclasses.replace(spoken.sentiment, score=score))

    agent_only = {"messages": (message(1, -1.0),)}
    both = {"messages": (message(1, -1.0), message(2, 0.5, speaker=customer))}

    assert call_view(a_conversation(), None, agent_only).customer_mood is None
    assert (
        call_view(a_conversation(), None, both).customer_mood
        == call_view(a_conversation(), None, {"messages": both["messages"][1:]}).customer_mood
    )


def test_a_call_without_a_request_is_shown() -> None:
    """The moment between an object's arrival and its request is no error."""
    view = call_view(a_conversation(), None, {})

    assert view.status.is_working
    assert not view.has_results
    assert view.steps == ()


def test_a_summary_alone_is_shown() -> None:
    """One section is enough for the page to have a column of results."""
    summary = (SummarySentence(id="s", text="It went well.", message_ids=()),)

    view = call_view(a_conversation(), a_job(JobStatus.COMPLETED), {"summary": summary})

    assert view.has_results


def test_a_call_of_hours_is_told_in_hours() -> None:
    """Lengths and positions past an hour have three parts."""
    conversation = a_conversation(duration=timedelta(hours=3, seconds=7))

    assert dict(call_view(conversation, None, {}).facts)["Length"] == "3:00:07"
