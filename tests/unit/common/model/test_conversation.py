"""Bringing together what the sender, the company and the bytes say of a recording."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Rejected
from common.model.company import CompanyDefaults, company_of_object
from common.model.conversation import MAX_DURATION, conversation_of
from common.model.recording import MAX_SPEAKERS, Role, details_from
from tests.factories import AGENT, NOW, a_conversation, a_recording, an_audio

if TYPE_CHECKING:
    from common.model.conversation import ConversationMetadata


def made_of(
    said: dict[str, Any] | None = None, *, defaults: CompanyDefaults | None = None, **audio: Any
) -> ConversationMetadata:
    """A conversation of Acme's, stereo unless told otherwise."""
    return conversation_of(
        stored=a_recording(),
        audio=an_audio(**audio),
        content_hash="hash",
        details=details_from(said or {}),
        defaults=defaults or CompanyDefaults.of("Acme"),
        now=NOW,
    )


def placed(conversation: ConversationMetadata) -> list[tuple[int | None, str, Role]]:
    return [(speaker.channel, speaker.name, speaker.role) for speaker in conversation.speakers]


def test_what_nobody_said_follows_from_audio_object_and_defaults() -> None:
    """Two channels are two speakers: the agent first, unless the company has settled otherwise."""
    found = made_of()

    assert (found.id, found.name, found.started_at) == (
        a_recording().recording_id,
        a_recording().file_name,
        a_recording().created_at,
    )
    assert (found.duration, found.channels, found.codec) == (timedelta(seconds=60), 2, "wav/pcm_s16le")
    assert (found.separate_channels, found.number_of_speakers) == (True, 2)
    assert placed(found) == [(1, "Agent", Role.AGENT), (2, "Customer", Role.CUSTOMER)]
    assert (found.language_code, found.timezone_offset, found.custom_vocabulary) == ("en-US", 0, ())


def test_a_companys_defaults_fill_gaps_and_the_sender_overrides_them() -> None:
    """An empty vocabulary is something said."""
    defaults = CompanyDefaults(
        company="Acme",
        language_code="en-GB",
        timezone_offset=60,
        custom_vocabulary=("toner",),
        channel_roles=(Role.CUSTOMER, Role.AGENT),
    )
    filled = made_of(defaults=defaults)
    said = made_of({"language_code": "en-AU", "timezone_offset": 0, "custom_vocabulary": []}, defaults=defaults)

    assert (filled.language_code, filled.timezone_offset, filled.custom_vocabulary) == ("en-GB", 60, ("toner",))
    assert placed(filled) == [(1, "Customer", Role.CUSTOMER), (2, "Agent", Role.AGENT)]
    assert (said.language_code, said.timezone_offset, said.custom_vocabulary) == ("en-AU", 0, ())


def test_the_offset_of_started_at_is_the_time_zone_unless_one_is_given() -> None:
    """A call at 10:00-04:00 took place four hours behind UTC; Z says nothing of where it was."""
    when = "2026-02-28T10:00:00-04:00"

    assert made_of({"started_at": when}).timezone_offset == -240
    assert made_of({"started_at": when, "timezone_offset": 60}).timezone_offset == 60
    assert made_of({"started_at": "2026-02-28T10:00:00Z"}, defaults=CompanyDefaults(company="A", timezone_offset=60)
                   ).timezone_offset == 60  # fmt: skip


def test_speakers_are_placed_by_role() -> None:
    """Named in any order, each comes to the channel that the company keeps for the role."""
    speakers = [{"name": "Carl", "role": "customer"}, {"name": "Ann", "role": "agent"}]

    assert placed(made_of({"speakers": speakers})) == [(1, "Ann", Role.AGENT), (2, "Carl", Role.CUSTOMER)]


def test_a_given_channel_is_kept_and_the_rest_goes_round_it() -> None:
    """Who said where wins over who usually is where; a channel without a name gets its role's."""
    on_two = made_of({"speakers": [{"name": "Ann", "role": "agent", "channel": 2}]})

    assert placed(on_two) == [(1, "Agent", Role.AGENT), (2, "Ann", Role.AGENT)]


def test_more_people_than_channels_leave_some_without() -> None:
    """The engine can only tell channels apart."""
    three = [{"name": name} for name in ("Ann", "Bob", "Carl")]

    assert len(made_of({"speakers": three}).speakers) == 2


def test_without_separate_channels_speakers_have_none() -> None:
    """A mono recording, or stereo that its sender calls mixed."""
    speakers = [{"name": "Ann", "role": "agent", "channel": 1}, {"name": "Carl"}]
    mixed = made_of({"speakers": speakers, "separate_channels": False})
    mono = made_of({"speakers": [{"name": "Ann"}, {"name": "Carl"}]}, channels=1)

    assert (placed(mixed), mixed.number_of_speakers) == ([(None, "Ann", Role.AGENT), (None, "Carl", Role.OTHER)], 2)
    assert (mono.separate_channels, mono.number_of_speakers) == (False, 2)


@pytest.mark.parametrize(
    ("said", "audio", "field", "mend"),
    [
        ({"separate_channels": True}, {"channels": 1}, "separate_channels", "set it to false"),
        ({"speakers": [{"name": "Ann", "channel": 3}]}, {}, "speakers", "has 2"),
        ({}, {"duration": MAX_DURATION + timedelta(seconds=1)}, "audio", "up to 4:00:00"),
    ],
)
def test_words_that_do_not_fit_the_audio_are_refused(
    said: dict[str, Any], audio: dict[str, Any], field: str, mend: str
) -> None:
    """Naming the field to change."""
    with pytest.raises(Rejected) as caught:
        made_of(said, **audio)

    assert [problem.field for problem in caught.value.problems] == [field]
    assert mend in caught.value.problems[0].detail


@given(
    st.integers(1, 8),
    st.lists(
        st.fixed_dictionaries({"name": st.sampled_from("ABCD"), "role": st.sampled_from([*Role])},
                              optional={"channel": st.integers(1, 8)}),
        max_size=MAX_SPEAKERS,
    ),
)  # fmt: skip
def test_separate_channels_have_one_speaker_each(channels: int, speakers: list[dict[str, Any]]) -> None:
    """Whoever is named: every channel once, in order, and a given channel is never changed."""
    try:
        found = made_of({"speakers": speakers, "separate_channels": channels > 1}, channels=channels)
    except Rejected:
        return
    if found.separate_channels:
        assert [speaker.channel for speaker in found.speakers] == list(range(1, channels + 1))
        given_ = {(s["name"], s["channel"]) for s in speakers if "channel" in s}
        assert given_ <= {(speaker.name, speaker.channel) for speaker in found.speakers}


def test_an_engines_speaker_is_known_by_email_then_by_name() -> None:
    """E-mail addresses have no case."""
    conversation = a_conversation()

    assert conversation.speaker_of(email="ANN@acme.example", name="Carl Customer") == AGENT
    assert conversation.speaker_of(email=None, name="Ann Agent") == AGENT
    assert conversation.speaker_of(email=None, name=None) is None
    assert conversation.agent == AGENT


def test_an_object_belongs_to_the_longest_prefix() -> None:
    """Or to nobody."""
    prefixes = {"acme/": "Acme", "acme/globex/": "Globex"}

    assert company_of_object("acme/globex/1.wav", prefixes) == "Globex"
    assert company_of_object("acme/1.wav", prefixes) == "Acme"
    assert company_of_object("other/1.wav", prefixes) is None
