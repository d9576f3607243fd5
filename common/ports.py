"""What a stage may ask for. Adapters fill these roles; a stage is handed them and knows nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, BinaryIO, Generic, Protocol, TypeVar

from common.errors import Exchange
from common.model.company import CompanyDefaults, Tracker
from common.model.conversation import ConversationMetadata
from common.model.job import AttemptId, RequestId, SymblAsyncRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date, datetime, timedelta

    from common.model.aggregates import DayStatistics
    from common.model.business_ux import BusinessUX
    from common.model.capacity import SymblAccount
    from common.model.deletion import DeletedRecording
    from common.model.fairness import DispatchTurns, Lane, Line
    from common.model.idempotency import IdempotentCall, KeptAnswer
    from common.model.intake import AddOutcome, RejectedObject
    from common.model.intelligence import Rows, SectionKind
    from common.model.job import FailureClass, SlotNumber
    from common.model.lifecycle import JobStatus
    from common.model.reconciliation import BucketScan
    from common.model.recording import RecordingId, StoredObject
    from common.model.refusals import Refusal, WebhookRefusals
    from common.model.search.document import CallDocument
    from common.model.search.plan import Branch, TimeRange, Token
    from common.model.search.results import Order
    from common.model.share import RevokedLink
    from common.model.slot import Lease
    from common.model.sweeping import SweepReport
    from common.model.tasks import Task
    from common.model.waveform import Waveform
    from common.model.webhook import WebhookEvent

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """Part of a list; `next_cursor` None means that nothing follows."""

    items: Sequence[T]
    next_cursor: str | None


class RecordingStore(Protocol):
    """Metadata and requests of recordings, added together."""

    def add(
        self,
        conversation: ConversationMetadata,
        request: SymblAsyncRequest,
        *,
        allow_duplicate: bool,
        settle: Callable[[CompanyDefaults], ConversationMetadata] | None = None,
    ) -> AddOutcome:
        """Store both in one transaction, unless the recording, or (within its company) its audio, is already there.

        Raises Gone where the recording was deleted.

        `settle` makes the row anew by what the company has settled, as read in that transaction; without it the row is
        stored as it is.
        """

    def same_audio(self, company: str, content_hash: str) -> RecordingId | None:
        """The recording of `company` that has these bytes."""

    def get(self, recording_id: RecordingId) -> ConversationMetadata | None:
        """One recording's metadata."""

    def with_requests(
        self, ids: Sequence[RecordingId]
    ) -> Mapping[RecordingId, tuple[ConversationMetadata, SymblAsyncRequest]]:
        """Those of `ids` that exist, each with its request."""

    def with_request(self, recording_id: RecordingId) -> tuple[ConversationMetadata | None, SymblAsyncRequest | None]:
        """One recording's metadata and its request, read together."""

    def to_submit(self, request_id: RequestId, *, company: str | None) -> ToSubmit | None:
        """A request, with what is said of its recording to the engine, read together; None where there is none."""

    def get_many(self, ids: Sequence[RecordingId]) -> Mapping[RecordingId, ConversationMetadata]:
        """Those of `ids` that exist."""

    def known(self, ids: Sequence[RecordingId]) -> frozenset[RecordingId]:
        """Those of `ids`, at most 1,000, that are there."""


