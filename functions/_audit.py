"""The audit trail: what was done is noted once it is done, by the tables that say which addresses do what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import flask

from common import log
from common.adapters.outages import passing_fault
from common.bootstrap import services
from common.errors import CalltrackError
from common.model.audit import KEPT_FOR, AuditEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.model.access import Caller
    from common.model.audit import Action

_NOT_SENT = 304
_REFUSED = 400
#: Who comes with a link to a summary page; nobody knows more of them.
_LINK = "a link"
_LONGEST = 500


def about(*, company: str | None = None, recording_id: str | None = None, reason: str | None = None) -> None:
    """Say of the call that is being served what its event is about; what is known stays where nothing new is said."""
    said = {"company": company, "recording_id": recording_id, "reason": reason}
    flask.g.audited = flask.g.get("audited", {}) | {name: value for name, value in said.items() if value is not None}


def say_nothing() -> None:
    """Nothing of what was said is in this answer: it tells how far an analysis is, and is asked for often."""
    flask.g.silent = True


def note(action: Action | None, arguments: Mapping[str, str], answer: flask.Response) -> None:
    """Keep what the caller has just done, if it was done.

    It is on the log in any case. That the event cannot be kept does not undo what was done, nor hide what was read: it
    is a warning that an alert counts.
    """
    again = answer.status_code == _NOT_SENT or "Idempotent-Replayed" in answer.headers
    if action is None or again or answer.status_code >= _REFUSED or flask.g.get("silent"):
        return
    s, said = services(), flask.g.get("audited", {})
    caller: Caller | None = flask.g.get("caller")
    now = s.clock()
    event = AuditEvent(
        at=now,
        who=caller.name if caller else _LINK,
        role=caller.role if caller else "",
        action=action,
        company=said.get("company") or arguments.get("company"),
        recording_id=said.get("recording_id") or arguments.get("recording_id"),
        what=_what() if caller else None,  # a link's address is its proof
        reason=said.get("reason"),
        request_id=flask.g.request_id,
        expires_at=now + KEPT_FOR,
    )
    log.event("audited", action=action, who=event.who, company=event.company, recording=event.recording_id)
    try:
        s.audit.add(s.new_id(), event)
    except Exception as error:  # whatever is passing about it, it is told
        if passing_fault(error) is None and not isinstance(error, CalltrackError):
            raise
        log.warning("audit_not_kept", action=action, who=event.who, error=type(error).__name__)


def _what() -> str | None:
    """The question that was asked, where it is one."""
    request = flask.request
    return request.full_path.rstrip("?")[:_LONGEST] if request.method == "GET" and request.args else None
