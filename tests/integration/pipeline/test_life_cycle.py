"""The whole life cycle of recordings, in thousands of interleavings of its stages, one call at a time.

Every run of a stage (dispatch, a submission, a collection, a sweep, a webhook, a replay, the bucket's event) is an
actor that stands still before each call to Datastore, the queue, the engine or the bucket. hypothesis decides who makes
the next call, what becomes of it, who dies where he stands, how time passes, and what the engine does meanwhile. After
every effect the laws of `tests.simulation.laws` must hold. At the end all faults end, time passes, and every recording
must come to its end.

The run in `make test` is the same each time and takes about 30 s on an idle machine; how many calls it made is shown
at the end. To hunt with other dice, for as long as you like (a story takes about a second):

    LIFE_CYCLE_HUNT=2000 python -m pytest tests/integration/pipeline/test_life_cycle.py -n 0 --timeout=0
"""

from __future__ import annotations

import itertools
import os
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from common import log
from common.model.job import FailureClass, ReplayStage
from common.model.lifecycle import JobStatus
from common.model.recording import Priority
from tests.simulation.actors import Actor, stand_before
from tests.simulation.calls import FAULTS, Fate
from tests.simulation.engine import LONGEST_LAG, News
from tests.simulation.laws import Laws
from tests.simulation.world import World, expect_made_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from common.model.job import SymblAsyncRequest
    from deploy.local.datastore import DatastoreServer
    from tests.simulation.calls import Gate
    from tests.simulation.engine import Job

T = TypeVar("T")

HUNT = int(os.environ.get("LIFE_CYCLE_HUNT", "0"))
EXAMPLES, STEPS = (HUNT, 80) if HUNT else (25, 80)
#: No run of a function outlives this: Cloud Run ends it.
LONGEST_RUN = timedelta(seconds=200)
ENDED = [JobStatus.COMPLETED, JobStatus.FAILED]


