"""Sign in with a token, once, and out again: for people with a browser, where AUTH_MODE is token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import flask

from common import log
from common.bootstrap import services
from common.errors import NotFound
from common.model.session import LIFETIME, session_of
from functions import _edge
from functions._access import SESSION_COOKIE, token_entry
from functions._site import site

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask.typing import ResponseReturnValue

_LONGEST = 2_000


def _form(request: flask.Request) -> ResponseReturnValue:
    _expect_tokens()
    return form_page(next_path=_inside(request.args.get("next", "")))


def form_page(*, next_path: str, problem: str = "", status: int = 200) -> flask.Response:
    """The form, which leads on to `next_path`."""
    page = site().page("sign_in.html", next_path=next_path, problem=problem)
    page.status_code = status
    return page


def next_of(request: flask.Request) -> str:
    """Where somebody wanted to go who has to sign in first: a page that can be opened again."""
    return request.full_path.rstrip("?") if request.method == "GET" else ""


def _sign_in(request: flask.Request) -> ResponseReturnValue:
    """The cookie says whose token it was; no script can read it, and it goes to this site alone."""
    _expect_tokens()
    _edge.expect_same_origin(request)
    s = services()
    next_path = _inside(request.form.get("next", ""))
    entry = token_entry(request.form.get("token", "").strip(), s.settings.api_tokens)
    if entry is None:
        log.warning("sign_in_refused")
        return form_page(next_path=next_path, problem="This token is not valid, or no longer.", status=401)
    log.event("signed_in", caller=entry.name)
    answer = flask.make_response(flask.redirect(next_path or site().link("/"), 303))
    answer.set_cookie(
        SESSION_COOKIE,
        session_of(entry.sha256, secret=s.settings.session_keys[0], now=s.clock()),
        max_age=LIFETIME,
        **_where(),
    )
    return answer


def _sign_out(request: flask.Request) -> ResponseReturnValue:
    _expect_tokens()
    _edge.expect_same_origin(request)
    answer = flask.make_response(flask.redirect(site().link("/sign-in"), 303))
    answer.delete_cookie(SESSION_COOKIE, **_where())
    return answer


def _where() -> dict[str, Any]:
    """Secure everywhere but on a laptop without TLS."""
    return {
        "path": site().link("/"),
        "secure": urlsplit(services().settings.public_base_url).scheme == "https",
        "httponly": True,
        "samesite": "Lax",
    }


def _inside(path: str) -> str:
    """A path of this site, or nothing: an address of another one must not be led to from here."""
    base = site().link("/")
    fits = path.startswith(base) and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if fits and len(path) <= _LONGEST else ""


def _expect_tokens() -> None:
    if services().settings.auth_mode != "token":
        raise NotFound("Nobody signs in here: this installation knows its callers in another way.")


VIEWS: Mapping[str, Callable[..., ResponseReturnValue]] = {"form": _form, "sign_in": _sign_in, "sign_out": _sign_out}
