"""Every `reason` that a problem can have: its status, its title, what to do. Stable: programs decide by it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Reason:
    """`title` is the problem's, `mend` what its reader does about it."""

    status: int
    title: str
    mend: str
    retryable: bool = False  #: whether the same may be asked for again as it is, a little later

    @property
    def code(self) -> str:
        """The name that google.rpc has for it (https://google.aip.dev/193)."""
        return _CODES[self.status]


_CODES: Mapping[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "INVALID_ARGUMENT",
    409: "ABORTED",
    410: "NOT_FOUND",
    412: "FAILED_PRECONDITION",
    413: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


_FILTER = "The filter cannot be read"

REASONS: Mapping[str, Reason] = {
    "INVALID": Reason(400, "What was sent cannot be used", "Change what `errors` names; nothing was stored."),
    "FILTER_SYNTAX": Reason(400, _FILTER, "A quote, a parenthesis or an operator is missing at the column it names."),
    "FILTER_FIELD_UNKNOWN": Reason(400, _FILTER, "There is no such field; the detail says which one may be meant."),
    "FILTER_FUNCTION_UNKNOWN": Reason(400, _FILTER, "There is `said` and `tracker_hit`."),
    "FILTER_COMPARISON_INVALID": Reason(400, _FILTER, "The field is not compared in this way."),
    "FILTER_VALUE_INVALID": Reason(400, _FILTER, "The field cannot have this value; the detail lists what it can."),
    "FILTER_SCOPE_INVALID": Reason(400, _FILTER, "`by:` needs a word, a phrase or a tracker beside it."),
    "FILTER_TOO_LONG": Reason(400, _FILTER, "A filter may have 500 characters."),
    "FILTER_TOO_MANY_CONDITIONS": Reason(400, _FILTER, "A filter may have 20 conditions."),
    "FILTER_TOO_DEEP": Reason(400, _FILTER, "Parentheses may be nested 10 deep."),
    "UNAUTHENTICATED": Reason(401, "The caller is not known", "Send a valid token."),
    "FORBIDDEN": Reason(403, "Not allowed in this way", "Send the form from a page of this site."),
    "ROLE_NEEDED": Reason(403, "Not yours to do", "Ask an administrator for the role that the detail names."),
    "NOT_FOUND": Reason(404, "There is no such thing", "Look at the address; lists have what there is."),
    "TRANSCRIPT_NOT_READY": Reason(404, "There is no transcript yet", "Ask again when the request is completed."),
    "METHOD_NOT_ALLOWED": Reason(405, "Not done with this method", "The header `Allow` has those that are."),
    "CONFLICT": Reason(409, "Not as things stand", "Look at what changed, then ask again."),
    "NOT_REPLAYABLE": Reason(409, "Nothing to run again", "The detail says why; another stage may do."),
    "IDEMPOTENCY_KEY_IN_USE": Reason(
        409,
        "The same call is under way",
        "Send it again after `Retry-After`: the first one's answer comes then.",
        retryable=True,
    ),
    "NOT_DELETABLE": Reason(
        409, "It cannot be deleted yet", "Wait until the engine has ended its job, then delete it."
    ),
    "DELETED": Reason(410, "This recording was deleted", "The detail says when, and whom to ask."),
    "AUDIO_GONE": Reason(410, "The audio is gone", "Its object was removed from the bucket; the results are kept."),
    "GONE": Reason(410, "It is gone", "It was there once, and will not come back."),
    "CHANGED_MEANWHILE": Reason(412, "Somebody was quicker", "Read it again, apply the change to that, send its ETag."),
    "TOO_LARGE": Reason(413, "Too large for this way in", "Put the file into the bucket, then POST its gs:// URL."),
    "IDEMPOTENCY_KEY_REUSED": Reason(
        422, "The key belongs to another call", "Take a new Idempotency-Key for each new call."
    ),
    "DEFECT": Reason(500, "Our mistake", "Tell us the request id."),
    "UNAVAILABLE": Reason(503, "Not possible right now", "Send it again after `Retry-After`.", retryable=True),
}
