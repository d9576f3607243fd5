"""Answer a query over calls: walk what the plan says, open what is worth it, and keep what the query really means."""

from __future__ import annotations

import dataclasses
import heapq
import itertools
from typing import TYPE_CHECKING

from common.errors import Problem, Rejected
from common.model.job import request_id_of
from common.model.search.explanation import explained
from common.model.search.matching import matches
from common.model.search.plan import Branch, Plan, TimeRange, plan_of
from common.model.search.query import Node
from common.model.search.results import COUNTED, LATEST_FIRST, Effort, Order, SearchPage
from common.ports import CallKey, RequestStore, SearchIndex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from common.model.answers import Explanation
    from common.model.lifecycle import JobStatus
    from common.model.recording import RecordingId
    from common.model.search.document import CallDocument

#: A page reads at most so many entities for each call that was asked for, to find them; what is left is the next
#: page's. Showing a call takes two more, its metadata and its request: five in all.
READ_PER_RESULT = 3
#: Keys that a walk reads at once: at first, and at most. They cost next to nothing, and where nearly all is excluded,
#: many have to be passed.
WALK, LONGEST_WALK = 300, 2_400
#: A page that has passed so many keys ends where it is.
KEYS_PER_PAGE = 10_000


@dataclasses.dataclass(kw_only=True)
class Search:
    """One query's way to its answer; counts what it costs."""

    index: SearchIndex
    requests: RequestStore
    query: Node
    walk: int = WALK  #: keys that are read at once, at first
    keys_per_page: int = KEYS_PER_PAGE
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
        candidates = _Fetched(self, after) if self.plan.is_one_query else _Walked(self, after)
        found: list[CallDocument] = []
        while not candidates.exhausted and (limit := min(size + 1 - len(found), self._affordable(size))) > 0:
            position = candidates.position
            opened = candidates.next(limit)
            for key, document in self._with_statuses(opened):
                if len(found) == size:
                    return SearchPage(calls=found, next_key=position, effort=self.effort)
                position = key
                if matches(self.query, document, status=self._statuses.get(document.recording_id)):
                    found.append(document)
                else:
                    self.spend(calls_set_aside=1)
            if not opened and self.effort.keys_read >= self.keys_per_page:
                break
        if candidates.exhausted:
            return SearchPage(calls=found, next_key=None, effort=self.effort)
        self.spend(stopped_early=len(found) < size)
        return SearchPage(calls=found, next_key=candidates.position, effort=self.effort)

    def _affordable(self, size: int) -> int:
        """How many more calls the page may open."""
        left = READ_PER_RESULT * size - self.effort.calls_read - self.effort.requests_read
        return left // 2 if self.plan.asks_status else left

    def _sorted_page(self, order: Order, *, size: int, cursor: str | None) -> SearchPage:
        plan = self.plan
        if not plan.branches:
            return SearchPage(calls=[], next_key=None, effort=self.effort)
        branch = plan.branches[0]
        of_facets = not any(token.is_term for token in branch.required)
        is_plain = len(plan.branches) == 1 and not branch.excluded and branch.time == TimeRange()
        if not (is_plain and plan.exact and of_facets):
            why = "goes with a filter of names, trackers, moods and the like only; for other filters leave it out"
            raise Rejected([Problem("order_by", why)])
        calls, end = self.index.fetch_sorted(branch.walked, order, cursor=cursor, limit=size)
        self.spend(queries=1, calls_read=len(calls))
        return SearchPage(calls=calls, next_key=end, effort=self.effort)

    def count(self) -> int | None:
        """How many calls the answer has, at most COUNTED; None where only opening them could tell."""
        plan = self.plan
        if not plan.branches:
            return 0
        if not plan.exact:
            return None
        if plan.is_one_query:
            return self._counted(plan.branches)
        (branch, *others) = plan.branches
        if others or len(branch.excluded) > 1:
            return None
        all_of_them = self._counted([dataclasses.replace(branch, excluded=frozenset())])
        if all_of_them == COUNTED:
            return None
        (group,) = branch.excluded
        return all_of_them - self._counted([Branch(branch.required | group, time=branch.time)])

    def explained(self) -> Explanation:
        """How the query is answered, and what that has cost so far."""
        return explained(self.plan, self.effort)

    def spend(self, **more: int) -> None:
        """Add to what the answer has cost."""
        spent = {name: getattr(self.effort, name) + count for name, count in more.items()}
        self.effort = dataclasses.replace(self.effort, **spent)

    def _counted(self, branches: Sequence[Branch]) -> int:
        self.spend(counts=1)
        return self.index.count(branches, up_to=COUNTED)

    def _with_statuses(self, found: list[tuple[CallKey, CallDocument]]) -> list[tuple[CallKey, CallDocument]]:
        """With the status of each call's request, where the query asks for one that the index does not know."""
        if self.plan.asks_status and found:
            ids = [request_id_of(document.recording_id) for _, document in found]
            self.spend(lookups=1, requests_read=len(ids))
            requests = self.requests.get_many(ids).values()
            self._statuses.update({request.recording_id: request.status for request in requests})
        return found


