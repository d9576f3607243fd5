"""AudioStore on Cloud Storage."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, BinaryIO, cast

import google.auth
import google.auth.transport.requests
import requests
from google.api_core import exceptions as google_errors
from google.auth.credentials import Signing
from google.cloud.storage import Client
from google.cloud.storage.retry import DEFAULT_RETRY

from common.errors import TryLater
from common.model.recording import StoredObject
from common.ports import Page

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from google.cloud.storage import Blob


#: The reader's own default is 40 MiB, far more than a header needs.
READ_CHUNK_BYTES = 256 * 1024
_SIDE_FILE_BYTES = 1024 * 1024
_PROBE_S = 3
_CALL_S = 15
_RETRY = DEFAULT_RETRY.with_timeout(20)  # whoever waits for it comes again
_OUT_OF_REACH = (google_errors.ServerError, google_errors.RetryError, requests.RequestException)
_LISTED = "items(name,generation,size,contentType,md5Hash,timeCreated),nextPageToken"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def storage_client(*, project: str) -> Client:
    """A client that calls for what it is asked for, and for nothing else.

    Left alone, the library also looks up each bucket that it meets, in a thread of its own, for traces that are not
    kept here: one more call per instance, by a permission (storage.buckets.get) that no function has.
    """
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    return Client(project=project)


class CloudAudioStore:
    """The recordings bucket."""

    def __init__(self, client: Client, *, bucket: str, signer: UrlSigner) -> None:
        self.bucket = bucket
        self._client = client
        self._bucket = client.bucket(bucket)
        self._signer = signer

    def find(self, name: str, generation: int | None = None) -> StoredObject | None:
        """One generation of an object (None: the current one); None where it is gone.

        Raises:
            TryLater: when the bucket is out of reach.
        """
        try:
            blob = self._bucket.get_blob(name, generation=generation, timeout=_CALL_S, retry=_RETRY)
        except _OUT_OF_REACH as error:
            raise TryLater(f"the object cannot be looked for: {error}") from error
        if blob is None or (generation is not None and blob.generation != generation):
            return None
        return self._stored(blob)

    def expect_bucket(self) -> None:
        """List one object: needs no more permission than reading does, and fails where there is no bucket."""
        next(iter(self._client.list_blobs(self.bucket, max_results=1, timeout=_PROBE_S, retry=None)), None)

    def page(self, *, size: int, cursor: str | None) -> Page[StoredObject]:
        """The current generations of objects by name, without their metadata, in one call.

        Raises:
            TryLater: when the bucket is out of reach.
        """
        listing = self._client.list_blobs(
            self.bucket, page_size=size, page_token=cursor, fields=_LISTED, timeout=_CALL_S, retry=_RETRY
        )
        try:
            blobs = next(listing.pages, ())
        except _OUT_OF_REACH as error:
            raise TryLater(f"the bucket cannot be listed: {error}") from error
        return Page(items=[self._stored(blob) for blob in blobs], next_cursor=listing.next_page_token)

    def open(self, stored: StoredObject) -> BinaryIO:
        """Its bytes, read by ranges of 256 KiB as they are asked for."""
        blob = self._bucket.blob(stored.name, generation=stored.generation)
        blob._properties["size"] = stored.size  # noqa: SLF001  # spares the reader a request for what is known
        return cast("BinaryIO", blob.open("rb", chunk_size=READ_CHUNK_BYTES))

    def read_side_file(self, name: str) -> str | None:
        """A small text object; None where there is none."""
        try:
            return str(self._bucket.blob(name).download_as_bytes(end=_SIDE_FILE_BYTES).decode("utf-8", "replace"))
        except google_errors.NotFound:
            return None

    def put(
        self, name: str, content: BinaryIO, *, content_type: str | None, metadata: Mapping[str, str]
    ) -> StoredObject:
        """Write a new object; never over another."""
        blob = self._bucket.blob(name)
        blob.metadata = dict(metadata)
        blob.upload_from_file(
            content, rewind=True, content_type=content_type or "application/octet-stream", if_generation_match=0
        )
        return self._stored(blob)

    def delete(self, name: str, generation: int | None = None) -> None:
        """Remove one generation, or the current one; that it is gone is as good.

        Raises:
            TryLater: when the bucket is out of reach.
        """
        try:
            self._bucket.blob(name, generation=generation).delete(timeout=_CALL_S, retry=_RETRY)
        except google_errors.NotFound:
            return
        except _OUT_OF_REACH as error:
            raise TryLater(f"the object cannot be deleted: {error}") from error

    def signed_url(self, name: str, generation: int, *, lifetime: timedelta) -> str:
        """A V4 URL that reads exactly this generation until it expires."""
        return self._signer.sign(self._bucket.blob(name), generation=generation, lifetime=lifetime)

    def _stored(self, blob: Blob) -> StoredObject:
        return StoredObject(
            bucket=self.bucket,
            name=blob.name,
            generation=int(blob.generation),
            size=int(blob.size),
            content_type=blob.content_type,
            md5=blob.md5_hash,
            created_at=blob.time_created,
            metadata=dict(blob.metadata or {}),
        )


class UrlSigner:
    """Signs URLs with the credentials' own key, else through IAM signBlob as `service_account`.

    signBlob's keys are good for at least 12 hours (https://cloud.google.com/iam/docs/reference/credentials/rest), so no
    URL may be meant to live longer.
    """

    def __init__(self, *, service_account: str | None, endpoint: str | None) -> None:
        self._service_account = service_account
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._credentials: google.auth.credentials.Credentials | None = None

    def sign(self, blob: Blob, *, generation: int, lifetime: timedelta) -> str:
        """A URL for GET, good from now (the signing library's clock) for `lifetime`."""
        endpoint = {"api_access_endpoint": self._endpoint} if self._endpoint else {}
        return str(
            blob.generate_signed_url(
                version="v4",
                method="GET",
                expiration=lifetime,
                generation=generation,
                **endpoint,
                **self._identity(),
            )
        )

    def _identity(self) -> dict[str, object]:
        with self._lock:
            if self._credentials is None:
                self._credentials, _ = google.auth.default(scopes=[_SCOPE])
            if isinstance(self._credentials, Signing):
                return {"credentials": self._credentials}
            if not self._credentials.valid:
                self._credentials.refresh(google.auth.transport.requests.Request())
            return {
                "credentials": self._credentials,
                "service_account_email": self._service_account,
                "access_token": self._credentials.token,
            }
