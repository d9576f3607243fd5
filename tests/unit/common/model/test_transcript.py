"""A transcript as turns, and as files that players read."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from common.model.intelligence import Message, Person, Sentiment
from common.model.recording import Role
from common.model.transcript import as_json, as_markdown, as_srt, as_text, as_vtt, clock, turns_of
from tests.factories import a_conversation, a_message

messages = st.builds(
    lambda start, duration, text, name: a_message(start=start, duration=duration, text=text, speaker=Person(name=name)),
    st.floats(0, 4 * 3600),
    st.floats(0, 600),
    st.text(st.characters(codec="utf-8") | st.sampled_from("<>&\n\r-"), max_size=30),
    st.none() | st.text(st.characters(codec="utf-8") | st.sampled_from("<>&\n"), max_size=12),
)
_CUE = re.compile(r"^(\d\d):(\d\d):(\d\d)[.,](\d{3}) --> (\d\d):(\d\d):(\d\d)[.,](\d{3})$", re.MULTILINE)


def test_turns_bear_the_names_of_the_metadata() -> None:
    """Whom the engine names by e-mail or name is who the sender named; anybody else is as the engine says."""
    known = a_message(1, speaker=Person(email="carl@home.example", name="Speaker 2"))
    unknown, nobody = a_message(2, speaker=Person(name="Bob")), a_message(3, speaker=Person())

    turns = turns_of([nobody, unknown, known], a_conversation())

    assert [(turn.name, turn.role, turn.channel) for turn in turns] == [
        ("Carl Customer", Role.CUSTOMER, 2),
        ("Bob", Role.OTHER, None),
        ("Speaker", Role.OTHER, None),
    ]


def test_the_json_has_the_documented_members() -> None:
    """Seconds from the recording's beginning; sentiment as score and label."""
    message = a_message(1, sentiment=Sentiment(score=-0.5, label="negative"))

    assert as_json(turns_of([message], a_conversation())) == {
        "turns": [
            {
                "speaker": {"name": "Ann Agent", "email": "ann@acme.example", "role": "agent"},
                "channel": 1,
                "start": 2.0,
                "end": 3.5,
                "text": "What is it?",
                "sentiment": {"score": -0.5, "label": "negative"},
            }
        ]
    }


def test_the_three_files_look_as_their_formats_say() -> None:
    """Markup is escaped where it means something, hours are there where they must be."""
    message = a_message(1, text="1 < 2 & 3 --> 4", start=3661.5, duration=2.0004)
    turns = turns_of([message], a_conversation())

    assert as_vtt(turns) == ("WEBVTT\n\n01:01:01.500 --> 01:01:03.500\n<v Ann Agent>1 &lt; 2 &amp; 3 --&gt; 4</v>\n")
    assert as_srt(turns) == "1\n01:01:01,500 --> 01:01:03,500\nAnn Agent: 1 < 2 & 3 --> 4\n"
    assert as_text(turns) == "[1:01:01] Ann Agent: 1 < 2 & 3 --> 4\n"
    assert (clock(59.9), clock(60), clock(3600)) == ("0:59", "1:00", "1:00:00")


def _blocks(text: str) -> list[str]:
    return [block for block in text.split("\n\n") if block.strip()]


@given(st.lists(messages, max_size=6))
def test_every_message_is_one_cue_in_the_order_of_time(given_: list[Message]) -> None:
    """Whatever was said: no text breaks out of its cue."""
    turns = turns_of(given_, a_conversation())

    for text, head in ((as_vtt(turns), 1), (as_srt(turns), 0)):
        assert len(_blocks(text)) == len(given_) + head
        cues = [cue.group(0) for block in _blocks(text)[head:] for cue in [_CUE.search(block)] if cue]
        assert len(cues) == len(given_)
        starts = [cue.split(" --> ")[0] for cue in cues]
        assert starts == sorted(starts)
        assert all(start <= cue.split(" --> ")[1] for start, cue in zip(starts, cues, strict=True))
    assert as_text(turns).count("\n") == len(given_)


def test_markdown_names_a_speaker_once_for_what_they_say_in_a_row() -> None:
    """A paragraph per turn, with the time at which the speaker began."""
    ann, carl = Person(name="Ann Agent"), Person(name="Carl Customer")
    said = [
        a_message(1, start=1, text="Hello.", speaker=ann),
        a_message(2, start=3, text="How can I help?", speaker=ann),
        a_message(3, start=65, text="My bill.", speaker=carl),
    ]

    assert as_markdown(turns_of(said, a_conversation())) == (
        "**Ann Agent** [0:01]\n\nHello.\n\nHow can I help?\n\n**Carl Customer** [1:05]\n\nMy bill.\n"
    )


def test_nothing_that_is_said_becomes_markup() -> None:
    """Neither in a line nor at its beginning."""
    texts = ["# 1 *really* <b>", "1. first", "- no", "12) then"]
    said = [a_message(number, start=number, text=text) for number, text in enumerate(texts)]

    paragraphs = as_markdown(turns_of(said, a_conversation())).split("\n\n")[1:]

    assert [p.strip() for p in paragraphs] == [r"\# 1 \*really\* \<b\>", r"1\. first", r"\- no", r"12\) then"]
