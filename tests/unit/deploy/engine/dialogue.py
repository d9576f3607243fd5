"""Short telephone dialogues as text, with what is to be found in them, and how it is scored.

A file has a head (`sentiment:` of the customer, `topics:`, `entities:` as type=text) and, after an empty line, one line
per message: `agent: Will you send it? {question} {action customer 2026-03-13}`. A task has an owner (`agent`,
`customer`, `other`) and a day, or `-` where none was said. All calls are of Tuesday 2026-03-10, 09:14 in UTC-5.
"""

import dataclasses
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Self

from deploy.engine.analysis.messages import Message
from tests.unit.deploy.engine.speech import said

NOW = datetime(2026, 3, 10, 9, 14, tzinfo=timezone(timedelta(hours=-5)))
DIRECTORY = Path(__file__).with_name("dialogues")
_MARK = re.compile(r"\s*\{([^}]*)\}")


@dataclasses.dataclass(frozen=True)
class Marked:
    """A task that is to be found in the message of that number; *due* is a day in the call's zone, or None."""

    message: int
    kind: str
    by: str
    due: str | None


@dataclasses.dataclass(frozen=True)
class Dialogue:
    """What is said, and what is in it."""

    name: str
    held_out: bool
    messages: list[Message]
    sentiment: str
    topics: list[str]
    entities: list[tuple[str, str]]
    questions: set[int]
    tasks: set[Marked]

    @classmethod
    def read(cls, path: Path) -> Self:
        head, _, body = path.read_text(encoding="utf-8").partition("\n\n")
        fields = dict(line.split(": ", 1) for line in head.splitlines())
        lines = body.strip().splitlines()
        marks = [(number, mark.split()) for number, line in enumerate(lines) for mark in _MARK.findall(line)]
        return cls(
            name=path.stem,
            held_out="held out" in fields,
            messages=said(*(_MARK.sub("", line) for line in lines)),
            sentiment=fields["sentiment"],
            topics=fields["topics"].split(", "),
            entities=[(pair.partition("=")[0], pair.partition("=")[2]) for pair in _entities(fields["entities"])],
            questions={number for number, mark in marks if mark[0] == "question"},
            tasks={
                Marked(number, mark[0], mark[1], None if mark[2] == "-" else mark[2])
                for number, mark in marks
                if mark[0] != "question"
            },
        )


def _entities(text: str) -> list[str]:
    """Pairs parted by commas; a comma within an amount parts nothing."""
    return re.split(r", (?=\w+=)", text)


def dialogues() -> list[Dialogue]:
    """All of them, by name."""
    return [Dialogue.read(path) for path in sorted(DIRECTORY.glob("*.txt"))]
