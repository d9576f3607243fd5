"""The wiring: settings to adapters, built once per instance, each client only when it is first used."""

from __future__ import annotations

import functools
import os
import random
import threading
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from common.config import Settings, read_settings
from common.model.tasks import Stage

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from google.cloud import datastore

    from common.adapters.cloud_storage import CloudAudioStore
    from common.adapters.cloud_tasks import CloudTaskQueue
    from common.adapters.datastore.account import DatastoreAccount
    from common.adapters.datastore.audit import DatastoreAudit
    from common.adapters.datastore.companies import DatastoreCompanies
    from common.adapters.datastore.day_statistics import DatastoreStatistics
    from common.adapters.datastore.deletions import DatastoreDeletions
    from common.adapters.datastore.idempotency import DatastoreIdempotency
    from common.adapters.datastore.inbox import DatastoreInbox
    from common.adapters.datastore.intake import DatastoreIntakeLog
    from common.adapters.datastore.intelligence import DatastoreResults
    from common.adapters.datastore.lanes import DatastoreLanes
    from common.adapters.datastore.links import DatastoreRevokedLinks
    from common.adapters.datastore.recordings import DatastoreRecordings
    from common.adapters.datastore.refusals import DatastoreRefusals
    from common.adapters.datastore.requests import DatastoreRequests
    from common.adapters.datastore.search import DatastoreSearchIndex
    from common.adapters.datastore.slots import DatastoreSlots
    from common.adapters.datastore.sweeps import DatastoreScans, DatastoreSweepLog
    from common.adapters.datastore.waveforms import DatastoreWaveforms
    from common.adapters.oidc import TokenVerifier
    from common.adapters.symbl.client import SymblClient
    from common.adapters.url_fetch import UrlFetcher

# ruff: noqa: PLC0415  # a function imports only the clients that it uses: cold starts are paid for

if TYPE_CHECKING:
    from functools import cached_property as built_once
else:
    _building = threading.RLock()

    class built_once(functools.cached_property):  # noqa: N801  # it is used as functools has its own
        """A cached property that is built while no other is.

        Building imports, and Google's packages import in circles: two threads that enter such a circle at once, as the
        first calls of an instance do, break it for both.
        """

        def __get__(self, instance: object, owner: type | None = None) -> object:
            with _building:
                return super().__get__(instance, owner)


