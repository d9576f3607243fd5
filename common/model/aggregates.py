"""What happened on a day: sums over the completed calls of a company, kept up to date as each call is collected.

A day's sums are the sum of each call's contribution, and a contribution follows from what search knows of the call. The
call keeps what it has contributed; when it is collected again, or deleted, that is taken back first, in the same
transaction. So nothing is counted twice, and nothing is ever scanned.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import zlib
from collections.abc import Mapping  # pydantic reads the annotations
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import pydantic

from common.model.search.document import CLEAR, CallState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from common.model.search.document import CallDocument

#: Calls of one day that end at the same time should not all want the same entity.
SHARDS = 4
#: Names of one kind on one day beyond this many are counted together: an entity has its limits.
MAX_NAMES = 500
OTHERS = "(others)"
#: Quantiles that leave 2.5 % on either side: of the normal distribution, and of Student's with 1, 2, ... degrees of
#: freedom (https://www.itl.nist.gov/div898/handbook/eda/section3/eda3672.htm).
_Z = 1.96
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
#: Upper ends of the classes of the time to result, in seconds: each a quarter longer than the one before.
_CLASSES = tuple(10 * 1.25**step for step in range(50))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sums:
    """Sums over calls; those with a count of their own are known of some calls only."""

    calls: int = 0
    seconds: float = 0.0
    moods: int = 0
    mood: float = 0.0  #: sum of the customers' mean sentiment, each from -1 to 1
    mood_squares: float = 0.0
    negative: int = 0
    talks: int = 0
    talk: float = 0.0  #: sum of the agents' shares
    silences: int = 0
    silence: float = 0.0

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return self._combined(other, lambda one, two: one + two)

    def minus(self, other: Sums) -> Sums:
        """Without the other."""
        return self._combined(other, lambda one, two: one - two)

    def _combined(self, other: Sums, with_: Callable[[float, float], float]) -> Sums:
        pairs = {f.name: with_(getattr(self, f.name), getattr(other, f.name)) for f in dataclasses.fields(self)}
        return Sums(**{name: round(value, 6) for name, value in pairs.items()})  # type: ignore[arg-type]  # own fields

    @property
    def mean_mood(self) -> float | None:
        """From -1 to 1; None where no mood is known."""
        return self.mood / self.moods if self.moods else None

    @property
    def mean_talk(self) -> float | None:
        """The agents' share, 0 to 1."""
        return self.talk / self.talks if self.talks else None

    @property
    def mean_silence(self) -> float | None:
        """The share in which nobody speaks, 0 to 1."""
        return self.silence / self.silences if self.silences else None

    @property
    def mood_interval(self) -> tuple[float, float] | None:
        """95 % interval of the mean mood (Student's); None with fewer than two calls."""
        if self.moods < 2 or self.mean_mood is None:  # noqa: PLR2004  # a deviation needs two
            return None
        variance = max(0.0, (self.mood_squares - self.mood**2 / self.moods) / (self.moods - 1))
        half = _student(self.moods - 1) * math.sqrt(variance / self.moods)
        return max(-1.0, self.mean_mood - half), min(1.0, self.mean_mood + half)

    @property
    def negative_interval(self) -> tuple[float, float] | None:
        """95 % interval of the share of calls with a clearly negative customer; None where no mood is known."""
        return wilson_interval(self.negative, self.moods) if self.moods else None


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """95 % score interval of a share (Wilson 1927): right for few trials too, and never below 0 or above 1."""
    share, square = successes / trials, _Z**2
    middle = (share + square / (2 * trials)) / (1 + square / trials)
    half = _Z / (1 + square / trials) * math.sqrt(share * (1 - share) / trials + square / (4 * trials**2))
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DayStatistics:
    """One company's day, by the calendar of the place of each call; `waits` counts the time to result by class."""

    company: str
    day: str  #: ISO, 2026-03-01
    total: Sums = dataclasses.field(default_factory=Sums)
    agents: Mapping[str, Sums] = dataclasses.field(default_factory=dict)
    topics: Mapping[str, Sums] = dataclasses.field(default_factory=dict)
    trackers: Mapping[str, Sums] = dataclasses.field(default_factory=dict)
    hours: Mapping[int, int] = dataclasses.field(default_factory=dict)
    waits: Mapping[int, int] = dataclasses.field(default_factory=dict)

    def plus(self, other: DayStatistics) -> DayStatistics:
        """Both together; whose company and day it is, is this one's."""
        return self._combined(other, Sums.plus, 1)

    def minus(self, other: DayStatistics) -> DayStatistics:
        """Without the other."""
        return self._combined(other, Sums.minus, -1)

    def room_for(self, call: DayStatistics) -> DayStatistics:
        """The contribution as it can be counted here: names that are new beyond MAX_NAMES count among the others."""
        return dataclasses.replace(
            call,
            agents=_fitting(self.agents, call.agents),
            topics=_fitting(self.topics, call.topics),
            trackers=_fitting(self.trackers, call.trackers),
        )

    def packed(self) -> bytes:
        """For the store: JSON, compressed."""
        return zlib.compress(_adapter().dump_json(self, exclude_defaults=True), level=6)

    @classmethod
    def unpacked(cls, stored: bytes) -> DayStatistics:
        """The inverse of `packed`."""
        return _adapter().validate_json(zlib.decompress(stored))

    def _combined(self, other: DayStatistics, with_: Callable[[Sums, Sums], Sums], sign: int) -> DayStatistics:
        return dataclasses.replace(
            self,
            total=with_(self.total, other.total),
            agents=_by_name(self.agents, other.agents, with_),
            topics=_by_name(self.topics, other.topics, with_),
            trackers=_by_name(self.trackers, other.trackers, with_),
            hours=_counts(self.hours, other.hours, sign),
            waits=_counts(self.waits, other.waits, sign),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class StatisticsShard:
    """Part of a day's statistics as it is stored."""

    company: str
    day: str
    shard: int
    statistics: bytes

    @property
    def key(self) -> str:
        """The name of its key."""
        return shard_key(self.company, self.day, self.shard)


def shard_key(company: str, day: str, shard: int) -> str:
    """The name of a shard's key."""
    return f"{day}/{shard}/{company}"


def company_of(key: str) -> str:
    """Whose a shard is, by the name of its key."""
    return key.split("/", 2)[2]


def contribution(call: CallDocument) -> DayStatistics | None:
    """What a call adds to its day; None while it is not completed."""
    if call.state is not CallState.COMPLETED:
        return None
    mood, talk, silence = call.polarity, call.talk, call.silence
    sums = Sums(
        calls=1,
        seconds=call.duration_s,
        moods=int(mood is not None),
        mood=mood or 0.0,
        mood_squares=(mood or 0.0) ** 2,
        negative=int(mood is not None and mood < -CLEAR),
        talks=int(talk is not None),
        talk=talk or 0.0,
        silences=int(silence is not None),
        silence=silence or 0.0,
    )
    waited = call.completed_at - call.created_at if call.completed_at else None
    return DayStatistics(
        company=call.company,
        day=local_day(call.started_at, call.timezone_offset).isoformat(),
        total=sums,
        agents=dict.fromkeys(call.agents, sums),
        topics=dict.fromkeys(call.topics, sums),
        trackers=dict.fromkeys(call.trackers, sums),
        hours={call.hour: 1},
        waits={_class_of(waited): 1} if waited is not None else {},
    )


def moved(
    day: DayStatistics, *, before: DayStatistics | None, after: DayStatistics | None
) -> tuple[DayStatistics, DayStatistics | None]:
    """The day without what a call had contributed and with what it contributes now; and that, as it was counted."""
    left = day.minus(before) if before else day
    counted = left.room_for(after) if after else None
    return (left.plus(counted) if counted else left), counted


def shard_of(recording_id: str) -> int:
    """Which of a day's entities a call counts in."""
    return zlib.crc32(recording_id.encode()) % SHARDS


def local_day(moment: datetime, offset_minutes: int) -> date:
    """The day by the clock of the place."""
    return (moment + timedelta(minutes=offset_minutes)).date()


def total_of(days: Iterable[DayStatistics]) -> DayStatistics:
    """All of them together."""
    found = DayStatistics(company="", day="")
    for day in days:
        found = found.plus(day)
    return found


def wait_at(statistics: DayStatistics, share: float) -> float | None:
    """The time to result, in seconds, that `share` (0 to 1) of the calls did not exceed; right to a quarter."""
    wanted, passed = share * sum(statistics.waits.values()), 0
    for class_, count in sorted(statistics.waits.items()):
        passed += count
        if passed >= wanted:
            return _CLASSES[class_]
    return None


def _student(freedom: int) -> float:
    """Beyond the table by Cornish and Fisher's expansion, right to 0.003."""
    if freedom <= len(_T):
        return _T[freedom - 1]
    return _Z + (_Z**3 + _Z) / (4 * freedom) + (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / (96 * freedom**2)


def _class_of(waited: timedelta) -> int:
    seconds = waited.total_seconds()
    return next((number for number, end in enumerate(_CLASSES) if seconds <= end), len(_CLASSES) - 1)


def _by_name(
    one: Mapping[str, Sums], other: Mapping[str, Sums], with_: Callable[[Sums, Sums], Sums]
) -> Mapping[str, Sums]:
    """By name; a name without a call is left out."""
    found = dict(one)
    for name, sums in other.items():
        found[name] = with_(found.get(name, Sums()), sums)
    return {name: sums for name, sums in found.items() if sums.calls}


def _fitting(known: Mapping[str, Sums], wanted: Mapping[str, Sums]) -> Mapping[str, Sums]:
    found: dict[str, Sums] = {}
    for name, sums in wanted.items():
        room = name in known or len({*known, *found}) < MAX_NAMES
        where = name if room else OTHERS
        found[where] = found.get(where, Sums()).plus(sums)
    return found


def _counts(one: Mapping[int, int], other: Mapping[int, int], sign: int) -> Mapping[int, int]:
    found = {key: one.get(key, 0) + sign * other.get(key, 0) for key in {*one, *other}}
    return {key: count for key, count in sorted(found.items()) if count}


@functools.cache
def _adapter() -> pydantic.TypeAdapter[DayStatistics]:
    return pydantic.TypeAdapter(DayStatistics)
