from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Problem, Rejected
from common.model.business_ux import BusinessUX
from common.model.company import CompanyDefaults, Tracker
from common.model.recording import LANGUAGES, Role
from functions.pages.businesses import PARTS, Form, businesses, offset_minutes, offset_text, shown_look

LOOK, DEFAULTS, TRACKERS = PARTS["look"], PARTS["defaults"], PARTS["trackers"]
line = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)
lines = st.lists(line, max_size=4).map(tuple)
colour = st.none() | st.integers(0, 0xFFFFFF).map("#{:06x}".format)
looks = st.builds(
    BusinessUX,
    company=st.just("Acme"),
    display_name=st.none() | line,
    logo=st.none() | line.map("https://a.example/{}".format),
    favicon=st.none(),
    color_background=colour,
    color_topics_filter=colour,
    color_insights_filter=colour,
    font_family=st.none() | line,
    allowed_origins=st.lists(st.from_regex(r"https://[a-z]{1,8}\.example", fullmatch=True), max_size=3).map(tuple),
    summary_url_expires_in=st.none() | st.integers(60, 366 * 86400).map(lambda s: timedelta(seconds=s)),
    read_only=st.booleans(),
)
rows = st.builds(
    CompanyDefaults,
    company=st.just("Acme"),
    language_code=st.sampled_from(LANGUAGES),
    timezone_offset=st.integers(-720, 840),
    custom_vocabulary=lines,
    trackers=st.lists(
        st.builds(Tracker, name=line, vocabulary=lines.filter(bool)), max_size=3, unique_by=lambda t: t.name.casefold()
    ).map(tuple),
    channel_roles=st.lists(st.sampled_from(Role), min_size=0, max_size=5).map(tuple),
    prefix=st.none() | line.map("{}/".format),
)


def values(form: Form) -> dict[str, str]:
    return {field.name: field.value for group in form.groups for field in group}


@given(looks)
def test_a_look_that_is_sent_as_it_is_shown_stays_as_it_is(row: BusinessUX) -> None:
    """Every field of the row is in the form, and nothing is lost on the way to text and back."""
    assert LOOK.settled("Acme", row, values(LOOK.form(row))) == row


@given(rows, rows)
def test_each_form_changes_its_own_part(row: CompanyDefaults, stored: CompanyDefaults) -> None:
    """Defaults leave the trackers that are stored, trackers all else."""
    settled = DEFAULTS.settled("Acme", stored, values(DEFAULTS.form(row)))
    assert settled == dataclasses.replace(row, trackers=stored.trackers)

    tracking = TRACKERS.settled("Acme", stored, values(TRACKERS.form(row)))
    assert tracking == dataclasses.replace(stored, trackers=row.trackers)


@given(rows, rows)
def test_a_version_is_that_of_the_part_alone(one: CompanyDefaults, other: CompanyDefaults) -> None:
    """Who edits trackers is in nobody's way who edits the rest."""
    mixed = dataclasses.replace(one, trackers=other.trackers)

    assert DEFAULTS.version(mixed) == DEFAULTS.version(one)
    assert TRACKERS.version(mixed) == TRACKERS.version(other)
    assert (TRACKERS.version(one) == TRACKERS.version(other)) is (one.trackers == other.trackers)


@given(st.integers(-720, 840))
def test_an_offset_is_read_as_it_is_written(minutes: int) -> None:
    """Minutes from UTC, as hours and minutes with a sign."""
    assert offset_minutes(offset_text(minutes)) == minutes


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("5:30", 330), ("-05:00", -300), ("\u221204:30", -270), ("5", None), ("+1:75", None), ("", None)],
)
def test_an_offset_may_be_written_by_hand(text: str, minutes: int | None) -> None:
    """Without a sign, with a true minus; anything else is no offset."""
    assert offset_minutes(text) == minutes


