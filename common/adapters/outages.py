"""Which failures of Google's services pass by themselves."""

from __future__ import annotations

from common.errors import TryLater


def passing_fault(error: Exception) -> TryLater | None:
    """The error as one to try again, if it is; a call that another instance answers may not fail there.

    Statuses as in https://cloud.google.com/datastore/docs/concepts/errors and https://cloud.google.com/apis/design/errors.
    """
    if isinstance(error, TryLater):
        return error
    from google.api_core import exceptions as google_errors  # noqa: PLC0415  # seldom needed: starts stay quick

    out_of_reach = (
        google_errors.ServiceUnavailable,
        google_errors.DeadlineExceeded,
        google_errors.InternalServerError,
        google_errors.TooManyRequests,
        google_errors.BadGateway,
        google_errors.GatewayTimeout,
        google_errors.RetryError,
    )
    return TryLater("A service that this needs does not answer right now") if isinstance(error, out_of_reach) else None
