"""What can go wrong in the engine, grouped by who can mend it.

EngineError
├── SettingsError            the operator: the environment is wrong
├── Refused                  the caller: answered at once with a status and a message
│   ├── BadRequest, Unauthorized, Conflict, TooLarge, TooMany, NotServed
│   └── NotFound
│       └── UnknownJob, UnknownConversation
└── AnalysisFailed           nobody, for this recording: the job ends as `failed` with this reason
    └── FetchFailed, ModelMissing
"""


class EngineError(Exception):
    """Anything that the engine reports on purpose."""


class SettingsError(EngineError):
    """The settings are wrong; the message names every one of them."""


class Refused(EngineError):  # noqa: N818 - it says what happened to the request
    """A request is refused: *status* and `{"message": …}` are the answer."""

    status = 400


class BadRequest(Refused):
    """The request itself is wrong."""


class Unauthorized(Refused):
    """The credentials or the token are not accepted."""

    status = 401


class NotFound(Refused):
    """What the path names does not exist."""

    status = 404


class UnknownJob(NotFound):
    """There is no such job; the settings say with which status that is told."""


class UnknownConversation(NotFound):
    """There is no such conversation; the settings say with which status that is told."""


class Conflict(Refused):
    """Something of that name is there already."""

    status = 409


class TooLarge(Refused):
    """More was sent than is taken."""

    status = 413


class TooMany(Refused):
    """The account has as many active jobs, or calls under way, as it may have; nothing was done."""

    status = 429


class NotServed(Refused):
    """Symbl had this, the engine does not."""

    status = 501


class AnalysisFailed(EngineError):  # noqa: N818 - it says what happened to the job
    """The recording cannot be analysed; trying again would not help."""


class FetchFailed(AnalysisFailed):
    """The recording could not be downloaded."""


class ModelMissing(AnalysisFailed):
    """There is no speech model to recognise with."""
