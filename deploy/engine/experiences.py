"""Pages about a conversation: what Symbl called its pre-built experiences, served by the engine itself.

A page's address is a bearer secret: a random id and an end, signed with a key of this engine. It needs no script and
loads nothing but the logo, the icon and the media that were named for it, each allowed by its origin.

`POST /v1/conversations/{id}/experiences`: Symbl's Experience API reference of 2022.
"""

import base64
import dataclasses
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import urlsplit

from flask import Flask, Response, render_template, request
from flask.typing import ResponseReturnValue
from pydantic import AfterValidator, AliasChoices, BaseModel, Field, StringConstraints

from deploy.engine import conversation as views
from deploy.engine.edge import Json, json_body, wanted
from deploy.engine.errors import BadRequest, NotServed
from deploy.engine.instants import parse_instant
from deploy.engine.joi import BODY, Boolean, Integer, Url, as_object, validated
from deploy.engine.store import ACTIVE, JobStatus, Page

if TYPE_CHECKING:
    from deploy.engine.engine import Engine

PAGES = "/experiences/"
NEVER = 0
DEFAULT_EXPIRY_S = 2_592_000
_MAX_EXPIRY_S = 100 * 365 * 86400
_HOST = re.compile(r"[A-Za-z0-9.-]+|[0-9A-Fa-f:.]+")
_ADDRESS = re.compile(r"(?P<id>[A-Za-z0-9_-]{22})\.(?P<end>\d{1,12})\.(?P<signature>[A-Za-z0-9_-]{43})")


def _plain_host(value: str) -> str:
    """The origin of an asset becomes part of a policy: its host must be nothing but a host."""
    parts = urlsplit(value)
    if not _HOST.fullmatch(parts.hostname or "") or parts.username is not None:
        raise ValueError("must name a plain host")
    return value


Colour = Annotated[str, StringConstraints(pattern=r"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})$")]
Asset = Annotated[Url, AfterValidator(_plain_host)]


class Colours(BaseModel):
    """Of the page, of topics and of insights."""

    model_config = BODY

    background: Colour | None = None
    topicsFilter: Colour | None = None  # noqa: N815 - Symbl's spelling, here and below
    insightsFilter: Colour | None = None  # noqa: N815


class Font(BaseModel):
    """A family that viewers may have; none is fetched."""

    model_config = BODY

    family: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 -]{0,63}$")] | None = None


class PageWish(BaseModel):
    """The body of `POST /v1/conversations/{id}/experiences`. The reference spells `audioUrl` in two ways."""

    model_config = BODY

    name: Literal["verbose-text-summary", "audio-summary", "video-summary"]
    audioUrl: Annotated[Asset | None, Field(validation_alias=AliasChoices("audioUrl", "audioURL"))] = None  # noqa: N815
    videoUrl: Asset | None = None  # noqa: N815
    logo: Asset | None = None
    favicon: Asset | None = None
    color: Colours = Colours()
    font: Font = Font()
    summaryURLExpiresIn: Annotated[Integer, Field(ge=NEVER, le=_MAX_EXPIRY_S)] = DEFAULT_EXPIRY_S  # noqa: N815
    readOnly: Boolean = False  # noqa: N815
    enableCustomDomain: Boolean = False  # noqa: N815


class MediaUpdate(BaseModel):
    """The body of `PUT /v1/conversations/{id}/experiences/url`."""

    model_config = BODY

    url: Asset


def read_wish(body: object) -> PageWish:
    """Validate what a page is to be.

    Raises:
        BadRequest: with one sentence per field that is wrong.
        NotServed: it asks for a domain of its own.
    """
    fields = as_object(body)
    if "disableSummaryURLAuthentication" in fields:
        raise BadRequest('"disableSummaryURLAuthentication" is not allowed')
    wish = validated(PageWish, fields)
    media = {"audio-summary": ("audioUrl", wish.audioUrl), "video-summary": ("videoUrl", wish.videoUrl)}.get(wish.name)
    if media is not None and media[1] is None:
        raise BadRequest(f'"{media[0]}" is required with {wish.name}')
    if wish.enableCustomDomain:
        raise NotServed("Domains of your own are not served: set ENGINE_PUBLIC_URL to the address of this engine.")
    return wish


