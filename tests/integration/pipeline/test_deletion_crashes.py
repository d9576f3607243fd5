"""A deletion may die before any of its calls, meet other stages between them, and fail at each: it ends all the same.

The stages' own code over the embedded Datastore, as in `test_crashes`.
"""

from __future__ import annotations

import itertools
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from common.errors import CalltrackError
from common.model.deletion import STRAGGLERS
from common.model.job import FailureClass, ReplayStage
from common.model.lifecycle import JobStatus
from common.model.tasks import Stage
from tests.simulation.actors import Actor, stand_before
from tests.simulation.calls import FAULTS, Died, Fate
from tests.simulation.world import LATER_THAN_ALL, World, expect_made_here

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from common.model.recording import StoredObject
    from deploy.local.datastore import DatastoreServer


class Fuse:
    """A gate that is armed when the story begins: it blows before one call, or lets one fault strike it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.armed = False
        self.point: int | None = None
        self.fate: Fate | None = None  #: None: the process dies

    def __call__(self, call: str) -> Fate:
        if not self.armed:
            return Fate.WELL
        self.calls.append(call)
        if len(self.calls) - 1 != self.point:
            return Fate.WELL
        if self.fate is None:
            raise Died
        return self.fate


def a_world(server: DatastoreServer, gate: Callable[[str], Fate], *, until: str = "the end") -> World:
    """One recording at the end of its way; or its job has ended, and of that we know, or its results are missing."""
    world = World(server, gate)
    stored = world.bucket.put_recording("Acme", "live")
    world.ingest(stored)
    for stage in (Stage.DISPATCH, Stage.SUBMIT):
        work(world, stage)
    (job,) = world.engine.jobs
    world.engine.advance(job, JobStatus.COMPLETED)
    for news in world.engine.news:
        world.hear(news)
    world.engine.news.clear()
    if until == "its results":
        collecting = Actor("collect", partial(work, world, Stage.COLLECT), born=world.clock())
        while collecting.next_call != "engine.section":
            collecting.go_on()
        collecting.die()
    if until == "the end":
        work(world, Stage.COLLECT)
        request = world.request_of(stored)
        assert request is not None
        assert request.results == "complete"
    return world


def work(world: World, stage: Stage) -> None:
    """The tasks of a stage that are due."""
    for message in world.queue.due(world.clock()):
        if message.task.stage is stage:
            world.deliver(message)


def attempted(step: Callable[[], object]) -> None:
    """Until it dies, or ends in a way that the edge answers."""
    try:
        step()
    except (Died, Exception) as error:  # noqa: BLE001  # judged in the next line
        expect_made_here(error)


def let_it_end(world: World) -> None:
    """Queue, engine and sweep go on until nothing is owed, and no longer than the last look."""
    since = world.clock()
    while world.clock() - since <= 2 * STRAGGLERS:
        for message in world.queue.due(world.clock()):
            world.deliver(message)
        world.engine.finish_all()
        world.sweep()
        owed = world.deletions.due(now=LATER_THAN_ALL, limit=1)
        if not owed and not world.queue.messages and not world.slots.leases():
            return
        world.advance(STRAGGLERS / 3)


def expect_it_gone(world: World, stored: StoredObject) -> None:
    """Only who deleted it, when and why; and the sweep is owed nothing."""
    id_ = stored.recording_id
    left = {}
    for entity in world.datastore.query().fetch():
        if not entity.key.kind.startswith("__"):
            left[entity.key.kind, entity.key.name] = str(dict(entity))
    of_it = {key: text for key, text in left.items() if id_ in f"{key[1]} {text}" and key[0] != "DeletedRecording"}
    assert of_it == {}
    assert ("DeletedRecording", id_) in left
    assert stored not in world.bucket.objects
    assert all(job.conversation_forgotten for job in world.engine.jobs)
    assert not any(kind == "SymblSlot" for kind, _ in left)
    deleted = world.deletions.get(id_)
    assert deleted is not None
    assert (deleted.owed, deleted.next_check_at, deleted.object_name, deleted.conversations) == ((), None, None, ())


def test_a_crash_before_any_call_loses_nothing_of_the_duty(datastore_server: DatastoreServer) -> None:
    """The process dies before each call in turn; then the same call again, or the sweep alone, ends it.

    Before the first commit nothing has happened: there the same call again is what deletes it.
    """
    whole = Fuse()
    world = a_world(datastore_server, whole)
    whole.armed = True
    world.delete(world.bucket.objects[0])
    assert {"audio.delete", "engine.delete_conversation", "datastore.Commit"} <= set(whole.calls)
    committed = whole.calls.index("datastore.Commit")

    for point, again in itertools.product(points(whole.calls), (True, False)):
        fuse = Fuse()
        world = a_world(datastore_server, fuse)
        stored = world.bucket.objects[0]
        fuse.armed, fuse.point = True, point
        attempted(partial(world.delete, stored))
        fuse.armed = False
        is_found = world.request_of(stored) is not None
        assert is_found == (point <= committed), f"died before {point} ({whole.calls[point]})"
        if again or is_found:
            world.delete(stored)
        let_it_end(world)
        expect_it_gone(world, stored)


def test_the_sweep_may_die_on_its_way_too(datastore_server: DatastoreServer) -> None:
    """What the first process left is half done by a second one, which dies before every second of its calls."""
    for point in itertools.count(0, 2):
        fuse = Fuse()
        world = a_world(datastore_server, fuse)
        stored = world.bucket.objects[0]
        fuse.armed, fuse.point = True, 4  # behind the first commit
        attempted(partial(world.delete, stored))
        assert world.request_of(stored) is None
        world.advance(timedelta(minutes=1))
        fuse.calls.clear()
        fuse.point = point
        attempted(world.sweep)
        fuse.armed = False
        if len(fuse.calls) <= point:
            return
        let_it_end(world)
        expect_it_gone(world, stored)


def test_a_call_that_fails_or_seems_to_fail_leaves_the_duty(datastore_server: DatastoreServer) -> None:
    """Each call of a deletion in turn: it does not happen, or its answer is lost, or it is refused."""
    whole = Fuse()
    world = a_world(datastore_server, whole)
    whole.armed = True
    world.delete(world.bucket.objects[0])

    for point in points(whole.calls):
        for fate in FAULTS.get(whole.calls[point], ()):
            fuse = Fuse()
            world = a_world(datastore_server, fuse)
            stored = world.bucket.objects[0]
            fuse.armed, fuse.point, fuse.fate = True, point, fate
            attempted(partial(world.delete, stored))
            fuse.armed = False
            if world.request_of(stored) is not None:
                world.delete(stored)
            let_it_end(world)
            expect_it_gone(world, stored)


def interleaved(actor: Actor, inner: Callable[[], object], point: int) -> bool:
    """Let the other happen before the actor's call of this number; False where it has none. It comes to its end."""
    for _ in range(point):
        if actor.next_call is not None:
            actor.go_on()
    is_early = actor.next_call is not None
    if is_early:
        attempted(inner)
    while actor.next_call is not None:
        actor.go_on()
    assert actor.error is None or isinstance(actor.error, CalltrackError), actor.error
    return is_early


