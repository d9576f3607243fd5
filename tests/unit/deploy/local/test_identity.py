"""The throw-away key, and what it signs."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from google.oauth2 import service_account

from deploy.local.identity import ISSUER, KEY_FILE, Identity

if TYPE_CHECKING:
    from pathlib import Path

EMAIL = "tasks@local.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def identity() -> Identity:
    return Identity.create()


def verified(token: str, identity: Identity, *, audience: str) -> dict[str, Any]:
    """The claims of *token*, verified as the functions verify it: by the JWKS alone."""
    keys = jwt.PyJWKSet.from_dict(json.loads(json.dumps(identity.jwks())))
    key = keys[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(token, key.key, algorithms=["RS256"], audience=audience, issuer=ISSUER)


def test_a_token_is_verified_by_the_published_keys(identity: Identity) -> None:
    """A verifier that has the JWKS and nothing else accepts a token, and learns who calls."""
    token = identity.token(audience="http://f/submit", email=EMAIL, now=datetime.now(UTC))
    claims = verified(token, identity, audience="http://f/submit")
    assert claims["email"] == EMAIL
    assert claims["email_verified"] is True
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["sub"].isdecimal()


def test_a_token_is_refused_after_an_hour_for_another_audience_and_by_another_key(identity: Identity) -> None:
    """Each of the three alone is enough."""
    now = datetime.now(UTC)
    old = identity.token(audience="a", email=EMAIL, now=now - timedelta(hours=1, seconds=1))
    with pytest.raises(jwt.ExpiredSignatureError):
        verified(old, identity, audience="a")
    token = identity.token(audience="a", email=EMAIL, now=now)
    with pytest.raises(jwt.InvalidAudienceError):
        verified(token, identity, audience="b")
    with pytest.raises(KeyError):
        verified(token, Identity.create(), audience="a")


def test_a_service_account_has_the_same_subject_in_every_token(identity: Identity) -> None:
    """`sub` names the account, as Google's does."""
    tokens = [identity.token(audience=a, email=EMAIL, now=datetime.now(UTC)) for a in ("a", "b")]
    first, second = (jwt.decode(t, options={"verify_signature": False})["sub"] for t in tokens)
    assert first == second


def test_the_key_is_kept_for_this_user_alone(tmp_path: Path) -> None:
    """A second start has the same identity, from a file that nobody else can read."""
    first = Identity.load_or_create(tmp_path / "state")
    assert Identity.load_or_create(tmp_path / "state").key_id == first.key_id
    assert stat.S_IMODE((tmp_path / "state" / KEY_FILE).stat().st_mode) == 0o600
    assert [p.name for p in (tmp_path / "state").iterdir()] == [KEY_FILE]


def test_processes_that_start_together_get_one_key(tmp_path: Path) -> None:
    """Whoever is first wins; the others take that key."""
    with ThreadPoolExecutor(4) as pool:
        keys = set(pool.map(lambda _: Identity.load_or_create(tmp_path).key_id, range(4)))
    assert len(keys) == 1


def test_a_damaged_key_file_is_named_with_its_mend(tmp_path: Path) -> None:
    """Nobody has to guess what to remove."""
    (tmp_path / KEY_FILE).write_text("rubbish")
    with pytest.raises(ValueError, match=rf"{KEY_FILE} holds no private key: remove it"):
        Identity.load_or_create(tmp_path)


def test_the_service_account_file_signs_with_the_same_key(identity: Identity, tmp_path: Path) -> None:
    """google-auth reads it, signs what the identity's key verifies, and is led nowhere but to loopback."""
    path = tmp_path / "account.json"
    identity.write_service_account_file(path, project="local", email=EMAIL)
    credentials = service_account.Credentials.from_service_account_file(str(path))
    assert credentials.signer_email == EMAIL
    public = jwt.PyJWK(identity.jwks()["keys"][0])
    assert public.Algorithm.verify(b"text", public.key, credentials.sign_bytes(b"text"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["token_uri"].startswith("http://127.0.0.1:")
