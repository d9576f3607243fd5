"""A process may die between any two things that it does: the recording ends completed, and is analysed once.

Everything here is the stages' own code over the embedded Datastore. A process dies by an exception that nothing
catches, raised before the n-th effect: a commit, a task, a submission, or the answer that it is done. What it has read
is lost with it, so dying at any other point is the same. A call may also fail, or happen and seem to fail. Then time
passes, the queue delivers again what was not answered, and the sweep runs each minute.
"""

from __future__ import annotations

import collections
import dataclasses
import random
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from common.model.job import FailureClass, ReplayStage, SymblAsyncRequest
from common.model.lifecycle import JobStatus
from common.model.tasks import Stage
from tests.simulation.calls import ANSWER, FAULTS, Died, Fate
from tests.simulation.engine import Job
from tests.simulation.laws import Laws
from tests.simulation.world import World, expect_made_here

if TYPE_CHECKING:
    from deploy.local.datastore import DatastoreServer

EFFECTS = {"datastore.Commit", "tasks.enqueue", "engine.submit", ANSWER}
ROUNDS = 60


class Fuse:
    """A gate that counts effects: it blows before some, and lets faults strike others."""

    def __init__(
        self, *died_before: int, struck: Mapping[int, Fate] | None = None, first: Mapping[str, Fate] | None = None
    ) -> None:
        self.effects: list[str] = []
        self.calls: list[tuple[int, str, Fate]] = []  #: all, each with the number of effects before it
        self._died_before = died_before
        self._struck = struck or {}
        self._first = dict(first or {})

    def __call__(self, call: str) -> Fate:
        number = len(self.effects)
        fate = self._fate_of(call)
        self.calls.append((number, call, fate))
        return fate

    def _fate_of(self, call: str) -> Fate:
        if call in EFFECTS:
            self.effects.append(call)
            number = len(self.effects) - 1
            if number in self._died_before:
                raise Died
            if number in self._struck:
                return self._struck[number]
        return self._first.pop(call, Fate.WELL)


def works(_: SymblAsyncRequest, job: Job) -> JobStatus:
    """The engine takes each job one step further."""
    return JobStatus.IN_PROGRESS if job.status is JobStatus.SCHEDULED else JobStatus.COMPLETED


def fails_once(_: SymblAsyncRequest, job: Job) -> JobStatus:
    """... the first ends badly."""
    return JobStatus.FAILED if job.id == "job-1" else JobStatus.COMPLETED


def is_stuck(request: SymblAsyncRequest, job: Job) -> JobStatus:
    """... until it was given up."""
    return JobStatus.COMPLETED if request.status is JobStatus.FAILED else job.status


@dataclasses.dataclass(frozen=True)
class Scenario:
    """One way through the life cycle; `first` is what becomes of the first call of a name."""

    name: str
    engine: Callable[[SymblAsyncRequest, Job], JobStatus] = works
    first: Mapping[str, Fate] = dataclasses.field(default_factory=dict)
    webhooks: bool = True
    loses_a: Stage | None = None
    pace: timedelta = timedelta(seconds=30)  #: the sweep runs every second time

    def run(self, server: DatastoreServer, *died_before: int, struck: Mapping[int, Fate] | None = None) -> Life:
        """Live it through, and expect a good end."""
        life = Life(server, self, Fuse(*died_before, struck=struck, first=self.first))
        try:
            life.run()
        except AssertionError as error:
            what = [life.fuse.effects[number] for number in (*died_before, *(struck or {}))]
            raise AssertionError(
                f"{self.name}: died before {died_before}, struck {struck} ({what}): {error}"
            ) from error
        return life


class Life:
    """One recording's way through an installation whose processes die."""

    def __init__(self, server: DatastoreServer, scenario: Scenario, fuse: Fuse) -> None:
        self.fuse = fuse
        self.world = World(server, fuse)
        self.stored = self.world.bucket.put_recording("Acme", "live")
        self.found: collections.Counter[str] = collections.Counter()
        self._laws = Laws(self.world)
        self._scenario = scenario

    @property
    def request(self) -> SymblAsyncRequest:
        return self._laws.request_of(self.stored)

    def run(self) -> None:
        """From the bucket's event until nothing is left to be done."""
        while self.world.bucket.events:
            self._lives(partial(self.world.ingest, self.stored))
        for round_ in range(ROUNDS):
            self._deliver_tasks()
            self._engine_works()
            self._deliver_tasks()
            self._somebody_replays()
            self.world.advance(self._scenario.pace)
            if round_ % 2:
                self._lives(self._sweep)
                if self._laws.missing() is None:
                    break
        self._laws.expect_a_good_end()
        assert self.request.status is JobStatus.COMPLETED, self.request.timeline

    def _lives(self, step: Callable[[], object]) -> None:
        """Until it dies, or has ended; the laws hold either way."""
        try:
            step()
        except (Died, Exception) as error:  # noqa: BLE001  # judged in the next line
            expect_made_here(error)
        self._laws.hold()

    def _deliver_tasks(self) -> None:
        """Each task that is due once: what a dead process had in hand is delivered again the next time."""
        tried: list[object] = []
        queue = self.world.queue
        while fresh := [message for message in queue.due(self.world.clock()) if message not in tried]:
            message = fresh[0]
            tried.append(message)
            if message.task.stage is self._scenario.loses_a and not self.found["lost"]:
                self.found["lost"] += 1
                queue.answered(message)
            else:
                self._lives(partial(self.world.deliver, message))

    def _engine_works(self) -> None:
        engine = self.world.engine
        for job in engine.active:
            status = self._scenario.engine(self.request, job)
            if status is not job.status:
                engine.advance(job, status)
        news, engine.news[:] = list(engine.news), []
        for one in news if self._scenario.webhooks else []:
            self._lives(partial(self.world.hear, one))

    def _somebody_replays(self) -> None:
        """What the engine has ended badly; a person asks again until it is said to be under way."""
        if self.request.status is JobStatus.FAILED and self.request.failure_class is FailureClass.RECORDING:
            self._lives(partial(self.world.replay, self.stored, ReplayStage.SUBMIT))

    def _sweep(self) -> None:
        self.found.update(self.world.sweep())


