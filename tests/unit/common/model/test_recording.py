"""What senders say of a recording: never a crash, and every complaint names the field and the mend."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import Rejected
from common.model.recording import (
    LANGUAGES,
    MAX_SPEAKERS,
    Direction,
    Priority,
    RecordingDetails,
    Role,
    details_from,
    details_from_json,
    recording_id,
)
from tests.factories import a_recording

EVERYTHING: dict[str, Any] = {
    "company": "Acme",
    "name": "Call about toner",
    "service_type": "support",
    "representative": "Ann",
    "external_id": "crm-1",
    "direction": "inbound",
    "started_at": "2026-02-28T23:30:00-05:00",
    "timezone_offset": -300,
    "language_code": "EN-gb",
    "custom_vocabulary": ["toner", " Acme "],
    "number_of_speakers": 2,
    "separate_channels": True,
    "speakers": [
        {"name": "Ann", "email": "Ann@Acme.example", "role": "agent", "channel": 1},
        {"name": "Carl", "channel": 2},
    ],
    "confidence_threshold": 1,
    "priority": "backfill",
    "allow_duplicate": False,
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),  # lone surrogates too
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from([*EVERYTHING, "compny", "email", "", "a.b"])


def problems(given_: object) -> dict[str, str]:
    """What is wrong, by field."""
    with pytest.raises(Rejected) as caught:
        details_from(given_)
    assert caught.value.problems
    return {problem.field: problem.detail for problem in caught.value.problems}


def test_every_field_is_taken_as_the_api_documents_it() -> None:
    """Languages and e-mail addresses lose their case, texts their margins; nothing else changes."""
    details = details_from(EVERYTHING)

    assert details.started_at == datetime(2026, 3, 1, 4, 30, tzinfo=UTC)
    assert details.started_at.utcoffset() == timedelta(hours=-5)
    assert (details.language_code, details.custom_vocabulary) == ("en-GB", ("toner", "Acme"))
    assert (details.direction, details.priority) == (Direction.INBOUND, Priority.BACKFILL)
    assert details.speakers is not None
    assert [(s.email, s.role, s.channel) for s in details.speakers] == [
        ("ann@acme.example", Role.AGENT, 1),
        (None, Role.OTHER, 2),
    ]


def test_what_was_said_survives_the_way_through_object_metadata() -> None:
    """An upload's words are read back from its object as they were given."""
    details = details_from(EVERYTHING)

    assert details_from_json(details.model_dump_json(exclude_none=True)) == details


def test_nothing_said_is_nothing_assumed() -> None:
    """Gaps are None, for the company's defaults and the audio to fill."""
    assert details_from({}) == RecordingDetails()


@pytest.mark.parametrize(
    ("field", "value", "mend"),
    [
        ("compny", "Acme", "did you mean 'company'"),
        ("colour", "red", "known fields: company"),
        ("company", 7, "valid string (got 7)"),
        ("company", "  ", "at least 1 character"),
        ("company", "x" * 501, "at most 200 characters"),
        ("language_code", "tlh", "use one of en-US"),
        ("number_of_speakers", 0, "greater than or equal to 1"),
        ("number_of_speakers", 99, f"less than or equal to {MAX_SPEAKERS}"),
        ("number_of_speakers", "2", "valid integer"),
        ("number_of_speakers", 2.5, "valid integer"),
        ("separate_channels", "true", "valid boolean"),
        ("separate_channels", 1, "valid boolean"),
        ("allow_duplicate", "no", "valid boolean"),
        ("started_at", "2026-03-01T12:00:00", "offset from UTC"),
        ("started_at", "yesterday", "RFC 3339"),
        ("started_at", 1_700_000_000, "RFC 3339"),
        ("started_at", "1700000000", "RFC 3339"),
        ("timezone_offset", 841, "less than or equal to 840"),
        ("timezone_offset", 10**400, "840"),
        ("direction", "sideways", "'inbound' or 'outbound'"),
        ("priority", "urgent", "'live' or 'backfill'"),
        ("confidence_threshold", 0.4, "greater than or equal to 0.5"),
        ("confidence_threshold", float("nan"), "number"),
        ("confidence_threshold", True, "valid number"),
        ("confidence_threshold", "0.7", "valid number"),
        ("custom_vocabulary", "toner", "array"),
        ("custom_vocabulary", ["toner"] * 501, "at most 500"),
        ("speakers", {"name": "Ann"}, "array"),
    ],
)
def test_a_wrong_field_is_named_with_its_mend(field: str, value: object, mend: str) -> None:
    """And only that field."""
    found = problems({**{k: v for k, v in EVERYTHING.items() if k == "company"}, field: value})

    assert list(found) == [field]
    assert mend in found[field]


