"""Recordings as the API shows them: the step behind the reading half of /api/v1/recordings."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

from common.errors import NotFound
from common.model.answers import recording_answer
from common.model.intelligence import SECTIONS, SectionState
from common.model.listing import ORDERS, View, page_token
from common.model.search.results import COUNTED
from common.model.transcript import turns_of
from common.ports import RecordingStore, RequestStore, ResultStore, SearchIndex
from functions._audit import about
from functions._search import Search

if TYPE_CHECKING:
    from common.model.answers import RecordingAnswer, RecordingsPage
    from common.model.conversation import ConversationMetadata
    from common.model.intelligence import Message
    from common.model.job import SymblAsyncRequest
    from common.model.listing import ListQuery
    from common.model.recording import RecordingId
    from common.model.transcript import Turn

_MESSAGES = next(section for section in SECTIONS if section.name == "messages")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reading:
    """Recordings as the API shows them."""

    recordings: RecordingStore
    requests: RequestStore
    results: ResultStore
    index: SearchIndex

    def one(self, recording_id: RecordingId) -> tuple[ConversationMetadata, SymblAsyncRequest | None]:
        """What is known of it, and where its request stands.

        Raises:
            NotFound: there is no such recording.
        """
        conversation, request = self.recordings.with_request(recording_id)
        if conversation is None:
            raise NotFound(f"There is no recording {recording_id!r}; GET /api/v1/recordings lists them.")
        about(company=conversation.company)
        return conversation, request

    def whole(self, conversation: ConversationMetadata, request: SymblAsyncRequest | None) -> RecordingAnswer:
        """With all its results."""
        found = self.results.get_all(SECTIONS, request.conversation_id) if request and request.conversation_id else {}
        return recording_answer(conversation, request, results=found)

    def page(self, query: ListQuery, *, view: View = View.BASIC) -> RecordingsPage:
        """Part of a list. For the usual filter one query and one lookup; a lookup more for each one's results."""
        search = Search(index=self.index, requests=self.requests, query=query.asked)
        page = search.page(size=query.size, after=query.after, order=ORDERS[query.order])
        rows = self.recordings.with_requests([call.recording_id for call in page.calls])
        shown = self.whole if view is View.FULL else recording_answer
        answer: RecordingsPage = {
            "recordings": [shown(*rows[call.recording_id]) for call in page.calls if call.recording_id in rows]
        }
        if page.next_key:
            answer["next_page_token"] = page_token(page.next_key, query)
        if query.count:
            are_all = query.after is None and page.next_key is None
            answer |= cast("RecordingsPage", _counted(search.count(), shown=len(page.calls) if are_all else None))
        if query.explain:
            answer["explanation"] = search.explained()
        return answer

    def turns(self, recording_id: RecordingId) -> list[Turn]:
        """What was said.

        Raises:
            NotFound: there is no such recording, or no transcript of it yet.
        """
        conversation, request = self.one(recording_id)
        has_messages = request is not None and any(
            section.name == "messages" and section.state is SectionState.STORED for section in request.sections
        )
        if request is None or request.conversation_id is None or not has_messages:
            raise NotFound(
                f"There is no transcript yet: the recording is {request.status if request else 'unknown'}. "
                "Look at its request's status and ask again.",
                reason="TRANSCRIPT_NOT_READY",
            )
        messages = cast("tuple[Message, ...]", self.results.get(_MESSAGES, request.conversation_id))
        return turns_of(messages, conversation)


def _counted(count: int | None, *, shown: int | None) -> dict[str, object]:
    """`total_size` null: only opening every call could tell, and not all of them are `shown`."""
    if count == COUNTED:
        return {"total_size": COUNTED - 1, "total_size_is_more": True}
    return {"total_size": shown if count is None else count}
