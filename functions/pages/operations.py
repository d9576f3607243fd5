"""What the Operations page shows: is it flowing, and if not, where does it stand and what can be done. Pure.

A part that could not be read is None, and the page says so in its place.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from common.model import schedule
from common.model.answers import instant
from common.model.failures import TREATMENTS
from common.model.job import FailureClass, recording_of
from common.model.operations import COUNTED_UP_TO, expectation
from common.model.recording import RecordingId
from common.model.refusals import Refusal
from common.model.replay import MAX_COUNT
from common.model.schedule import Punctuality
from common.model.slot import is_orphan
from functions.pages.words import (
    MISSING,
    Moment,
    Status,
    age,
    counted,
    label,
    moment,
    number,
    plural,
    status_of,
    step_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from common.model.conversation import ConversationMetadata
    from common.model.operations import FailedCall, FailureGroup, Queue, Received, Snapshot, TakenSlot
    from common.model.refusals import WebhookRefusals
    from common.model.sweeping import Finding, SweepReport
    from common.model.webhook import WebhookEvent

#: Slots that are listed at once; further ones that are on time are folded away.
SLOTS_LISTED = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class Replayed:
    """What a replay of a class has done, to be told once; `page_token` leads past those that were skipped."""

    failure_class: FailureClass
    replayed: int
    skipped: int
    page_token: str | None = None

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Replayed | None:
        """From the parameters of the address that the form leads to; None where they are others."""
        counts = [given.get(name, "") for name in ("replayed", "skipped")]
        if given.get("failure_class") not in set(FailureClass) or not all(_is_count(text) for text in counts):
            return None
        return cls(
            failure_class=FailureClass(given["failure_class"]),
            replayed=int(counts[0]),
            skipped=int(counts[1]),
            page_token=given.get("page_token") or None,
        )

    @property
    def parameters(self) -> dict[str, str | list[str] | None]:
        """The reverse of `of`."""
        return {
            "failure_class": self.failure_class.value,
            "replayed": str(self.replayed),
            "skipped": str(self.skipped),
            "page_token": self.page_token,
        }


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_COUNT))


# What is shown


@dataclasses.dataclass(frozen=True, kw_only=True)
class CallLink:
    """A call by its name; without one, by its id."""

    id: RecordingId
    name: str
    company: str

    @classmethod
    def of(cls, id_: RecordingId, call: ConversationMetadata | None, company: str = "") -> CallLink:
        """To a call whose metadata may be gone."""
        return cls(id=id_, name=call.name if call else id_, company=call.company if call else company)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SlotRow:
    """A taken slot: its age, the age from which on the engine is asked about it, and how the two compare."""

    number: int
    call: CallLink
    status: str
    since: Moment
    age: str
    due_at: str
    punctuality: Status
    quarantine: str | None  #: what to do about it, where it is quarantined
    is_quarantined: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class SlotsView:
    """Those that need a look first; `folded` are on time."""

    listed: tuple[SlotRow, ...]
    folded: tuple[SlotRow, ...]
    quarantined: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class LineRow:
    """A company's line of one priority."""

    company: str
    priority: str
    waiting: str
    since: Moment | None
    age: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class FailedRow:
    """One of the latest failures."""

    call: CallLink
    at: Moment | None
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class FailureView:
    """One class of failures, and the form that has its calls run again."""

    failure_class: str
    title: str
    count: str
    means: str
    check: str
    latest: tuple[FailedRow, ...]
    button: str
    page_token: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReceivedRow:
    """One webhook event."""

    at: Moment
    call: CallLink
    says: str
    deliveries: str
    outcome: Status


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepRow:
    """One run of the sweep."""

    at: Moment
    age: str
    took: str
    found: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class OperationsView:
    """Everything that the page shows; a block that is None could not be read."""

    as_of: Moment
    sentence: Status
    cap_note: str | None
    failed: str | None
    slots: SlotsView | None
    queue: tuple[LineRow, ...] | None
    queue_note: str
    failures: tuple[FailureView, ...] | None
    refused: tuple[tuple[str, str, Moment | None], ...] | None
    received: tuple[ReceivedRow, ...] | None
    sweeps: tuple[SweepRow, ...] | None
    flash: str | None


