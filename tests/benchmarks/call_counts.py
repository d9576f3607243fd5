"""Counts calls at two boundaries while a recording goes its way: into functions, and from them to Datastore."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any

import flask

from deploy.local.datastore import wire
from deploy.local.datastore.server import METHODS
from tests.integration.pipeline.installation import TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.pipeline.installation import Installation


@dataclasses.dataclass
class Calls:
    """What one function did, in all its calls."""

    calls: int = 0
    rpcs: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    read: int = 0  #: entities, and keys looked up in vain; not what an index alone has answered
    written: int = 0

    @property
    def lookups(self) -> int:
        return self.rpcs["lookup"]

    @property
    def queries(self) -> int:
        return self.rpcs["run_query"] + self.rpcs["run_aggregation_query"]

    @property
    def commits(self) -> int:
        return self.rpcs["commit"]

    def __add__(self, other: Calls) -> Calls:
        return Calls(
            calls=self.calls + other.calls,
            rpcs=self.rpcs + other.rpcs,
            read=self.read + other.read,
            written=self.written + other.written,
        )

    def rpc(self, method: str, asked: Any, answered: Any) -> None:
        """One more, with its messages as they went over the wire."""
        self.rpcs[method] += 1
        if isinstance(asked, wire.LookupRequest):
            self.read += len(answered.found) + len(answered.missing)
        elif isinstance(asked, wire.RunQueryRequest):
            whole = answered.batch.entity_result_type == wire.EntityResult.FULL
            self.read += len(answered.batch.entity_results) if whole else 0
        elif isinstance(asked, wire.CommitRequest):
            self.written += len(asked.mutations)


@dataclasses.dataclass
class CallCounts:
    """By function; per recording, where there were several."""

    by_function: dict[str, Calls] = dataclasses.field(default_factory=lambda: collections.defaultdict(Calls))

    @property
    def total(self) -> Calls:
        """Of all functions."""
        return sum(self.by_function.values(), Calls())

    def table(self, title: str, *, recordings: int = 1) -> str:
        """A line per function, in the order of the pipeline, and the sum."""
        head = ("calls", "lookups", "queries", "commits", "RPCs", "read", "written")
        rows = [(name, self.by_function[name]) for name in TARGETS if name in self.by_function]
        lines = [f"\n{title}", f"  {'':18}" + "".join(f"{name:>9}" for name in head)]
        for name, calls in [*rows, ("sum", self.total)]:
            figures = (
                calls.calls,
                calls.lookups,
                calls.queries,
                calls.commits,
                calls.rpcs.total(),
                calls.read,
                calls.written,
            )
            lines.append(f"  {name:18}" + "".join(f"{figure / recordings:9.3g}" for figure in figures))
        return "\n".join(lines)


@contextlib.contextmanager
def counted(installation: Installation) -> Iterator[CallCounts]:
    """Counts while it is open. One function runs at a time; what is asked of Datastore between them is not counted."""
    counts = CallCounts()
    running: list[Calls] = []
    target_of = {app: target for target, app in installation.apps.items()}
    service: Any = installation.datastore_server._service

    def entered(app: flask.Flask, **_: object) -> None:
        if app in target_of:
            running.append(counts.by_function[target_of[app]])
            running[-1].calls += 1

    def left(app: flask.Flask, **_: object) -> None:
        if app in target_of:
            running.pop()

    def tap(method: str) -> None:
        original = getattr(service, method)

        def tapped(request: object) -> object:
            answer = original(request)
            if running:
                running[-1].rpc(method, request, answer)
            return answer

        setattr(service, method, tapped)

    methods = [name for name, _, _ in METHODS.values()]
    with flask.request_started.connected_to(entered), flask.request_tearing_down.connected_to(left):
        for method in methods:
            tap(method)
        try:
            yield counts
        finally:
            for method in methods:
                delattr(service, method)
