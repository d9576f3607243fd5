"""Data on stdout: as a table for people, as JSON, JSON lines, CSV or plain values for programs."""

from __future__ import annotations

import dataclasses
import json
import re
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console
    from rich.text import Text

KINDS = ("table", "json", "jsonl", "csv")
_VALUE = re.compile(r"value\(\s*([\w.]+(?:\s*,\s*[\w.]+)*)\s*\)")

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Format:
    """`kind` is one of KINDS or `value`; `fields` are what `value(...)` names."""

    kind: str
    fields: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Format:
        """`table`, `json`, `jsonl`, `csv`, or `value(FIELD,...)` with dots into what is nested.

        Raises:
            ValueError: where it is none of them.
        """
        if text in KINDS:
            return cls(text)
        named = _VALUE.fullmatch(text)
        if not named:
            raise ValueError(f"{text!r} is none of {', '.join(KINDS)} or value(FIELD), such as value(request.status)")
        return cls("value", tuple(field.strip() for field in named[1].split(",")))


def as_text(value: Any) -> str:  # noqa: ANN401  # any JSON value
    """A JSON value as a cell: text as it is, nothing for null, JSON for the rest."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@dataclasses.dataclass(frozen=True)
class Column:
    """A column: `path` is the field in the answer, `shown` how a person reads it."""

    path: str
    title: str = ""  #: none: for programs alone
    shown: Callable[[Any], str] = as_text
    right: bool = False


def write(
    rows: Iterable[Row], *, form: Format, columns: Sequence[Column], out: TextIO, colour: bool, many: bool = True
) -> None:
    """Rows in the form that is asked for; row by row, except as a table or as one JSON document.

    With `many` unset there is one row, and JSON is that object rather than a list.
    """
    match form.kind:
        case "json":
            given = list(rows)
            print(json.dumps(given if many else given[0], ensure_ascii=False, indent=2), file=out)
        case "jsonl":
            for row in rows:
                print(json.dumps(row, ensure_ascii=False), file=out, flush=True)
        case "csv":
            _write_csv(rows, columns, out)
        case "value":
            for row in rows:
                print("\t".join(as_text(pick(row, field)) for field in form.fields), file=out, flush=True)
        case _:
            _write_table(rows, [column for column in columns if column.title], out, colour=colour)


def pick(row: object, path: str) -> Any:  # noqa: ANN401  # any JSON value
    """What is at `path` (names and list indexes with dots between them), or None."""
    for part in path.split("."):
        if isinstance(row, dict):
            row = row.get(part)
        elif isinstance(row, list) and part.isdecimal() and int(part) < len(row):
            row = row[int(part)]
        else:
            return None
    return row


def printable(text: str, *, keep: str = "") -> str:
    """Without control characters: what callers wrote must not steer a terminal."""
    return "".join(char for char in text if char in keep or unicodedata.category(char) != "Cc")


def length(seconds: float | None) -> str:
    """m:ss, or h:mm:ss from an hour on."""
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def moment(instant: str | None) -> str:
    """An instant of the API to the second, in UTC as the API gives it."""
    return re.sub(r"^(\S{10})T(\S{8})(?:\.\d+)?Z$", r"\1 \2Z", instant or "")


def _write_csv(rows: Iterable[Row], columns: Sequence[Column], out: TextIO) -> None:
    import csv  # noqa: PLC0415  # only when asked for

    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.path for column in columns])
    for row in rows:
        writer.writerow([as_text(pick(row, column.path)) for column in columns])


def _write_table(rows: Iterable[Row], columns: Sequence[Column], out: TextIO, *, colour: bool) -> None:
    from rich.table import Table  # noqa: PLC0415  # costs 0.1 s

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.title, justify="right" if column.right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell(column.shown(pick(row, column.path))) for column in columns))
    if table.row_count:
        console(out, colour=colour).print(table)


def console(out: TextIO, *, colour: bool) -> Console:
    """A console on `out`: coloured as told, and as wide as its content where it is no terminal."""
    from rich.console import Console  # noqa: PLC0415  # costs 0.1 s

    return Console(
        file=out,
        force_terminal=out.isatty(),
        color_system="standard" if colour else None,
        no_color=not colour,
        width=None if out.isatty() else 10_000,
        highlight=False,
        markup=False,
        emoji=False,
    )


_STYLES: Mapping[str, str] = {"failed": "red", "completed": "green", "complete": "green", "partial": "yellow"}


def cell(text: str) -> Text:
    """A cell whose status words have their colour."""
    from rich.text import Text  # noqa: PLC0415  # costs 0.1 s

    return Text(printable(text), style=_STYLES.get(text, ""))


RECORDING_COLUMNS: tuple[Column, ...] = (
    Column("id", "ID"),
    Column("started_at", "STARTED", moment),
    Column("company", "COMPANY"),
    Column("name", "NAME"),
    Column("duration", "LENGTH", length, right=True),
    Column("request.status", "STATUS"),
    Column("results.state", "RESULTS"),
    Column("file_name"),
    Column("recording_url"),
    Column("created_at"),
    Column("channels"),
    Column("language_code"),
    Column("direction"),
    Column("representative"),
    Column("external_id"),
    Column("priority"),
    Column("request.conversation_id"),
    Column("request.attempts"),
    Column("request.error.reason"),
)
REPLAY_COLUMNS: tuple[Column, ...] = (
    Column("id", "ID"),
    Column("outcome", "OUTCOME"),
    Column("reason", "REASON"),
)
DELETION_COLUMNS: tuple[Column, ...] = (
    Column("id", "ID"),
    Column("deleted_at", "DELETED"),
    Column("by", "BY"),
    Column("reason", "REASON"),
    Column("owed"),
)
SHARE_COLUMNS: tuple[Column, ...] = (Column("url", "URL"), Column("expires_at", "EXPIRES", moment), Column("iframe"))
TURN_COLUMNS: tuple[Column, ...] = (
    Column("start", "TIME", length, right=True),
    Column("end"),
    Column("speaker.name", "SPEAKER"),
    Column("speaker.role", "ROLE"),
    Column("speaker.email"),
    Column("channel"),
    Column("sentiment.label", "SENTIMENT"),
    Column("sentiment.score"),
    Column("text", "TEXT"),
)
