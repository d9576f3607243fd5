"""What the Operations page says of a snapshot."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.model.capacity import SymblAccount
from common.model.fairness import Lane, Line
from common.model.job import FailureClass
from common.model.lifecycle import JobStatus
from common.model.operations import COUNTED_UP_TO, FailedCall, FailureGroup, Queue, Received, Snapshot, TakenSlot
from common.model.recording import Priority
from common.model.replay import MAX_COUNT
from common.model.slot import Lease
from common.model.sweeping import SweepReport
from functions.pages.operations import FOUND, SLOTS_LISTED, Replayed, operations_answer, operations_view
from tests.conftest import ROOT
from tests.factories import NOW, a_conversation, a_job, an_event

MINUTE = timedelta(minutes=1)
NOTHING = Snapshot(
    as_of=NOW,
    setting=50,
    floor=MINUTE,
    account=SymblAccount(),
    slots=(),
    queue=Queue(lines=()),
    failures=(),
    refused=(),
    received=(),
    sweeps=(),
)


def snapshot(**parts: Any) -> Snapshot:
    return Snapshot(**{**vars(NOTHING), **parts})


def taken(
    age: timedelta = MINUTE,
    *,
    number: int = 1,
    length: timedelta = 10 * MINUTE,
    status: JobStatus = JobStatus.IN_PROGRESS,
    sent: bool = True,
) -> TakenSlot:
    """A slot that is held by call `number` since `age`."""
    request = a_job(status, number=number, slot=number, sent=sent, now=NOW - age)
    lease = Lease(
        number=number,
        request_id=request.id,
        attempt_id=request.attempts[-1].id,
        company="Acme",
        claimed_at=NOW - age,
    )
    return TakenSlot(lease=lease, request=request, call=a_conversation(number, duration=length))


def line(waiting: int, *, company: str = "Acme", age: timedelta = 4 * MINUTE) -> Line:
    return Line(lane=Lane(company, Priority.LIVE), waiting=waiting, since=NOW - age)


def group(count: int) -> FailureGroup:
    failed = FailedCall(request=a_job(JobStatus.FAILED), call=a_conversation())
    return FailureGroup(failure_class=FailureClass.RECORDING, count=count, latest=(failed,))


def sentence(**parts: Any) -> str:
    return operations_view(snapshot(**parts)).sentence.text


RESTING = SymblAccount().stopped(reason="429", now=NOW, until=NOW + 4 * MINUTE)
REFUSED = SymblAccount().refused(reason="401", now=NOW, until=NOW + 4 * MINUTE)
BUSY = Queue(lines=(line(9), line(3, company="Globex", age=MINUTE)))


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({}, "Nothing to do. All 50 slots are free, and no call waits."),
        (
            {"slots": (taken(number=1), taken(number=2)), "queue": BUSY},
            "Working. 2 of 50 slots taken, 12 waiting, oldest since 4 min.",
        ),
        ({"slots": (taken(),)}, "Working. 1 of 50 slots taken, none waiting."),
        ({"queue": BUSY}, "Waiting. 0 of 50 slots taken, 12 waiting, oldest since 4 min."),
        (
            {"queue": Queue(lines=(line(2, age=-3 * MINUTE),))},
            "Waiting. 0 of 50 slots taken, 2 waiting, first from 12:03 on.",
        ),
        (
            {"account": REFUSED, "slots": (taken(),)},
            "Resting until 12:04: the engine refuses our credentials. 1 of 50 slots taken, none waiting.",
        ),
        (
            {"account": RESTING},
            "Resting until 12:04: the engine asked for a pause. 0 of 50 slots taken, none waiting.",
        ),
        ({"failures": (group(3),)}, "Idle. All 50 slots are free, and no call waits."),
        ({"slots": None}, "Not everything can be read right now. None waiting."),
        ({"slots": None, "queue": None}, "Not everything can be read right now."),
    ],
)
def test_one_sentence_says_how_it_stands(parts: dict[str, Any], said: str) -> None:
    """Resting comes before everything else; then what is taken, who waits, and since when."""
    assert sentence(**parts) == said


@pytest.mark.parametrize(
    ("queue", "figure"),
    [
        (Queue(lines=(line(COUNTED_UP_TO),)), "1\N{NARROW NO-BREAK SPACE}000+ waiting"),
        (Queue(lines=(line(COUNTED_UP_TO - 1),)), "999 waiting"),
        (Queue(lines=(line(7),), uncounted=3), "7+ waiting"),
    ],
)
def test_a_count_that_stopped_says_so(queue: Queue, figure: str) -> None:
    """A figure is exact, or has a plus."""
    assert figure in sentence(queue=queue)


def test_fewer_slots_than_taken_are_not_told_as_a_share() -> None:
    """After a cut more may be taken than are allowed."""
    throttled = SymblAccount().throttled(50, active=2, now=NOW)

    view = operations_view(snapshot(account=throttled, slots=(taken(number=1), taken(number=2))))

    assert "2 slots taken, 1 allowed now" in view.sentence.text
    assert "1 of the 50 slots that are set may be used: at 12:00 the engine said" in (view.cap_note or "")


def test_a_full_cap_needs_no_note() -> None:
    """Nothing is explained where nothing is lowered."""
    assert operations_view(NOTHING).cap_note is None


@pytest.mark.parametrize(
    ("age", "length", "said"),
    [
        (3.9, 10, "on time"),
        (4, 10, "due"),
        (9.9, 10, "due"),
        (10, 10, "late"),
        (0.9, 1, "on time"),  # no job is due before the floor
        (1, 1, "due"),
    ],
)
def test_an_age_is_held_against_the_length_of_the_recording(age: float, length: float, said: str) -> None:
    """Due from 40 % on, late from the whole of it."""
    view = operations_view(snapshot(slots=(taken(age * MINUTE, length=length * MINUTE),)))

    assert view.slots is not None
    assert view.slots.listed[0].punctuality.text == said


def test_what_was_never_sent_is_due_when_its_task_must_be_lost() -> None:
    """Its recording's length says nothing about that."""
    unsent = taken(MINUTE / 3, length=60 * MINUTE, status=JobStatus.SUBMITTING, sent=False)

    view = operations_view(snapshot(slots=(unsent,)))

    assert view.slots is not None
    (row,) = view.slots.listed
    assert (row.status, row.age, row.due_at, row.punctuality.text) == ("Being sent", "20 s", "15 s", "due")


