"""Help, from the tables that it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.bootstrap import services
from functions._site import site
from functions.pages.api_help import api_help
from functions.pages.search_help import search_help

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import flask
    from flask.typing import ResponseReturnValue


def _help_api(_: flask.Request) -> ResponseReturnValue:
    return site().page("help_api.html", help=api_help(services().settings.public_base_url))


def _help_search(_: flask.Request) -> ResponseReturnValue:
    return site().page("help_search.html", help=search_help())


VIEWS: Mapping[str, Callable[..., ResponseReturnValue]] = {
    "help_api": _help_api,
    "help_search": _help_search,
}
