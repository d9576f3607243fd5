"""Replays: what would be run again, the question whether it should be, and the running again."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from deploy.cli.exits import Exit, combined
from deploy.cli.problems import CommandFailed, Problem, usage
from deploy.cli.settings import complain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deploy.cli.api import Answer, Api
    from deploy.cli.settings import Settings

PAGE = 200  #: the most that one call of the API takes
TYPE_THE_COUNT_ABOVE = 100
MANY = 20  #: more ids than this make no command that anybody would copy


@dataclasses.dataclass(frozen=True, kw_only=True)
class Order:
    """What is asked for: recordings by id, or those that `filter` finds."""

    ids: tuple[str, ...]
    filter: str | None
    from_stage: str
    reason: str

    @classmethod
    def of(
        cls, ids: Sequence[str], *, filter_: str | None, failure_class: str | None, from_stage: str, reason: str
    ) -> Order:
        """From the command line; a filter that names neither status nor class means what has failed.

        Raises:
            CommandFailed: where it names both ids and a filter, or neither.
        """
        if bool(ids) == bool(filter_ or failure_class):
            raise usage(
                "What to replay is not clear",
                "give either IDs, or a filter",
                mend="calltrack recordings replay --filter 'company:\"NAME\"' --reason WHY --dry-run",
            )
        terms = [filter_ or "", f'failure_class:"{failure_class}"' if failure_class else ""]
        if ids:
            return cls(ids=tuple(dict.fromkeys(ids)), filter=None, from_stage=from_stage, reason=reason)
        if not any(word in " ".join(terms) for word in ("status:", "failure_class:")):
            terms.append("status:failed")
        return cls(ids=(), filter=" ".join(filter(None, terms)), from_stage=from_stage, reason=reason)

    @property
    def body(self) -> dict[str, object]:
        """What every call of the API says of it."""
        return {"reason": self.reason, "from_stage": self.from_stage}

    @property
    def arguments(self) -> tuple[str, ...]:
        """The command line that asks for it."""
        what = ("--filter", self.filter) if self.filter else self.ids
        return ("recordings", "replay", *what, "--from-stage", self.from_stage, "--reason", self.reason)


class Replaying:
    """One order. `rows` say what became of each recording: its id, the outcome, and the reason where it was skipped."""

    def __init__(self, order: Order, *, settings: Settings, api: Api) -> None:
        self.order = order
        self.settings = settings
        self.api = api
        self.rows: list[Answer] = []
        self.exits: list[Exit] = []

    @property
    def code(self) -> Exit:
        """What the whole ends with."""
        return combined(self.exits)

    @property
    def replayed(self) -> list[str]:
        """The recordings that are run again, or would be."""
        return [str(row["id"]) for row in self.rows if row["outcome"] != "skipped"]

    def plan(self) -> None:
        """Find out what would be run again; nothing is changed."""
        self._go(validate_only=True, outcome="would be replayed", most=None)

    def run(self, *, most: int) -> None:
        """Run again no more than was counted."""
        self.rows.clear()
        self.exits.clear()
        self._go(validate_only=False, outcome="replayed", most=most)

    def confirm(self) -> None:
        """Ask; for many, only the number itself is a yes.

        Raises:
            CommandFailed: where the answer is no, or nobody is there to answer.
        """
        count = len(self.replayed)
        large = count > TYPE_THE_COUNT_ABOVE
        question = f"type {count} to replay them: " if large else f"replay {_recordings(count)}? [y/N] "
        answer = self.settings.around.ask(question)
        if answer is None:
            raise usage(
                "Not replayed", "nobody is at the terminal to say yes", mend=self.settings.command(*self._yes())
            )
        if answer.strip().lower() not in ({str(count)} if large else {"y", "yes"}):
            raise CommandFailed(
                Problem(
                    title="Not replayed",
                    detail="the answer was not yes; nothing was changed",
                    exit=Exit.FAILED,
                    code="CANCELLED",
                )
            )

    def next_command(self, *, planned: bool) -> str:
        """What a person would do next."""
        if planned:
            return self.settings.command(*self.order.arguments)
        if len(self.replayed) > MANY:
            return self.settings.command("recordings", "list", "--filter", "status:failed")
        return self.settings.command("recordings", "wait", *self.replayed)

    def _yes(self) -> tuple[str, ...]:
        return (*self.order.arguments, "--yes")

    def _go(self, *, validate_only: bool, outcome: str, most: int | None) -> None:
        body = {**self.order.body, "validate_only": validate_only}
        step = self._each if self.order.filter is None else self._pages
        for id_, skipped in step(body, most):
            self.rows.append({"id": id_, "outcome": "skipped" if skipped else outcome, "reason": skipped})
            if not skipped:
                self.exits.append(Exit.OK)

    def _each(self, body: dict[str, object], most: int | None) -> Iterator[tuple[str, str | None]]:
        del most  # the ids are the limit
        for id_ in self.order.ids:
            try:
                self.api.replay(id_, body)
            except CommandFailed as error:
                if error.problem.exit is Exit.REFUSED or error.problem.passing:
                    raise
                self._complain(id_, error.problem)
                yield id_, error.problem.detail or error.problem.title
            else:
                yield id_, None

    def _pages(self, body: dict[str, object], most: int | None) -> Iterator[tuple[str, str | None]]:
        token: str | None = None
        left = most
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            paging = {"filter": self.order.filter, "max_count": size} | ({"page_token": token} if token else {})
            page = self.api.replay_many({**body, **paging})
            yield from ((id_, None) for id_ in page["recordings"])
            for skipped in page["skipped"]:
                self.exits.append(Exit.CONFLICT)
                yield skipped["id"], skipped["reason"]
            left = None if left is None else left - len(page["recordings"])
            token = page.get("next_page_token")
            if not token:
                return

    def _complain(self, id_: str, problem: Problem) -> None:
        self.exits.append(problem.exit)
        complain(dataclasses.replace(problem, about=id_), self.settings)


def count_line(planned: Replaying) -> str:
    """How many it is about, before anything is done."""
    skipped = len(planned.rows) - len(planned.replayed)
    line = f"{_recordings(len(planned.replayed))} to replay from {planned.order.from_stage}"
    return f"{line}, {skipped} skipped" if skipped else line


def _recordings(count: int) -> str:
    return f"{count} recording{'' if count == 1 else 's'}"