@given(st.lists(st.integers(0, 30), max_size=40))
def test_nothing_that_needs_a_look_is_folded_away(minutes: list[int]) -> None:
    """Every slot is there once; those that are not on time are listed, the most overdue first."""
    slots = [taken(age * MINUTE, number=number) for number, age in enumerate(minutes)]

    view = operations_view(snapshot(slots=slots)).slots

    assert view is not None
    assert sorted(row.number for row in (*view.listed, *view.folded)) == list(range(len(minutes)))
    assert all(row.punctuality.text == "on time" for row in view.folded)
    assert len(view.listed) >= min(len(minutes), SLOTS_LISTED)
    ages = [minutes[row.number] for row in view.listed]
    assert ages == sorted(ages, reverse=True)


@pytest.mark.parametrize(
    ("count", "button"),
    [(1, "Replay 1 call"), (MAX_COUNT, "Replay 200 calls"), (COUNTED_UP_TO, "Replay the latest 200 calls")],
)
def test_the_button_says_how_many_it_replays(count: int, button: str) -> None:
    """No more than one call of the API replays at once."""
    (view,) = operations_view(snapshot(failures=(group(count),))).failures or ()

    assert view.button == button


def test_a_replay_is_told_once_and_goes_on_behind_what_was_skipped() -> None:
    """The next press of the button does not look at the same calls again."""
    done = Replayed(failure_class=FailureClass.RECORDING, replayed=198, skipped=2, page_token="next")

    view = operations_view(snapshot(failures=(group(700),)), replayed=done)

    assert view.flash == (
        "198 calls wait for a slot again. 2 could not be replayed from here; replay one on its own page to see why."
    )
    (failures,) = view.failures or ()
    assert (failures.button, failures.page_token) == ("Replay the next 200 calls", "next")


