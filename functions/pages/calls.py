"""What the list of calls shows: one query and one lookup, no transcript is opened. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from common.model.intelligence import SectionState, missing_sections
from common.model.recording import RecordingId
from functions.pages.words import MISSING, Moment, Status, label, length, moment, plural, status_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from common.model.conversation import ConversationMetadata
    from common.model.job import SymblAsyncRequest

Parameters = dict[str, "str | list[str]"]

_FIRST = "first"
#: How many pages a reader can go back one by one; further back, "Newest" leads to the beginning.
TRAIL = 8
_COUNTED: Mapping[str, str] = {
    "trackers": "tracker",
    "questions": "question",
    "action_items": "action item",
    "follow_ups": "follow-up",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class CallRow:
    """One call of the list."""

    id: RecordingId
    name: str
    company: str
    agent: str
    started: Moment
    length: str
    status: Status
    results: str


def call_rows(
    requests: Iterable[SymblAsyncRequest], conversations: Mapping[RecordingId, ConversationMetadata]
) -> list[CallRow]:
    """The rows in the order of `requests`; one whose metadata is gone is left out."""
    return [
        _row(conversations[request.recording_id], request)
        for request in requests
        if request.recording_id in conversations
    ]


def _row(conversation: ConversationMetadata, request: SymblAsyncRequest) -> CallRow:
    agent = conversation.agent
    return CallRow(
        id=conversation.id,
        name=conversation.name,
        company=conversation.company,
        agent=agent.name if agent else conversation.representative or MISSING,
        started=moment(conversation.started_at, conversation.timezone_offset),
        length=length(conversation.duration),
        status=status_of(request),
        results=_results(request),
    )


def _results(request: SymblAsyncRequest) -> str:
    """What was found, in counts; what is missing, by name; empty where nothing is there."""
    stored = {section.name: section.count for section in request.sections if section.state is SectionState.STORED}
    if not stored:
        return ""
    found = [plural(stored[name], thing) for name, thing in _COUNTED.items() if stored.get(name)]
    missing = [label(section.name).lower() for section in missing_sections(request.sections)]
    parts = [", ".join(found) or "transcript only"] + ([f"still without {', '.join(missing)}"] if missing else [])
    return "; ".join(parts)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Paging:
    """Where the neighbouring pages are: cursors lead only onwards, so a page's address carries the way it was reached.

    `trail` has the tokens of the pages before this one, "first" for the first; the latest is last. `kept` goes along
    from page to page: filter, order, size.
    """

    token: str | None
    trail: tuple[str, ...]
    next_token: str | None
    kept: Mapping[str, str]

    @property
    def is_first(self) -> bool:
        """Whether nothing is newer."""
        return not self.token

    @property
    def newest(self) -> Parameters:
        """Parameters of the first page."""
        return dict(self.kept)

    @property
    def newer(self) -> Parameters | None:
        """Parameters of the page before; None on the first, and where the way back is forgotten."""
        if not self.trail:
            return None
        *before, latest = self.trail
        return {**self.kept, "page_token": "" if latest == _FIRST else latest, "trail": before}

    @property
    def older(self) -> Parameters | None:
        """Parameters of the page that follows; None on the last."""
        if not self.next_token:
            return None
        return {**self.kept, "page_token": self.next_token, "trail": [*self.trail, self.token or _FIRST][-TRAIL:]}
