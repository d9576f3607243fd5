"""The promise about search: whatever the archive has grown to, a page reads no more than five times its results.

What counts as read is every entity that Datastore hands over whole, shown or not: of the index, of metadata, of
requests. A query of keys alone is billed as one read, however many keys it reads; the keys are told beside.
"""

from __future__ import annotations

import dataclasses
import math
import os
import statistics
import time
from typing import TYPE_CHECKING, Any

import pytest

from common.adapters.datastore.intelligence import DatastoreResults
from common.adapters.datastore.kinds import CALL_INDEX
from common.adapters.datastore.recordings import DatastoreRecordings
from common.adapters.datastore.requests import DatastoreRequests
from common.adapters.datastore.search import DatastoreSearchIndex
from common.model.listing import ORDERS, list_query
from common.model.search.document import entry_key
from common.model.search.plan import plan_of
from deploy.local.datastore import DatastoreServer, load_indexes, wire
from functions._reading import Reading
from tests.benchmarks.archive.calls import LATEST, a_call
from tests.benchmarks.archive.reads import Reads, counting_client, index_entries_passed
from tests.benchmarks.archive.shapes import HARD, SHAPES, Shape
from tests.benchmarks.archive.stored import fill, kept_archive, rows_of
from tests.conftest import PROJECT, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from common.model.listing import ListQuery
    from tests.benchmarks.archive.stored import Rows

READ_PER_RESULT = 5
_ARCHIVE = int(os.environ.get("ARCHIVE", "100000"))  #: calls; fewer where time is short
_SMALL = 520
_REPEATS = 5
_INDEXES = load_indexes(ROOT / "deploy" / "index.yaml")


@dataclasses.dataclass(frozen=True)
class Page:
    """One page of a list, as the API answers it with its count, and what it took."""

    asked: int
    results: int
    total: int | None
    is_last: bool
    reads: Reads
    seconds: float
    explanation: dict[str, Any]
    passed: int | None  #: entries of built-in indexes that Datastore's merge looks at; None in another order

    @property
    def read_per_result(self) -> float:
        """Entities for each call that is shown."""
        return self.reads.total / max(self.results, 1)