class Addresses:
    """Makes and reads the addresses of pages: `{id}.{end}.{signature}`, the end in Unix seconds, 0 for none."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, page_id: str, end: int) -> str:
        """The address of a page."""
        return f"{page_id}.{end}.{self._signature(page_id, end)}"

    def read(self, address: str) -> tuple[str, int] | None:
        """The page's id and its end, or None where this engine never gave the address out."""
        found = _ADDRESS.fullmatch(address)
        if found is None or not hmac.compare_digest(
            found["signature"], self._signature(found["id"], int(found["end"]))
        ):
            return None
        return found["id"], int(found["end"])

    def _signature(self, page_id: str, end: int) -> str:
        digest = hmac.digest(self._key, f"{page_id}.{end}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def add_experiences(app: Flask, engine: "Engine") -> None:
    """Serve pages, and what makes their addresses."""
    addresses = Addresses(engine.store.key("pages"))

    def address_of(conversation_id: str, wish: PageWish) -> str:
        engine.store.conversation(conversation_id)
        now, lasts = engine.clock(), wish.summaryURLExpiresIn
        page = Page(
            secrets.token_urlsafe(16),
            conversation_id,
            wish.model_dump(exclude_unset=True),
            media_url=wish.videoUrl if wish.name == "video-summary" else wish.audioUrl,
            ends_at=int((now + timedelta(seconds=lasts)).timestamp()) if lasts != NEVER else NEVER,
        )
        engine.store.put_page(page, now)
        base = engine.settings.public_url or request.host_url.rstrip("/")
        return f"{base}{PAGES}{addresses.make(page.id, page.ends_at)}"

    @app.post("/v1/conversations/<conversation_id>/experiences")
    def make_page(conversation_id: str) -> ResponseReturnValue:
        wish = read_wish(json_body())
        return {"name": wish.name, "url": address_of(conversation_id, wish)}, engine.settings.created_status

    @app.get("/v1/conversations/experiences/insights/details/<conversation_id>")
    def make_insights_page(conversation_id: str) -> ResponseReturnValue:
        if wanted("includeCallScore"):
            raise NotServed("Call scores are not served: leave includeCallScore out, and the page has all the rest.")
        return {"url": address_of(conversation_id, PageWish(name="verbose-text-summary"))}

    @app.put("/v1/conversations/<conversation_id>/experiences/url")
    def change_media(conversation_id: str) -> ResponseReturnValue:
        update = validated(MediaUpdate, as_object(json_body()))
        engine.store.put_media_url(conversation_id, update.url)
        return {"url": update.url}

    @app.get(f"{PAGES}<address>")
    def show_page(address: str) -> ResponseReturnValue:
        known = addresses.read(address)
        if known is None:
            return _notice("There is no such page", "Check the link: it must be whole.", 404)
        page_id, end = known
        page = engine.store.page(page_id)
        if end != NEVER and engine.clock().timestamp() >= end:
            return _notice("This page has expired", "Ask whoever sent you the link for a new one.", 410)
        if page is None:
            return _notice("This page is gone", "The conversation that it told of was deleted.", 410)
        return _page(engine, page)


# What a page shows


@dataclasses.dataclass(frozen=True, slots=True)
class Tuning:
    """What the query of a page leaves out or puts in order, as Symbl's pages did."""

    min_score: float
    assignees: bool
    topics: bool
    by_position: bool

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """Read the query; what cannot be read counts as not given."""
        score = query.get("insights.minScore", "0")
        return cls(
            min_score=float(score) if re.fullmatch(r"[01](\.\d{1,6})?", score) else 0,
            assignees=query.get("insights.enableAssignee") != "false",
            topics=query.get("topics.enabled") != "false",
            by_position=query.get("topics.orderBy") == "position",
        )


def _theme(wish: PageWish) -> Json:
    """Colours with an ink that can be read on them, and the family of the type."""
    given = {"page": wish.color.background, "topic": wish.color.topicsFilter, "insight": wish.color.insightsFilter}
    inks = {name: (colour, _ink(colour)) for name, colour in given.items() if colour is not None}
    return {"colours": inks, "family": wish.font.family}


def _ink(colour: str) -> str:
    """Black or white, whichever has the greater contrast to *colour* (WCAG 2.2, relative luminance)."""
    digits = colour.removeprefix("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == len("rgb") else digits
    shares = [int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)  # noqa: PLR2004 - sRGB
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#ffffff"


def _content(engine: "Engine", conversation_id: str, tuning: Tuning) -> Json:
    store = engine.store
    conversation = store.conversation(conversation_id)
    kinds = ("messages", "topics", "questions", "actionItems", "followUps", "summary")
    found: dict[str, list[Json]] = {kind: [*(store.result(conversation_id, kind) or [])] for kind in kinds}
    places = {message["id"]: message["timeOffset"] for message in found["messages"]}
    if tuning.by_position:
        found["topics"].sort(key=lambda topic: min(places.get(id_, 0) for id_ in topic["messageIds"]))
    else:
        found["topics"].sort(key=lambda topic: -topic["score"])
    insights = [
        (
            title,
            [
                {"text": item["text"], "message": item["messageIds"][0], "details": _details(item, tuning)}
                for item in found[kind]
                if item["score"] >= tuning.min_score
            ],
        )
        for title, kind in (("Action items", "actionItems"), ("Follow-ups", "followUps"), ("Questions", "questions"))
    ]
    statuses = {job.status for job in store.jobs_of(conversation_id)}
    return {
        "conversation": views.overview(conversation),
        "start": conversation.start_time,
        "duration_s": conversation.duration_s,
        "summary": found["summary"],
        "topics": found["topics"] if tuning.topics else [],
        "insights": insights,
        "turns": [(speaker, list(said)) for speaker, said in groupby(found["messages"], key=_speaker)],
        "places": places,
        "pending": not statuses.isdisjoint(ACTIVE),
        "failed": statuses == {JobStatus.FAILED},
    }


def _details(insight: Json, tuning: Tuning) -> str:
    """Who said it, whose it is to do, and by when, as far as that is known."""
    speaker, due = insight["from"].get("name"), insight.get("dueBy")
    assignee = insight.get("assignee", {}).get("name") if tuning.assignees else None
    details = [
        speaker,
        f"for {assignee}" if assignee and assignee != speaker else None,
        f"due {_date(due)}" if due else None,
    ]
    return ", ".join(detail for detail in details if detail)


def _speaker(message: Json) -> str:
    name: str = message["from"].get("name", "")
    return name


def _clock_time(seconds: float) -> str:
    """A place in a recording, as `1:02:03` or `2:03`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"  # noqa: PLR2004


def _date(instant: datetime | str) -> str:
    at = parse_instant(instant) if isinstance(instant, str) else instant
    return f"{at.astimezone(UTC):%-d %B %Y, %H:%M} UTC"


def _notice(title: str, advice: str, status: int) -> Response:
    nonce = secrets.token_urlsafe(16)
    return _guarded(render_template("notice.html", title=title, advice=advice, nonce=nonce), nonce, status=status)


def _page(engine: "Engine", page: Page) -> Response:
    wish, tuning = PageWish.model_validate(page.wish), Tuning.of(request.args)
    nonce = secrets.token_urlsafe(16)
    body = render_template(
        "experience.html",
        nonce=nonce,
        wish=wish,
        media_url=page.media_url,
        is_video=wish.name == "video-summary",
        theme=_theme(wish),
        tuning=tuning,
        clock_time=_clock_time,
        date=_date,
        **_content(engine, page.conversation_id, tuning),
    )
    return _guarded(body, nonce, images=[wish.logo, wish.favicon], media=[page.media_url])


def _guarded(
    body: str,
    nonce: str,
    *,
    status: int = 200,
    images: Sequence[str | None] = (),
    media: Sequence[str | None] = (),
) -> Response:
    """A page that runs nothing, is framed and indexed nowhere, and tells nobody its address."""
    answer = Response(body, status=status, content_type="text/html; charset=utf-8")
    answer.headers["Content-Security-Policy"] = "; ".join(
        [
            "default-src 'none'",
            f"style-src 'nonce-{nonce}'",
            f"img-src {_origins(images)}",
            f"media-src {_origins(media)}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _origins(urls: Sequence[str | None]) -> str:
    origins = {f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, filter(None, urls))}
    return " ".join(sorted(origins)) or "'none'"