class RequestStore(Protocol):
    """Requests: read, found in order, changed one at a time in a transaction."""

    def get(self, request_id: RequestId) -> SymblAsyncRequest | None:
        """One request."""

    def get_many(self, ids: Sequence[RequestId]) -> Mapping[RequestId, SymblAsyncRequest]:
        """Those of `ids` that exist."""

    def owner_of_job(self, job_id: str) -> RequestId | None:
        """The request to which the engine itself gave this job id."""

    def of_recording(self, recording_id: RecordingId) -> SymblAsyncRequest | None:
        """The request of a recording."""

    def change(
        self,
        request_id: RequestId,
        change: Callable[[SymblAsyncRequest], SymblAsyncRequest],
        *,
        seen: SymblAsyncRequest | None = None,
    ) -> SymblAsyncRequest:
        """Apply a pure change in a transaction; slots that it leaves are freed, or quarantined, in the same one.

        `change` may run several times. `seen`, the request as it was, tells which slots to read along with it: one call
        less for a change that leaves them. Raises NotFound where there is no such request.
        """

    def next_in_line(self, lane: Lane, *, limit: int, now: datetime) -> list[RequestId]:
        """The oldest of the lane that may be claimed."""

    def first_in_line(self, *, limit: int, now: datetime) -> list[tuple[Lane, RequestId]]:
        """The oldest that may be claimed, of whatever lane, each with its lane."""

    def anybody_waits(self, now: datetime) -> bool:
        """Whether any request, of whatever lane, may be claimed."""

    def waiting_since(self, now: datetime) -> datetime | None:
        """Since when the oldest that may be claimed has waited; None where none may."""

    def due(self, *, now: datetime, limit: int) -> list[SymblAsyncRequest]:
        """Those that are owed a look, the longest overdue first."""

    def page(self, *, size: int, cursor: str | None) -> Page[SymblAsyncRequest]:
        """All of them, those first that were added first."""

    def count_pending(self) -> int:
        """How many wait for a slot."""

    def line_of(self, lane: Lane, *, up_to: int) -> Line:
        """Who waits in a lane, counted up to a limit; whether or not they may be claimed already."""

    def count_failed(self, failure_class: FailureClass, *, up_to: int) -> int:
        """How many were given up for a failure of this class, counted up to a limit."""

    def latest_failed(self, failure_class: FailureClass, *, limit: int) -> list[SymblAsyncRequest]:
        """Those of them that were added last, the latest first."""


class SlotPool(Protocol):
    """The slots: at most so many leases at a time, whoever asks."""

    def leases(self) -> list[Lease]:
        """Every slot that is taken."""

    def claim(
        self,
        number: SlotNumber,
        *,
        request_id: RequestId,
        attempt_id: AttemptId,
        now: datetime,
        next_check_at: datetime,
        planned_on: SymblAccount,
    ) -> SymblAsyncRequest | None:
        """Give slot `number` to a pending request, both in one transaction.

        None where the slot is taken, the request no longer waits, or the account is not as it was (`planned_on`) when
        the slot was found to be claimable: a lowered cap holds at once, for those too who looked before.
        """

    def free_orphan(self, lease: Lease) -> bool:
        """Free a slot whose request no longer holds it; whether it was one."""


class LaneStore(Protocol):
    """The lanes of the queue: by company and priority."""

    def waiting(self) -> list[Lane]:
        """The lanes in which somebody may be waiting; nobody waits in any other."""

    def found_empty(self, lane: Lane) -> bool:
        """Say that nobody waits in the lane, if that is so; whether it is."""

    def keep_turns(self, turns: DispatchTurns) -> None:
        """Keep them for the next run."""


class ResultStore(Protocol):
    """Rows of the ConversationIntelligence kinds, by conversation."""

    def keep(
        self,
        sections: Sequence[tuple[SectionKind, Rows]],
        *,
        request: SymblAsyncRequest,
        change: Callable[[SymblAsyncRequest], SymblAsyncRequest],
        event_id: str | None,
        now: datetime,
        known: Mapping[str, Rows],
    ) -> SymblAsyncRequest:
        """Store whole sections, in place of what was there, of the request's conversation.

        With them goes what that makes of the request, a pure change that leaves its status as it is and may run several
        times; that nothing more is owed to the event, if any; and what search and statistics make of the call, with the
        sections that were stored before (`known`, by name). Raises NotFound where there is no such request.
        """

    def get(self, section: SectionKind, conversation_id: str) -> Rows:
        """The rows of a section, in order; empty where there are none."""

    def get_all(self, sections: Sequence[SectionKind], conversation_id: str) -> Mapping[str, Rows]:
        """Rows by the section's name."""


CallKey = str  #: in the order of keys, the latest call comes first


