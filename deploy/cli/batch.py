"""Recordings that are added or waited for together: the failure of one is not the others'."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.cli import sources
from deploy.cli.exits import Exit, combined
from deploy.cli.problems import INTERRUPTED, CommandFailed, Problem
from deploy.cli.settings import complain
from deploy.cli.waiting import Stage, stage_of, wait

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deploy.cli.api import Added, Answer, Api
    from deploy.cli.progress import Progress
    from deploy.cli.settings import Settings
    from deploy.cli.sources import Metadata, Source

OUT_OF_REACH_IN_A_ROW = 3  #: a server that could not take so many recordings in a row is not sent the rest


class Batch:
    """By recording id: the latest answer, and the places it came from (the same audio twice is one recording)."""

    def __init__(self, *, settings: Settings, api: Api, shown: Progress) -> None:
        self.settings = settings
        self.api = api
        self.shown = shown
        self.answers: dict[str, Answer] = {}
        self.places: dict[str, list[str]] = {}
        self.exits: dict[str, Exit] = {}  #: by place

    @property
    def code(self) -> Exit:
        """What the whole ends with."""
        return combined(self.exits.values())

    def fail(self, place: str, problem: Problem) -> None:
        """Say what is wrong with one, and go on."""
        self.exits[place] = problem.exit
        self.shown.at(place, Stage.FAILED)
        about = problem if problem.about else dataclasses.replace(problem, about=place)
        complain(about, self.settings, say=self.shown.line)

    def add(self, found: Sequence[Source], *, common: Metadata | None, flags: Metadata) -> None:
        """Add them one after the other."""
        out_of_reach = 0
        for count, source in enumerate(found, start=1):
            try:
                self._add(source, sources.metadata_of(source, common=common, flags=flags))
            except CommandFailed as error:
                self.fail(source.place, error.problem)
                out_of_reach = out_of_reach + 1 if error.problem.passing else 0
                if error.problem.exit is Exit.REFUSED or out_of_reach == OUT_OF_REACH_IN_A_ROW:
                    self._leave(found[count:], error.problem.exit)
                    return
            except KeyboardInterrupt:
                raise self._interrupted(not_sent=len(found) - count + 1) from None
            else:
                out_of_reach = 0

    def _add(self, source: Source, metadata: Metadata) -> None:
        place = source.place
        self.shown.at(place, Stage.SENDING)
        if source.remote:
            added = self.api.add_url(place, metadata)
        else:
            added = self.api.add_file(Path(place), metadata, sent=functools.partial(self._sent, place))
        self._took(source, added)

    def _sent(self, place: str, done: int, size: int) -> None:
        self.shown.at(place, Stage.SENDING, part=done / size)

    def _took(self, source: Source, added: Added) -> None:
        id_ = str(added.recording["id"])
        self.places.setdefault(id_, []).append(source.place)
        self._show(id_, added.recording)
        self.exits[source.place] = Exit.OK
        self.settings.say(
            f"{id_}: {'added' if added.new else 'known already, the same audio as'} {source.label}", say=self.shown.line
        )

    def _leave(self, rest: Sequence[Source], exit_code: Exit) -> None:
        """The same would happen to every other recording: say it once."""
        self.exits.update((source.place, exit_code) for source in rest)
        if rest:
            self.settings.say(f"{len(rest)} more not sent", say=self.shown.line)

    def follow(self, *, timeout: float | None) -> None:
        """Wait until every recording is through, or for `timeout` seconds.

        Raises:
            CommandFailed: with the command that resumes, where the wait ends before the work.
        """
        try:
            left = self._wait(timeout)
        except KeyboardInterrupt:
            raise self._interrupted() from None
        if left:
            raise CommandFailed(
                Problem(
                    title="Waited long enough",
                    detail=f"{len(left)} of {len(self.places)} are not through after {timeout:g} s; the work goes on",
                    mend=self.resume_command(),
                    exit=Exit.TIMED_OUT,
                    code="DEADLINE_EXCEEDED",
                )
            )

    def _wait(self, timeout: float | None) -> list[str]:
        around = self.settings.around
        return wait(
            self.places,
            look=self.api.get,
            seen=self._saw,
            failed=self._lost,
            clock=around.clock,
            sleep=around.sleep,
            timeout=timeout,
        )

    def _saw(self, id_: str, recording: Answer) -> None:
        self._show(id_, recording)
        if stage_of(recording) is Stage.FAILED:
            self._lost(id_, _analysis_failed(id_, recording))
        else:
            self.exits.update((place, Exit.OK) for place in self.places[id_])

    def _lost(self, id_: str, problem: Problem) -> None:
        for place in self.places[id_]:
            self.fail(place, problem)

    def _show(self, id_: str, recording: Answer) -> None:
        self.answers[id_] = recording
        for place in self.places[id_]:
            self.shown.at(place, stage_of(recording))

    def resume_command(self) -> str:
        """Waits for what is not through."""
        through = {id_ for id_, answer in self.answers.items() if stage_of(answer).final}
        return self.settings.command("recordings", "wait", *(id_ for id_ in self.places if id_ not in through))

    def _interrupted(self, *, not_sent: int = 0) -> CommandFailed:
        going_on = [id_ for id_ in self.places if id_ not in self.answers or not stage_of(self.answers[id_]).final]
        details = [
            f"{len(going_on)} at work, which goes on" if going_on else "nothing is at work",
            f"{not_sent} not sent; repeat the command to send the rest" if not_sent else "",
        ]
        return CommandFailed(
            dataclasses.replace(
                INTERRUPTED,
                detail="; ".join(detail for detail in details if detail),
                mend=self.resume_command() if going_on else None,
            )
        )


def _analysis_failed(id_: str, recording: Mapping[str, Any]) -> Problem:
    error = (recording.get("request") or {}).get("error") or {}
    said = [str(error[part]) for part in ("reason", "check") if error.get(part)]
    return Problem(
        title="Analysis failed",
        detail="; ".join(said) or "the results could not be collected",
        mend=f"calltrack recordings get {id_}",
        exit=Exit.FAILED,
        code="INTERNAL",
    )