def operations_view(snapshot: Snapshot, *, replayed: Replayed | None = None) -> OperationsView:
    """The page, all times in UTC; `replayed` is what the form has just done."""
    now = snapshot.as_of
    return OperationsView(
        as_of=moment(now, 0),
        sentence=_sentence(snapshot),
        cap_note=_cap_note(snapshot),
        failed=_failed(snapshot.failures),
        slots=_slots(snapshot),
        queue=_lines(snapshot.queue, now),
        queue_note=_queue_note(snapshot.queue),
        failures=_failure_views(snapshot.failures, replayed),
        refused=_refused(snapshot.refused),
        received=_received(snapshot.received),
        sweeps=_sweeps(snapshot.sweeps, now),
        flash=_flash(replayed),
    )


# The sentence


def _sentence(snapshot: Snapshot) -> Status:
    """One line that says whether anybody has to do anything."""
    resting = _resting(snapshot)
    if resting:
        return Status("failed", f"{resting} {_figures(snapshot)}".strip())
    if snapshot.account is None or snapshot.slots is None or snapshot.queue is None:
        return Status("failed", f"Not everything can be read right now. {_figures(snapshot)}".strip())
    if snapshot.slots:
        return Status("working", f"Working. {_figures(snapshot)}")
    if snapshot.queue.waiting:
        return Status("working", f"Waiting. {_figures(snapshot)}")
    idle = "Idle" if snapshot.failures else "Nothing to do"  # what has failed is for a person to do
    return Status("ready", f"{idle}. All {snapshot.cap} slots are free, and no call waits.")


def _resting(snapshot: Snapshot) -> str | None:
    until = snapshot.account.rests_until(snapshot.as_of) if snapshot.account else None
    if snapshot.account is None or until is None:
        return None
    why = "the engine refuses our credentials" if snapshot.account.unproven else "the engine asked for a pause"
    return f"Resting until {moment(until, 0).hour}: {why}."


def _figures(snapshot: Snapshot) -> str:
    parts = []
    if snapshot.slots is not None:
        taken, cap = len(snapshot.slots), snapshot.cap
        parts.append(f"{taken} of {cap} slots taken" if taken <= cap else f"{taken} slots taken, {cap} allowed now")
    if snapshot.queue is not None:
        parts.append(_waiting(snapshot.queue, snapshot.as_of))
    return _as_sentence(", ".join(parts)) if parts else ""


def _waiting(queue: Queue, now: datetime) -> str:
    if not queue.waiting:
        return "none waiting"
    bound = queue.waiting if queue.is_bounded else queue.waiting + 1
    figure = f"{counted(queue.waiting, up_to=bound)} waiting"
    if queue.since is None:
        return figure
    oldest = f"oldest since {age(now - queue.since)}" if queue.since <= now else f"first from {_hour(queue.since)} on"
    return f"{figure}, {oldest}"


def _hour(at: datetime) -> str:
    return moment(at, 0).hour


def _cap_note(snapshot: Snapshot) -> str | None:
    """Why there are fewer slots than were set, or none at all for a while."""
    account = snapshot.account
    if account is None:
        return "How the engine's account stands cannot be read right now; the number of slots is that of the setting."
    notes = []
    until = account.rests_until(snapshot.as_of)
    if until and account.reason:
        notes.append(f"The engine said: {account.reason.rstrip('.')}.")
    if until and account.unproven:
        notes.append(
            f"At {_hour(until)} one call is sent to see whether they are good again, before the others follow."
        )
    if account.lowering and snapshot.cap < snapshot.setting:
        notes.append(
            f"{snapshot.cap} of the {snapshot.setting} slots that are set may be used: at {_hour(account.lowering.at)} "
            "the engine said that there were too many jobs (429). The number rises by itself, step by step each minute."
        )
    return " ".join(notes) or None


def _failed(groups: Sequence[FailureGroup] | None) -> str | None:
    if not groups:
        return None
    total = sum(group.count for group in groups)
    bound = total if any(group.count >= COUNTED_UP_TO for group in groups) else total + 1
    return f"{counted(total, up_to=bound)} failed {'call waits' if total == 1 else 'calls wait'} for a person"


# Slots


_PUNCTUAL: Mapping[Punctuality, Status] = {
    Punctuality.ON_TIME: Status("ready", "on time"),
    Punctuality.DUE: Status("working", "due"),
    Punctuality.LATE: Status("failed", "late"),
}
_QUARANTINED = Status("failed", "quarantined")


