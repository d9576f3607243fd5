"""What happened in a range of days."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import flask

from common.bootstrap import services
from common.errors import Problem, Rejected
from common.model.overview import overview_query
from functions import _edge
from functions._overview import OverviewReader
from functions._site import site
from functions.pages.overview import overview_answer, overview_view

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from flask.typing import ResponseReturnValue

    from common.bootstrap import Services
    from common.model.overview import OverviewQuery
    from functions._overview import Parts


def _overview(request: flask.Request) -> ResponseReturnValue:
    """What happened in a range of days; four calls to Datastore, or five, however many calls there were."""
    s = services()
    now = s.clock()
    query = _query(request, now=now)
    return site().page(
        "overview.html",
        view=overview_view(_read(s, query), query, now=now),
        parameters={name: value for name, value in request.args.items() if value},
        public_base_url=s.settings.public_base_url,
        bucket=s.settings.recordings_bucket,
        request_id=flask.g.request_id,
    )


def _overview_json(request: flask.Request) -> ResponseReturnValue:
    s = services()
    now = s.clock()
    query = _query(request, now=now)
    return overview_answer(_read(s, query), query, now=now)


def _query(request: flask.Request, *, now: datetime) -> OverviewQuery:
    """What is asked for; of somebody who may see some companies only, the first of them where none is named.

    Raises:
        Rejected: another one is.
    """
    query, theirs = overview_query(request.args.to_dict(), today=now.date()), _edge.caller().companies
    if theirs is None:
        return query
    company = query.company or next(iter(sorted(theirs)), None)
    if company not in theirs:
        raise Rejected([Problem("company", f"must be one that you may see: {', '.join(sorted(theirs))}")])
    return dataclasses.replace(query, company=company)


def _read(s: Services, query: OverviewQuery) -> Parts:
    parts = OverviewReader(statistics=s.statistics, index=s.search, requests=s.requests).read(query)
    sees = _edge.caller().sees
    return dataclasses.replace(parts, companies=[company for company in parts.companies if sees(company)])


VIEWS: Mapping[str, Callable[..., ResponseReturnValue]] = {
    "overview": _overview,
    "overview_json": _overview_json,
}