@pytest.mark.parametrize(
    ("speaker", "field", "mend"),
    [
        ({"nam": "Ann", "name": "Ann"}, "speakers.0.nam", "did you mean 'name'"),
        ({}, "speakers.0.name", "missing"),
        ({"name": "Ann", "email": "ann"}, "speakers.0.email", "name@example.com"),
        ({"name": "Ann", "role": "boss"}, "speakers.0.role", "'agent', 'customer' or 'other'"),
        ({"name": "Ann", "channel": 0}, "speakers.0.channel", "greater than or equal to 1"),
        ("Ann", "speakers.0", "object"),
    ],
)
def test_a_wrong_speaker_is_named_by_place(speaker: object, field: str, mend: str) -> None:
    """The path leads to the member that is wrong."""
    assert mend in problems({"speakers": [speaker]})[field]


def test_two_speakers_cannot_share_a_channel() -> None:
    """The rule over several fields names the one to change."""
    found = problems({"speakers": [{"name": "Ann", "channel": 1}, {"name": "Carl", "channel": 1}]})

    assert "two speakers have the same channel" in found["speakers"]


def test_more_speakers_than_announced_are_refused() -> None:
    """Two names cannot be one voice."""
    found = problems({"number_of_speakers": 1, "speakers": [{"name": "Ann"}, {"name": "Carl"}]})

    assert "2 speakers are named" in found["number_of_speakers"]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    """A sender mends a request in one go."""
    assert set(problems({"compny": "Acme", "separate_channels": "yes", "number_of_speakers": 0})) == {
        "compny",
        "separate_channels",
        "number_of_speakers",
    }


@pytest.mark.parametrize("given_", [None, [], "text", 7, True])
def test_only_an_object_is_metadata(given_: object) -> None:
    """Whatever else it is, the complaint says what it should be."""
    assert "must be a JSON object" in problems(given_)["metadata"]


@pytest.mark.parametrize("text", ["", "{", "{'company': 'Acme'}", b"\xff\xfe", "[" * 100_000, '{"a":' * 100_000])
def test_text_that_is_no_json_is_refused(text: str | bytes) -> None:
    """However deep it is nested."""
    with pytest.raises(Rejected) as caught:
        details_from_json(text)

    assert caught.value.problems[0].field == "metadata"


def test_half_a_character_is_no_text() -> None:
    """JSON can spell a lone surrogate, Unicode has no such thing."""
    assert "is not JSON" in problems({"name": "\ud800"})["metadata"]


@settings(max_examples=200)
@given(st.dictionaries(fields, json_values, max_size=4))
def test_anything_is_either_taken_or_refused_by_field(given_: dict[str, object]) -> None:
    """Never another error; and each complaint is about something that was given."""
    try:
        details_from(given_)
    except Rejected as rejected:
        assert rejected.problems  # noqa: PT017  # the property is about both ways out
        for problem in rejected.problems:
            assert problem.detail
            assert problem.field == "metadata" or any(problem.field.startswith(name) for name in given_)


@given(st.binary(max_size=40) | st.text(max_size=40))
def test_any_text_is_either_taken_or_refused(text: str | bytes) -> None:
    """The words beside an object may be anything."""
    try:
        details_from_json(text)
    except Rejected as rejected:
        assert rejected.problems  # noqa: PT017


@given(st.sampled_from(LANGUAGES), st.sampled_from([str.upper, str.lower, str.title]))
def test_a_language_is_known_in_any_case(language: str, spelled: Any) -> None:
    """And kept in the documented spelling."""
    assert details_from({"language_code": spelled(language)}).language_code == language


def test_an_id_follows_from_what_is_stored() -> None:
    """The same generation has the same id; another bucket, name or generation another one."""
    one = a_recording()

    assert one.recording_id == dataclasses.replace(one, size=1, md5=None).recording_id
    others = [a_recording(bucket="b"), a_recording(name="n"), a_recording(generation=2)]
    assert len({one.recording_id, *(other.recording_id for other in others)}) == 4
    assert len(one.recording_id) == 20
    assert recording_id("b", "n", 1).isalnum()


@pytest.mark.parametrize(("name", "maybe"), [("a/b.wav", True), ("a/", False), ("a/b.wav.metadata.json", False)])
def test_folders_and_side_files_are_no_audio(name: str, maybe: bool) -> None:  # noqa: FBT001
    """They travel beside recordings."""
    assert a_recording(name=name).may_be_audio is maybe


def test_json_and_python_spell_the_same_thing() -> None:
    """The two ways in agree."""
    assert details_from_json(json.dumps(EVERYTHING)) == details_from(EVERYTHING)


@pytest.mark.parametrize("field", ["company", "external_id"])
def test_a_name_that_datastore_could_not_index_is_refused(field: str) -> None:
    """1,500 bytes are the limit of an indexed text: 200 characters of four bytes fit, with room for a key's prefix."""
    details_from({field: "\N{GRINNING FACE}" * 200})
    with pytest.raises(Rejected, match="at most 200 characters"):
        details_from({field: "\N{GRINNING FACE}" * 201})