USUAL = [
    Scenario("nothing is lost"),
    Scenario("webhooks are lost", webhooks=False),
    Scenario("the submission's task is lost", loses_a=Stage.SUBMIT),
    Scenario("the collection's task is lost", loses_a=Stage.COLLECT),
]
UNUSUAL = [
    Scenario("the answer of the submission is lost", first={"engine.submit": Fate.ANSWER_LOST}),
    Scenario("the submission is accepted after it has timed out", first={"engine.submit": Fate.LATE}),
    Scenario(
        "the credentials are refused, then proved",
        first={"engine.prepare": Fate.ACCOUNT_REFUSED},
        pace=timedelta(minutes=1),
    ),
    Scenario("the job fails, and somebody replays it", engine=fails_once),
    Scenario("the job is given up, and ends in quarantine", engine=is_stuck, pace=timedelta(minutes=20)),
]


def _name(scenario: Scenario) -> str:
    return scenario.name


@pytest.fixture(scope="module")
def usual(datastore_server: DatastoreServer) -> Fuse:
    """The effects of a life in which nothing happens."""
    return USUAL[0].run(datastore_server).fuse


def own_points(usual: Fuse, whole: Fuse) -> range:
    """The effects before which a crash is not the same as on the usual way: from the last before both ways part.

    On the usual way itself these are all.
    """
    pairs = zip(whole.calls, usual.calls, strict=False)
    parted_after = next((number for (number, *call), (_, *on_usual) in pairs if call != on_usual), 0)
    return range(max(parted_after - 1, 0), len(whole.effects))


@pytest.mark.parametrize("scenario", USUAL, ids=_name)
def test_a_crash_at_any_point_loses_nothing_and_pays_for_nothing_twice(
    datastore_server: DatastoreServer, usual: Fuse, scenario: Scenario
) -> None:
    """For every effect that a stage has: as if the process had died just before it.

    At one point alone nobody can know whether the engine was asked: between the mark and the POST. It is counted.
    """
    whole = scenario.run(datastore_server).fuse
    assert whole.effects.count("engine.submit") == 1

    unknown = []
    points = own_points(usual, whole)
    for point in points:
        life = scenario.run(datastore_server, point)
        assert len(life.world.engine.jobs) == 1, f"died before effect {point}"
        unknown += [whole.effects[point]] * life.request.unknown_outcomes
    assert unknown == [effect for effect in map(whole.effects.__getitem__, points) if effect == "engine.submit"]


@pytest.mark.parametrize("scenario", UNUSUAL, ids=_name)
def test_a_crash_on_an_unusual_way_heals_as_well(
    datastore_server: DatastoreServer, usual: Fuse, scenario: Scenario
) -> None:
    """Recovery, rest and proof, replay, quarantine: what repairs may die at every point too."""
    whole = scenario.run(datastore_server).fuse

    for point in own_points(usual, whole):
        scenario.run(datastore_server, point)


def test_a_call_that_fails_or_seems_to_fail_loses_nothing(datastore_server: DatastoreServer, usual: Fuse) -> None:
    """For every effect: it does not happen; or it happens and the answer is lost; or a commit is said to be aborted."""
    for number, effect in enumerate(usual.effects):
        for fate in {Fate.FAILS, Fate.ANSWER_LOST, Fate.ABORTED} & set(FAULTS.get(effect, ())):
            life = USUAL[0].run(datastore_server, struck={number: fate})
            assert len(life.world.engine.jobs) == 1, f"{effect} {number} {fate}"


def test_two_crashes_heal_as_well(datastore_server: DatastoreServer, usual: Fuse) -> None:
    """The process that repairs may die too."""
    chance = random.Random(7)

    for _ in range(15):
        first, then = sorted(chance.sample(range(len(usual.effects) + 10), 2))
        USUAL[0].run(datastore_server, first, then)