def _slots(snapshot: Snapshot) -> SlotsView | None:
    if snapshot.slots is None:
        return None

    def urgency(taken: TakenSlot) -> tuple[bool, float]:
        lasted, expected = expectation(taken, now=snapshot.as_of, floor=snapshot.floor)
        return taken.lease.quarantined_at is None, -(lasted / expected)

    rows = [_slot(taken, snapshot) for taken in sorted(snapshot.slots, key=urgency)]
    urgent = sum(row.is_quarantined or row.punctuality.tone != "ready" for row in rows)
    listed = max(urgent, SLOTS_LISTED)
    return SlotsView(
        listed=tuple(rows[:listed]),
        folded=tuple(rows[listed:]),
        quarantined=sum(row.is_quarantined for row in rows),
    )


def _slot(taken: TakenSlot, snapshot: Snapshot) -> SlotRow:
    lease = taken.lease
    lasted, expected = expectation(taken, now=snapshot.as_of, floor=snapshot.floor)
    quarantined = lease.quarantined_at is not None
    return SlotRow(
        number=lease.number,
        call=CallLink.of(recording_of(lease.request_id), taken.call, lease.company),
        status=_status(taken),
        since=moment(lease.quarantined_at or _since(taken), 0),
        age=age(lasted),
        due_at=age(expected),
        punctuality=_QUARANTINED if quarantined else _PUNCTUAL[schedule.punctuality(lasted, expected)],
        quarantine=_mend(taken) if quarantined else None,
        is_quarantined=quarantined,
    )


def _since(taken: TakenSlot) -> datetime:
    """When it came to where it stands."""
    if taken.request and taken.request.timeline and not is_orphan(taken.lease, taken.request):
        return taken.request.timeline[-1].at
    return taken.lease.claimed_at


def _status(taken: TakenSlot) -> str:
    if taken.lease.quarantined_at is not None:
        return "Given up here; the engine still counts it"
    if is_orphan(taken.lease, taken.request):
        return "Its call has left it; the next sweep frees it"
    return status_of(taken.request).text


def _mend(taken: TakenSlot) -> str:
    attempt = taken.request.attempt_of(taken.lease.attempt_id) if taken.request else None
    which = f"conversation {attempt.conversation_id}" if attempt and attempt.conversation_id else "its conversation"
    return (
        "It becomes free by itself when the engine says that the job has ended. "
        f"To free it now, delete {which} at the engine; two sweeps later the call can be replayed."
    )


# The queue


def _lines(queue: Queue | None, now: datetime) -> tuple[LineRow, ...] | None:
    if queue is None:
        return None
    return tuple(
        LineRow(
            company=line.lane.company,
            priority=line.lane.priority.value,
            waiting=counted(line.waiting, up_to=COUNTED_UP_TO),
            since=moment(line.since, 0) if line.since else None,
            age=MISSING if line.since is None else age(now - line.since) if line.since <= now else "rests until then",
        )
        for line in sorted(queue.lines, key=lambda line: -line.waiting)
    )


def _queue_note(queue: Queue | None) -> str:
    return f"Calls wait in {plural(queue.uncounted, 'more line')}." if queue and queue.uncounted else ""


# Failures


def _failure_views(groups: Sequence[FailureGroup] | None, replayed: Replayed | None) -> tuple[FailureView, ...] | None:
    if groups is None:
        return None
    return tuple(_failure(group, replayed) for group in sorted(groups, key=lambda group: -group.count))


def _failure(group: FailureGroup, replayed: Replayed | None) -> FailureView:
    treatment = TREATMENTS[group.failure_class]
    many = plural(min(group.count, MAX_COUNT), "call")
    token = replayed.page_token if replayed and replayed.failure_class is group.failure_class else None
    which = f"the next {many}" if token else f"the latest {many}" if group.count > MAX_COUNT else many
    return FailureView(
        failure_class=group.failure_class.value,
        title=_TITLES[group.failure_class],
        count=counted(group.count, up_to=COUNTED_UP_TO),
        means=_as_sentence(treatment.means),
        check=f"Check {treatment.check}.",
        latest=tuple(_failed_row(failed) for failed in group.latest),
        button=f"Replay {which}",
        page_token=token,
    )


_TITLES: Mapping[FailureClass, str] = {
    FailureClass.NOT_ACCEPTED: "Not accepted by the engine",
    FailureClass.UNKNOWN: "Outcome unknown",
    FailureClass.STUCK: "Stuck at the engine",
    FailureClass.RECORDING: "Recording not usable as it is",
    FailureClass.DEFECT: "Not understood",
}