def points(calls: list[str]) -> list[int]:
    """All of them, but of queries in a row the first alone: what was read dies with the reader."""
    return [n for n, call in enumerate(calls) if not (n and call == calls[n - 1] == "datastore.RunQuery")]


def _collect(world: World, _: StoredObject) -> None:
    work(world, Stage.COLLECT)


def _replay(world: World, stored: StoredObject) -> None:
    world.replay(stored, ReplayStage.SUBMIT)


def _ingest(world: World, stored: StoredObject) -> None:
    world._intake().ingest_object(stored.name, stored.generation)


def _sweep(world: World, _: StoredObject) -> None:
    world.sweep()


def _give_up(world: World, stored: StoredObject) -> None:
    """The job has failed at the engine: somebody may replay it."""
    request = world.request_of(stored)
    assert request is not None
    world.engine.jobs[0].status = JobStatus.FAILED
    work(world, Stage.COLLECT)
    failed = world.request_of(stored)
    assert failed is not None
    assert failed.failure_class is FailureClass.RECORDING


UNTIL: Mapping[Callable[[World, StoredObject], None], str] = {
    _collect: "its results",
    _replay: "its job's",
    _ingest: "the end",
    _sweep: "its results",
}


@pytest.mark.parametrize(
    ("other", "into_the_deletion"),
    [(_collect, True), (_replay, True), (_ingest, True), (_collect, False), (_replay, False), (_ingest, False),
     (_sweep, False)],
    ids=["collect", "replay", "ingest", "into collect", "into replay", "into ingest", "into the sweep"],
)  # fmt: skip
def test_another_stage_between_any_two_calls_brings_nothing_back(
    datastore_server: DatastoreServer, other: Callable[[World, StoredObject], None], *, into_the_deletion: bool
) -> None:
    """A whole run of one happens before the n-th call of the other; for every n, then for every second.

    Either the deletion is refused, because the engine has a job by then, or nothing of the recording is left.
    """
    for point in itertools.chain(range(6), itertools.count(6, 2)):
        world = a_world(datastore_server, stand_before, until=UNTIL[other])
        stored = world.bucket.objects[0]
        if other is _replay:
            _give_up(world, stored)
        pair: list[Callable[[], object]] = [partial(world.delete, stored), partial(other, world, stored)]
        outer, inner = pair if into_the_deletion else reversed(pair)
        if not interleaved(Actor("outer", outer, born=world.clock()), inner, point):
            assert point >= 3
            return
        if world.request_of(stored) is not None:  # the deletion was refused
            let_it_end(world)
            world.delete(stored)
        let_it_end(world)
        expect_it_gone(world, stored)
