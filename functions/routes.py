"""Every address of the dashboard beside /api/v1: the view that answers it, and who may go there. Plain data."""

from __future__ import annotations

import dataclasses

from common.model.access import Reach, Role
from common.model.audit import Action


@dataclasses.dataclass(frozen=True, kw_only=True)
class Route:
    """One method of one address, as werkzeug writes it. `view` is a member of VIEWS in functions.views.`module`.

    `role` is the least that may; None: anybody, without a proof of who calls. `reach`: what it leads to. `action`: what
    the audit trail calls it.
    """

    method: str
    path: str
    module: str
    view: str
    role: Role | None
    reach: Reach
    action: Action | None

    @property
    def is_open(self) -> bool:
        """Whether no proof is asked for."""
        return self.role is None


def _get(path: str, view: str, role: Role | None, reach: Reach, action: Action | None = None) -> Route:
    module, _, name = view.partition(".")
    return Route(method="GET", path=path, module=module, view=name, role=role, reach=reach, action=action)


def _post(path: str, view: str, role: Role | None, reach: Reach, action: Action | None = None) -> Route:
    return dataclasses.replace(_get(path, view, role, reach, action), method="POST")


_CALL = "/calls/<recording_id>"
_FILES = "<any(vtt, srt, txt, md):rendering>"
_COMPANIES = "/settings/companies"
_COMPANY = f"{_COMPANIES}/<path:company>"
ROUTES: tuple[Route, ...] = (
    _get("/", "overview.overview", Role.VIEWER, Reach.CALLS),
    _get("/overview.json", "overview.overview_json", Role.VIEWER, Reach.CALLS),
    _get("/calls", "calls.calls", Role.VIEWER, Reach.CALLS),
    _get("/calls/facets", "calls.calls_facets", Role.VIEWER, Reach.CALLS),
    _get(_CALL, "calls.call", Role.VIEWER, Reach.RECORDING, Action.CALL_OPENED),
    _get(f"{_CALL}.json", "calls.call_json", Role.VIEWER, Reach.RECORDING, Action.CALL_READ),
    _get(f"{_CALL}.{_FILES}", "calls.transcript", Role.VIEWER, Reach.RECORDING, Action.TRANSCRIPT_READ),
    _get(f"{_CALL}/waveform.svg", "calls.waveform", Role.VIEWER, Reach.RECORDING),
    _post(f"{_CALL}/share", "summary.share", Role.REVIEWER, Reach.RECORDING, Action.CALL_SHARED),
    _post(f"{_CALL}/unshare", "summary.unshare", Role.REVIEWER, Reach.RECORDING, Action.LINK_TAKEN_BACK),
    _post(f"{_CALL}/own-page", "summary.own_page", Role.REVIEWER, Reach.RECORDING, Action.CALL_SHARED),
    _post(f"{_CALL}/replay", "calls.replay", Role.OPERATOR, Reach.RECORDING, Action.CALL_REPLAYED),
    _post(f"{_CALL}/delete", "calls.delete", Role.ADMIN, Reach.RECORDING, Action.CALL_DELETED),
    _get("/ops", "operations.operations", Role.OPERATOR, Reach.ALL),
    _get("/ops.json", "operations.operations_json", Role.OPERATOR, Reach.ALL),
    _post("/ops/replay", "operations.replay_class", Role.OPERATOR, Reach.ALL, Action.CALLS_REPLAYED),
    _get(_COMPANIES, "businesses.businesses", Role.ADMIN, Reach.ALL),
    _post(_COMPANIES, "businesses.add_business", Role.ADMIN, Reach.ALL, Action.COMPANY_SETTLED),
    _get(_COMPANY, "businesses.business", Role.ADMIN, Reach.COMPANY),
    _post(_COMPANY, "businesses.settle_business", Role.ADMIN, Reach.COMPANY, Action.COMPANY_SETTLED),
    _get("/settings/preview", "businesses.preview", Role.ADMIN, Reach.NOTHING),
    _post("/settings/preview", "businesses.preview", Role.ADMIN, Reach.NOTHING),
    _get("/audit", "audit.page", Role.ADMIN, Reach.CALLS, Action.AUDIT_READ),
    _get("/help/api", "help.help_api", Role.VIEWER, Reach.NOTHING),
    _get("/help/search", "help.help_search", Role.VIEWER, Reach.NOTHING),
    # A summary page's address is its proof, probes have no token, and whoever signs in has none yet.
    _get("/share/<token>", "summary.summary", None, Reach.NOTHING, Action.CALL_OPENED),
    _get("/summary.css", "summary.look", None, Reach.NOTHING),
    _get("/assets/<digest>/<name>", "probes.asset", None, Reach.NOTHING),
    _get("/health", "probes.health", None, Reach.NOTHING),
    _get("/ready", "probes.ready", None, Reach.NOTHING),
    _get("/sign-in", "signing_in.form", None, Reach.NOTHING),
    _post("/sign-in", "signing_in.sign_in", None, Reach.NOTHING),
    _post("/sign-out", "signing_in.sign_out", None, Reach.NOTHING),
)
