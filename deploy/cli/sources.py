"""What is to be added: the recordings that the command line names, and what their sender says of each."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.cli.exits import Exit
from deploy.cli.problems import Problem, usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

AUDIO_SUFFIXES = frozenset({
    ".aac", ".aif", ".aiff", ".amr", ".au", ".caf", ".flac", ".m4a", ".m4b", ".mka", ".mp2", ".mp3", ".mp4", ".oga",
    ".ogg", ".opus", ".wav", ".wave", ".weba", ".webm", ".wma",
})  # fmt: skip
SIDE_FILE_SUFFIX = ".metadata.json"
_REMOTE = ("gs://", "https://", "http://")

Metadata = dict[str, Any]  #: the fields that the API documents; it checks them


@dataclasses.dataclass(frozen=True)
class Source:
    """One recording to add: a local file, or a URL that the server reads itself."""

    place: str

    @property
    def remote(self) -> bool:
        """Whether the bytes are not ours to send."""
        return self.place.startswith(_REMOTE)

    @property
    def label(self) -> str:
        """Its short name, for a line of progress."""
        return self.place.rstrip("/").rsplit("/", 1)[-1]


def expand(places: Iterable[str]) -> Iterator[Source | Problem]:
    """The recordings that `places` name, each once; folders are searched by suffix. A place that has none is told."""
    seen: set[str] = set()
    for place in places:
        found = [place] if place.startswith(_REMOTE) else _files(place)
        if isinstance(found, Problem):
            yield found
            continue
        for one in found:
            same = one if one.startswith(_REMOTE) else os.path.realpath(one)
            if same not in seen:
                seen.add(same)
                yield Source(one)


def _files(place: str) -> list[str] | Problem:
    path = Path(place)
    if path.is_dir():
        found = sorted(_audio_below(path))
        if found:
            return found
        return _missing(place, "No recordings", f"no file below it ends in one of {', '.join(sorted(AUDIO_SUFFIXES))}")
    if path.is_file():
        return [place]
    return _missing(place, "No such file", "it is neither a file, nor a folder, nor a gs:// URL")


def _audio_below(folder: Path) -> Iterator[str]:
    """Hidden files and folders are left out: they are copies and remains of other programs."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if Path(name).suffix.lower() in AUDIO_SUFFIXES and not name.startswith("."):
                yield os.path.join(parent, name)  # noqa: PTH118  # Path would drop a leading ./


def _missing(place: str, title: str, detail: str) -> Problem:
    return Problem(title=title, detail=detail, about=place, exit=Exit.NOT_FOUND, code="NOT_FOUND")


def metadata_of(source: Source, *, common: Metadata | None, flags: Metadata) -> Metadata:
    """What is said of one recording: `common` (from --metadata), else the file beside it; flags win, field by field.

    Raises:
        CommandFailed: where the file beside it cannot be used, or nobody names the company.
    """
    said = common if common is not None else _side_file(source)
    merged = merge(said, flags)
    if not merged.get("company"):
        raise usage(
            "No company",
            f"neither --company, nor --metadata, nor {source.label}{SIDE_FILE_SUFFIX} names it",
            about=source.place,
            mend="--company NAME",
        )
    return merged


def _side_file(source: Source) -> Metadata:
    beside = Path(source.place + SIDE_FILE_SUFFIX)
    return read_metadata(beside) if not source.remote and beside.is_file() else {}


def read_metadata(path: Path) -> Metadata:
    """A metadata file's JSON object; the server checks its fields.

    Raises:
        CommandFailed: where it holds something else.
    """
    try:
        given = json.loads(path.read_bytes())
    except OSError as error:
        raise usage("Metadata cannot be read", str(error.strerror), about=str(path)) from None
    except ValueError as error:
        raise usage("Metadata is not JSON", str(error), about=str(path)) from None
    if not isinstance(given, dict):
        raise usage("Metadata is not a JSON object", 'write it as {"company": "..."}', about=str(path))
    return given


def merge(said: Metadata, flags: Metadata) -> Metadata:
    """`said` with every field that `flags` has; speakers are merged by role, part by part."""
    merged = {**said, **flags}
    if "speakers" in flags:
        merged["speakers"] = _merged_speakers(said.get("speakers"), flags["speakers"])
    return merged


def _merged_speakers(said: object, flags: list[Metadata]) -> list[Metadata]:
    """The first speaker of a role takes over what the flags say of that role; a role that nobody had is added."""
    known = [] if said is None else said
    if not isinstance(known, list) or not all(isinstance(speaker, dict) for speaker in known):
        raise usage("Metadata cannot be used", 'speakers must be a list of objects: [{"name": ..., "role": "agent"}]')
    speakers = [dict(speaker) for speaker in known]
    for given in flags:
        same = next((speaker for speaker in speakers if speaker.get("role") == given["role"]), None)
        if same is None:
            speakers.append(dict(given))
        else:
            same.update(given)
    return speakers


def speaker_flags(*, agent: Mapping[str, str | None], customer: Mapping[str, str | None]) -> list[Metadata]:
    """What the flags say of the two speakers; a speaker of whom they say nothing is left out."""
    given = []
    for role, parts in (("agent", agent), ("customer", customer)):
        said = {name: value for name, value in parts.items() if value is not None}
        if said:
            given.append({**said, "role": role})
    return given
