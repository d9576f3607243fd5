"""A page of an answer, and the excerpts that show where a call matches."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from common.model.recording import Role
from common.model.search.document import CallDocument
from common.model.search.query import And, Node, Or, Phrase, Tracker, Word
from common.model.search.stems import fold, folded_words, stem
from common.model.search.tokens import fold_all

if TYPE_CHECKING:
    from collections.abc import Iterable

    from common.model.search.document import Spoken

MAX_EXCERPTS = 3
#: Counting goes no further: "more than a thousand" is as good an answer.
COUNTED = 1001


@dataclasses.dataclass(frozen=True, kw_only=True)
class Excerpt:
    """A turn that is a reason why a call was found; `start` in seconds from the recording's beginning."""

    start: float
    role: Role | None
    name: str
    text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Order:
    """By a property of the index; calls without it are left out where it is the mood."""

    column: str
    descending: bool

    @property
    def is_of_keys(self) -> bool:
        """Whether the keys have this order: the latest call first."""
        return self.column == "started_at" and self.descending


LATEST_FIRST = Order(column="started_at", descending=True)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Effort:
    """What an answer has cost, in Datastore's terms."""

    queries: int = 0  #: of calls, or of keys alone
    lookups: int = 0  #: of calls or requests by key
    counts: int = 0  #: aggregation queries
    keys_read: int = 0  #: by queries of keys alone, which are billed as one read each, however many keys they read
    calls_read: int = 0
    requests_read: int = 0  #: for their status
    calls_set_aside: int = 0  #: opened, and not meant by the query
    stopped_early: int = 0  #: 1 where the page is short because so much had been read


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchPage:
    """Part of an answer, in its order.

    `next_key` None: there is no more. A page may be short where much had to be opened and left aside.
    """

    calls: Sequence[CallDocument]
    next_key: str | None
    effort: Effort


def excerpts(node: Node, call: CallDocument) -> list[Excerpt]:
    """The first turns in which something of the query is said."""
    wanted = list(_said(node))
    found = [turn for turn in call.turns if any(_in_turn(part, turn, call) for part in wanted)]
    return [Excerpt(start=turn.start, role=turn.role, name=turn.name, text=turn.text) for turn in found[:MAX_EXCERPTS]]


def _said(node: Node) -> Iterable[Word | Phrase | Tracker]:
    """What is asked of the words of a call, without what must not be in it."""
    match node:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _said(part)
        case Word() | Phrase() | Tracker():
            yield node


def _in_turn(wanted: Word | Phrase | Tracker, turn: Spoken, call: CallDocument) -> bool:
    if wanted.by is not None and turn.role is not wanted.by:
        return False
    if isinstance(wanted, Tracker):
        name = fold_all(wanted.name)
        return any(fold_all(hit.tracker) == name and turn.start <= hit.start < turn.end for hit in call.hits)
    words = folded_words(turn.text)
    if isinstance(wanted, Phrase):
        row = [word for text in wanted.words for word in folded_words(text)]
        return any(words[at : at + len(row)] == row for at in range(len(words) - len(row) + 1))
    folded = fold(wanted.text)
    return any(word.startswith(folded) if wanted.prefix else stem(word) == stem(folded) for word in words)