class Archive:
    """Pages of it."""

    def __init__(self, server: DatastoreServer, calls: int) -> None:
        self._server = server
        self._calls = calls

    def page(self, shape: Shape, *, size: int, deep: bool = False, repeats: int = 1) -> Page:
        """A page from the beginning, or one from the middle of the archive on."""
        query = list_query(
            {"filter": shape.filter, "order_by": shape.order_by, "count": "true", "explain": "true"}, now=LATEST
        )
        after = self._middle(query) if deep else None
        query = dataclasses.replace(query, size=size, after=after)
        seconds = []
        for _ in range(repeats):
            reads = Reads()
            reading = self._reading(reads)
            began = time.perf_counter()
            answer: Any = reading.page(query)
            seconds.append(time.perf_counter() - began)
        in_order_of_keys = query.order == "started_at desc"
        is_last = "next_page_token" not in answer
        passed = index_entries_passed(
            self._server, plan_of(query.asked).branches, after=after or "", until="~" if is_last else reads.last
        ) if in_order_of_keys else None  # fmt: skip
        return Page(
            asked=size,
            results=len(answer["recordings"]),
            total=answer["total_size"],
            is_last=is_last,
            reads=reads,
            seconds=statistics.median(seconds),
            explanation=answer["explanation"],
            passed=passed,
        )

    def _middle(self, query: ListQuery) -> str | None:
        """Where half of the archive has been passed; in another order, where forty pages have."""
        middle = a_call(self._calls // 2, of=self._calls).conversation
        if query.order == "started_at desc":
            return entry_key(middle.started_at, middle.id)
        index = DatastoreSearchIndex(self._server.in_process_client(PROJECT))
        (branch,) = plan_of(query.asked).branches
        limit = min(1000, self._calls // 50)
        _, cursor = index.fetch_sorted(branch.walked, ORDERS[query.order], cursor=None, limit=limit)
        return cursor

    def _reading(self, reads: Reads) -> Reading:
        client = counting_client(self._server, reads)
        return Reading(
            recordings=DatastoreRecordings(client),
            requests=DatastoreRequests(client),
            results=DatastoreResults(client),
            index=DatastoreSearchIndex(client),
        )


def assert_kept(shape: Shape, page: Page) -> None:
    """No more than five times as many entities as were asked for, and as were found unless little was found at all."""
    assert page.reads.total <= READ_PER_RESULT * page.asked, shape
    if shape in SHAPES:
        assert page.reads.total <= READ_PER_RESULT * page.results, shape
        assert page.results == page.asked or page.is_last, shape
    if page.explanation["stopped_early"]:
        assert not page.is_last, shape


@pytest.fixture(scope="module")
def small() -> Iterator[Archive]:
    """A few hundred calls, in memory."""
    with DatastoreServer(indexes=_INDEXES) as server:
        fill(server, _SMALL)
        yield Archive(server, _SMALL)


@pytest.mark.parametrize("deep", [False, True], ids=["first page", "deep page"])
def test_a_page_reads_no_more_than_five_times_its_results(small: Archive, deep: bool) -> None:  # noqa: FBT001  # parametrized
    """Of every shape, the hard ones too."""
    for shape in (*SHAPES, *HARD):
        assert_kept(shape, small.page(shape, size=5, deep=deep))


def test_a_list_is_one_query_one_lookup_and_one_count(small: Archive) -> None:
    """Metadata and requests come with one lookup; so do alternatives, phrases and figures with one query."""
    for shape in SHAPES:
        page = small.page(shape, size=10)
        if "excluded" in page.explanation["summary"]:
            continue
        lookahead = shape.order_by != "started_at desc" and not page.is_last
        assert page.reads.rpcs == {
            "RunQuery": 1 + lookahead,
            **({"Lookup": 1} if page.results else {}),
            **({"RunAggregationQuery": 1} if page.explanation["exact"] else {}),
        }, shape


def test_a_page_may_be_longer_than_a_lookup(small: Archive) -> None:
    """Datastore looks up a thousand keys at once; a page of a thousand calls has two keys for each."""
    page = small.page(Shape("list", ""), size=_SMALL)

    assert page.results == _SMALL
    assert page.reads.rpcs["Lookup"] == 2


def test_rows_are_what_commits_make_of_them() -> None:
    """Filled past the protocol, an archive has the tables, entities and index entries that commits would have made."""
    with DatastoreServer() as filled, DatastoreServer(indexes=_INDEXES) as committed:
        fill(filled, 3)
        client = committed.in_process_client(PROJECT)
        client.put_multi(list(filled.in_process_client(PROJECT).query().fetch()))
        index = DatastoreSearchIndex(client)
        for number in range(3):
            index.put(a_call(number, of=3).document)

        assert _stored(filled) == _stored(committed)


@pytest.mark.benchmark
@pytest.mark.timeout(7200)
def test_search_over_an_archive() -> None:
    """Prints what pages of every shape cost over 100,000 calls (`ARCHIVE=`), and what a call costs to be found."""
    print()
    with kept_archive(_ARCHIVE, print) as server:
        archive = Archive(server, _ARCHIVE)
        print(f"\na page of 25 of {_ARCHIVE:,} calls, with its count (median of {_REPEATS}; time is told, not held)")
        for shape in (*SHAPES, *HARD):
            for deep in (False, True):
                page = archive.page(shape, size=25, deep=deep, repeats=_REPEATS)
                print(_line(shape, page, deep=deep))
                assert_kept(shape, page)
        print(_costs_of_a_call(_sample(500)))


def _line(shape: Shape, page: Page, *, deep: bool) -> str:
    reads, rpcs = page.reads, page.reads.rpcs
    of_index = reads.entities[CALL_INDEX.name]
    return (
        f"{shape.row if not deep else '  from the middle on':34} {page.results:3} of {_total(page.total):>5}"
        f"  queries {rpcs['RunQuery']:2} lookups {rpcs['Lookup']} counts {rpcs['RunAggregationQuery']}"
        f"  read {reads.total:3} = {of_index:2} index + {reads.total - of_index:2}"
        f"  per result {page.read_per_result:5.2f}  billed {reads.billed:3}  keys {reads.keys:5}"
        f"  passed {page.passed if page.passed is not None else '-':>6}  {page.seconds * 1000:5.0f} ms"
        f"{'  ended early' if page.explanation['stopped_early'] else ''}"
        + (f"\n{'':36}{shape.filter or '(all)'}: {page.explanation['summary']}" if not deep else "")
    )


def _total(total: int | None) -> str:
    return "?" if total is None else f"{total}"


def _costs_of_a_call(rows: Rows) -> str:
    """Of the index: a write is one entity, whatever the number of its entries."""
    calls = len(rows.entities) // 3
    index = [len(data) for kind, _, data in rows.entities if kind == CALL_INDEX.name]
    by_name = {
        name: len(column.which) / calls for (kind, name), column in rows.columns.items() if kind == CALL_INDEX.name
    }
    composite = sum(math.prod(by_name[name] for name in one.names) for one in _INDEXES.of_kind(CALL_INDEX.name))
    return (
        f"\na call of {calls} in the index: {sum(index) / calls / 1000:.1f} kB, "
        f"{by_name['terms']:.0f} terms, {by_name['facets']:.0f} facets, {sum(by_name.values()):.0f} built-in and "
        f"{composite:.0f} composite index entries; 2 writes, one when it is added, one with its results"
    )


def _sample(calls: int) -> Rows:
    return rows_of(0, calls, calls)


def _stored(server: DatastoreServer) -> tuple[list[Any], ...]:
    """The schema, entities, and index entries by the property's name."""
    connection: Any = server._storage._writer
    schema = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    entities = [
        (path, kind, wire.Entity.FromString(data))
        for path, kind, data in connection.execute("SELECT path, kind, data FROM entity ORDER BY path")
    ]
    entries = connection.execute(
        "SELECT kind, name, value, path FROM entry JOIN property ON id = property ORDER BY kind, name, value, path"
    ).fetchall()
    return schema, entities, entries
