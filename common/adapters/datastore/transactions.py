"""Transactions that are repeated whole when they lose a race.

The client repeats no transaction by itself (https://cloud.google.com/datastore/docs/concepts/transactions). A commit
that raised may have been applied: every body must be safe to run again.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, TypeVar

from google.api_core import exceptions as google_errors

from common.errors import TryLater

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud import datastore

T = TypeVar("T")

ATTEMPTS = 12
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 1.0
_RACE_LOST = (google_errors.Aborted, google_errors.Conflict)
_OUT_OF_REACH = (google_errors.ServiceUnavailable, google_errors.DeadlineExceeded, google_errors.InternalServerError)


def run_in_transaction(
    client: datastore.Client, body: Callable[[datastore.Transaction], T], *, pause: Callable[[float], None] = time.sleep
) -> T:
    """Run `body` in a transaction and commit; again, after a pause with jitter, when another one won.

    Raises:
        TryLater: when it lost ATTEMPTS times, or Datastore is out of reach.
    """
    longest = _FIRST_PAUSE_S
    for _ in range(ATTEMPTS):
        try:
            with client.transaction(begin_later=True) as transaction:
                return body(transaction)
        except _RACE_LOST as error:
            lost: Exception = error
        except _OUT_OF_REACH as error:
            raise TryLater(f"Datastore is out of reach: {error.message}") from error
        pause(random.uniform(0, longest))  # noqa: S311  # jitter, not a secret
        longest = min(longest * 2, _LONGEST_PAUSE_S)
    raise TryLater("Datastore: too many transactions want the same entities") from lost
