"""Count what each value of each facet would leave of an answer: some forty small counts, several at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from common.errors import Rejected
from common.model.aggregates import local_day
from common.model.search.facets import MOST_COUNTS, NAMED, Facet, Offer, chosen, offers, said_names
from common.model.search.grammar import as_machines_write
from common.model.search.plan import plan_of
from common.model.search.results import COUNTED
from common.ports import RequestStore, SearchIndex, Statistics
from functions._search import Search

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from common.model.answers import FacetAnswer, FacetValueAnswer
    from common.model.search.document import CallDocument
    from common.model.search.facets import Choice
    from common.model.search.plan import Branch, Summand
    from common.model.search.query import Node

    CountKey = tuple[Branch, ...]

#: Counts that are under way at the same time.
AT_ONCE = 8
#: Names are those of so many days (as many as the overview reads), up to that of the latest call that the query finds.
DAYS = timedelta(days=60)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FacetReader:
    """Reads in a call for the latest call, one or two for the names, and at most MOST_COUNTS counts."""

    index: SearchIndex
    requests: RequestStore
    statistics: Statistics
    sees: Callable[[str], bool]  #: whether a company is the reader's to see

    def read(self, asked: Node, wanted: Iterable[Facet], *, now: datetime) -> list[Offer]:
        """The facets that are wanted, counted."""
        facets = list(wanted)
        names = self._names(asked, now=now) if NAMED & set(facets) else {}
        found = offers(asked, facets, names)
        counts = iter(self.count([choice.query for offer in found for choice in offer.choices]))
        return [
            dataclasses.replace(
                offer, choices=tuple(dataclasses.replace(choice, count=next(counts)) for choice in offer.choices)
            )
            for offer in found
        ]

    def count(self, queries: Sequence[Node]) -> list[int | None]:
        """How many calls each query finds; None where only opening calls could tell, or there are too many queries."""
        summands = [_summands(query) for query in queries]
        wanted: dict[CountKey, None] = {}
        affordable = [parts is not None and _afford(parts, wanted) for parts in summands]
        keys = list(wanted)
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            found = dict(zip(keys, pool.map(self._count, keys), strict=True))
        return [
            _sum(parts, [found[part.branches] for part in parts]) if parts is not None and can else None
            for parts, can in zip(summands, affordable, strict=True)
        ]

    def _count(self, branches: CountKey) -> int:
        return self.index.count(branches, up_to=COUNTED)

    def _names(self, asked: Node, *, now: datetime) -> Mapping[Facet, Sequence[str]]:
        """Those that were said around the latest call that the query finds; nothing is scanned."""
        latest = self._latest(asked)
        last = local_day(latest.started_at, latest.timezone_offset) if latest else now.date()
        of_one = chosen(asked, Facet.COMPANY)
        if latest is None and of_one is not None:
            return {}  # whatever else there is to name is of others
        company = latest.company if latest and of_one is not None else None
        days = self.statistics.days(company, last - DAYS, last)
        names = said_names([day for day in days if self.sees(day.company)], company)
        if company is None:
            return names
        companies = self.statistics.companies(last - DAYS, last)
        return {**names, Facet.COMPANY: [company for company in companies if self.sees(company)]}

    def _latest(self, asked: Node) -> CallDocument | None:
        page = Search(index=self.index, requests=self.requests, query=asked).page(size=1, after=None)
        return next(iter(page.calls), None)


def facets_answer(found: Iterable[Offer]) -> dict[str, FacetAnswer]:
    """As the API answers them, by name."""
    return {
        offer.facet.value: {"values": [_value_answer(choice) for choice in offer.choices], "left_out": offer.left_out}
        for offer in found
    }


def _value_answer(choice: Choice) -> FacetValueAnswer:
    count = min(choice.count, COUNTED - 1) if choice.count is not None else None
    answer: FacetValueAnswer = {"value": choice.value.name, "count": count, "filter": as_machines_write(choice.query)}
    if choice.count == COUNTED:
        answer["count_is_more"] = True
    return answer


def _summands(query: Node) -> tuple[Summand, ...] | None:
    try:
        return plan_of(query).summands
    except Rejected:  # too many alternatives: it could not be asked either
        return None


def _sum(summands: Sequence[Summand], counts: Sequence[int]) -> int | None:
    """The number of calls that these counts make up; None where one that matters went no further than COUNTED."""
    if len(summands) > 1 and COUNTED in counts:
        return None
    return sum(part.sign * count for part, count in zip(summands, counts, strict=True))


def _afford(parts: Iterable[Summand], wanted: dict[CountKey, None]) -> bool:
    """Put what is to be counted with the rest, unless there would be more than MOST_COUNTS."""
    fresh = {part.branches for part in parts} - set(wanted)
    if len(wanted) + len(fresh) > MOST_COUNTS:
        return False
    wanted.update(dict.fromkeys(fresh))
    return True
