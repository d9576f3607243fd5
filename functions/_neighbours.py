"""The calls before and after one in a list: read only for whoever came from that list."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from common.model.recording import RecordingId
from common.model.search.document import entry_key

if TYPE_CHECKING:
    from common.model.conversation import ConversationMetadata
    from common.model.search.results import Order
    from functions._search import Search


@dataclasses.dataclass(frozen=True, kw_only=True)
class Neighbours:
    """What stands before and after; `number` counts from 1, and is None further down than the first few hundred."""

    before: RecordingId | None = None
    after: RecordingId | None = None
    number: int | None = None
    count: str = ""


def neighbours(search: Search, conversation: ConversationMetadata, order: Order) -> Neighbours:
    """By the first keys of the list, where the call is among them; else the one that follows, where it can be told.

    A query or two of keys; where only opening calls tells whether they match, a handful of calls is opened.
    """
    own = entry_key(conversation.started_at, conversation.id)
    beginning = search.beginning(order)
    if beginning and own in beginning.keys:
        at = beginning.keys.index(own)
        return Neighbours(
            before=_recording_of(beginning.keys[at - 1]) if at else None,
            after=_recording_of(beginning.keys[at + 1]) if at + 1 < len(beginning.keys) else None,
            number=at + 1,
            count=f"{len(beginning.keys)}{'' if beginning.is_all else '+'}",
        )
    if not order.is_of_keys:
        return Neighbours()
    found = search.page(size=1, after=own).calls
    return Neighbours(after=found[0].recording_id if found else None)


def _recording_of(key: str) -> RecordingId:
    """A key is the time, and the recording's id."""
    return key.partition("-")[2]
