"""Deliveries to the webhook that are none: why they were refused, and how many there were on a day."""

from __future__ import annotations

import dataclasses
import enum
from datetime import datetime


class Refusal(enum.StrEnum):
    """Why a call of the webhook was refused."""

    METHOD = "method"  #: no POST
    TOO_LARGE = "too_large"  #: a body over the limit, or of a length that it does not say
    SIGNATURE = "signature"  #: a path that we never gave out
    BODY = "body"  #: signed, and no status


@dataclasses.dataclass(frozen=True, kw_only=True)
class WebhookRefusals:
    """How often the webhook refused for one reason on one day (UTC, as 2026-03-01), and when it last did."""

    day: str
    reason: Refusal
    count: int = 0
    last_at: datetime | None = None

    def and_more(self, count: int, *, now: datetime) -> WebhookRefusals:
        """With `count` more, the last of them before `now`."""
        return dataclasses.replace(self, count=self.count + count, last_at=max(self.last_at or now, now))
