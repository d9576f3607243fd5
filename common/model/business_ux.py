"""BusinessUX: how a company's summary pages look, where they may be embedded, and how long a link lives."""

from __future__ import annotations

import dataclasses
from datetime import timedelta


@dataclasses.dataclass(frozen=True, kw_only=True)
class BusinessUX:
    """One row per company.

    Colours are CSS hex strings, as in the body of Symbl's `POST /v1/conversations/{id}/experiences`; so are the names
    of what they colour. `summary_url_expires_in` None means that a link never expires.
    """

    company: str
    display_name: str | None = None
    logo: str | None = None
    favicon: str | None = None
    color_background: str | None = None
    color_topics_filter: str | None = None
    color_insights_filter: str | None = None
    font_family: str | None = None
    allowed_origins: tuple[str, ...] = ()
    summary_url_expires_in: timedelta | None = timedelta(days=30)
    read_only: bool = True
