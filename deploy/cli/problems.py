"""What goes wrong, as one line for people and as problem+json (RFC 9457) for programs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from deploy.cli.exits import Exit

#: By google.rpc code, which says more than a status (400 is INVALID_ARGUMENT or FAILED_PRECONDITION).
_EXIT_OF_CODE: Mapping[str, Exit] = {
    "NOT_FOUND": Exit.NOT_FOUND,
    "UNAUTHENTICATED": Exit.REFUSED,
    "PERMISSION_DENIED": Exit.REFUSED,
    "ABORTED": Exit.CONFLICT,
    "ALREADY_EXISTS": Exit.CONFLICT,
    "FAILED_PRECONDITION": Exit.CONFLICT,
    "RESOURCE_EXHAUSTED": Exit.RATE_LIMITED,
    "UNAVAILABLE": Exit.UNAVAILABLE,
    "DEADLINE_EXCEEDED": Exit.UNAVAILABLE,
}
#: For answers that are not the API's own: a proxy's or the platform's.
_CODE_OF_STATUS: Mapping[int, str] = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "UNAVAILABLE",
}


_MENDS: Mapping[Exit, str] = {
    Exit.NOT_FOUND: "calltrack recordings list",
    Exit.REFUSED: "set CALLTRACK_TOKEN to a valid token, and check --server",
    Exit.RATE_LIMITED: "the same command in a minute",
    Exit.UNAVAILABLE: "the same command in a few seconds",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
    """`title` says what, `detail` why, `mend` what to do (a command, or a few words); `about` the item it concerns."""

    title: str
    detail: str
    exit: Exit
    code: str
    mend: str | None = None
    about: str | None = None
    status: int | None = None  #: of HTTP; None where there was no answer
    request_id: str | None = None
    retry_after: float | None = None  #: seconds, where the server advised it
    document: Mapping[str, Any] | None = None  #: the API's own words, where it is the API that complained

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed later."""
        return self.exit in {Exit.RATE_LIMITED, Exit.UNAVAILABLE}

    def line(self) -> str:
        """What — why — try: mend (request id), without the word "error"."""
        parts = [f"{self.about}: {self.title}" if self.about else self.title, self.detail]
        if self.mend:
            parts.append(f"try: {self.mend}")
        request = f" (request {self.request_id})" if self.request_id else ""
        return " — ".join(part for part in parts if part) + request

    def as_json(self) -> dict[str, Any]:
        """The API's document, or one of its shape; with `about` and `try` where there is something to say."""
        own = {"type": "about:blank", "title": self.title, "detail": self.detail, "code": self.code}
        extra = {"about": self.about, "try": self.mend, "request_id": self.request_id, "retryable": self.passing}
        return {
            **{name: value for name, value in extra.items() if value is not None},
            **(self.document or own),
        }


class CommandFailed(Exception):  # noqa: N818  # reads as what happened
    """A command cannot go on; `problem` says why and what to do."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.line())


INTERRUPTED = Problem(title="Interrupted", detail="", exit=Exit.INTERRUPTED, code="CANCELLED")


def usage(title: str, detail: str, *, mend: str | None = None, about: str | None = None) -> CommandFailed:
    """Something that its writer has to correct; nothing was sent."""
    return CommandFailed(
        Problem(title=title, detail=detail, mend=mend, about=about, exit=Exit.USAGE, code="INVALID_ARGUMENT")
    )


def answered(
    status: int,
    document: Mapping[str, Any] | None,
    *,
    phrase: str,
    mends: Mapping[str, str],
    request_id: str | None,
    retry_after: float | None,
) -> Problem:
    """The problem that an answer of the server tells of; `document` is its problem+json, if it sent one.

    `phrase` is the status line's, all there is to say of an answer that is not the API's own; `mends` are what the
    caller knows to do, by the document's reason.
    """
    given = document or {}
    if document is None and 300 <= status < 400:  # noqa: PLR2004  # the API redirects nowhere; a sign-in page does
        code = "UNAUTHENTICATED"
    else:
        code = str(given.get("code") or _CODE_OF_STATUS.get(status, "INTERNAL"))
    exit_code = _EXIT_OF_CODE.get(code, Exit.FAILED)
    return Problem(
        title=str(given.get("title") or f"The server answered {status} {phrase}".rstrip()),
        detail=str(given.get("detail") or ""),
        exit=exit_code,
        code=code,
        status=status,
        mend=mends.get(str(given.get("reason"))) or _MENDS.get(exit_code),
        request_id=str(given.get("request_id") or "") or request_id,
        retry_after=retry_after,
        document=document,
    )