class LifeCycle(RuleBasedStateMachine):
    """Rules are what may happen next; `world` is where it happens."""

    server: DatastoreServer
    calls = 0

    def __init__(self) -> None:
        super().__init__()
        self.broken = False
        self.actors: list[Actor] = []
        self._numbers = itertools.count(1)

    @initialize(
        cap=st.integers(1, 3),
        own_cap=st.sampled_from([None, 1, 2]),
        lag=st.sampled_from([timedelta(), timedelta(seconds=60), LONGEST_LAG]),
        recordings=st.integers(1, 3),
    )
    def install(self, cap: int, own_cap: int | None, lag: timedelta, recordings: int) -> None:
        self.world = World(self.server, stand_before, cap=cap, own_cap=own_cap, lag=lag)
        log.send_to(self.world.hear_log)
        self.laws = Laws(self.world)
        for _ in range(recordings):
            self._to_the_end(self._ingest("A", Priority.LIVE))

    # Stages begin

    @rule(company=st.sampled_from("AB"), priority=st.sampled_from(Priority))
    def a_recording_arrives(self, company: str, priority: Priority) -> None:
        self._ingest(company, priority)

    @rule(data=st.data(), at_once=st.booleans())
    @precondition(lambda self: self.world.queue.due(self.world.clock()))
    def a_task_is_delivered(self, data: st.DataObject, *, at_once: bool) -> None:
        message = _one_of(data, "task", self.world.queue.due(self.world.clock()))
        self._begin(f"{message.task.stage}", lambda: self.world.deliver(message), at_once=at_once)

    @rule(at_once=st.booleans())
    def the_sweep_runs(self, *, at_once: bool) -> None:
        self._begin("sweep", self.world.sweep, at_once=at_once)

    @rule(data=st.data(), at_once=st.booleans())
    @precondition(lambda self: self.world.engine.news)
    def a_webhook_is_delivered(self, data: st.DataObject, *, at_once: bool) -> None:
        """Now or later, once, twice or never, in any order."""
        news = _one_of(data, "news", self.world.engine.news)
        self._begin("webhook", lambda: self.world.hear(news), at_once=at_once)

    @rule(data=st.data(), status=st.sampled_from([*ENDED, JobStatus.IN_PROGRESS]))
    @precondition(lambda self: self.world.engine.posts)
    def a_webhook_is_forged(self, data: st.DataObject, status: JobStatus) -> None:
        """By somebody who has seen the URL of an attempt, with the id of any job."""
        post = _one_of(data, "attempt", self.world.engine.posts, shown=lambda post: post.attempt_id)
        job_id = data.draw(st.sampled_from(["job-0", *(job.id for job in self.world.engine.jobs)]), label="job")
        news = News(post.webhook_url, job_id, status)
        self._begin("webhook", lambda: self.world.hear(news), at_once=True)

    @rule(data=st.data(), stage=st.sampled_from(ReplayStage), at_once=st.booleans())
    def somebody_replays(self, data: st.DataObject, stage: ReplayStage, *, at_once: bool) -> None:
        stored = _one_of(data, "recording", self.world.bucket.objects, shown=lambda stored: stored.name)
        self._begin(f"replay from {stage}", lambda: self.world.replay(stored, stage), at_once=at_once)

    # Stages go on, or end

    @rule(data=st.data(), calls=st.integers(1, 10))
    @precondition(lambda self: self.actors)
    def a_stage_goes_on(self, data: st.DataObject, calls: int) -> None:
        actor = _one_of(data, "stage", self.actors)
        for _ in range(calls):
            if actor in self.actors:
                self._order(actor, Fate.WELL)

    @rule(data=st.data())
    @precondition(lambda self: self.actors)
    def a_stage_comes_to_its_end(self, data: st.DataObject) -> None:
        self._to_the_end(_one_of(data, "stage", self.actors))

    @rule(data=st.data())
    @precondition(lambda self: any(actor.next_call in FAULTS for actor in self.actors))
    def a_call_goes_wrong(self, data: st.DataObject) -> None:
        actor = _one_of(data, "stage", [actor for actor in self.actors if actor.next_call in FAULTS])
        assert actor.next_call is not None
        self._order(actor, data.draw(st.sampled_from(FAULTS[actor.next_call]), label="fate"))

    @rule(data=st.data())
    @precondition(lambda self: self.actors)
    def a_process_dies(self, data: st.DataObject) -> None:
        self._end(_one_of(data, "stage", self.actors))

    # The world goes on

    @rule(seconds=st.sampled_from([5, 30, 60, 130, 300, 700, 1900, 8000]))
    def time_passes(self, seconds: int) -> None:
        """Runs that last too long are ended where they stand."""
        self.world.advance(timedelta(seconds=seconds))
        for actor in [actor for actor in self.actors if self.world.clock() - actor.born > LONGEST_RUN]:
            self._end(actor)
        self.laws.hold()

    @rule(data=st.data(), status=st.sampled_from([JobStatus.COMPLETED, JobStatus.IN_PROGRESS, JobStatus.FAILED]))
    @precondition(lambda self: self.world.engine.active)
    def a_job_moves_on(self, data: st.DataObject, status: JobStatus) -> None:
        job: Job = _one_of(data, "job", self.world.engine.active)
        if status is not job.status:
            self.world.engine.advance(job, status)

    @rule(data=st.data(), conversation_too=st.booleans())
    @precondition(lambda self: self.world.engine.jobs)
    def the_engine_forgets_a_job(self, data: st.DataObject, *, conversation_too: bool) -> None:
        job: Job = _one_of(data, "job", self.world.engine.jobs)
        job.forgotten, job.conversation_forgotten = True, conversation_too

    @rule()
    @precondition(lambda self: self.world.engine.on_their_way)
    def the_engine_accepts_what_has_timed_out(self) -> None:
        self.world.engine.accept_late()
        self.laws.hold()

    @rule(data=st.data())
    @precondition(lambda self: self.world.queue.messages)
    def a_task_is_lost(self, data: st.DataObject) -> None:
        self.world.queue.messages.remove(_one_of(data, "task", self.world.queue.messages))

    @rule(cap=st.integers(1, 3))
    def the_setting_changes(self, cap: int) -> None:
        """A new revision, which no run of the old one outlives."""
        for actor in list(self.actors):
            self._end(actor)
        self.world.cap = cap

    # And in the end

    def teardown(self) -> None:
        """Every process dies where it stands; from then on there are no more faults."""
        for actor in list(self.actors):
            self._end(actor)
        if self.broken or not hasattr(self, "world"):
            return
        self.laws.expect_a_good_end()

    def _ingest(self, company: str, priority: Priority) -> Actor:
        stored = self.world.bucket.put_recording(company, priority)
        return self._begin("ingest", lambda: self.world.ingest(stored), at_once=False)

    def _begin(self, stage: str, work: Callable[[], object], *, at_once: bool) -> Actor:
        actor = Actor(f"{stage} {next(self._numbers)}", work, born=self.world.clock())
        self.actors.append(actor)
        self._see(actor)
        if at_once:
            self._to_the_end(actor)
        return actor

    def _to_the_end(self, actor: Actor) -> None:
        while actor in self.actors:
            self._order(actor, Fate.WELL)

    def _order(self, actor: Actor, fate: Fate) -> None:
        type(self).calls += 1
        actor.go_on(fate)
        self._see(actor)

    def _end(self, actor: Actor) -> None:
        actor.die()
        self.actors.remove(actor)

    def _see(self, actor: Actor) -> None:
        """After each effect: what it has led to."""
        self.broken = True
        if actor.next_call is None:
            self.actors.remove(actor)
            if actor.error:
                expect_made_here(actor.error)
        self.laws.hold()
        self.broken = False


