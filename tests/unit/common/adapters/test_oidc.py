"""Identity tokens: everything about them is checked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from common.adapters.oidc import TokenVerifier
from common.errors import TryLater, Unauthenticated
from deploy.local.identity import ISSUER, Identity
from tests.symbl_stand_in import Answer, SymblStandIn, refusing_url
from tests.tokens import an_identity

if TYPE_CHECKING:
    from collections.abc import Iterator

AUDIENCE, EMAIL = "https://functions.example/submit_job", "tasks@p.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def keys() -> Iterator[str]:
    server = SymblStandIn().on("/jwks", Answer(body=an_identity().jwks()))
    yield f"{server.url}/jwks"
    server.close()


def claims(**changed: Any) -> dict[str, Any]:
    now = int(datetime.now(UTC).timestamp())
    all_ = {"iss": ISSUER, "aud": AUDIENCE, "email": EMAIL, "email_verified": True, "iat": now, "exp": now + 3600}
    return {name: value for name, value in {**all_, **changed}.items() if value is not None}


def signed(key: Any = None, *, algorithm: str = "RS256", **changed: Any) -> str:
    own = an_identity()
    return jwt.encode(claims(**changed), key or own.key, algorithm=algorithm, headers={"kid": own.key_id})


def caller(keys: str, token: str) -> str:
    return TokenVerifier(jwks_url=keys, issuers=[ISSUER]).verify_caller(token, audiences=[AUDIENCE], emails={EMAIL})


def test_a_good_token_names_its_caller(keys: str) -> None:
    """As the local identity makes them, too."""
    assert caller(keys, signed()) == EMAIL
    assert caller(keys, an_identity().token(audience=AUDIENCE, email=EMAIL, now=datetime.now(UTC))) == EMAIL


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": int((datetime.now(UTC) - timedelta(minutes=1)).timestamp())},
        {"iat": int((datetime.now(UTC) + timedelta(hours=1)).timestamp())},
        {"aud": "https://functions.example/collect_results"},
        {"aud": [AUDIENCE + "x"]},
        {"iss": "https://accounts.example"},
        {"email": "somebody@p.iam.gserviceaccount.com"},
        {"email": None},
        {"email_verified": False},
        {"email_verified": "true"},
        {"exp": None},
        {"iat": None},
        {"aud": None},
        {"iss": None},
    ],
    ids=lambda changed: next(iter(changed)),  # the claim: times differ between two workers
)
def test_a_token_with_anything_wrong_is_refused(keys: str, changed: dict[str, Any]) -> None:
    """Missing claims as well as wrong ones."""
    with pytest.raises(Unauthenticated):
        caller(keys, signed(**changed))


def test_only_the_announced_key_signs(keys: str) -> None:
    """Not another one under its name, not the public key as a secret, not nobody."""
    tokens = [
        signed(Identity.create().key),
        jwt.encode(claims(), "", algorithm="none", headers={"kid": an_identity().key_id}),
        jwt.encode(claims(), "public key as a secret, thirty-two bytes", algorithm="HS256",
                   headers={"kid": an_identity().key_id}),
        jwt.encode(claims(), an_identity().key, algorithm="RS256", headers={"kid": "unknown"}),
        signed()[:-4] + "AAAA",
        "",
        "a.b.c",
    ]  # fmt: skip

    for token in tokens:
        with pytest.raises(Unauthenticated):
            caller(keys, token)


def test_keys_out_of_reach_are_nobodys_fault() -> None:
    """The call is repeated."""
    with pytest.raises(TryLater):
        caller(f"{refusing_url()}/jwks", signed())


def test_a_signature_that_google_took_off_counts_only_where_iam_has_checked_it() -> None:
    """Cloud Run does so behind IAM. No key is asked for; every claim is held to what it must be all the same."""

    def taken_off(**changed: Any) -> str:
        return signed(**changed).rpartition(".")[0] + ".SIGNATURE_REMOVED_BY_GOOGLE"

    nowhere = f"{refusing_url()}/jwks"
    behind_iam = TokenVerifier(jwks_url=nowhere, issuers=[ISSUER], removed_signatures=True)
    assert behind_iam.verify_caller(taken_off(), audiences=[AUDIENCE], emails={EMAIL}) == EMAIL
    for wrong in (
        {"exp": int((datetime.now(UTC) - timedelta(minutes=1)).timestamp())},
        {"aud": "https://functions.example/other"},
        {"iss": "https://accounts.example"},
        {"email": "somebody@p.iam.gserviceaccount.com"},
        {"email_verified": False},
        {"exp": None},
    ):
        with pytest.raises(Unauthenticated):
            behind_iam.verify_caller(taken_off(**wrong), audiences=[AUDIENCE], emails={EMAIL})
    with pytest.raises(TryLater):  # any other signature is checked
        behind_iam.verify_caller(signed(), audiences=[AUDIENCE], emails={EMAIL})


def test_a_signature_that_google_took_off_is_none_anywhere_else(keys: str) -> None:
    """Anybody can write those words."""
    with pytest.raises(Unauthenticated):
        caller(keys, signed().rpartition(".")[0] + ".SIGNATURE_REMOVED_BY_GOOGLE")


def test_the_assertion_of_iap_is_signed_by_an_elliptic_curve() -> None:
    """ES256 and nothing else, for the audience of this service."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = {**ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "iap-1", "alg": "ES256", "use": "sig"}
    server = SymblStandIn().on("/keys", Answer(body={"keys": [public, *an_identity().jwks()["keys"]]}))
    iap = TokenVerifier(jwks_url=f"{server.url}/keys", issuers=["https://cloud.google.com/iap"], algorithms=["ES256"])

    def assertion(**changed: Any) -> str:
        told = claims(**{"iss": "https://cloud.google.com/iap", "aud": "/projects/1/apps/calls", **changed})
        return jwt.encode(told, key, algorithm="ES256", headers={"kid": "iap-1"})

    assert iap.verify(assertion(), audiences=["/projects/1/apps/calls"])["email"] == EMAIL
    rs256 = signed(iss="https://cloud.google.com/iap", aud="/projects/1/apps/calls")
    for wrong in (assertion(aud="/projects/1/apps/other"), assertion(iss=ISSUER), assertion(exp=1), rs256):
        with pytest.raises(Unauthenticated):
            iap.verify(wrong, audiences=["/projects/1/apps/calls"])
    server.close()