def test_a_mistake_stands_beside_its_field_with_the_text_kept() -> None:
    """Lines are counted, channels have their own field, and what belongs to none stands above."""
    texts = {
        "language_code": "tlh",
        "timezone_offset": "noon",
        "custom_vocabulary": "a\nb",
        "channel-1": "boss",
        "prefix": "/x",
    }
    with pytest.raises(Rejected) as caught:
        DEFAULTS.settled("Acme", CompanyDefaults.of("Acme"), texts)

    form = DEFAULTS.rejected(texts, [*caught.value.problems, Problem("weather", "is bad")])
    fields = {field.name: field for group in form.groups for field in group}
    assert "use one of en-US" in fields["language_code"].problem
    assert "must be hours:minutes" in fields["timezone_offset"].problem
    assert "'agent', 'customer' or 'other'" in fields["channel-1"].problem
    assert "no slash first" in fields["prefix"].problem
    assert fields["timezone_offset"].value == "noon"
    assert fields["custom_vocabulary"].problem == ""
    assert form.problems == ("weather: is bad",)


def test_a_mistake_in_a_tracker_finds_its_place_past_those_that_were_removed() -> None:
    """The second that is kept is the third of the form."""
    texts = {
        "name-0": "Refund", "phrases-0": "refund",
        "name-1": "Old", "phrases-1": "old", "remove-1": "yes",
        "name-2": "Empty", "phrases-2": " ",
    }  # fmt: skip
    with pytest.raises(Rejected) as caught:
        TRACKERS.settled("Acme", CompanyDefaults.of("Acme"), texts)

    form = TRACKERS.rejected(texts, caught.value.problems)
    wrong = {field.name: field.problem for group in form.groups for field in group if field.problem}
    assert wrong == {"phrases-2": "are missing; name one at least, or tick Remove"}


def test_two_trackers_of_one_name_are_told_above_them() -> None:
    """The mistake is in no single one."""
    texts = {"name-0": "A", "phrases-0": "a", "name-1": "a", "phrases-1": "b"}
    with pytest.raises(Rejected) as caught:
        TRACKERS.settled("Acme", CompanyDefaults.of("Acme"), texts)

    (problem,) = TRACKERS.rejected(texts, caught.value.problems).problems
    assert "two trackers are called" in problem


def test_an_overtaken_form_keeps_its_text_and_says_what_is_stored() -> None:
    """By words where it is a choice, line by line where it is a list; what was added meanwhile is not forgotten."""
    mine = {**values(LOOK.form(None)), "display_name": "Mine", "summary_url_expires_in": "3600", "version": "old"}
    theirs = BusinessUX(company="Acme", display_name="Theirs")

    form = LOOK.overtaken(mine, theirs)

    assert form.is_overtaken
    assert form.version == LOOK.version(theirs)
    assert values(form)["display_name"] == "Mine"
    assert {(one.what, one.yours, one.theirs) for one in form.differences} == {
        ("Name on the page", "Mine", "Theirs"),
        ("Links live", "an hour", "30 days"),
    }
    added = CompanyDefaults(company="Acme", trackers=tuple(Tracker(name=n, vocabulary=("x",)) for n in "ABC"))
    sent = values(TRACKERS.form(dataclasses.replace(added, trackers=added.trackers[:1])))
    seen = {one.what: one.theirs for one in TRACKERS.overtaken(sent, added).differences}
    assert seen == {
        "Name of tracker 2": "B", "Phrases, one a line of tracker 2": "x",
        "Name of tracker 3": "C", "Phrases, one a line of tracker 3": "x",
    }  # fmt: skip


@given(st.dictionaries(st.sampled_from([*values(LOOK.form(None)), "x"]), st.text(max_size=30)))
def test_a_preview_shows_what_can_be_used_of_anything(texts: dict[str, str]) -> None:
    """What is wrong is left out and named; nothing that is typed makes it fail."""
    row, problems = shown_look(texts)

    assert all(getattr(row, problem.field.split(".")[0], None) is None for problem in problems)


def test_companies_are_listed_once_by_name() -> None:
    """Those with calls and those that have settled something, whatever their capitals."""
    settled = {
        "beta": (CompanyDefaults(company="beta", prefix="b/", trackers=(Tracker(name="T", vocabulary=("t",)),)), None),
        "Delta": (CompanyDefaults.of("Delta"), BusinessUX(company="Delta", display_name="The Deltas")),
    }
    listed = businesses(settled, ["Alpha", "beta"])

    assert [(row.company, row.display_name, row.prefix, row.trackers, row.has_look) for row in listed] == [
        ("Alpha", None, None, 0, False),
        ("beta", None, "b/", 1, False),
        ("Delta", "The Deltas", None, 0, True),
    ]
