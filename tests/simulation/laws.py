"""What must hold at every instant, whatever happens, and how everything must stand when nothing is left to happen."""

from __future__ import annotations

import collections
from datetime import timedelta
from typing import TYPE_CHECKING

from common.adapters.datastore.kinds import INTELLIGENCE_KINDS
from common.model.intelligence import ResultsState
from common.model.job import FailureClass, Place, ReplayStage
from common.model.lifecycle import RANK, TRANSITIONS, JobStatus, Maker
from tests.simulation.world import LATER_THAN_ALL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from common.model.job import SymblAsyncRequest
    from common.model.recording import StoredObject
    from common.model.slot import Lease
    from tests.simulation.world import World

#: More rounds than the longest chain of back-offs needs, each up to the next instant at which anything is due.
ROUNDS = 80


class Laws:
    """Watches a world: `hold` after every effect, `expect_a_good_end` when no more faults are to come."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._requests: dict[str, SymblAsyncRequest] = {}
        self._leases: list[Lease] = []
        self._allowed = world.cap

    def hold(self) -> None:
        """Look at what has changed since the last look.

        Raises:
            AssertionError: naming the law that is broken.
        """
        world = self._world
        touched, world.touched = world.touched, set()
        for stored in world.bucket.objects:
            request_id = f"{stored.recording_id}-1"
            if request_id in touched:
                after = world.requests.get(request_id)
                assert after is not None, f"{request_id} is gone"
                self._expect_lawful_change(self._requests.get(request_id), after)
                self._requests[request_id] = after
        if "SymblSlot" in touched:
            self._leases = world.slots.leases()
        self._expect_leases_to_fit()
        self._expect_jobs_to_be_covered()
        self._expect_nothing_paid_twice()
        assert not world.defects, f"logged as a defect: {world.defects[0]}"

    def expect_a_good_end(self) -> None:
        """Let time pass without faults until nothing is left to be done.

        The engine ends every job and tells nobody, so that the sweep alone has to find it.

        Raises:
            AssertionError: naming what never comes to its end.
        """
        world = self._world
        for _ in range(ROUNDS):
            for stored in list(world.bucket.events):
                world.ingest(stored)
            world.sweep()
            while messages := world.queue.due(world.clock()):
                world.deliver(messages[0])
                self.hold()
            world.engine.finish_all()
            self.hold()
            missing = self.missing()
            if missing is None:
                break
            world.advance(max((self._next_due() or world.clock()) - world.clock(), timedelta(minutes=1)))
        assert missing is None, missing
        self._expect_own_results()

    def request_of(self, stored: StoredObject) -> SymblAsyncRequest:
        """The request of a recording as it was at the last look, which nothing has changed since."""
        assert not self._world.touched
        return self._requests[f"{stored.recording_id}-1"]

    def missing(self) -> str | None:
        """None where nothing is left to be done and every recording has its end; else what is missing."""
        return next(self._all_that_is_missing(), None)

    def _all_that_is_missing(self) -> Iterator[str]:
        world = self._world
        yield from (f"{stored.name} was not taken in" for stored in world.bucket.events)
        for stored in world.bucket.objects:
            request = self._requests.get(f"{stored.recording_id}-1")
            if request is None:
                yield f"{stored.name} has no request"
            elif missing := _missing_of_an_end(request):
                yield f"{request.id} {missing}"
            elif request.next_check_at:
                yield f"{request.id} is owed a look"
        yield from (f"a slot is taken: {lease}" for lease in self._leases)
        yield from (f"a task is left: {message}" for message in world.queue.messages)
        yield from (f"nobody has worked off {event}" for event in world.inbox.due(now=LATER_THAN_ALL, limit=1))

    def _next_due(self) -> datetime | None:
        """The first instant in the future at which anything is to be done; None if nothing ever is."""
        world, requests = self._world, self._requests.values()
        times = [message.not_before for message in world.queue.messages]
        times += [request.next_check_at for request in requests]
        times += [request.available_at for request in requests if request.may_be_claimed(LATER_THAN_ALL)]
        times += [event.next_check_at for event in world.inbox.due(now=LATER_THAN_ALL, limit=100)]
        times += [world.account.get().stopped_until]
        return min((at for at in times if at and at > world.clock()), default=None)

    def _expect_own_results(self) -> None:
        """Every row of results comes from a conversation that the engine made of that very recording."""
        own = collections.defaultdict(set)
        for job in self._world.engine.jobs:
            own[job.request_id.removesuffix("-1")].add(job.conversation_id)
        for kind in INTELLIGENCE_KINDS:
            for row in self._world.datastore.query(kind=kind).fetch():
                assert row["conversation_id"] in own[row["recording_id"]], f"{kind} of another recording: {row}"

    def _expect_leases_to_fit(self) -> None:
        """Each request has exactly the leases that it says it has; never more of them than the cap."""
        held = {
            lease.number: (lease.request_id, Place(lease.attempt_id, quarantined=lease.quarantined_at is not None))
            for lease in self._leases
        }
        said = {
            number: (request.id, place)
            for request in self._requests.values()
            for number, place in request.places.items()
        }
        assert held == said, f"leases are {held}, requests say {said}"
        for request in self._requests.values():
            assert request.slot is None or request.slot in held, f"{request.id} holds no slot"
        self._allowed = max(self._world.cap, min(self._allowed, len(held)))  # what a lowered cap finds may end
        assert len(held) <= self._allowed, f"{len(held)} leases, cap {self._allowed}"

    def _expect_jobs_to_be_covered(self) -> None:
        """Every job that the engine counts has a lease, so there are never more of them than the cap."""
        covered = {lease.attempt_id for lease in self._leases}
        for job in self._world.engine.active:
            assert job.attempt_id in covered, f"the engine counts {job}, and its slot is free"

    def _expect_nothing_paid_twice(self) -> None:
        """A second job of a recording has been counted as an unknown outcome, or somebody has asked for it."""
        jobs = collections.Counter(job.request_id for job in self._world.engine.jobs)
        for request_id, made in jobs.items():
            request = self._requests[request_id]
            counted = sum(attempt.ended_as is FailureClass.UNKNOWN for attempt in request.attempts)
            asked = sum(replay.from_stage is ReplayStage.SUBMIT for replay in request.replays)
            assert made <= 1 + counted + asked, f"{made} jobs of {request_id}, {counted} counted, {asked} asked for"

    def _expect_lawful_change(self, before: SymblAsyncRequest | None, after: SymblAsyncRequest) -> None:
        """The timeline only grows, by allowed moves, and tells where the request stands; ranks rise in an attempt."""
        assert after.timeline[-1].after is after.status, f"{after.id}: the timeline ends elsewhere"
        known = before.timeline if before else ()
        assert after.timeline[: len(known)] == known, f"{after.id}: history was rewritten"
        status = before.status if before else None
        attempt_id = known[-1].attempt_id if known else None
        for line in after.timeline[len(known) :]:
            assert line.before is status, f"{after.id}: {line} follows {status}"
            assert line.by in TRANSITIONS.get((status, line.after), ()), f"{after.id}: {line}"
            if line.attempt_id == attempt_id and line.by not in {Maker.REPLAY, Maker.COLLECT}:
                rises = status is None or line.after is JobStatus.PENDING or RANK[line.after] > RANK[status]
                assert rises, f"{after.id}: {line} in the same attempt"
            status, attempt_id = line.after, line.attempt_id


def _missing_of_an_end(request: SymblAsyncRequest) -> str | None:
    """What keeps a request from having come to an end that a person can live with."""
    if request.status is JobStatus.FAILED:
        error = request.error
        return None if error and error.reason and error.check else f"has failed without a reason: {error}"
    if (request.status, request.results) == (JobStatus.COMPLETED, ResultsState.COMPLETE):
        return None
    story = "; ".join(f"{line.after} ({line.why})" for line in request.timeline)
    return f"is {request.status}, results {request.results}: {story}"
