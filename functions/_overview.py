"""Read what the overview shows, part by part: one that cannot be read is left out, and the others are shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from common.model.overview import Overview, OverviewQuery, overview_of
from common.model.search.document import CallDocument
from common.model.search.query import Equals, Facet
from common.ports import RequestStore, SearchIndex, Statistics
from functions._parts import part
from functions._search import Search

if TYPE_CHECKING:
    from common.model.search.query import Node


#: Calls that need attention; at least so many of them failed ones, where there are.
ATTENTION, FAILED = 7, 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parts:
    """What was read; None what could not be. `latest` is looked for only where the range has no call."""

    overview: Overview | None
    attention: Sequence[CallDocument] | None
    processing: int | None
    companies: Sequence[str]
    latest: CallDocument | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class OverviewReader:
    """Reads in four calls to Datastore; in one more for one company, and where the range has no call."""

    statistics: Statistics
    index: SearchIndex
    requests: RequestStore

    def read(self, query: OverviewQuery) -> Parts:
        """Everything that the page shows."""
        overview = part("figures", lambda: self._overview(query))
        is_empty = overview is not None and not overview.now.calls
        return Parts(
            overview=overview,
            attention=part("attention", lambda: self._attention(query)),
            processing=part("processing", lambda: self._count(query.whenever(Equals(Facet.IS, "processing")))),
            companies=part("companies", lambda: self._companies(query, overview)) or (),
            latest=part("latest", lambda: self._latest(query)) if is_empty else None,
        )

    def _overview(self, query: OverviewQuery) -> Overview:
        days = self.statistics.days(query.company, query.span.before.first, query.span.last)
        return overview_of(days, query.span)

    def _companies(self, query: OverviewQuery, overview: Overview | None) -> Sequence[str]:
        if query.company is None:
            return overview.companies if overview else ()
        return self.statistics.companies(query.span.before.first, query.span.last)

    def _attention(self, query: OverviewQuery) -> Sequence[CallDocument]:
        """The latest calls that failed, or whose customer was clearly negative."""
        failed = self._first(query.calls(Equals(Facet.IS, "failed")))
        negative = self._first(query.calls(Equals(Facet.IS, "completed"), Equals(Facet.SENTIMENT, "negative")))
        chosen = [*failed[: max(FAILED, ATTENTION - len(negative))], *negative][:ATTENTION]
        return sorted(chosen, key=lambda call: call.started_at, reverse=True)

    def _latest(self, query: OverviewQuery) -> CallDocument | None:
        return next(iter(self._first(query.whenever(), size=1)), None)

    def _first(self, node: Node, *, size: int = ATTENTION) -> Sequence[CallDocument]:
        return Search(index=self.index, requests=self.requests, query=node).page(size=size, after=None).calls

    def _count(self, node: Node) -> int | None:
        return Search(index=self.index, requests=self.requests, query=node).count()
