"""Why the server refuses a request: a gRPC status and one sentence."""

from __future__ import annotations

from grpc import StatusCode


class RefusedError(Exception):
    """A request answered with an error; *code* and *details* reach the client as they are."""

    def __init__(self, code: StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


def invalid(details: str) -> RefusedError:
    """The request is wrong whatever the data; never retry it."""
    return RefusedError(StatusCode.INVALID_ARGUMENT, details)


def failed_precondition(details: str) -> RefusedError:
    """The request would be right in another state of the database."""
    return RefusedError(StatusCode.FAILED_PRECONDITION, details)


def aborted(details: str) -> RefusedError:
    """The transaction lost; run the whole of it again."""
    return RefusedError(StatusCode.ABORTED, details)
