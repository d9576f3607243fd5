"""URLs signed with the throw-away service account are valid: verified here, because the storage server does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import requests
from google.oauth2 import service_account

from deploy.local.identity import Identity
from tests.contract.storage.conftest import BUCKET
from tests.contract.storage.signed_urls import verified

if TYPE_CHECKING:
    from pathlib import Path

    from google.cloud.storage import Blob, Bucket

EMAIL = "submit-job@local.iam.gserviceaccount.com"
NAME = "acme/2026/Müller & Söhne +49.wav"
SIX_HOURS = timedelta(hours=6)


@pytest.fixture
def blob(bucket: Bucket) -> Blob:
    blob = bucket.blob(NAME)
    blob.upload_from_string(b"RIFF....WAVE", content_type="audio/wav")
    return blob


@pytest.fixture
def signed(blob: Blob, url: str, identity: Identity, tmp_path: Path) -> str:
    path = tmp_path / "account.json"
    identity.write_service_account_file(path, project="local", email=EMAIL)
    credentials = service_account.Credentials.from_service_account_file(str(path))
    link = blob.generate_signed_url(
        version="v4",
        method="GET",
        expiration=SIX_HOURS,
        generation=blob.generation,
        credentials=credentials,
        api_access_endpoint=url,
    )
    return str(link)


def test_a_signed_url_grants_the_one_generation_until_it_expires(signed: str, blob: Blob, identity: Identity) -> None:
    """By this signer, for this object as it is now, six hours long; and it does lead to the bytes."""
    now = datetime.now(UTC)
    grant = verified(signed, method="GET", key=identity.key.public_key(), now=now)
    assert (grant.signer, grant.bucket, grant.name) == (EMAIL, BUCKET, NAME)
    assert grant.generation == str(blob.generation)
    assert abs(grant.expires_at - now - SIX_HOURS) < timedelta(minutes=1)
    assert requests.get(signed, timeout=5).content == b"RIFF....WAVE"


def test_a_signed_url_is_worth_nothing_after_its_expiry(signed: str, identity: Identity) -> None:
    """To the second."""
    key, now = identity.key.public_key(), datetime.now(UTC)
    expires_at = verified(signed, method="GET", key=key, now=now).expires_at
    verified(signed, method="GET", key=key, now=expires_at - timedelta(seconds=1))
    with pytest.raises(ValueError, match="expired"):
        verified(signed, method="GET", key=key, now=expires_at)


@pytest.mark.parametrize(
    ("old", "new"),
    [("generation=1", "generation=2"), ("X-Goog-Expires=21600", "X-Goog-Expires=604800"), (".wav", ".mp3")],
)
def test_whoever_changes_a_signed_url_breaks_it(signed: str, identity: Identity, old: str, new: str) -> None:
    """Another generation, a longer life, another object."""
    assert old in signed
    with pytest.raises(ValueError, match="signature"):
        verified(signed.replace(old, new, 1), method="GET", key=identity.key.public_key(), now=datetime.now(UTC))


def test_a_signed_url_is_for_one_method_and_one_signer(signed: str, identity: Identity) -> None:
    """Who may read may not write, and another stack's key signs nothing here."""
    for method, key in (("PUT", identity.key), ("GET", Identity.create().key)):
        with pytest.raises(ValueError, match="signature"):
            verified(signed, method=method, key=key.public_key(), now=datetime.now(UTC))