def _one_of(data: st.DataObject, label: str, choices: Sequence[T], shown: Callable[[T], str] = repr) -> T:
    """Draw one, and tell which by something that can be read."""
    drawn = data.draw(st.sampled_from([_Shown(number, shown(choice)) for number, choice in enumerate(choices)]), label)
    return choices[drawn.number]


class _Shown:
    def __init__(self, number: int, text: str) -> None:
        self.number = number
        self._text = text

    def __repr__(self) -> str:
        return self._text


@pytest.fixture
def _quiet() -> Iterator[None]:
    """The log goes to the world under test, which keeps defects alone."""
    yield
    log.send_to(log._print)


@pytest.mark.usefixtures("_quiet")
@pytest.mark.timeout(0 if HUNT else 400)  # a failure is shrunk to a short story before it is shown
def test_every_recording_comes_to_its_end_and_the_laws_hold_at_every_instant(
    datastore_server: DatastoreServer, measured: Callable[[str], None]
) -> None:
    """Whoever acts, dies, fails, lies, comes late or twice, in whatever order."""

    class OverThisServer(LifeCycle):
        server = datastore_server

    run_state_machine_as_test(
        OverThisServer,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize=not HUNT,
            database=None,
            phases=[Phase.generate, Phase.shrink],  # explaining traces every line, which takes minutes
            report_multiple_bugs=False,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    measured(f"life cycle: {OverThisServer.calls} calls of stages in {EXAMPLES} interleaved stories")


# Stories that it has told, in short


class Story:
    """One recording, submitted and accepted; nobody dies."""

    def __init__(
        self, server: DatastoreServer, gate: Gate = lambda _: Fate.WELL, *, lag: timedelta = timedelta()
    ) -> None:
        self.world = World(server, gate, cap=1, lag=lag)
        self.laws = Laws(self.world)
        self._stored = self.world.bucket.put_recording("A", "live")
        self.world.ingest(self._stored)
        while messages := self.world.queue.due(self.world.clock()):
            self.world.deliver(messages[0])
        (self.job,) = self.world.engine.jobs

    @property
    def request(self) -> SymblAsyncRequest:
        found = self.world.request_of(self._stored)
        assert found is not None
        return found


def test_results_are_collected_though_the_engine_has_dropped_the_record_of_the_job(
    datastore_server: DatastoreServer,
) -> None:
    """It was completed, nobody was told, and the job API answers 404: its conversation and its summary are there."""
    story = Story(datastore_server)
    story.job.status, story.job.forgotten = JobStatus.COMPLETED, True

    story.laws.expect_a_good_end()

    assert story.request.status is JobStatus.COMPLETED


def test_a_slot_is_not_held_for_ever_by_a_job_of_which_nothing_can_be_told(datastore_server: DatastoreServer) -> None:
    """Its record is gone, its conversation is there, and no summary ever comes: given up, and freed long after."""
    story = Story(datastore_server)
    story.job.forgotten = True

    story.laws.expect_a_good_end()

    assert story.request.failure_class is FailureClass.STUCK


def test_a_young_job_that_cannot_be_found_yet_keeps_its_slot(datastore_server: DatastoreServer) -> None:
    """The engine's lists lag: for four minutes its job API and its conversations know nothing of what it works on."""
    unknown = {"engine.job_status": Fate.UNKNOWN_JOB}
    story = Story(datastore_server, lambda call: unknown.get(call, Fate.WELL), lag=LONGEST_LAG)

    for _ in range(4):
        story.world.advance(LONGEST_LAG / 4 - timedelta(seconds=1))
        story.world.sweep()
        story.laws.hold()

    assert story.request.status is JobStatus.SCHEDULED


def test_no_sweep_waits_for_another(datastore_server: DatastoreServer) -> None:
    """One that hangs in a call, whichever, keeps none that starts after it from its end."""
    world = Story(datastore_server, stand_before).world
    slow = Actor("slow sweep", world.sweep, born=world.clock())
    while slow.next_call:
        quick = Actor("quick sweep", world.sweep, born=world.clock())
        while quick.next_call:
            quick.go_on()
        assert quick.error is None
        slow.go_on()
