"""Who talks how long, how fast, and over whom: from stretches of voice, not from words."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from deploy.engine.analysis.heard import Span, total


@dataclasses.dataclass(frozen=True, slots=True)
class Talk:
    """A member's share of the conversation: stretches of voice and the number of words."""

    speech: tuple[Span, ...]
    words: int


def analytics(talks: Sequence[Talk], duration: float) -> list[dict[str, Any]]:
    """The conversation's metrics, always in the order silence, talk, overlap; percentages are of the whole length."""
    every = union([span for talk in talks for span in talk.speech])
    spoken = total(every)
    together = sum(total(talk.speech) for talk in talks) - spoken
    seconds = {
        "total_silence": max(0.0, duration - spoken),
        "total_talk_time": spoken,
        "total_overlap": max(0.0, together),
    }
    return [
        {"type": name, "percent": _percent(length, duration), "seconds": round(length, 3)}
        for name, length in seconds.items()
    ]


def shares(talks: Mapping[str, Talk]) -> dict[str, dict[str, Any]]:
    """Per member pace, talk and listening time (percentages are of all talk) and overlap with each other member."""
    spoken = total(union([span for talk in talks.values() for span in talk.speech]))
    return {member: _share(member, talks, spoken) for member in talks}


def _share(member: str, talks: Mapping[str, Talk], spoken: float) -> dict[str, Any]:
    own = total(talks[member].speech)
    over = {
        other: total(intersection(talks[member].speech, talk.speech))
        for other, talk in talks.items()
        if other != member
    }
    return {
        "pace": {"wpm": round(talks[member].words / (own / 60)) if own else 0},
        "talkTime": {"percentage": _percent(own, spoken), "seconds": round(own, 3)},
        "listenTime": {"percentage": _percent(spoken - own, spoken), "seconds": round(spoken - own, 3)},
        "overlap": {other: round(length, 3) for other, length in over.items() if length > 0},
        "spoken": spoken,
    }


def union(spans: Sequence[Span]) -> tuple[Span, ...]:
    """*spans* with those that touch made one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def intersection(left: Sequence[Span], right: Sequence[Span]) -> tuple[Span, ...]:
    """Where both have voice; each side is sorted and free of overlap."""
    found: list[Span] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < end:
            found.append((start, end))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return tuple(found)


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 2) if whole else 0.0
