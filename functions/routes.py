"""Every address of the dashboard beside /api/v1, and the view that answers it. Plain data."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Route:
    """One method of one address, as werkzeug writes it. `view` is a member of VIEWS in functions.views.`module`.

    `is_open`: needs no proof of who calls.
    """

    path: str
    module: str
    view: str
    method: str = "GET"
    is_open: bool = False


ROUTES: tuple[Route, ...] = (
    Route(path="/", module="overview", view="overview"),
    Route(path="/overview.json", module="overview", view="overview_json"),
    Route(path="/calls", module="calls", view="calls"),
    Route(path="/calls/facets", module="calls", view="calls_facets"),
    Route(path="/calls/<recording_id>", module="calls", view="call"),
    Route(path="/calls/<recording_id>/replay", method="POST", module="calls", view="replay"),
    Route(path="/calls/<recording_id>/waveform.svg", module="calls", view="waveform"),
    Route(path="/calls/<recording_id>/delete", method="POST", module="calls", view="delete"),
    Route(path="/calls/<recording_id>/share", method="POST", module="summary", view="share"),
    Route(path="/calls/<recording_id>/own-page", method="POST", module="summary", view="own_page"),
    Route(path="/calls/<recording_id>.json", module="calls", view="call_json"),
    Route(path="/calls/<recording_id>.<any(vtt, srt, txt, md):rendering>", module="calls", view="transcript"),
    Route(path="/ops", module="operations", view="operations"),
    Route(path="/ops.json", module="operations", view="operations_json"),
    Route(path="/ops/replay", method="POST", module="operations", view="replay_class"),
    Route(path="/settings/companies", module="businesses", view="businesses"),
    Route(path="/settings/companies", method="POST", module="businesses", view="add_business"),
    Route(path="/settings/companies/<path:company>", module="businesses", view="business"),
    Route(path="/settings/companies/<path:company>", method="POST", module="businesses", view="settle_business"),
    Route(path="/settings/preview", module="businesses", view="preview"),
    Route(path="/settings/preview", method="POST", module="businesses", view="preview"),
    Route(path="/help/api", module="help", view="help_api"),
    Route(path="/help/search", module="help", view="help_search"),
    # A summary page's address is its proof, probes have no token, and the page that asks for one has its style.
    Route(path="/share/<token>", module="summary", view="summary", is_open=True),
    Route(path="/summary.css", module="summary", view="look", is_open=True),
    Route(path="/assets/<digest>/<name>", module="probes", view="asset", is_open=True),
    Route(path="/health", module="probes", view="health", is_open=True),
    Route(path="/ready", module="probes", view="ready", is_open=True),
)
