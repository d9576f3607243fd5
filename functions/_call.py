"""What the page of a call is made from: four reads of Datastore, and one or two more for whoever came from a list."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from common.config import Settings
from common.errors import NotFound, Rejected
from common.model.conversation import ConversationMetadata
from common.model.intelligence import SECTIONS
from common.model.listing import ORDERS, list_query
from common.model.search.query import Node
from common.ports import CompanyStore, Inbox, RecordingStore, RequestStore, ResultStore, SearchIndex
from functions._neighbours import Neighbours, neighbours
from functions._parts import part
from functions._search import Search
from functions.pages.call import CallView, call_view
from functions.pages.trail import Surroundings
from functions.pages.transcript import reading_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from common.bootstrap import Services
    from common.model.job import SymblAsyncRequest
    from common.model.listing import ListQuery
    from common.model.recording import RecordingId
    from common.model.webhook import WebhookEvent


@dataclasses.dataclass(frozen=True, kw_only=True)
class CallPage:
    """One call as somebody reads it, and what stands beside it in the list that led here."""

    conversation: ConversationMetadata
    view: CallView
    beside: Neighbours | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class CallReader:
    """Reads a call for its page."""

    recordings: RecordingStore
    requests: RequestStore
    results: ResultStore
    companies: CompanyStore
    inbox: Inbox
    index: SearchIndex
    settings: Settings
    now: datetime
    narrowed: Callable[[Node], Node]  #: to what the reader may see

    @classmethod
    def of(cls, s: Services, *, narrowed: Callable[[Node], Node]) -> CallReader:
        """With what this installation has."""
        return cls(
            recordings=s.recordings,
            requests=s.requests,
            results=s.results,
            companies=s.companies,
            inbox=s.inbox,
            index=s.search,
            settings=s.settings,
            now=s.clock(),
            narrowed=narrowed,
        )

    def read(self, recording_id: RecordingId, given: Mapping[str, str]) -> CallPage:
        """The call, as the parameters of its page ask for it.

        Raises:
            NotFound: there is no such call.
        """
        conversation, request = self.recordings.with_request(recording_id)
        if conversation is None:
            raise NotFound(f"There is no call {recording_id!r}; /calls lists them.")
        results = self.results.get_all(SECTIONS, request.conversation_id) if request and request.conversation_id else {}
        query = self._list(given)
        around = Surroundings(
            now=self.now,
            floor=self.settings.sweep_floor,
            threshold=self.settings.confidence_threshold,
            engine=urlsplit(self.settings.symbl_api_url).netloc,
            defaults=part("defaults", lambda: self.companies.defaults(conversation.company)) if results else None,
            webhooks=part("webhooks", lambda: self._webhooks(request)),
        )
        reading = reading_of(given, asked=query.asked) if query else reading_of({**given, "filter": "", "order_by": ""})
        return CallPage(
            conversation=conversation,
            view=call_view(conversation, request, results, around=around, reading=reading),
            beside=part("neighbours", lambda: self._beside(conversation, query)) if reading.context else None,
        )

    def _webhooks(self, request: SymblAsyncRequest | None) -> Sequence[WebhookEvent]:
        return self.inbox.of_request(request.id) if request and request.attempts else ()

    def _list(self, given: Mapping[str, str]) -> ListQuery | None:
        """The list that led here; None where its parameters are mangled: the call is worth showing all the same."""
        try:
            return list_query(
                {name: given[name] for name in ("filter", "order_by") if given.get(name, "").strip()},
                now=self.now,
                narrowed=self.narrowed,
            )
        except Rejected:
            return None

    def _beside(self, conversation: ConversationMetadata, query: ListQuery | None) -> Neighbours | None:
        if query is None:
            return None
        try:
            search = Search(index=self.index, requests=self.requests, query=query.asked)
            return neighbours(search, conversation, ORDERS[query.order])
        except Rejected:  # the plan is too intricate
            return None
