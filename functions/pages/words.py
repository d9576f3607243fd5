"""Times, lengths, moods and statuses as people say them. Pure."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from common.model.answers import instant
from common.model.intelligence import ResultsState
from common.model.job import FailureClass
from common.model.lifecycle import JobStatus
from common.model.search.document import polarity_over
from common.model.transcript import clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from common.model.intelligence import Sentiment
    from common.model.job import SymblAsyncRequest

MISSING = "—"
_MINUS = "\N{MINUS SIGN}"
_CLEAR = 0.3  #: from here on a mood is called positive or negative


def length(duration: timedelta) -> str:
    """m:ss, or h:mm:ss from an hour on."""
    return clock(round(duration.total_seconds()))


def signed(score: float) -> str:
    """A number from -1 to 1 with its sign, a true minus and two places."""
    sign = "+" if round(score, 2) > 0 else _MINUS if round(score, 2) < 0 else ""
    return f"{sign}{abs(score):.2f}"


def percent(share: float) -> str:
    """A share given in percent, without places."""
    return f"{share:.0f}\N{NARROW NO-BREAK SPACE}%"


def number(count: int) -> str:
    """A whole number, its thousands apart."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def waited(seconds: float) -> str:
    """A time that is not known exactly: 15 s, 4 min, 3 h."""
    for size, unit in ((1, "s"), (60, "min")):
        if seconds < 100 * size:
            return f"{seconds / size:.0f}\N{NARROW NO-BREAK SPACE}{unit}"
    return f"{seconds / 3600:.0f}\N{NARROW NO-BREAK SPACE}h"


def zone(offset: int) -> str:
    """An offset in minutes as UTC+5:30."""
    hours, minutes = divmod(abs(offset), 60)
    sign = _MINUS if offset < 0 else "+"
    return f"UTC{sign}{hours}{f':{minutes:02d}' if minutes else ''}" if offset else "UTC"


@dataclasses.dataclass(frozen=True)
class Moment:
    """A moment for `<time>`: `machine` in UTC; the day and the time, to the minute and the second, on a wall."""

    machine: str
    day: str
    hour: str
    second: str
    zone: str


def moment(at: datetime, offset: int) -> Moment:
    """An instant, on a wall that is `offset` minutes from UTC."""
    local = at.astimezone(timezone(timedelta(minutes=offset)))
    return Moment(
        machine=instant(at) or "",
        day=f"{local.day} {local:%b %Y}",
        hour=f"{local:%H:%M}",
        second=f"{local:%H:%M:%S}",
        zone=zone(offset),
    )


@dataclasses.dataclass(frozen=True)
class Mood:
    """How something was said: a word for its class, a shape, and the signed number."""

    tone: str
    mark: str
    score: str


def mood(score: float) -> Mood:
    """Positive and negative from 0.3 on, by shape, sign and place, never by colour alone."""
    if score >= _CLEAR:
        return Mood("positive", "▲", signed(score))
    if score <= -_CLEAR:
        return Mood("negative", "▼", signed(score))
    return Mood("neutral", "●", signed(score))


def mood_over(sentiments: Iterable[Sentiment | None]) -> Mood | None:
    """The mood of several turns together, as lists and filters judge it; None where none has one."""
    polarity = polarity_over([sentiment.score for sentiment in sentiments if sentiment])
    return None if polarity is None else mood(polarity)


@dataclasses.dataclass(frozen=True)
class Status:
    """Where a call stands: `tone` is ready, working or failed."""

    tone: str
    text: str
    next: str = ""

    @property
    def is_working(self) -> bool:
        """Whether a later look may show more."""
        return self.tone == "working"


_BEFORE_COMPLETION: Mapping[JobStatus, Status] = {
    JobStatus.PENDING: Status("working", "Waiting its turn", "It is sent to be analysed as soon as a place is free."),
    JobStatus.SUBMITTING: Status("working", "Being sent", "It is on its way to be analysed."),
    JobStatus.SCHEDULED: Status("working", "Queued for analysis", "The engine has it and starts when it can."),
    JobStatus.IN_PROGRESS: Status("working", "Being analysed", "The engine is listening to it now."),
}
_AFTER_COMPLETION: Mapping[ResultsState, Status] = {
    ResultsState.WAITING: Status("working", "Fetching results", "The analysis is done; its results are being fetched."),
    ResultsState.PARTIAL: Status(
        "working", "Ready in part", "What is still missing is fetched as soon as it is there."
    ),
    ResultsState.COMPLETE: Status("ready", "Ready"),
    ResultsState.FAILED: Status(
        "failed", "Results missing", "The analysis is done, but its results cannot be fetched."
    ),
}
_UNKNOWN = Status("working", "Being added", "Its request is not there yet.")
FAILURES: Mapping[FailureClass, str] = {
    FailureClass.RECORDING: "This recording cannot be analysed as it is.",
    FailureClass.NOT_ACCEPTED: "The engine did not accept it for as long as was allowed.",
    FailureClass.UNKNOWN: "It was sent as often as is allowed, and each time nothing told what became of it.",
    FailureClass.STUCK: "The engine has worked on it for longer than is allowed.",
    FailureClass.DEFECT: "Something answered in a way that is not understood.",
}


def status_of(request: SymblAsyncRequest | None) -> Status:
    """A request's status and the state of its results, as one."""
    if request is None:
        return _UNKNOWN
    if request.status is JobStatus.FAILED:
        return Status("failed", "Failed", request.error.reason if request.error else "")
    if request.status is JobStatus.COMPLETED:
        return _AFTER_COMPLETION[request.results]
    return _BEFORE_COMPLETION[request.status]


def step_of(status: JobStatus) -> str:
    """A line of a request's history."""
    words = {JobStatus.COMPLETED: "Analysed", JobStatus.FAILED: "Failed"}
    return words.get(status) or _BEFORE_COMPLETION[status].text


def age(period: timedelta) -> str:
    """How long something has lasted, in its two largest units at most: 35 s, 4 min, 2 h 10 min, 3 d 4 h."""
    seconds = max(0, int(period.total_seconds()))
    for unit, size, below, part in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60)):
        if seconds >= size:
            rest = seconds % size // part
            return f"{seconds // size} {unit}" + (f" {rest} {below}" if rest else "")
    return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"  # noqa: PLR2004  # a minute


def counted(count: int, *, up_to: int) -> str:
    """A count that stopped at a limit: 12, 1 000+."""
    return f"{number(count)}+" if count >= up_to else number(count)


def plural(count: int, thing: str) -> str:
    """1 turn, 2 turns, no turns."""
    return f"{count or 'no'} {thing}{'' if count == 1 else 's'}"


def label(name: str) -> str:
    """A machine's name as a heading: PERSON_NAME and person_name become Person name."""
    return name.replace("_", " ").strip().capitalize()
