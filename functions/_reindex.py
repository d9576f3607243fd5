"""Make the index and the days' sums anew from what is stored, a page at a time: the step behind `:reindex`."""

from __future__ import annotations

import dataclasses

import pydantic

from common import log
from common.errors import Problem, Rejected
from common.model.intelligence import SECTIONS
from common.ports import RecordingStore, RequestStore, ResultStore, SearchIndex

#: Recordings of one call: each is a read of all its results and a transaction.
PAGE_SIZE = 25


class ReindexOrder(pydantic.BaseModel):
    """Which page to index: the first without a token."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, defer_build=True)

    page_token: str | None = None


def reindex_order(body: bytes) -> ReindexOrder:
    """Validate what somebody asks for; nothing at all means the first page.

    Raises:
        Rejected: it is something else.
    """
    try:
        return ReindexOrder.model_validate_json(body or b"{}")
    except pydantic.ValidationError:
        detail = 'must be a JSON object, empty or with "page_token"'
        raise Rejected([Problem("body", detail)]) from None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reindexer:
    """The step's collaborators. Run again, it changes nothing."""

    recordings: RecordingStore
    requests: RequestStore
    results: ResultStore
    index: SearchIndex

    def page(self, cursor: str | None) -> tuple[int, str | None]:
        """Index the recordings of a page, the first added first; how many, and the cursor of the next page."""
        page = self.requests.page(size=PAGE_SIZE, cursor=cursor)
        conversations = self.recordings.get_many([request.recording_id for request in page.items])
        count = 0
        for request in page.items:
            conversation = conversations.get(request.recording_id)
            if conversation is None:
                continue
            id_ = request.conversation_id
            results = self.results.get_all(SECTIONS, id_) if id_ else {}
            count += self.index.rebuild(conversation, results)
        log.event("reindexed", recordings=count)
        return count, page.next_cursor
