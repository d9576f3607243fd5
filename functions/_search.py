"""Answer a query over calls: walk what the plan says, open what is worth it, and keep what the query really means."""

from __future__ import annotations

import dataclasses
import heapq
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from common.errors import Problem, Rejected
from common.model.job import request_id_of
from common.model.search.matching import matches
from common.model.search.plan import Plan, TimeRange, plan_of
from common.model.search.query import Node
from common.model.search.results import COUNTED, LATEST_FIRST, Effort, Order, SearchPage
from common.ports import CallKey, RequestStore, SearchIndex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from common.model.lifecycle import JobStatus
    from common.model.recording import RecordingId
    from common.model.search.document import CallDocument
    from common.model.search.plan import Branch

#: A page opens at most so many calls for each that was asked for; what is left is the next page's.
OPENED_PER_RESULT = 5
#: Keys cost next to nothing, and a walk past what is excluded may have to pass many.
WALK = 300


@dataclasses.dataclass(frozen=True, kw_only=True)
class Beginning:
    """The first keys of an answer, in its order; `is_all` where there are no others."""

    keys: Sequence[CallKey]
    is_all: bool


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
        if not self.plan.branches:
            return SearchPage(calls=[], next_key=None, effort=self.effort)
        branch = self.plan.branches[0]
        if not self._can_be_sorted:
            why = "goes with a filter of names, trackers, moods and the like only; for other filters leave it out"
            raise Rejected([Problem("order_by", why)])
        calls, end = self.index.fetch_sorted(branch.walked, order, cursor=cursor, limit=size)
        self._spend(walks=1, calls_read=len(calls))
        return SearchPage(calls=calls, next_key=end, effort=self.effort)

    @property
    def _can_be_sorted(self) -> bool:
        """Whether one walk over facets alone answers the query: for these there are indexes in other orders."""
        branch = self.plan.branches[0]
        of_facets = not any(token.is_term for token in branch.required)
        return self.plan.is_one_walk and self.plan.exact and of_facets and branch.time == TimeRange()

    def beginning(self, order: Order) -> Beginning | None:
        """The first keys of the answer, by two queries of keys at most; None where these cannot tell."""
        plan = self.plan
        if not plan.branches or not plan.exact or sum(1 + len(branch.excluded) for branch in plan.branches) > 2:  # noqa: PLR2004  # as it says
            return None
        if not order.is_of_keys:
            if not self._can_be_sorted:
                return None
            keys = self.index.walk_sorted(plan.branches[0].walked, order, limit=WALK)
            return Beginning(keys=keys, is_all=len(keys) < WALK)
        found, ends = [], []
        for branch in plan.branches:
            keys = self.index.walk(branch.walked, branch.time, after=None, limit=WALK)
            ends += keys[WALK - 1 :]
            found.append(self._not_excluded(branch, keys, None))
        merged = _distinct(heapq.merge(*found))
        return Beginning(keys=[key for key in merged if all(key <= end for end in ends)], is_all=not ends)

    def count(self) -> int | None:
        """How many calls the answer has, at most COUNTED; None where only opening them could tell."""
        if not self.plan.branches:
            return 0
        if not self.plan.exact or len(self.plan.branches) > 1:
            return None
        branch = self.plan.branches[0]
        if len(branch.excluded) > 1:
            return None
        all_of_them = self.index.count(branch.walked, branch.time, up_to=COUNTED)
        if not branch.excluded or all_of_them == COUNTED:
            return all_of_them if not branch.excluded else None
        (group,) = branch.excluded
        return all_of_them - self.index.count(branch.required | group, branch.time, up_to=COUNTED)

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


def _distinct(keys: Iterator[CallKey]) -> Iterator[CallKey]:
    return (key for key, _ in itertools.groupby(keys))