class SearchIndex(Protocol):
    """What search knows of calls."""

    def put(self, document: CallDocument) -> None:
        """Index a call, in place of what was known of it."""

    def rebuild(self, conversation: ConversationMetadata, results: Mapping[str, Rows]) -> bool:
        """Index a recording anew from what is stored of it; False where it has no request."""

    def walk(
        self,
        tokens: Iterable[Token],
        time: TimeRange,
        *,
        after: CallKey | None,
        until: CallKey | None = None,
        limit: int,
    ) -> list[CallKey]:
        """The keys of calls that have all tokens, after one key and not after another; keys alone are read."""

    def fetch(
        self, branches: Sequence[Branch], *, after: CallKey | None, limit: int
    ) -> list[tuple[CallKey, CallDocument]]:
        """The calls that one of the branches finds, none of which excludes anything."""

    def open(self, keys: Sequence[CallKey]) -> list[tuple[CallKey, CallDocument]]:
        """Those of `keys` that exist, in that order."""

    def fetch_sorted(
        self, tokens: Iterable[Token], order: Order, *, cursor: str | None, limit: int
    ) -> tuple[list[CallDocument], str | None]:
        """Calls that have all of some facets, in another order, and the cursor behind them if there are more."""

    def walk_sorted(self, tokens: Iterable[Token], order: Order, *, limit: int) -> list[CallKey]:
        """The first keys of calls that have all of some facets, in another order; keys alone are read."""

    def count(self, branches: Sequence[Branch], *, up_to: int) -> int:
        """How many calls one of the branches finds, none of which excludes anything; no call is read."""


class Statistics(Protocol):
    """What happened on each day, in sums that are kept as calls are collected."""

    def days(self, company: str | None, first: date, last: date) -> Iterable[DayStatistics]:
        """The days with calls, from `first` to `last`, both included, of one company or of each."""

    def companies(self, first: date, last: date) -> Sequence[str]:
        """The companies that have calls in those days, by name; sums are not read."""


class Inbox(Protocol):
    """Webhook events, kept until they are worked off."""

    def receive(
        self, event: WebhookEvent, apply: Callable[[SymblAsyncRequest, WebhookEvent], SymblAsyncRequest]
    ) -> tuple[WebhookEvent, SymblAsyncRequest | None]:
        """Keep the event, and apply to its request what is harmless to believe, in one commit."""

    def of_request(self, request_id: RequestId) -> list[WebhookEvent]:
        """What was delivered for a request, in the order of arrival."""

    def worked_off(self, event_id: str, *, now: datetime) -> None:
        """Nothing more is owed to it."""

    def postpone(self, event_id: str, *, until: datetime) -> None:
        """Not to be due before; nothing happens to one that was worked off."""

    def due(self, *, now: datetime, limit: int) -> list[WebhookEvent]:
        """Those that nobody worked off in time."""

    def latest(self, *, limit: int) -> list[WebhookEvent]:
        """What came last, the latest first."""


class WaveformStore(Protocol):
    """Waveforms of the recordings that somebody has looked at."""

    def get(self, recording_id: RecordingId) -> Waveform | None:
        """What was kept."""

    def put(self, waveform: Waveform) -> None:
        """Keep it; twice is as good."""


class CompanyStore(Protocol):
    """What companies have settled."""

    def defaults(self, company: str) -> CompanyDefaults:
        """The company's defaults; the general ones where it has none."""

    def prefixes(self) -> Mapping[str, str]:
        """Company by bucket prefix."""

    def put_defaults(self, defaults: CompanyDefaults) -> None:
        """Settle them."""

    def change_defaults(self, company: str, change: Callable[[CompanyDefaults], CompanyDefaults]) -> CompanyDefaults:
        """Apply a pure change in a transaction; `change` may run several times, and may raise: then nothing is."""

    def business_ux(self, company: str) -> BusinessUX | None:
        """How its pages look."""

    def put_business_ux(self, row: BusinessUX) -> None:
        """Settle it."""

    def change_business_ux(self, company: str, change: Callable[[BusinessUX | None], BusinessUX]) -> BusinessUX:
        """As `change_defaults`; None stands for nothing settled."""

    def settled(self) -> Mapping[str, tuple[CompanyDefaults, BusinessUX | None]]:
        """What each company has settled that has settled anything, by its name."""


