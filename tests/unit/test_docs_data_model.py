"""docs/data-model.md says what the code stores: every kind, property, type and index."""

from __future__ import annotations

import dataclasses
import enum
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from common.adapters.datastore import kinds
from common.errors import Problem
from common.model import (
    audit,
    business_ux,
    capacity,
    company,
    conversation,
    deletion,
    fairness,
    idempotency,
    intake,
    intelligence,
    job,
    reconciliation,
    recording,
    refusals,
    share,
    slot,
    sweeping,
    waveform,
    webhook,
)
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = (ROOT / "docs" / "data-model.md").read_text(encoding="utf-8")
MODULES = (
    audit, business_ux, capacity, company, conversation, deletion, fairness, idempotency, intake, intelligence, job,
    reconciliation,
    recording, refusals, share, slot, sweeping, waveform, webhook,
)  # fmt: skip
BY_HAND = (kinds.AUDIO_FINGERPRINT, kinds.UPLOAD_DETAILS)
WORDS = {"str": "text", "int": "integer", "float": "number", "bool": "boolean", "datetime": "time",
         "timedelta": "seconds", "RecordingId": "text", "RequestId": "text", "AttemptId": "text",
         "SlotNumber": "integer", "bytes": "bytes"}  # fmt: skip


def sections(level: int) -> dict[str, str]:
    """The text below each heading of a level, up to the next one of that level or above."""
    parts = re.split(rf"^{'#' * level} (.+)$", TEXT, flags=re.MULTILINE)
    return {
        name: re.split(rf"^#{{1,{level}}} ", body, flags=re.MULTILINE)[0]
        for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def table(body: str) -> list[tuple[str, str, bool]]:
    """Name, type and whether it is indexed, from the first table of a section."""
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|([^|]*)\|", body, flags=re.MULTILINE)
    return [(name, type_.strip(), bool(indexed.strip())) for name, type_, indexed in rows]


def in_words(annotation: str, *, as_json: bool = False) -> str:
    """How the document spells the type of a stored field."""
    if as_json:
        return "JSON text"
    if annotation.endswith(" | None"):
        return f"{in_words(annotation.removesuffix(' | None'))} or null"
    if many := re.fullmatch(r"tuple\[(\w+), \.\.\.\]", annotation):
        return f"list of {in_words(many[1])}"
    found = WORDS.get(annotation)
    if found is None:
        type_ = next(vars(module)[annotation] for module in MODULES if annotation in vars(module))
        found = "text" if issubclass(type_, enum.Enum) else f"`{annotation}`"
    return found


def stored(row: Any, indexed: frozenset[str] = frozenset()) -> list[tuple[str, str, bool]]:
    return [
        (field.name, in_words(str(field.type), as_json="json" in field.metadata), field.name in indexed)
        for field in dataclasses.fields(row)
    ]


def embedded(*row_types: Any) -> Iterator[Any]:
    """The dataclasses that stand inside these, at any depth."""
    for row in row_types:
        for name in re.findall(r"\w+", " ".join(str(field.type) for field in dataclasses.fields(row))):
            found = next((vars(module)[name] for module in MODULES if name in vars(module)), None)
            if dataclasses.is_dataclass(found) and found is not row:
                yield found
                yield from embedded(found)


def test_every_kind_has_its_chapter_and_no_chapter_is_of_another() -> None:
    """Those of rows, of results, and those put together by hand."""
    chapters = {name.strip("`") for name in sections(2) if name.startswith("`")}

    assert chapters == {*(kind.name for kind in kinds.ROW_KINDS), *BY_HAND, *kinds.INTELLIGENCE_KINDS}


@pytest.mark.parametrize("kind", kinds.ROW_KINDS, ids=lambda kind: kind.name)
def test_each_property_is_there_with_its_type_and_index(kind: kinds.Kind) -> None:
    """In the order of the code, none more and none less."""
    assert table(sections(2)[f"`{kind.name}`"]) == stored(kind.row, kind.indexed)


@pytest.mark.parametrize("section", intelligence.SECTIONS, ids=lambda section: section.kind)
def test_each_kind_of_results_has_its_row(section: intelligence.SectionKind) -> None:
    """The members of one row of its `rows`."""
    assert table(sections(2)[f"`{section.kind}`"]) == stored(section.row)


def test_the_entity_around_rows_is_described_once() -> None:
    """With what is indexed of it."""
    around = table(sections(3)["The entity around the rows"])

    assert [name for name, _, _ in around] == ["conversation_id", "recording_id", "chunk", "chunks", "rows"]
    assert {name for name, _, indexed in around if indexed} == kinds.INTELLIGENCE_INDEXED


def test_each_embedded_row_is_described() -> None:
    """At whatever depth it stands."""
    types = {
        *embedded(*(kind.row for kind in kinds.ROW_KINDS), *(section.row for section in intelligence.SECTIONS)),
        Problem,
    }
    chapters = {name.strip("`"): body for name, body in sections(3).items() if name.startswith("`")}

    assert set(chapters) == {type_.__name__ for type_ in types}
    for type_ in types:
        assert table(chapters[type_.__name__]) == stored(type_), type_.__name__


def test_each_composite_index_is_listed_with_its_query() -> None:
    """In the order of deploy/index.yaml."""
    declared = yaml.safe_load((ROOT / "deploy" / "index.yaml").read_text(encoding="utf-8"))["indexes"]
    spelled = [
        (index["kind"], ", ".join(f"{p['name']} {p['direction']}" if "direction" in p else p["name"]
                                  for p in index["properties"]))
        for index in declared
    ]  # fmt: skip

    listed = re.findall(r"^\| `(\w+)` \| ([\w, ]+?) \| \S", sections(2)["Composite indexes"], flags=re.MULTILINE)

    assert listed == spelled
