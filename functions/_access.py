"""Who makes a call, and whether they may: by AUTH_MODE, roles and companies. Every way that is not a proof refuses."""

from __future__ import annotations

import dataclasses
import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from common.bootstrap import services
from common.errors import Forbidden, NotFound, Unauthenticated
from common.model.access import Caller, Reach, Role, granted
from common.model.session import hash_in, hash_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import flask

    from common.config import Settings, TokenGiven

SESSION_COOKIE = "calltrack_session"
_LOCAL = Caller(name="local", role=Role.ADMIN)
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def caller_of(request: flask.Request) -> Caller:
    """Who makes this call.

    Raises:
        Unauthenticated: nothing proves it.
        Forbidden: a page of another site makes it, with a sign-in that the browser adds by itself; or nobody has given
            the caller a role.
        TryLater: the keys that a proof is checked against cannot be had now.
    """
    settings = services().settings
    match settings.auth_mode:
        case "none":
            if not from_loopback(request):
                raise Unauthenticated("AUTH_MODE=none answers on loopback only")
            _expect_no_other_site(request)
            return _LOCAL
        case "token":
            return _by_token(request, settings)
        case "iap":
            _expect_no_other_site(request)
            assertion = request.headers.get("X-Goog-IAP-JWT-Assertion", "")
            claims = services().iap.verify(assertion, audiences=[settings.iap_audience or ""])
            return _person(claims, settings)
        case "iam":
            # A browser adds no such token by itself: gcloud's proxy does, on loopback, for whatever page asks it.
            _expect_no_other_site(request)
            token = _bearer_in(request, "X-Serverless-Authorization") or bearer(request)
            claims = services().callers.verify(token, audiences=None)  # Cloud Run has checked for whom it was made
            if claims.get("email_verified") is not True:
                raise Unauthenticated("the identity token names no e-mail address that is verified")
            return _person(claims, settings)


def expect_may(caller: Caller, *, role: Role, reach: Reach, arguments: Mapping[str, str]) -> None:
    """That the caller may go where an address leads.

    A recording of another company is as if it was not there: nothing tells one from the other.

    Raises:
        RoleNeeded, NotFound.
    """
    caller.expect(role)
    if caller.companies is None:
        return
    match reach:
        case Reach.NOTHING | Reach.CALLS | Reach.ADDED:
            return
        case Reach.RECORDING:
            recording_id = arguments["recording_id"]
            if not caller.sees(_company_of(recording_id)):
                raise NotFound(f"There is no recording {recording_id!r}; GET /api/v1/recordings lists them.")
        case Reach.COMPANY:
            if not caller.sees(arguments["company"]):
                raise NotFound(f"There is no company {arguments['company'][:200]!r} that you may see.")
        case Reach.ALL:
            caller.expect_all_companies()


def token_entry(token: str, entries: Sequence[TokenGiven]) -> TokenGiven | None:
    """Whose token it is; all are compared, and in constant time."""
    digest = hash_of(token)
    return next((entry for entry in [e for e in entries if hmac.compare_digest(digest, e.sha256)]), None)


def bearer(request: flask.Request) -> str:
    """The token of the header.

    Raises:
        Unauthenticated: there is none.
    """
    token = _bearer_in(request, "Authorization")
    if not token:
        raise Unauthenticated("'Authorization: Bearer TOKEN' is missing")
    return token


def from_loopback(request: flask.Request) -> bool:
    """Whether the other end is on this machine."""
    return (request.remote_addr or "").startswith("127.") or request.remote_addr in {"::1", None}


def is_of_another_site(request: flask.Request) -> bool | None:
    """Whether a page of another site has sent this; None where nothing says what sent it: then it was no browser.

    Browsers say where a request comes from in Sec-Fetch-Site (https and loopback), older ones in Origin; neither can be
    set by a page (https://www.w3.org/TR/fetch-metadata/). What a person does at the address bar is from "none".
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    return urlsplit(origin).netloc != request.host if origin else None


def _by_token(request: flask.Request, settings: Settings) -> Caller:
    if "Authorization" in request.headers:
        entry = token_entry(bearer(request), settings.api_tokens)
        if entry is None:
            raise Unauthenticated("the token is not valid; send a valid one as 'Authorization: Bearer TOKEN'")
        return entry.caller
    session = request.cookies.get(SESSION_COOKIE, "")
    known = hash_in(
        session,
        hashes=[entry.sha256 for entry in settings.api_tokens],
        secrets=settings.session_keys,
        now=services().clock(),
    )
    if known is None:
        raise Unauthenticated("sign in with a token, or send it as 'Authorization: Bearer TOKEN'")
    _expect_no_other_site(request)
    entry = next(entry for entry in settings.api_tokens if entry.sha256 == known)
    return dataclasses.replace(entry.caller, by_session=True)


def _person(claims: Mapping[str, object], settings: Settings) -> Caller:
    email = str(claims.get("email") or "")
    found = granted(email, [given.grant for given in settings.access]) if email else None
    if found is None:
        raise Forbidden(f"{email or 'this caller'} has no role here; ask an administrator of this installation")
    return found


def _expect_no_other_site(request: flask.Request) -> None:
    """Refuse what a page of another site changes with this browser's sign-in."""
    if request.method in _CHANGING and is_of_another_site(request):
        raise Forbidden("this was not sent from a page of this site; open the page here and send its form")


def _bearer_in(request: flask.Request, header: str) -> str:
    scheme, _, token = request.headers.get(header, "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _company_of(recording_id: str) -> str | None:
    s = services()
    conversation = s.recordings.get(recording_id)
    if conversation is not None:
        return conversation.company
    deleted = s.deletions.get(recording_id)
    return deleted.company if deleted else None
