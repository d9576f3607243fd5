"""Summary pages as readers outside open them, and the block of the Call page that makes their links."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import flask

from common import log
from common.bootstrap import services
from common.errors import AccountRefused, Conflict, NotFound, Problem, RefusedByEngine, Rejected, UnreadableAnswer
from common.model.intelligence import SECTIONS
from common.model.share import ShareLink
from functions import _audit, _edge
from functions._sharing import Expired, Shared, Sharing
from functions._site import site
from functions.pages.businesses import shown_look
from functions.pages.look import Look, stylesheet
from functions.pages.site import Site
from functions.pages.summary import Brand, policy, summary_view
from functions.pages.words import Moment, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask.typing import ResponseReturnValue

    from common.model.conversation import ConversationMetadata
    from common.model.recording import RecordingId

_SHOWN = tuple(
    section
    for section in SECTIONS
    if section.name in {"messages", "topics", "questions", "action_items", "follow_ups", "analytics", "summary"}
)
#: Nobody who gets a request from this page learns its address.
_HEADERS = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow", "Cache-Control": "private, no-store"}
_FOR_EVER = "never"


def _summary(_: flask.Request, token: str) -> ResponseReturnValue:
    try:
        opened = Sharing.of_services().open(token)
    except Expired as error:
        flask.g.embedders = error.allowed_origins
        raise
    _audit.about(company=opened.conversation.company, recording_id=opened.conversation.id)
    s = services()
    job = s.requests.of_recording(opened.conversation.id)
    results = s.results.get_all(_SHOWN, job.conversation_id) if job and job.conversation_id else {}
    brand = Brand.of(opened.conversation.company, opened.business_ux)
    page = _outer_site().page(
        "summary.html",
        policy=policy(brand, opened.business_ux.allowed_origins if opened.business_ux else ()),
        brand=brand,
        summary=summary_view(opened.conversation, results, opened.link),
        notes=(),
    )
    page.headers.update(_HEADERS)
    log.event("summary_opened", recording=opened.conversation.id)
    return page


def problem_page(problem: Mapping[str, object]) -> flask.Response:
    """A link's mistake, told to somebody outside."""
    allowed = policy(Brand(name=""), flask.g.get("embedders", ()))
    page = _outer_site().page("summary_problem.html", problem=problem, brand=None, policy=allowed)
    page.headers.update(_HEADERS)
    return page


def _look(request: flask.Request) -> ResponseReturnValue:
    """A stylesheet that follows from its address alone; what is not valid is refused, and nothing else gets in."""
    names = {"background": "color_background", "topics": "color_topics_filter", "insights": "color_insights_filter",
             "fonts": "font_family"}  # fmt: skip
    unknown = [Problem(name, "is not a known parameter") for name in request.args if name not in names]
    row, problems = shown_look({names[name]: value for name, value in request.args.items() if name in names})
    if unknown or problems:
        raise Rejected([*unknown, *problems])
    response = flask.Response(stylesheet(Look.of(row)), content_type="text/css; charset=utf-8")
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response


# The block of the Call page


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShareBlock:
    """What the block shows: the link that was just made, if one was, and what the engine said of a page of its own."""

    company: str
    shared: Shared | None
    expires: Moment | None
    own_page: str = ""
    taken_back: bool = False


def share_block(args: Mapping[str, str], conversation: ConversationMetadata) -> ShareBlock:
    """From the address of the page: `shared` has the end of the link that was made (seconds of Unix time, or never).

    The link is made anew from that, and only where it lives no longer than the company allows.
    """
    blank = ShareBlock(
        company=conversation.company,
        shared=None,
        expires=None,
        own_page=_OWN_PAGE.get(args.get("own_page", ""), ""),
        taken_back="taken_back" in args,
    )
    end = args.get("shared", "")
    if end != _FOR_EVER and not (end.isascii() and end.isdecimal() and len(end) <= 11):  # noqa: PLR2004
        return blank
    s = services()
    sharing = Sharing.of_services()
    ux = s.companies.business_ux(conversation.company)
    latest = sharing.expiry(ux)
    expires_at = None if end == _FOR_EVER else datetime.fromtimestamp(int(end), UTC)
    if latest is not None and (expires_at is None or expires_at > latest):
        return blank
    link = ShareLink(
        recording_id=conversation.id, expires_at=expires_at, with_transcript=args.get("transcript") != "no"
    )
    return dataclasses.replace(
        blank,
        shared=sharing.again(conversation, ux, link),
        expires=moment(expires_at, conversation.timezone_offset) if expires_at else None,
    )


_OWN_PAGE: Mapping[str, str] = {"none": "This engine has no page of its own for calls."}


def _share(request: flask.Request, recording_id: RecordingId) -> ResponseReturnValue:
    """Back to the call, where the link stands; nothing is stored, and the address there has no token in it."""
    _edge.expect_same_origin(request)
    with_transcript = bool(request.form.get("transcript"))
    shared = Sharing.of_services().share(recording_id, with_transcript=with_transcript)
    _audit.about(company=shared.company)
    end = str(int(shared.link.expires_at.timestamp())) if shared.link.expires_at else _FOR_EVER
    query = {"shared": end} | ({} if with_transcript else {"transcript": "no"})
    return flask.redirect(f"{site().link(f'/calls/{recording_id}', **query)}#share", 303)


def _unshare(request: flask.Request, recording_id: RecordingId) -> ResponseReturnValue:
    """Back to the call, which says that the link opens nothing any more."""
    _edge.expect_same_origin(request)
    conversation = services().recordings.get(recording_id)
    if conversation is None:
        raise NotFound(f"There is no call {recording_id!r}.")
    _audit.about(company=conversation.company)
    Sharing.of_services().take_back(recording_id, request.form.get("url", ""), by=_edge.caller().name)
    return flask.redirect(f"{site().link(f'/calls/{recording_id}', taken_back='yes')}#share", 303)


def _own_page(request: flask.Request, recording_id: RecordingId) -> ResponseReturnValue:
    """The engine's own page: asked for now, shown this once."""
    _edge.expect_same_origin(request)
    s = services()
    conversation = s.recordings.get(recording_id)
    job = s.requests.of_recording(recording_id)
    if conversation is None:
        raise NotFound(f"There is no call {recording_id!r}.")
    _audit.about(company=conversation.company)
    if job is None or job.conversation_id is None:
        raise Conflict("the engine does not know this call yet; ask again when it is analysed")
    ux = s.companies.business_ux(conversation.company)
    try:
        url = s.engine.own_page(job.conversation_id, ux)
    except (AccountRefused, RefusedByEngine, UnreadableAnswer) as error:
        log.warning("own_page_refused", recording=recording_id, error=type(error).__name__)
        raise Conflict(f"the engine gave no page: {error}") from error
    log.event("own_page_asked", recording=recording_id, by=_edge.caller().name, given=url is not None)
    if url is None:
        return flask.redirect(f"{site().link(f'/calls/{recording_id}', own_page='none')}#share", 303)
    return site().page(
        "own_page.html",
        url=url,
        call=conversation,
        read_only=ux.read_only if ux else True,
        days=_days(ux.summary_url_expires_in if ux else timedelta(days=30)),
    )


def _days(life: timedelta | None) -> str:
    return f"It expires within {max(1, round(life / timedelta(hours=1)))} hours." if life else "It never expires."


def _outer_site() -> Site:
    return Site.at(services().settings.link_base_url)


VIEWS: Mapping[str, Callable[..., ResponseReturnValue]] = {
    "summary": _summary,
    "look": _look,
    "share": _share,
    "unshare": _unshare,
    "own_page": _own_page,
}
