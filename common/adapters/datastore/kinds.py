"""Every kind: its row type and the properties that are indexed. `docs/data-model.md` says why, and a test compares.

Composite indexes are in `deploy/index.yaml`, each under the query that needs it.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Any

from common.adapters.datastore.codec import from_entity, to_entity
from common.model.aggregates import StatisticsShard
from common.model.audit import AuditEvent
from common.model.business_ux import BusinessUX
from common.model.capacity import SymblAccount
from common.model.company import CompanyDefaults
from common.model.conversation import ConversationMetadata
from common.model.deletion import DeletedRecording
from common.model.fairness import DispatchTurns, QueueLane
from common.model.idempotency import IdempotentCall
from common.model.intake import RejectedObject
from common.model.intelligence import SECTIONS
from common.model.job import SymblAsyncRequest
from common.model.reconciliation import BucketScan
from common.model.refusals import WebhookRefusals
from common.model.search.document import IndexEntry
from common.model.share import RevokedLink
from common.model.slot import Lease
from common.model.sweeping import SweepReports
from common.model.waveform import Waveform
from common.model.webhook import WebhookEvent

if TYPE_CHECKING:
    from google.cloud import datastore


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of entities, each the row of one dataclass."""

    name: str
    row: Any
    indexed: frozenset[str] = frozenset()

    def key(self, client: datastore.Client, name: str) -> datastore.Key:
        """The key of the row called `name`."""
        return client.key(self.name, name)

    def entity(self, client: datastore.Client, name: str, row: object) -> datastore.Entity:
        """What is stored of `row`."""
        return to_entity(row, self.key(client, name), indexed=self.indexed)

    def row_of(self, entity: datastore.Entity) -> Any:  # noqa: ANN401  # the row type
        """What was stored."""
        return from_entity(self.row, entity)


CONVERSATION_METADATA = Kind(
    "ConversationMetadata", ConversationMetadata, frozenset({"company", "created_at", "started_at", "external_id"})
)
SYMBL_ASYNC_REQUEST = Kind(
    "SymblAsyncRequest",
    SymblAsyncRequest,
    frozenset({
        "available_at", "company", "conversation_id", "created_at", "failure_class", "job_id", "next_check_at",
        "priority", "recording_id", "results", "status",
    }),
)  # fmt: skip
SYMBL_SLOT = Kind("SymblSlot", Lease, frozenset({"request_id"}))
QUEUE_LANE = Kind("QueueLane", QueueLane, frozenset({"waiting"}))
DISPATCH_TURNS = Kind("DispatchTurns", DispatchTurns)
SYMBL_ACCOUNT = Kind("SymblAccount", SymblAccount)
WEBHOOK_EVENT = Kind("WebhookEvent", WebhookEvent, frozenset({"request_id", "received_at", "next_check_at"}))
BUSINESS_UX = Kind("BusinessUX", BusinessUX)
COMPANY_DEFAULTS = Kind("CompanyDefaults", CompanyDefaults, frozenset({"prefix"}))
REJECTED_OBJECT = Kind("RejectedObject", RejectedObject, frozenset({"rejected_at", "duplicate_of"}))
DELETED_RECORDING = Kind("DeletedRecording", DeletedRecording, frozenset({"next_check_at"}))
BUCKET_SCAN = Kind("BucketScan", BucketScan)
SWEEP_REPORTS = Kind("SweepReports", SweepReports)
WEBHOOK_REFUSALS = Kind("WebhookRefusals", WebhookRefusals)
WAVEFORM = Kind("Waveform", Waveform)
IDEMPOTENT_CALL = Kind("IdempotentCall", IdempotentCall)
AUDIT_EVENT = Kind("AuditEvent", AuditEvent, frozenset({"at", "who", "action", "company", "recording_id"}))
REVOKED_LINK = Kind("RevokedLink", RevokedLink)

#: Kinds whose entities are put together by hand, with the properties that are indexed.
AUDIO_FINGERPRINT = "AudioFingerprint"
UPLOAD_DETAILS = "UploadDetails"
INTELLIGENCE_INDEXED = frozenset({"conversation_id", "recording_id"})

CALL_INDEX = Kind(
    "CallIndex", IndexEntry, frozenset({"terms", "facets", "started_at", "created_at", "duration_s", "polarity"})
)
DAY_STATISTICS = Kind("DayStatistics", StatisticsShard, frozenset({"company", "day"}))

ROW_KINDS = (
    CALL_INDEX,
    DAY_STATISTICS,
    CONVERSATION_METADATA,
    SYMBL_ASYNC_REQUEST,
    SYMBL_SLOT,
    QUEUE_LANE,
    DISPATCH_TURNS,
    SYMBL_ACCOUNT,
    WEBHOOK_EVENT,
    BUSINESS_UX,
    COMPANY_DEFAULTS,
    REJECTED_OBJECT,
    DELETED_RECORDING,
    BUCKET_SCAN,
    SWEEP_REPORTS,
    WEBHOOK_REFUSALS,
    WAVEFORM,
    IDEMPOTENT_CALL,
    AUDIT_EVENT,
    REVOKED_LINK,
)
INTELLIGENCE_KINDS = tuple(section.kind for section in SECTIONS)


def fingerprint_key(client: datastore.Client, company: str, content_hash: str) -> datastore.Key:
    """The key of a company's audio with this hash."""
    return client.key(AUDIO_FINGERPRINT, hashlib.sha256(f"{company}\n{content_hash}".encode()).hexdigest())


def slot_key(client: datastore.Client, number: int) -> datastore.Key:
    """The key of slot `number`."""
    return SYMBL_SLOT.key(client, f"slot-{number:04d}")


def turns_key(client: datastore.Client) -> datastore.Key:
    """The key of the turns of all lanes."""
    return DISPATCH_TURNS.key(client, "default")


def account_key(client: datastore.Client) -> datastore.Key:
    """The key of the account: there is one."""
    return SYMBL_ACCOUNT.key(client, "default")
