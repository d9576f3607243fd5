"""Links to summary pages: made for people inside, opened by people outside."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING

import pydantic

from common import log
from common.bootstrap import services
from common.errors import Gone, NotFound, Problem, Rejected
from common.model.answers import instant
from common.model.business_ux import BusinessUX
from common.model.conversation import ConversationMetadata
from common.model.recording import problems_of
from common.model.share import RevokedLink, ShareLink, id_of, link_of, share_token
from common.ports import CompanyStore, RecordingStore, RevokedLinks
from functions import _edge

if TYPE_CHECKING:
    from common.model.answers import SharedAnswer
    from common.model.recording import RecordingId

#: Of the links of a company that has settled nothing of how its pages look; as `BusinessUX` has it by default.
_LIFETIME = timedelta(days=30)


class ShareOrder(pydantic.BaseModel):
    """What a link is to show: the body of POST /api/v1/recordings/{id}:share, which may be empty."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, defer_build=True)

    transcript: pydantic.StrictBool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shared:
    """A link that was made, with what whoever passes it on has to know."""

    url: str
    link: ShareLink
    title: str
    company: str
    allowed_origins: tuple[str, ...]

    @property
    def iframe(self) -> str:
        """The page in a page of one of `allowed_origins`."""
        return (
            f'<iframe src="{escape(self.url)}" title="{escape(self.title)}" width="100%" height="720" loading="lazy" '
            'referrerpolicy="no-referrer"></iframe>'
        )

    @property
    def as_json(self) -> SharedAnswer:
        """As the API answers."""
        return {
            "url": self.url,
            "expires_at": instant(self.link.expires_at),
            "iframe": self.iframe,
            "allowed_origins": list(self.allowed_origins),
        }


class Expired(Gone):
    """A link was valid once; the page of `allowed_origins` that has it in a frame may tell its reader so."""

    def __init__(self, said: str, *, allowed_origins: tuple[str, ...]) -> None:
        super().__init__(said)
        self.allowed_origins = allowed_origins


@dataclasses.dataclass(frozen=True)
class Opened:
    """What a link leads to."""

    link: ShareLink
    conversation: ConversationMetadata
    business_ux: BusinessUX | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sharing:
    """Makes links and opens them; stores only what was taken back. `secrets`: the first signs, all are accepted."""

    recordings: RecordingStore
    companies: CompanyStore
    revoked: RevokedLinks
    secrets: Sequence[str]
    base_url: str
    clock: Callable[[], datetime]

    @classmethod
    def of_services(cls) -> Sharing:
        """As this instance is wired."""
        s = services()
        return cls(
            recordings=s.recordings,
            companies=s.companies,
            revoked=s.revoked_links,
            secrets=s.settings.link_secrets,
            base_url=s.settings.link_base_url,
            clock=s.clock,
        )

    def share(self, recording_id: RecordingId, *, with_transcript: bool = True) -> Shared:
        """A link that lives for as long as the recording's company has settled.

        Raises:
            NotFound: there is no such recording.
        """
        conversation = self.recordings.get(recording_id)
        if conversation is None:
            raise NotFound(f"There is no recording {recording_id!r}; GET /api/v1/recordings lists them.")
        ux = self.companies.business_ux(conversation.company)
        expires_at = self.expiry(ux)
        shared = self.again(
            conversation,
            ux,
            ShareLink(recording_id=conversation.id, expires_at=expires_at, with_transcript=with_transcript),
        )
        log.event("summary_shared", recording=conversation.id, by=_edge.caller().name, expires_at=instant(expires_at))
        return shared

    def expiry(self, ux: BusinessUX | None) -> datetime | None:
        """When a link that is made now expires, in whole seconds as a token has it; None: never."""
        life = ux.summary_url_expires_in if ux else _LIFETIME
        return None if life is None else (self.clock() + life).replace(microsecond=0)

    def again(self, conversation: ConversationMetadata, ux: BusinessUX | None, link: ShareLink) -> Shared:
        """The same link as often as it is asked for: it follows from what it says."""
        return Shared(
            url=f"{self.base_url}/share/{share_token(link, secret=self.secrets[0])}",
            link=link,
            title=f"Summary of {conversation.name}",
            company=conversation.company,
            allowed_origins=ux.allowed_origins if ux else (),
        )

    def open(self, token: str) -> Opened:
        """What somebody outside may read with this token.

        Raises:
            NotFound: nobody here has signed it, or it was cut or changed on its way.
            Expired: it says whom to ask for a new one.
            Gone: its recording was deleted, or it was taken back.
        """
        link = link_of(token, secrets=self.secrets)
        if link is None:
            raise NotFound("This link is not complete, or was changed. Ask whoever sent it to send it again.")
        conversation = self.recordings.get(link.recording_id)
        if conversation is None:
            raise Gone("The call that this link led to was deleted.")
        if self.revoked.has(id_of(token)):
            raise Gone("This link was taken back. Ask whoever sent it for a new one.")
        ux = self.companies.business_ux(conversation.company)
        if link.expires_at and link.is_expired(self.clock()):
            whom = (ux.display_name if ux else None) or conversation.company
            raise Expired(
                f"This link expired on {link.expires_at:%-d %B %Y}. Ask {whom}, who sent it, for a new one.",
                allowed_origins=ux.allowed_origins if ux else (),
            )
        return Opened(link, conversation, ux)

    def take_back(self, recording_id: RecordingId, url: str, *, by: str) -> ShareLink:
        """Let a link of this recording open nothing any more; again it is as it was.

        Raises:
            Rejected: it is no link of ours to this recording.
        """
        token = url.strip().rpartition("/")[2]
        link = link_of(token, secrets=self.secrets)
        if link is None or link.recording_id != recording_id:
            raise Rejected([Problem("url", "must be a link to the summary page of this very recording")])
        self.revoked.add(id_of(token), RevokedLink(by=by, at=self.clock(), expires_at=link.expires_at))
        log.event("summary_link_taken_back", recording=recording_id, by=by)
        return link


class TakeBackOrder(pydantic.BaseModel):
    """Which link is to open nothing any more: the body of POST /api/v1/recordings/{id}:unshare."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, defer_build=True)

    url: str


def take_back_order(body: bytes) -> TakeBackOrder:
    """The link that is meant.

    Raises:
        Rejected: naming the field that is unknown, missing or wrong.
    """
    try:
        given = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise Rejected([Problem("body", 'must be a JSON object with "url"')])
    try:
        return TakeBackOrder.model_validate(given)
    except pydantic.ValidationError as error:
        raise Rejected(problems_of(error, model=TakeBackOrder, part=TakeBackOrder)) from None


def share_order(body: bytes) -> ShareOrder:
    """What the link is to show; nothing said means all.

    Raises:
        Rejected: naming the field that is unknown or wrong.
    """
    try:
        given = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise Rejected([Problem("body", 'must be a JSON object, empty or with "transcript"')])
    try:
        return ShareOrder.model_validate(given)
    except pydantic.ValidationError as error:
        raise Rejected(problems_of(error, model=ShareOrder, part=ShareOrder)) from None
