"""Who did what: the page for administrators, and the same for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.bootstrap import services
from common.model.answers import instant
from common.model.audit import NARROWED_BY, Action, audit_query
from functions import _edge
from functions._site import site
from functions.pages.words import label, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import flask
    from flask.typing import ResponseReturnValue

    from common.model.answers import AuditEventAnswer, AuditPage
    from common.model.audit import AuditEvent

_UTC = 0


def _page(request: flask.Request) -> ResponseReturnValue:
    given = {name: value for name, value in request.args.items() if value}
    asked = audit_query(given, caller=_edge.caller())
    page = services().audit.page(asked)
    return site().page(
        "audit.html",
        events=[(moment(event.at, _UTC), event) for event in page.items],
        given={name: given.get(name, "") for name in NARROWED_BY},
        actions={action: label(action.replace(".", " ")) for action in Action},
        older=site().link("/audit", **{**given, "page_token": page.next_cursor}) if page.next_cursor else None,
    )


def _list(request: flask.Request) -> ResponseReturnValue:
    page = services().audit.page(audit_query(request.args.to_dict(), caller=_edge.caller()))
    answer: AuditPage = {"events": [event_answer(event) for event in page.items]}
    if page.next_cursor:
        answer["next_page_token"] = page.next_cursor
    return _edge.json_answer(answer)


def event_answer(event: AuditEvent) -> AuditEventAnswer:
    """As the API answers it."""
    return {
        "at": instant(event.at),
        "who": event.who,
        "role": event.role,
        "action": event.action,
        "company": event.company,
        "recording_id": event.recording_id,
        "what": event.what,
        "reason": event.reason,
        "request_id": event.request_id,
    }


VIEWS: Mapping[str, Callable[..., ResponseReturnValue]] = {"page": _page, "list_audit": _list}
