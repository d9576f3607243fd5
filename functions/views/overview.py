"""What happened in a range of days."""

from __future__ import annotations

from typing import TYPE_CHECKING

import flask

from common.bootstrap import services
from common.model.overview import overview_query
from functions._overview import OverviewReader
from functions.pages.overview import overview_answer, overview_view
from functions.pages.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask.typing import ResponseReturnValue

    from common.bootstrap import Services


def _overview(request: flask.Request) -> ResponseReturnValue:
    """What happened in a range of days; four calls to Datastore, or five, however many calls there were."""
    s = services()
    now = s.clock()
    query = overview_query(request.args.to_dict(), today=now.date())
    return _site().page(
        "overview.html",
        view=overview_view(_overview_reader(s).read(query), query, now=now),
        parameters={name: value for name, value in request.args.items() if value},
        public_base_url=s.settings.public_base_url,
        bucket=s.settings.recordings_bucket,
        request_id=flask.g.request_id,
    )


def _overview_json(request: flask.Request) -> ResponseReturnValue:
    s = services()
    now = s.clock()
    query = overview_query(request.args.to_dict(), today=now.date())
    return overview_answer(_overview_reader(s).read(query), query, now=now)


def _overview_reader(s: Services) -> OverviewReader:
    return OverviewReader(statistics=s.statistics, index=s.search, requests=s.requests)


def _site() -> Site:
    return Site.at(services().settings.public_base_url)


VIEWS: Mapping[str, Callable[..., ResponseReturnValue]] = {
    "overview": _overview,
    "overview_json": _overview_json,
}
