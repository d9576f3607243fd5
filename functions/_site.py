"""Where this installation's pages lie."""

from __future__ import annotations

from common.bootstrap import services
from functions.pages.site import Site


def site() -> Site:
    """Links and pages below PUBLIC_BASE_URL."""
    return Site.at(services().settings.public_base_url)
