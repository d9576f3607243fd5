"""Who did what: one event for each read of a call, and for each change. Pure."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from common.errors import Problem, Rejected

if TYPE_CHECKING:
    from common.model.access import Caller

#: How long events are kept: a year, and what a year's audit takes.
KEPT_FOR = timedelta(days=400)
PAGE_SIZE = 50
MAX_PAGE_SIZE = 200
#: What a list of events can be narrowed by; each is a property with an index of its own, in the order of time.
NARROWED_BY = ("recording_id", "who", "action", "company")
_LONGEST = 300


class Action(enum.StrEnum):
    """What was done. A page of a call comes with the address of its audio: whoever opened it may have listened."""

    CALL_OPENED = "call.opened"
    CALL_READ = "call.read"
    CALLS_EXPORTED = "calls.exported"
    TRANSCRIPT_READ = "transcript.read"
    AUDIO_PLAYED = "audio.played"
    CALL_ADDED = "call.added"
    CALL_SHARED = "call.shared"
    LINK_TAKEN_BACK = "link.taken_back"
    CALL_REPLAYED = "call.replayed"
    CALLS_REPLAYED = "calls.replayed"
    CALL_DELETED = "call.deleted"
    INDEX_MADE = "index.made"
    COMPANY_SETTLED = "company.settled"
    AUDIT_READ = "audit.read"


@dataclasses.dataclass(frozen=True, kw_only=True)
class AuditEvent:
    """One thing that somebody did; `what` is the question that was asked, `reason` theirs, if one was asked for."""

    at: datetime
    who: str
    role: str
    action: Action
    company: str | None = None
    recording_id: str | None = None
    what: str | None = None
    reason: str | None = None
    request_id: str
    expires_at: datetime


@dataclasses.dataclass(frozen=True, kw_only=True)
class AuditQuery:
    """Which events somebody wants to see, the latest first."""

    narrowed: Mapping[str, str]
    size: int
    cursor: str | None


def audit_query(given: Mapping[str, str], *, caller: Caller) -> AuditQuery:
    """Check the parameters; whoever sees some companies only sees the events of one of them at a time.

    Raises:
        Rejected: naming the parameter and the mend.
        RoleNeeded: the company is not theirs.
    """
    known = {*NARROWED_BY, "page_size", "page_token"}
    problems = [
        Problem(name, f"is not a known parameter; known are {', '.join(sorted(known))}") for name in set(given) - known
    ]
    narrowed = {name: given[name].strip() for name in NARROWED_BY if given.get(name, "").strip()}
    problems += [Problem(name, "is longer than any can be") for name in narrowed if len(narrowed[name]) > _LONGEST]
    size = given.get("page_size") or str(PAGE_SIZE)
    if not size.isdecimal() or not 1 <= int(size[:9]) <= MAX_PAGE_SIZE:
        problems.append(Problem("page_size", f"must be a whole number from 1 to {MAX_PAGE_SIZE}"))
    if caller.companies is not None and "company" not in narrowed:
        if len(caller.companies) > 1:
            problems.append(Problem("company", f"must be one of {', '.join(sorted(caller.companies))}"))
        else:
            narrowed["company"] = next(iter(caller.companies))
    if problems:
        raise Rejected(problems)
    if "company" in narrowed and not caller.sees(narrowed["company"]):
        caller.expect_all_companies()
    return AuditQuery(narrowed=narrowed, size=int(size), cursor=given.get("page_token") or None)