class IdempotencyStore(Protocol):
    """Calls of the API that may be sent again, by the caller and their key."""

    def begin(self, key: str, *, fingerprint: str, holder: str, now: datetime) -> IdempotentCall:
        """Take the key for `holder`, or find the answer that was kept.

        Raises:
            KeyReused: the key belongs to another call.
            KeyInUse: somebody else works on it.
        """

    def keep(self, key: str, *, holder: str, answer: KeptAnswer) -> None:
        """Keep the answer, where the key is still the holder's."""

    def forget(self, key: str, *, holder: str) -> None:
        """Free the key, where it is still the holder's: nothing was done."""


class IntakeLog(Protocol):
    """Objects that did not become recordings, and words that travel beside an object."""

    def put_details(self, stored_as: str, details_json: str, *, now: datetime) -> None:
        """Keep a sender's words that are too long for the object's own metadata."""

    def details(self, stored_as: str) -> str | None:
        """Those words."""

    def forget_details(self, stored_as: str) -> None:
        """The upload did not happen."""

    def reject(self, rejected: RejectedObject) -> None:
        """Keep why an object is not a recording."""

    def rejected(self, ids: Sequence[RecordingId]) -> frozenset[RecordingId]:
        """Those of `ids`, at most 1,000, that were rejected."""

    def rejections(self, *, limit: int) -> list[RejectedObject]:
        """The latest first."""


class Deletions(Protocol):
    """Recordings that were deleted, and what is still there of them."""

    def begin(
        self,
        recording_id: RecordingId,
        leave: Callable[[ConversationMetadata, SymblAsyncRequest | None], DeletedRecording],
    ) -> DeletedRecording:
        """Take away all by which a recording is found, in one transaction that keeps what `leave` makes of it.

        With it goes what it counts for, and what keeps its audio from being added again. `leave` may run several times;
        what it raises leaves everything as it is. Of a recording that was deleted before, what was kept is the answer.
        Raises NotFound where there is no such recording.
        """

    def get(self, recording_id: RecordingId) -> DeletedRecording | None:
        """What was kept of a deleted recording."""

    def change(
        self, recording_id: RecordingId, change: Callable[[DeletedRecording], DeletedRecording]
    ) -> DeletedRecording:
        """Apply a pure change in a transaction; `change` may run several times."""

    def due(self, *, now: datetime, limit: int) -> list[DeletedRecording]:
        """Those of which something is owed, the longest overdue first."""

    def delete_rows(self, recording_id: RecordingId) -> int:
        """Delete its results and the deliveries of its webhooks; how many entities there were."""

    def duplicates(self, recording_id: RecordingId) -> list[RejectedObject]:
        """Objects that were rejected because they have its audio."""

    def forget_duplicate(self, rejected: RejectedObject) -> None:
        """The object is gone."""


class BucketScans(Protocol):
    """How far the search for lost events has come, by bucket."""

    def last(self, bucket: str) -> BucketScan | None:
        """The scan that is under way, or the last one; None before the first."""

    def move_on(self, bucket: str, before: BucketScan | None, after: BucketScan) -> bool:
        """Keep `after` if nobody has moved on since `before` was read; whether that is so."""


class SweepLog(Protocol):
    """What the sweeps found."""

    def add(self, report: SweepReport) -> None:
        """Keep one more."""

    def latest(self) -> Sequence[SweepReport]:
        """The latest first: that one, and before it those that found something."""


class RefusalLog(Protocol):
    """How many calls the webhook has refused."""

    def add(self, reason: Refusal) -> None:
        """Count one; never raises, and writes seldom, however many there are."""

    def of_day(self, day: date) -> Sequence[WebhookRefusals]:
        """The counts of a day (UTC), by reason."""


class RevokedLinks(Protocol):
    """Links to summary pages that were taken back before their time."""

    def add(self, link_id: str, revoked: RevokedLink) -> None:
        """Take one back."""

    def has(self, link_id: str) -> bool:
        """Whether it was taken back."""