@given(
    st.builds(
        Replayed,
        failure_class=st.sampled_from(FailureClass),
        replayed=st.integers(0, MAX_COUNT),
        skipped=st.integers(0, MAX_COUNT),
        page_token=st.none() | st.text(min_size=1),
    )
)
def test_what_a_replay_did_survives_the_redirect(done: Replayed) -> None:
    """Address out, address in."""
    given_back = {name: value for name, value in done.parameters.items() if isinstance(value, str)}

    assert Replayed.of(given_back) == done


@given(st.dictionaries(st.sampled_from(["failure_class", "replayed", "skipped", "page_token"]), st.text()))
def test_any_address_is_borne(parameters: dict[str, str]) -> None:
    """What is no replay is ignored."""
    assert Replayed.of(parameters) is None


@pytest.mark.parametrize(
    ("status", "fields", "said"),
    [
        (JobStatus.COMPLETED, {}, "being worked off"),
        (JobStatus.COMPLETED, {"worked_off_at": NOW}, "worked off"),
        (JobStatus.SCHEDULED, {}, "noted"),
        (JobStatus.SCHEDULED, {"request_known": False}, "its call is not known"),
    ],
)
def test_a_webhook_says_what_became_of_it(status: JobStatus, fields: dict[str, Any], said: str) -> None:
    """Only an end asks for work."""
    event = an_event(a_job(JobStatus.IN_PROGRESS), status, **fields)

    (row,) = operations_view(snapshot(received=(Received(event=event, call=None),))).received or ()

    assert row.outcome.text == said
    assert row.call.name == a_conversation().id


def test_every_count_of_the_sweep_has_words() -> None:
    """Those that its code counts by name, and those of its steps that fail."""
    sweep = (ROOT / "functions" / "sweep.py").read_text(encoding="utf-8")
    reconcile = (ROOT / "functions" / "_reconcile.py").read_text(encoding="utf-8")
    counted = set(re.findall(r'found\["(\w+)"\]', sweep))
    steps = {*re.findall(r'_try\("(\w+)"', sweep), *re.findall(r'"(\w+)": lambda', sweep)}
    deletions = (ROOT / "functions" / "_delete.py").read_text(encoding="utf-8")
    (of_bucket,) = re.findall(r"Counter\((\w+=.*)\)", reconcile)
    counted |= {*re.findall(r"(\w+)=", of_bucket), *re.findall(r'found\["(\w+)"\]', deletions)}

    assert len(counted) > 10
    assert set(FOUND) == counted | {f"{step}_errors" for step in steps}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, "Nothing was due"),
        ({"given_up": 1}, "1 call given up"),
        ({"given_up": 2, "slots_freed": 1}, "2 calls given up, 1 slot freed that nobody held"),
        ({"something_new": 3}, "Something new: 3"),
    ],
)
def test_a_sweep_is_told_in_words(found: dict[str, int], said: str) -> None:
    """What has no words yet is told by its name."""
    report = SweepReport.of(found, began_at=NOW - MINUTE, ended_at=NOW)

    (row,) = operations_view(snapshot(sweeps=(report,))).sweeps or ()

    assert (row.found, row.took, row.age) == (said, "60.0 s", "1 min")


PARTS = ("account", "slots", "queue", "failures", "refused", "received", "sweeps")


@given(st.sets(st.sampled_from(PARTS)))
def test_whatever_cannot_be_read_the_rest_is_shown(unreadable: set[str]) -> None:
    """Page and twin are made of any parts."""
    whole = {
        "slots": (taken(),),
        "queue": BUSY,
        "failures": (group(3),),
        "sweeps": (SweepReport.of({}, began_at=NOW, ended_at=NOW),),
    }
    of_parts = snapshot(**whole | dict.fromkeys(unreadable))

    view, answer = operations_view(of_parts), operations_answer(of_parts)

    for part in ("slots", "queue", "failures", "sweeps"):
        assert (getattr(view, part) is None) == (answer[part] is None) == (part in unreadable)
    assert view.sentence.text == answer["status"]
