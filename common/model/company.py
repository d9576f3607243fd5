"""What a company has settled once, so that senders need not say it with each recording."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from common.model.recording import Role

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tracker:
    """A name for phrases to be found; sent inline with each submission."""

    name: str
    vocabulary: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompanyDefaults:
    """Defaults of one company; `channel_roles` says whose voice is on channel 1, 2, ...

    `prefix`: objects under this prefix of the recordings bucket belong to the company when nothing else says so.
    """

    company: str
    language_code: str = "en-US"
    timezone_offset: int = 0
    custom_vocabulary: tuple[str, ...] = ()
    trackers: tuple[Tracker, ...] = ()
    channel_roles: tuple[Role, ...] = (Role.AGENT, Role.CUSTOMER)
    prefix: str | None = None

    @classmethod
    def of(cls, company: str) -> CompanyDefaults:
        """What holds for a company that has settled nothing."""
        return cls(company=company)


def company_of_object(name: str, prefixes: Mapping[str, str]) -> str | None:
    """The company whose prefix is the longest that `name` begins with."""
    fitting = [prefix for prefix in prefixes if name.startswith(prefix)]
    return prefixes[max(fitting, key=len)] if fitting else None