@dataclasses.dataclass
class _Fetched:
    """What a plan finds, where one query finds it: the calls themselves."""

    search: Search
    position: CallKey | None  #: behind the last call that was opened
    exhausted: bool = False

    def next(self, limit: int) -> list[tuple[CallKey, CallDocument]]:
        """The next calls; fewer where there are no more."""
        branches = self.search.plan.branches
        found = self.search.index.fetch(branches, after=self.position, limit=limit) if branches else []
        self.search.spend(queries=bool(branches), calls_read=len(found))
        self.exhausted = len(found) < limit
        self.position = found[-1][0] if found else self.position
        return found


@dataclasses.dataclass
class _Walked:
    """What a plan finds, where something is excluded: keys alone are read until enough are left to be opened."""

    search: Search
    position: CallKey | None  #: behind the last call that was opened, and the last that was excluded before the next
    _passed: CallKey | None = None
    _left: list[CallKey] = dataclasses.field(default_factory=list)
    _is_end: bool = False

    def __post_init__(self) -> None:
        self._passed = self.position
        self._length = self.search.walk

    @property
    def exhausted(self) -> bool:
        """Whether nothing is left to be opened."""
        return self._is_end and not self._left

    def next(self, limit: int) -> list[tuple[CallKey, CallDocument]]:
        """The next calls; fewer where there are no more, or where many keys had to be passed."""
        while len(self._left) < limit and not self._is_end and self.search.effort.keys_read < self.search.keys_per_page:
            self._walk_on()
        chosen, self._left = self._left[:limit], self._left[limit:]
        self.position = chosen[-1] if self._left else self._passed
        if not chosen:
            return []
        self.search.spend(lookups=1, calls_read=len(chosen))
        return self.search.index.open(chosen)

    def _walk_on(self) -> None:
        """Settle what the next stretch of keys has: up to where every branch has been walked."""
        walks = [(branch, self._walk(branch)) for branch in self.search.plan.branches]
        ends = [keys[-1] for _, keys in walks if len(keys) == self._length]
        end = min(ends, default=None)
        left = heapq.merge(*(self._not_excluded(branch, keys, end) for branch, keys in walks))
        self._left += [key for key, _ in itertools.groupby(left)]
        self._is_end = end is None
        self._passed = end or self._passed
        self._length = min(2 * self._length, LONGEST_WALK)

    def _walk(self, branch: Branch) -> list[CallKey]:
        keys = self.search.index.walk(branch.walked, branch.time, after=self._passed, limit=self._length)
        self.search.spend(queries=1, keys_read=len(keys))
        return keys

    def _not_excluded(self, branch: Branch, walked: Sequence[CallKey], end: CallKey | None) -> list[CallKey]:
        keys = [key for key in walked if end is None or key <= end]
        out: set[CallKey] = set()
        for group in sorted(branch.excluded, key=sorted) if keys else ():
            left_out = self.search.index.walk(
                branch.required | group, branch.time, after=self._passed, until=keys[-1], limit=len(keys)
            )
            self.search.spend(queries=1, keys_read=len(left_out))
            out.update(left_out)
        return [key for key in keys if key not in out]