class AccountState(Protocol):
    """What all instances must know about the engine's account."""

    def get(self) -> SymblAccount:
        """How it stands."""

    def get_with_turns(self) -> tuple[SymblAccount, DispatchTurns]:
        """How it stands, and the turns so far, read together: what dispatch begins with."""

    def change(self, change: Callable[[SymblAccount], SymblAccount]) -> SymblAccount:
        """Apply a pure change in a transaction; `change` may run several times."""

    def stopped_until(self, now: datetime) -> datetime | None:
        """Not to dispatch before; None while all is well."""


class TaskQueue(Protocol):
    """Tasks; creating one twice is harmless."""

    def enqueue(self, task: Task) -> None:
        """Create it, or find that it was created."""


class AudioStore(Protocol):
    """Recordings in Cloud Storage."""

    bucket: str

    def find(self, name: str, generation: int | None = None) -> StoredObject | None:
        """One generation of an object; None where it is gone."""

    def expect_bucket(self) -> None:
        """Raise, within seconds, where the bucket cannot be read."""

    def page(self, *, size: int, cursor: str | None) -> Page[StoredObject]:
        """Objects by name, in their current generation; their `metadata` is left out."""

    def open(self, stored: StoredObject) -> BinaryIO:
        """Its bytes, read by ranges."""

    def read_side_file(self, name: str) -> str | None:
        """A small text object; None where there is none."""

    def put(
        self, name: str, content: BinaryIO, *, content_type: str | None, metadata: Mapping[str, str]
    ) -> StoredObject:
        """Write a new object; never over another."""

    def delete(self, name: str, generation: int | None = None) -> None:
        """Remove one generation of an object, or the current one; that it is gone is as good."""

    def signed_url(self, name: str, generation: int, *, lifetime: timedelta) -> str:
        """A URL that reads exactly this generation until it expires."""


class SpeechIntelligence(Protocol):
    """The engine, or Symbl."""

    def submit(self, submission: Submission) -> Accepted:
        """Ask for an analysis.

        Raises:
            NotAccepted, Throttled: it has no job of it.
            OutcomeUnknown: it may have one.
            RefusedByEngine: it never will.
            AccountRefused: our credentials are at fault.
        """

    def prepare(self) -> None:
        """Get a token, so that what can fail before sending fails before it is marked as sent."""

    def job_status(self, job_id: str) -> JobStatus | None:
        """How a job stands; None where the engine knows no such job."""

    def verdict(self, job_id: str) -> Verdict:
        """What the engine says of a job that failed."""

    def find_conversation(self, attempt_id: AttemptId, *, since: datetime, now: datetime) -> str | None:
        """The conversation that this attempt made."""

    def section(self, section: SectionKind, conversation_id: str) -> Rows | None:
        """The rows of a section; None where the engine has none yet."""

    def delete_conversation(self, conversation_id: str) -> None:
        """Have the engine forget a conversation; that it has none is as good."""


class EnginePages(Protocol):
    """Pages that the engine may have itself."""

    def own_page(self, conversation_id: str, ux: BusinessUX | None) -> str | None:
        """The address of the engine's own page of a conversation, in a company's look; None where it has no such pages.

        It grants access to the call: it is shown to whoever asked, and neither stored nor logged.
        """


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the engine says of a job that failed; `reason` None: that it failed."""

    reason: str | None
    exchange: Exchange | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToSubmit:
    """What a submission is made of."""

    request: SymblAsyncRequest
    conversation: ConversationMetadata | None  #: None: somebody has deleted it
    defaults: CompanyDefaults | None  #: None: nobody said whose it is


@dataclasses.dataclass(frozen=True, kw_only=True)
class Submission:
    """Everything that one POST says."""

    url: str
    webhook_url: str
    attempt_id: AttemptId
    request_id: RequestId
    conversation: ConversationMetadata
    trackers: Iterable[Tracker]
    confidence_threshold: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Accepted:
    """The engine's 201."""

    conversation_id: str
    job_id: str