def _failed_row(failed: FailedCall) -> FailedRow:
    request = failed.request
    return FailedRow(
        call=CallLink.of(request.recording_id, failed.call, request.company),
        at=moment(request.completed_at, 0) if request.completed_at else None,
        reason=request.error.reason if request.error else MISSING,
    )


def _as_sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _flash(replayed: Replayed | None) -> str | None:
    if replayed is None:
        return None
    waits = "waits" if replayed.replayed == 1 else "wait"
    told = f"{plural(replayed.replayed, 'call').capitalize()} {waits} for a slot again."
    if replayed.skipped:
        told += f" {replayed.skipped} could not be replayed from here; replay one on its own page to see why."
    return told


# Webhooks


_REFUSED: Mapping[Refusal, str] = {
    Refusal.METHOD: "no POST",
    Refusal.TOO_LARGE: "body too large, or of a length that it does not say",
    Refusal.SIGNATURE: "sent to a path that was never given out",
    Refusal.BODY: "signed, but no status in it",
}


def _refused(
    rows: Sequence[WebhookRefusals] | None,
) -> tuple[tuple[str, str, Moment | None], ...] | None:
    """Why, how often, and when last."""
    if rows is None:
        return None
    return tuple(
        (_REFUSED[row.reason], number(row.count), moment(row.last_at, 0) if row.last_at else None)
        for row in sorted(rows, key=lambda row: -row.count)
    )


def _received(rows: Sequence[Received] | None) -> tuple[ReceivedRow, ...] | None:
    if rows is None:
        return None
    return tuple(
        ReceivedRow(
            at=moment(row.event.received_at, 0),
            call=CallLink.of(recording_of(row.event.request_id), row.call),
            says=step_of(row.event.status),
            deliveries=f"{row.event.deliveries}",
            outcome=_outcome(row.event),
        )
        for row in rows
    )


def _outcome(event: WebhookEvent) -> Status:
    """What became of an event; only an end asks for work."""
    if not event.request_known:
        return Status("failed", "its call is not known")
    if not event.status.is_terminal:
        return Status("ready", "noted")
    return Status("ready", "worked off") if event.worked_off_at else Status("working", "being worked off")


# Sweeps

#: What a sweep counts, one and many; {} is the figure.
FOUND: Mapping[str, tuple[str, str]] = {
    "ambiguous_resubmits": ("1 call sent again, perhaps paid for twice", "{} calls sent again, perhaps paid for twice"),
    "deletions_finished": ("1 deletion finished", "{} deletions finished"),
    "deletions_unfinished": (
        "1 deleted call of which something is still there",
        "{} deleted calls of which something is still there",
    ),
    "dispatch_restarted": ("dispatch started again", "dispatch started again"),
    "events_lost": ("1 recording found whose event was lost", "{} recordings found whose event was lost"),
    "events_requeued": ("1 webhook queued again", "{} webhooks queued again"),
    "events_without_work": ("1 webhook with nothing left to do", "{} webhooks with nothing left to do"),
    "given_up": ("1 call given up", "{} calls given up"),
    "jobs_asked_about": ("1 job asked about", "{} jobs asked about"),
    "jobs_unknown_to_the_engine": ("1 job that the engine does not know", "{} jobs that the engine does not know"),
    "not_asked": ("1 job left for the next sweep", "{} jobs left for the next sweep"),
    "objects_scanned": ("1 object of the bucket compared", "{} objects of the bucket compared"),
    "out_of_time": ("ran out of time", "ran out of time"),
    "slots_freed": ("1 slot freed that nobody held", "{} slots freed that nobody held"),
    "slots_quarantined": ("1 quarantined slot looked at", "{} quarantined slots looked at"),
    "slots_released": ("1 quarantined slot released", "{} quarantined slots released"),
    "submissions_recovered": ("1 lost answer found again", "{} lost answers found again"),
    "submissions_unknown": ("1 submission without an answer yet", "{} submissions without an answer yet"),
    "tasks_recreated": ("1 lost task created again", "{} lost tasks created again"),
    "unanswered": ("1 question that the engine did not answer", "{} questions that the engine did not answer"),
    "webhooks_missed": ("1 webhook that never came", "{} webhooks that never came"),
    "bucket_errors": ("the bucket could not be compared", "the bucket could not be compared"),
    "deletions_errors": ("deletions could not be looked at", "deletions could not be looked at"),
    "dispatch_errors": ("dispatch could not be started", "dispatch could not be started"),
    "event_errors": ("1 webhook could not be worked off", "{} webhooks could not be worked off"),
    "events_errors": ("webhooks could not be looked at", "webhooks could not be looked at"),
    "request_errors": ("1 call could not be looked at", "{} calls could not be looked at"),
    "requests_errors": ("calls could not be listed", "calls could not be listed"),
    "slots_errors": ("slots could not be looked at", "slots could not be looked at"),
}


