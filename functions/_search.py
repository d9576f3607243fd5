"""Answer a query over calls: walk what the plan says, open what is worth it, and keep what the query really means."""

from __future__ import annotations

import dataclasses
import heapq
import itertools
from typing import TYPE_CHECKING

from common.errors import Problem, Rejected
from common.model.job import request_id_of
from common.model.search.matching import matches
from common.model.search.plan import Plan, TimeRange, plan_of
from common.model.search.query import Node
from common.model.search.results import COUNTED, LATEST_FIRST, Effort, Order, SearchPage
from common.ports import RequestStore, SearchIndex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from common.model.lifecycle import JobStatus
    from common.model.recording import RecordingId
    from common.model.search.document import CallDocument
    from common.model.search.plan import Branch, Summand
    from common.ports import CallKey

#: A page opens at most so many calls for each that was asked for; what is left is the next page's.
OPENED_PER_RESULT = 5
#: Keys cost next to nothing, and a walk past what is excluded may have to pass many.
WALK = 300


@dataclasses.dataclass(kw_only=True)
class Search:
    """One query's way to its answer; counts what it costs."""

    index: SearchIndex
    requests: RequestStore
    query: Node
    effort: Effort = dataclasses.field(default_factory=Effort)

    def __post_init__(self) -> None:
        self.plan: Plan = plan_of(self.query)
        self._statuses: dict[RecordingId, JobStatus] = {}

    def page(self, *, size: int, after: str | None, order: Order = LATEST_FIRST) -> SearchPage:
        """The next `size` calls, from where the page before ended.

        Raises:
            Rejected: where calls can be had in this order only by opening all of them.
        """
        if not order.is_of_keys:
            return self._sorted_page(order, size=size, cursor=after)
        found: list[CallDocument] = []
        last = after
        for key, document in self._candidates(size, after):
            if len(found) == size or self.effort.calls_read > OPENED_PER_RESULT * size:
                return SearchPage(calls=found, next_key=last, effort=self.effort)
            last = key
            if self._means(document):
                found.append(document)
        return SearchPage(calls=found, next_key=None, effort=self.effort)

    def _sorted_page(self, order: Order, *, size: int, cursor: str | None) -> SearchPage:
        plan = self.plan
        if not plan.branches:
            return SearchPage(calls=[], next_key=None, effort=self.effort)
        branch = plan.branches[0]
        of_facets = not any(token.is_term for token in branch.required)
        if not (plan.is_one_walk and plan.exact and of_facets and branch.time == TimeRange()):
            why = "goes with a filter of names, trackers, moods and the like only; for other filters leave it out"
            raise Rejected([Problem("order_by", why)])
        calls, end = self.index.fetch_sorted(branch.walked, order, cursor=cursor, limit=size)
        self._spend(walks=1, calls_read=len(calls))
        return SearchPage(calls=calls, next_key=end, effort=self.effort)

    def count(self) -> int | None:
        """How many calls the answer has, at most COUNTED; None where only opening them could tell."""
        summands = self.plan.summands
        if summands is None:
            return None
        return counted(summands, [self.index.count(part.tokens, part.time, up_to=COUNTED) for part in summands])

    def _means(self, document: CallDocument) -> bool:
        return matches(self.query, document, status=self._statuses.get(document.recording_id))

    def _opened(self, found: list[tuple[CallKey, CallDocument]]) -> list[tuple[CallKey, CallDocument]]:
        """With the status of each call's request, where the query asks for one that the index does not know."""
        if self.plan.asks_status and found:
            ids = [request_id_of(document.recording_id) for _, document in found]
            requests = self.requests.get_many(ids).values()
            self._statuses.update({request.recording_id: request.status for request in requests})
        return found

    def _candidates(self, size: int, after: CallKey | None) -> Iterator[tuple[CallKey, CallDocument]]:
        """What the plan finds, opened a page at a time."""
        if self.plan.is_one_walk:
            yield from self._fetched(self.plan.branches[0], size, after)
            return
        keys = _distinct(heapq.merge(*(self._walked(branch, after) for branch in self.plan.branches)))
        while chunk := list(itertools.islice(keys, size + 1)):
            self._spend(walks=1, calls_read=len(chunk))
            yield from self._opened(self.index.open(chunk))

    def _fetched(self, branch: Branch, size: int, after: CallKey | None) -> Iterator[tuple[CallKey, CallDocument]]:
        limit = size + 1
        while True:
            found = self.index.fetch(branch.walked, branch.time, after=after, limit=limit)
            self._spend(walks=1, calls_read=len(found))
            yield from self._opened(found)
            if len(found) < limit:
                return
            after = found[-1][0]

    def _walked(self, branch: Branch, after: CallKey | None) -> Iterator[CallKey]:
        """The keys of one branch, without those that it excludes."""
        while True:
            keys = self.index.walk(branch.walked, branch.time, after=after, limit=WALK)
            self._spend(walks=1, keys_read=len(keys))
            yield from self._not_excluded(branch, keys, after)
            if len(keys) < WALK:
                return
            after = keys[-1]

    def _not_excluded(self, branch: Branch, keys: Sequence[CallKey], after: CallKey | None) -> Sequence[CallKey]:
        out: set[CallKey] = set()
        for group in sorted(branch.excluded, key=sorted) if keys else ():
            left_out = self.index.walk(
                branch.required | group, branch.time, after=after, until=keys[-1], limit=len(keys)
            )
            self._spend(walks=1, keys_read=len(left_out))
            out.update(left_out)
        return [key for key in keys if key not in out]

    def _spend(self, *, walks: int = 0, keys_read: int = 0, calls_read: int = 0) -> None:
        self.effort = Effort(
            walks=self.effort.walks + walks,
            keys_read=self.effort.keys_read + keys_read,
            calls_read=self.effort.calls_read + calls_read,
        )


def counted(summands: Sequence[Summand], counts: Sequence[int]) -> int | None:
    """The number of calls that these counts make up; None where one that matters went no further than COUNTED."""
    if len(summands) > 1 and COUNTED in counts:
        return None
    return sum(part.sign * count for part, count in zip(summands, counts, strict=True))


def _distinct(keys: Iterator[CallKey]) -> Iterator[CallKey]:
    return (key for key, _ in itertools.groupby(keys))