class Services:
    """Everything that an entry point hands to its stage."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.chance = random.Random()  # noqa: S311  # order and jitter, no secrets

    @staticmethod
    def clock() -> datetime:
        """Now, in UTC."""
        return datetime.now(UTC)

    @staticmethod
    def later(wait: timedelta, do: Callable[[], None]) -> None:
        """Do it after `wait`, on a thread that dies with the process."""
        timer = threading.Timer(wait.total_seconds(), do)
        timer.daemon = True
        timer.start()

    @staticmethod
    def new_id() -> str:
        """An id that nobody else has: 32 hexadecimal characters."""
        return uuid.uuid4().hex

    @built_once
    def datastore(self) -> datastore.Client:
        """One client for all kinds."""
        from google.cloud import datastore

        return datastore.Client(project=self.settings.google_cloud_project, database=self.settings.datastore_database)

    @built_once
    def recordings(self) -> DatastoreRecordings:
        """ConversationMetadata."""
        from common.adapters.datastore.recordings import DatastoreRecordings

        return DatastoreRecordings(self.datastore)

    @built_once
    def requests(self) -> DatastoreRequests:
        """SymblAsyncRequest."""
        from common.adapters.datastore.requests import DatastoreRequests

        return DatastoreRequests(self.datastore)

    @built_once
    def slots(self) -> DatastoreSlots:
        """SymblSlot."""
        from common.adapters.datastore.slots import DatastoreSlots

        return DatastoreSlots(self.datastore)

    @built_once
    def lanes(self) -> DatastoreLanes:
        """QueueLane and DispatchTurns."""
        from common.adapters.datastore.lanes import DatastoreLanes

        return DatastoreLanes(self.datastore)

    @built_once
    def results(self) -> DatastoreResults:
        """The ConversationIntelligence kinds."""
        from common.adapters.datastore.intelligence import DatastoreResults

        return DatastoreResults(self.datastore)

    @built_once
    def search(self) -> DatastoreSearchIndex:
        """CallIndex."""
        from common.adapters.datastore.search import DatastoreSearchIndex

        return DatastoreSearchIndex(self.datastore)

    @built_once
    def statistics(self) -> DatastoreStatistics:
        """DayStatistics."""
        from common.adapters.datastore.day_statistics import DatastoreStatistics

        return DatastoreStatistics(self.datastore)

    @built_once
    def inbox(self) -> DatastoreInbox:
        """WebhookEvent."""
        from common.adapters.datastore.inbox import DatastoreInbox

        return DatastoreInbox(self.datastore)

    @built_once
    def companies(self) -> DatastoreCompanies:
        """CompanyDefaults and BusinessUX."""
        from common.adapters.datastore.companies import DatastoreCompanies

        return DatastoreCompanies(self.datastore)

    @built_once
    def waveforms(self) -> DatastoreWaveforms:
        """Waveform."""
        from common.adapters.datastore.waveforms import DatastoreWaveforms

        return DatastoreWaveforms(self.datastore)

    @built_once
    def intake(self) -> DatastoreIntakeLog:
        """RejectedObject and UploadDetails."""
        from common.adapters.datastore.intake import DatastoreIntakeLog

        return DatastoreIntakeLog(self.datastore)

    @built_once
    def deletions(self) -> DatastoreDeletions:
        """DeletedRecording."""
        from common.adapters.datastore.deletions import DatastoreDeletions

        return DatastoreDeletions(self.datastore)

    @built_once
    def idempotency(self) -> DatastoreIdempotency:
        """IdempotentCall."""
        from common.adapters.datastore.idempotency import DatastoreIdempotency

        return DatastoreIdempotency(self.datastore)

    @built_once
    def audit(self) -> DatastoreAudit:
        """AuditEvent."""
        from common.adapters.datastore.audit import DatastoreAudit

        return DatastoreAudit(self.datastore)

    @built_once
    def revoked_links(self) -> DatastoreRevokedLinks:
        """RevokedLink."""
        from common.adapters.datastore.links import DatastoreRevokedLinks

        return DatastoreRevokedLinks(self.datastore)

    @built_once
    def scans(self) -> DatastoreScans:
        """BucketScan."""
        from common.adapters.datastore.sweeps import DatastoreScans

        return DatastoreScans(self.datastore)

    @built_once
    def sweep_log(self) -> DatastoreSweepLog:
        """SweepReports."""
        from common.adapters.datastore.sweeps import DatastoreSweepLog

        return DatastoreSweepLog(self.datastore)

    @built_once
    def refusals(self) -> DatastoreRefusals:
        """WebhookRefusals; one per instance, since it adds up in memory."""
        from common.adapters.datastore.refusals import DatastoreRefusals

        return DatastoreRefusals(self.datastore, clock=self.clock, later=self.later)

    @built_once
    def account(self) -> DatastoreAccount:
        """SymblAccount."""
        from common.adapters.datastore.account import DatastoreAccount

        return DatastoreAccount(self.datastore)

    @built_once
    def tasks(self) -> CloudTaskQueue:
        """Cloud Tasks."""
        from common.adapters.cloud_tasks import CloudTaskQueue, tasks_client

        settings = self.settings
        return CloudTaskQueue(
            tasks_client(settings.cloud_tasks_emulator_host),
            project=settings.google_cloud_project,
            location=settings.tasks_location,
            queues={
                Stage.DISPATCH: settings.dispatch_queue,
                Stage.SUBMIT: settings.submit_queue,
                Stage.COLLECT: settings.collect_queue,
                Stage.INGEST: settings.collect_queue,  # rare, and like it not what fills slots
            },
            target_base_url=settings.tasks_target_base_url,
            service_account=settings.tasks_service_account,
        )

    @built_once
    def audio(self) -> CloudAudioStore:
        """Cloud Storage."""
        from common.adapters.cloud_storage import CloudAudioStore, UrlSigner, storage_client

        signer = UrlSigner(
            service_account=self.settings.url_signer_service_account,
            endpoint=os.environ.get("STORAGE_EMULATOR_HOST"),  # where the client goes too
        )
        return CloudAudioStore(
            storage_client(project=self.settings.google_cloud_project),
            bucket=self.settings.recordings_bucket,
            signer=signer,
        )

    @built_once
    def fetcher(self) -> UrlFetcher:
        """Recordings by URL."""
        from common.adapters.url_fetch import UrlFetcher
        from common.model.intake import MAX_UPLOAD_BYTES

        return UrlFetcher(max_bytes=MAX_UPLOAD_BYTES, allow_private=self.settings.ingest_allow_private_urls)

    @built_once
    def engine(self) -> SymblClient:
        """Symbl, or the engine."""
        from common.adapters.symbl.client import SymblClient

        return SymblClient(
            base_url=self.settings.symbl_api_url,
            app_id=self.settings.symbl_app_id,
            app_secret=self.settings.symbl_app_secret.get_secret_value(),
            clock=self.clock,
        )

    @built_once
    def callers(self) -> TokenVerifier:
        """Who calls an internal function."""
        from common.adapters.oidc import TokenVerifier

        return TokenVerifier(
            jwks_url=self.settings.oidc_jwks_url,
            issuers=[self.settings.oidc_issuer],
            removed_signatures=self.settings.signatures_checked_by_iam,
        )

    @built_once
    def iap(self) -> TokenVerifier:
        """Who comes through Identity-Aware Proxy."""
        from common.adapters.oidc import TokenVerifier

        return TokenVerifier(
            jwks_url="https://www.gstatic.com/iap/verify/public_key-jwk",
            issuers=["https://cloud.google.com/iap"],
            algorithms=["ES256"],
        )


@functools.cache
def services() -> Services:
    """This instance's services; the first call reads the settings and raises if any is missing or wrong."""
    return Services(read_settings())
