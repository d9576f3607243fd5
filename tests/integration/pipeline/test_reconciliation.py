"""Recordings whose storage event was lost are found in the bucket, and go the whole way."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from common.model.lifecycle import JobStatus
from common.model.reconciliation import EVENT_DUE_AFTER
from common.model.tasks import Stage
from functions._reconcile import Reconciler
from tests.factories import a_wav, sample_calls

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.model.tasks import Task
    from common.ports import TaskQueue
    from deploy.engine.engine import Engine
    from tests.integration.pipeline.installation import Installation

DAY = timedelta(days=1)
ACME = {"calltrack-metadata": '{"company": "Acme"}'}


def a_reconciler(
    installation: Installation, *, page_size: int = 2, later: timedelta = timedelta(0), tasks: TaskQueue | None = None
) -> Reconciler:
    """One sweep's, when the events of all objects should have come (objects have the bucket's own time)."""
    s = installation.services
    return Reconciler(
        audio=s.audio,
        recordings=s.recordings,
        intake=s.intake,
        scans=s.scans,
        tasks=tasks or s.tasks,
        every=DAY,
        now=datetime.now(UTC) + EVENT_DUE_AFTER + timedelta(seconds=1) + later,
        page_size=page_size,
    )


def scan(installation: Installation, *, later: timedelta = timedelta(0)) -> Mapping[str, int]:
    """A whole scan, page by page, and the ingest of what it found; the sum of what was found."""
    total: dict[str, int] = {}
    while True:
        found = a_reconciler(installation, later=later).reconcile()
        total = {what: total.get(what, 0) + found.get(what, 0) for what in {*total, *found}}
        last = installation.services.scans.last(installation.bucket)
        assert last is not None
        if last.finished_at is not None:
            installation.run(Stage.INGEST)
            return total


def lose_events(installation: Installation, *, of: int) -> None:
    """The bucket tells of its objects, and nobody hears."""
    installation.storage.events(at_least=of)
    installation.storage.forget_events()


def test_a_recording_whose_event_was_lost_is_analysed_to_the_end(installation: Installation, engine: Engine) -> None:
    """By the sweep alone: its task carries the event to ingest, and all that follows is as ever."""
    call = sample_calls()[0]
    installation.drop(call.path.name, call.path.read_bytes(), {"calltrack-metadata": json.dumps(call.metadata)})
    lose_events(installation, of=1)
    while installation.clock() - datetime.now(UTC) < EVENT_DUE_AFTER:
        installation.clock.advance(timedelta(minutes=10))

    def sweep() -> dict[str, int]:
        token = installation.token("sweep_jobs", now=datetime.now(UTC))
        found: dict[str, int] = installation.call_internal("sweep_jobs", token=token).get_json()["found"]
        return found

    assert sweep() == {"objects_scanned": 1, "events_lost": 1}
    assert sweep() == {}
    (task,) = installation.tasks.tasks("collect-results")  # due in ten minutes, as the bucket counts them
    installation.clock.now = datetime.now(UTC) - timedelta(minutes=20)
    headers = {**task.headers, "Authorization": f"Bearer {installation.token('ingest_recording')}"}
    ingest = installation.apps["ingest_recording"].test_client()
    assert ingest.post("/", data=task.body, headers=headers).status_code == 200
    assert installation.count("ConversationMetadata") == 1

    recording = installation.get("").get_json()["recordings"][0]["id"]
    installation.run(Stage.DISPATCH)
    installation.run(Stage.SUBMIT)
    engine.run_pending()
    installation.run(Stage.COLLECT)
    assert installation.request(recording).status is JobStatus.COMPLETED
    assert installation.get(f"/{recording}").get_json()["results"]["state"] == "complete"


def test_a_scan_goes_through_the_bucket_page_by_page(installation: Installation) -> None:
    """It finds what nobody knows, once, whatever page it is on; what is known, rejected or a side file is let be."""
    for number in range(5):
        installation.drop(f"known/{number}.wav", a_wav(seed=number), ACME)
    installation.drop("known/no-company.wav", a_wav(seed=90))
    installation.drop("known/no-audio.wav", b"dear sir or madam", ACME)
    assert installation.deliver_events(7) == [200] * 7
    assert (installation.count("ConversationMetadata"), installation.count("RejectedObject")) == (5, 2)
    for name in ("a-first", "known/between", "z-last"):
        installation.drop(f"{name}.wav", a_wav(seed=len(name)), ACME)
    installation.drop("z-last.wav.metadata.json", b'{"company": "Acme"}')
    lose_events(installation, of=4)

    assert scan(installation) == {"objects_scanned": 11, "events_lost": 3}

    assert installation.count("ConversationMetadata") == 8
    assert scan(installation, later=DAY) == {"objects_scanned": 11}


def test_no_scan_begins_before_its_time(installation: Installation) -> None:
    """A sweep in between costs one lookup, and finds nothing."""
    assert scan(installation) == {}
    installation.drop("call.wav", a_wav(), ACME)
    lose_events(installation, of=1)

    assert a_reconciler(installation, later=DAY - timedelta(minutes=1)).reconcile() == {}
    assert a_reconciler(installation, later=DAY).reconcile() == {"objects_scanned": 1, "events_lost": 1}


def test_an_event_that_may_still_come_is_waited_for(installation: Installation) -> None:
    """The next scan finds the object, if it did not come."""
    installation.drop("call.wav", a_wav(), ACME)
    early = timedelta(minutes=-1)

    assert a_reconciler(installation, later=early).reconcile() == {"objects_scanned": 1}
    assert a_reconciler(installation, later=early + DAY).reconcile() == {"objects_scanned": 1, "events_lost": 1}


def test_known_audio_is_found_once_and_then_known_as_a_duplicate(installation: Installation) -> None:
    """The same bytes again create nothing; what says so keeps later scans from asking again."""
    first = installation.add(a_wav(), {"company": "Acme"}).get_json()["id"]
    installation.drop("again.wav", a_wav(), ACME)
    lose_events(installation, of=2)

    assert scan(installation)["events_lost"] == 1
    (rejected,) = installation.services.intake.rejections(limit=9)
    assert rejected.duplicate_of == first
    assert "events_lost" not in scan(installation, later=DAY)
    assert installation.count("SymblAsyncRequest") == 1


def test_an_object_that_was_replaced_is_another_recording(installation: Installation) -> None:
    """The generation that is there counts: of the older one nothing is left to analyse."""
    installation.drop("call.wav", a_wav(seed=1), ACME)
    installation.deliver_events()
    installation.drop("call.wav", a_wav(seed=2), ACME)
    lose_events(installation, of=1)

    assert scan(installation) == {"objects_scanned": 1, "events_lost": 1}
    assert installation.count("ConversationMetadata") == 2

    installation.drop("call.wav", a_wav(seed=3), ACME)
    lose_events(installation, of=1)
    assert a_reconciler(installation, later=DAY).reconcile()["events_lost"] == 1
    installation.drop("call.wav", a_wav(seed=4), ACME)  # before the task for the third one runs
    assert [delivery.status for delivery in installation.run(Stage.INGEST)] == [200]
    assert installation.count("ConversationMetadata") == 2


def test_two_scans_at_once_find_everything_once(installation: Installation) -> None:
    """Both do the same page; one of them moves on and counts it, and the tasks are the same ones."""
    for number in range(3):
        installation.drop(f"{number}.wav", a_wav(seed=number), ACME)
    lose_events(installation, of=3)

    class Meanwhile:
        """Another sweep does the whole page while the first one is at it."""

        found: Mapping[str, int] | None = None

        def enqueue(self, task: Task) -> None:
            if self.found is None:
                self.found = {}
                self.found = a_reconciler(installation).reconcile()
            installation.services.tasks.enqueue(task)

    other = Meanwhile()
    assert a_reconciler(installation, tasks=other).reconcile() == {}
    assert other.found == {"objects_scanned": 2, "events_lost": 2}
    assert len(installation.tasks.tasks("collect-results")) == 2

    assert scan(installation) == {"objects_scanned": 1, "events_lost": 1}
    assert installation.count("SymblAsyncRequest") == 3


@pytest.mark.parametrize("tasks_made", [0, 1, 2])
def test_a_crash_between_pages_repeats_one_page(installation: Installation, tasks_made: int) -> None:
    """However many of its tasks had been made: none is made twice, and none is left out."""
    for number in range(5):
        installation.drop(f"{number}.wav", a_wav(seed=number), ACME)
    lose_events(installation, of=5)
    a_reconciler(installation).reconcile()

    class Died(BaseException):
        """The process is gone."""

    class Mortal:
        made = 0

        def enqueue(self, task: Task) -> None:
            if self.made == tasks_made:
                raise Died
            self.made += 1
            installation.services.tasks.enqueue(task)
            if self.made == tasks_made == 2:  # the page is done, and nobody says so
                raise Died

    with pytest.raises(Died):
        a_reconciler(installation, tasks=Mortal()).reconcile()

    assert scan(installation) == {"objects_scanned": 3, "events_lost": 3}
    last = installation.services.scans.last(installation.bucket)
    assert last is not None
    assert (last.objects_scanned, last.events_lost) == (5, 5)
    assert installation.count("SymblAsyncRequest") == 5


def test_an_event_that_comes_after_all_changes_nothing(installation: Installation) -> None:
    """By the queue and by the bucket, in whichever order: one recording, one request."""
    installation.drop("call.wav", a_wav(), ACME)

    assert scan(installation)["events_lost"] == 1
    assert installation.deliver_events() == [200]

    assert (installation.count("ConversationMetadata"), installation.count("SymblAsyncRequest")) == (1, 1)
    assert installation.count("RejectedObject") == 0


def test_an_ingest_that_cannot_be_done_now_is_tried_again_by_the_queue(installation: Installation) -> None:
    """As by the bucket; and the next scan makes no second task of it."""
    installation.drop("call.wav", a_wav(), ACME)
    lose_events(installation, of=1)
    poison = installation.stored.key("CompanyDefaults", "Acme")
    installation.stored.put(_unreadable(installation, poison))
    assert scan(installation)["events_lost"] == 1
    (waiting,) = installation.tasks.tasks("collect-results")

    assert scan(installation, later=DAY)["events_lost"] == 1
    assert [task.name for task in installation.tasks.tasks("collect-results")] == [waiting.name]

    installation.stored.delete(poison)
    installation.clock.advance(timedelta(minutes=10))
    assert [delivery.status for delivery in installation.run(Stage.INGEST)] == [200]
    assert installation.count("ConversationMetadata") == 1


def _unreadable(installation: Installation, key: object) -> object:
    entity = installation.stored.entity(key)
    entity.update(company=["not", "a", "name"])
    return entity