def _sweeps(reports: Sequence[SweepReport] | None, now: datetime) -> tuple[SweepRow, ...] | None:
    if reports is None:
        return None
    return tuple(
        SweepRow(
            at=moment(report.began_at, 0),
            age=age(now - report.began_at),
            took=f"{report.took.total_seconds():.1f} s",
            found=_found(report.found),
        )
        for report in reports
    )


def _found(findings: Iterable[Finding]) -> str:
    told = [_finding(finding) for finding in findings if finding.count]
    text = ", ".join(told) or "nothing was due"
    return f"{text[0].upper()}{text[1:]}"


def _finding(finding: Finding) -> str:
    if finding.what not in FOUND:
        return f"{label(finding.what).lower()}: {finding.count}"
    one, many = FOUND[finding.what]
    return one if finding.count == 1 else many.format(finding.count)


# The twin for machines


def operations_answer(snapshot: Snapshot) -> dict[str, object]:
    """The same as JSON; a part that could not be read is null."""
    account, now = snapshot.account, snapshot.as_of
    return {
        "as_of": instant(now),
        "status": _sentence(snapshot).text,
        "cap": {"setting": snapshot.setting, "effective": snapshot.cap},
        "account": account
        and {
            "rests_until": instant(account.rests_until(now)),
            "reason": account.reason if account.rests_until(now) else None,
            "unproven": account.unproven,
            "lowered_at": instant(account.lowering.at) if account.lowering else None,
        },
        "slots": None
        if snapshot.slots is None
        else [_slot_answer(taken, snapshot) for taken in sorted(snapshot.slots, key=lambda taken: taken.lease.number)],
        "queue": snapshot.queue
        and {
            "lines": [
                {
                    "company": line.lane.company,
                    "priority": line.lane.priority,
                    "waiting": line.waiting,
                    "is_more": line.waiting >= COUNTED_UP_TO,
                    "since": instant(line.since),
                }
                for line in snapshot.queue.lines
            ],
            "uncounted_lines": snapshot.queue.uncounted,
        },
        "failures": None
        if snapshot.failures is None
        else [
            {
                "class": group.failure_class,
                "count": group.count,
                "is_more": group.count >= COUNTED_UP_TO,
                "latest": [
                    {
                        "id": failed.request.recording_id,
                        "failed_at": instant(failed.request.completed_at),
                        "reason": failed.request.error.reason if failed.request.error else None,
                    }
                    for failed in group.latest
                ],
            }
            for group in snapshot.failures
        ],
        "webhooks": {
            "refused_today": None
            if snapshot.refused is None
            else [
                {"reason": row.reason, "count": row.count, "last_at": instant(row.last_at)} for row in snapshot.refused
            ],
            "received": None
            if snapshot.received is None
            else [
                {
                    "received_at": instant(row.event.received_at),
                    "id": recording_of(row.event.request_id),
                    "job_id": row.event.job_id,
                    "status": row.event.status,
                    "deliveries": row.event.deliveries,
                    "request_known": row.event.request_known,
                    "worked_off_at": instant(row.event.worked_off_at),
                }
                for row in snapshot.received
            ],
        },
        "sweeps": None
        if snapshot.sweeps is None
        else [
            {
                "began_at": instant(report.began_at),
                "took": round(report.took.total_seconds(), 3),
                "found": {finding.what: finding.count for finding in report.found},
            }
            for report in snapshot.sweeps
        ],
    }


def _slot_answer(taken: TakenSlot, snapshot: Snapshot) -> dict[str, object]:
    lease = taken.lease
    lasted, expected = expectation(taken, now=snapshot.as_of, floor=snapshot.floor)
    return {
        "number": lease.number,
        "id": recording_of(lease.request_id),
        "company": lease.company,
        "status": taken.request.status if taken.request else None,
        "claimed_at": instant(lease.claimed_at),
        "quarantined_at": instant(lease.quarantined_at),
        "age": round(lasted.total_seconds(), 3),
        "due_at_age": round(expected.total_seconds(), 3),
        "punctuality": schedule.punctuality(lasted, expected),
    }
