"""Which recordings a command line names, and what is said of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.cli.exits import Exit
from deploy.cli.problems import CommandFailed, Problem
from deploy.cli.sources import Source, expand, merge, metadata_of, read_metadata

if TYPE_CHECKING:
    from pathlib import Path


def places(*given: str) -> list[str]:
    return [one.place for one in expand(given) if isinstance(one, Source)]


def lay(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_a_folder_stands_for_the_audio_below_it(tmp_path: Path) -> None:
    """By suffix, in whatever case, in order; side files and hidden files are not recordings."""
    lay(tmp_path, "b.WAV", "a/c.mp3", "a/c.mp3.metadata.json", "notes.txt", "._b.wav", ".trash/d.wav")
    assert places(str(tmp_path)) == [str(tmp_path / "a/c.mp3"), str(tmp_path / "b.WAV")]


def test_a_file_is_taken_whatever_its_suffix(tmp_path: Path) -> None:
    """Who names a file means it; the server looks into it."""
    lay(tmp_path, "call.bin")
    assert places(str(tmp_path / "call.bin")) == [str(tmp_path / "call.bin")]


def test_what_is_named_twice_is_added_once(tmp_path: Path) -> None:
    """By itself, through its folder and through a link."""
    lay(tmp_path, "a.wav")
    (tmp_path / "b.wav").symlink_to(tmp_path / "a.wav")
    assert places(str(tmp_path / "a.wav"), str(tmp_path), "gs://x/a.wav", "gs://x/a.wav") == [
        str(tmp_path / "a.wav"), "gs://x/a.wav",
    ]  # fmt: skip


def test_a_place_without_recordings_is_a_problem_of_its_own(tmp_path: Path) -> None:
    """Named, and with why."""
    empty, gone = expand([str(tmp_path), str(tmp_path / "gone.wav")])
    assert isinstance(empty, Problem)
    assert isinstance(gone, Problem)
    assert (empty.title, gone.title) == ("No recordings", "No such file")
    assert {empty.exit, gone.exit} == {Exit.NOT_FOUND}


def test_metadata_for_all_stands_in_for_the_file_beside(tmp_path: Path) -> None:
    """--metadata, else PATH.metadata.json, else nothing; a URL has no file beside it."""
    lay(tmp_path, "a.wav")
    (tmp_path / "a.wav.metadata.json").write_text('{"company": "beside", "name": "n"}')
    source = Source(str(tmp_path / "a.wav"))
    assert metadata_of(source, common=None, flags={}) == {"company": "beside", "name": "n"}
    assert metadata_of(source, common={"company": "all"}, flags={}) == {"company": "all"}
    assert metadata_of(source, common=None, flags={"company": "flag"}) == {"company": "flag", "name": "n"}
    with pytest.raises(CommandFailed, match="No company"):
        metadata_of(Source("gs://bucket/a.wav"), common=None, flags={})


@pytest.mark.parametrize("content", ["", "{", "[]", '"text"', "\udcff"])
def test_a_metadata_file_that_holds_something_else_is_named(tmp_path: Path, content: str) -> None:
    """With its path; exit code 2."""
    path = tmp_path / "m.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(CommandFailed) as refused:
        read_metadata(path)
    assert (refused.value.problem.exit, refused.value.problem.about) == (Exit.USAGE, str(path))


def test_a_metadata_file_that_is_missing_is_named(tmp_path: Path) -> None:
    """With the system's reason."""
    with pytest.raises(CommandFailed, match="No such file"):
        read_metadata(tmp_path / "gone.json")


def test_speakers_that_are_no_list_of_objects_are_refused() -> None:
    """Rather than lost in the merge."""
    with pytest.raises(CommandFailed, match="speakers must be a list"):
        merge({"speakers": "Ana"}, {"speakers": [{"role": "agent", "name": "Ana"}]})


ROLE = st.sampled_from(["agent", "customer", "other"])
SPEAKER = st.fixed_dictionaries(
    {"role": ROLE, "name": st.text(min_size=1, max_size=3)},
    optional={"email": st.just("a@example.com"), "channel": st.integers(1, 2)},
)
FLAG_SPEAKERS = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["agent", "customer"])}, optional={"name": st.just("N"), "email": st.just("e@x.org")}
    ),
    max_size=2,
    unique_by=lambda speaker: speaker["role"],
)
FIELDS = st.dictionaries(st.sampled_from(["company", "name", "direction", "priority"]), st.text(max_size=3))


@given(said=FIELDS, flags=FIELDS)
def test_flags_win_field_by_field(said: dict[str, Any], flags: dict[str, Any]) -> None:
    """Each field is the flag's, else the file's, and there is no other."""
    merged = merge(said, flags)
    assert set(merged) == set(said) | set(flags)
    assert all(merged[name] == flags.get(name, said.get(name)) for name in merged)


@given(said=st.lists(SPEAKER, max_size=4), flags=FLAG_SPEAKERS)
def test_speakers_are_merged_by_role(said: list[dict[str, Any]], flags: list[dict[str, Any]]) -> None:
    """The file's speakers stay, in order; the first of a role takes what the flags say of it, a new role is added."""
    before = json.dumps(said)
    merged = merge({"speakers": said}, {"speakers": flags} if flags else {})["speakers"]
    assert json.dumps(said) == before  # one file's speakers serve many recordings
    assert [speaker["role"] for speaker in merged[: len(said)]] == [speaker["role"] for speaker in said]
    for given_ in flags:
        first = next(speaker for speaker in merged if speaker["role"] == given_["role"])
        assert first.items() >= given_.items()
    roles = {speaker["role"] for speaker in said}
    assert len(merged) == len(said) + sum(given_["role"] not in roles for given_ in flags)
    untouched = [speaker for speaker in said if speaker["role"] not in {given_["role"] for given_ in flags}]
    assert all(speaker in merged for speaker in untouched)
