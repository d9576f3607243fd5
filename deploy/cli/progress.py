"""Progress on stderr: bars for a terminal, lines for a log, JSON lines for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from deploy.cli.formats import console, printable
from deploy.cli.waiting import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from rich.progress import TaskID

PLAIN_EVERY_S = 10.0
ROWS_KEPT = 15  #: with more recordings than that, those that are through leave the screen
_MARKS = {Stage.DONE: "✓", Stage.FAILED: "✗"}
_STEPS = tuple(stage for stage in Stage if stage is not Stage.FAILED)


class Progress(Protocol):
    """Told of each recording, by a key of its own, where it is."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Leave the last state behind."""

    def at(self, key: str, stage: Stage, *, part: float | None = None) -> None:
        """The recording `key` is at `stage`; of SENDING, the share that is done (0 to 1)."""

    def line(self, text: str) -> None:
        """Say something beside the progress, without disturbing it."""


class Tally:
    """Keeps the labels and each recording's stage, and shows nothing."""

    def __init__(self, labels: Mapping[str, str], *, out: TextIO) -> None:
        self.out = out
        self.labels = {key: printable(label) for key, label in labels.items()}
        self.stages: dict[str, Stage] = {}

    def __enter__(self) -> Self:
        """Nothing to begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Nothing to end."""

    def at(self, key: str, stage: Stage, *, part: float | None = None) -> None:
        """Note it, and show it where something has changed."""
        changed = self.stages.get(key) is not stage
        self.stages[key] = stage
        self.show(key, stage, changed=changed, part=part)

    def show(self, key: str, stage: Stage, *, changed: bool, part: float | None) -> None:
        """Nothing to show."""

    def line(self, text: str) -> None:
        """On a line of its own."""
        print(text, file=self.out, flush=True)

    def count(self, stage: Stage) -> int:
        """How many recordings are at `stage`."""
        return sum(one is stage for one in self.stages.values())

    def summary(self) -> str:
        """How many are through."""
        failed = self.count(Stage.FAILED)
        return f"{self.count(Stage.DONE)} of {len(self.labels)} complete" + (f", {failed} failed" if failed else "")


class PlainLines(Tally):
    """A line for each change, and one every ten seconds in which nothing changed."""

    def __init__(self, labels: Mapping[str, str], *, out: TextIO, clock: Callable[[], float]) -> None:
        super().__init__(labels, out=out)
        self._clock = clock
        self._spoke = clock()

    def show(self, key: str, stage: Stage, *, changed: bool, part: float | None) -> None:  # noqa: ARG002  # lines have no parts
        """Say it, or that we are still there."""
        if changed:
            self.line(f"{self.labels[key]}: {stage}")
        elif self._clock() - self._spoke >= PLAIN_EVERY_S:
            self.line(self.summary())

    def line(self, text: str) -> None:
        """Any line is a sign of life."""
        super().line(text)
        self._spoke = self._clock()


class JsonLines(Tally):
    """A JSON object a line, for each change."""

    def show(self, key: str, stage: Stage, *, changed: bool, part: float | None) -> None:  # noqa: ARG002  # lines have no parts
        """One event."""
        if changed:
            event = {
                "event": "progress",
                "recording": self.labels[key],
                "stage": stage,
                "done": self.count(Stage.DONE),
                "total": len(self.labels),
                "failed": self.count(Stage.FAILED),
            }
            self.line(json.dumps(event, ensure_ascii=False))


class Bars(Tally):
    """One line per recording, redrawn in place."""

    def __init__(self, labels: Mapping[str, str], *, out: TextIO, colour: bool) -> None:
        super().__init__(labels, out=out)
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415  # costs 0.1 s
        from rich.progress import Progress as RichProgress  # noqa: PLC0415

        self._bars = RichProgress(
            TextColumn("{task.fields[mark]}", markup=False),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20, complete_style="cyan", finished_style="green"),
            TextColumn("{task.fields[stage]}", markup=False),
            TimeElapsedColumn(),
            console=console(out, colour=colour),
            refresh_per_second=5,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        """Take over the lower end of the screen."""
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Leave the lines as they are."""
        self._bars.stop()

    def line(self, text: str) -> None:
        """Above the bars."""
        from rich.text import Text  # noqa: PLC0415  # loaded with the rest of it

        self._bars.console.print(Text.from_ansi(text), soft_wrap=True)

    def show(self, key: str, stage: Stage, *, changed: bool, part: float | None) -> None:
        """Move the bar; one that failed stays where it was."""
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = self._bars.add_task(self.labels[key], total=len(_STEPS) - 1, stage="", mark=" ")
        words = f"{stage} {part:.0%}" if part is not None else str(stage)
        if stage is not Stage.FAILED:
            self._bars.update(task, completed=_STEPS.index(stage) + (part or 0))
        else:
            self._bars.stop_task(task)
        leaves = stage.final and changed and len(self.labels) > ROWS_KEPT
        self._bars.update(task, stage=words, mark=_MARKS.get(stage, " "), visible=not leaves, refresh=changed)


def progress(
    mode: str, labels: Mapping[str, str], *, out: TextIO, colour: bool, clock: Callable[[], float]
) -> Progress:
    """The progress that `mode` names (`auto`: bars on a terminal, else lines) of `labels`, what is shown by key."""
    if mode == "auto":
        mode = "bar" if out.isatty() else "plain"
    match mode:
        case "bar":
            return Bars(labels, out=out, colour=colour)
        case "json":
            return JsonLines(labels, out=out)
        case "plain":
            return PlainLines(labels, out=out, clock=clock)
        case _:
            return Tally(labels, out=out)
