"""One recording, for a person to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

from deploy.cli.formats import as_text, cell, console, length, moment, pick, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_COUNTED = ("messages", "topics", "trackers", "questions", "action_items", "follow_ups", "entities", "summary")
_FIELDS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("Id", "id", as_text),
    ("Company", "company", as_text),
    ("Service", "service_type", as_text),
    ("Representative", "representative", as_text),
    ("External id", "external_id", as_text),
    ("Direction", "direction", as_text),
    ("Took place", "started_at", moment),
    ("Added", "created_at", moment),
    ("Length", "duration", length),
    ("Channels", "channels", as_text),
    ("Language", "language_code", as_text),
    ("File", "file_name", as_text),
    ("Audio", "recording_url", as_text),
    ("Status", "request.status", as_text),
    ("Attempts", "request.attempts", as_text),
    ("Conversation", "request.conversation_id", as_text),
    ("Error", "request.error.reason", as_text),
    ("Check", "request.error.check", as_text),
    ("Results", "results.state", as_text),
)


def describe(recording: Mapping[str, Any], *, out: TextIO, colour: bool) -> None:
    """Name, metadata, speakers, timeline and how much was found."""
    from rich.table import Table  # noqa: PLC0415  # costs 0.1 s

    screen = console(out, colour=colour)
    screen.print(cell(as_text(recording.get("name"))), style="bold")
    fields = Table.grid(padding=(0, 2))
    for label, text in _fields(recording):
        fields.add_row(cell(label), cell(text))
    screen.print(fields)
    for title, lines in (("Timeline", _timeline(recording)), ("Found", _counts(recording))):
        rows = list(lines)
        if rows:
            part = Table.grid(padding=(0, 2))
            for row in rows:
                part.add_row("", *(cell(text) for text in row))
            screen.print()
            screen.print(cell(title), style="bold")
            screen.print(part)


def _fields(recording: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for label, path, shown in _FIELDS:
        text = shown(pick(recording, path))
        if text:
            yield label, text
    for speaker in recording.get("speakers") or ():
        email = f" <{speaker['email']}>" if speaker.get("email") else ""
        channel = f", channel {speaker['channel']}" if speaker.get("channel") else ""
        yield str(speaker.get("role") or "speaker").capitalize(), f"{speaker.get('name')}{email}{channel}"


def _timeline(recording: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for entry in pick(recording, "request.timeline") or ():
        change = " → ".join(part for part in (entry.get("from"), entry.get("to")) if part)
        yield moment(entry.get("at")), change, printable(entry.get("why") or "")


def _counts(recording: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    results = recording.get("results") or {}
    for name in _COUNTED:
        if isinstance(results.get(name), list):
            yield name.replace("_", " "), str(len(results[name]))
    for missing in results.get("missing") or ():
        yield as_text(missing.get("section")).replace("_", " "), f"still missing: {as_text(missing.get('why'))}"
