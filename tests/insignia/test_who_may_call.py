"""Only its own users, and callers that the trusted issuer vouches for, get an answer."""

from __future__ import annotations

import hmac
import json
import time
from typing import TYPE_CHECKING

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.utils import base64url_encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from insignia.conftest import Insignia, OutsideIssuer

BADGES = "/api/badges/"
API_KEY = "ptz_live_0000000000_00000000000000000000000000000000000000"


def test_login_gives_a_token_that_opens_the_api(insignia: Insignia, token: str) -> None:
    assert insignia.call("GET", BADGES, token=token).status == 200


def test_refresh_gives_a_new_access_token(insignia: Insignia, login: dict[str, str]) -> None:
    reply = insignia.call("POST", "/api/auth/token/refresh/", body={"refresh": login["refresh"]})
    assert reply.status == 200
    assert insignia.call("GET", BADGES, token=reply.json["access"]).status == 200


def test_a_wrong_password_is_401(insignia: Insignia) -> None:
    reply = insignia.call("POST", "/api/auth/token/", body={"username": "registrar", "password": "no"})
    assert (reply.status, set(reply.json)) == (401, {"detail"})


def test_health_and_schema_are_open(insignia: Insignia) -> None:
    assert insignia.call("GET", "/api/health/").json == {"status": "ok"}
    assert insignia.call("GET", "/api/schema/").status == 200


@pytest.mark.parametrize("path", [BADGES, "/api/awards/1/", "/api/nothing/", "/", "/api/badges"])
def test_nothing_else_is_answered_without_a_token(insignia: Insignia, path: str) -> None:
    reply = insignia.call("GET", path)
    assert reply.status == 401
    assert reply.json == {"detail": "Authentication credentials were not provided."}
    assert reply.headers["WWW-Authenticate"] == 'Bearer realm="insignia"'


@pytest.mark.parametrize(
    "headers",
    [{"X-Api-Key": API_KEY}, {"Authorization": f"Bearer {API_KEY}"}, {"Authorization": f"Api-Key {API_KEY}"}],
    ids=["x-api-key", "bearer", "api-key scheme"],
)
def test_an_api_key_is_401(insignia: Insignia, headers: dict[str, str]) -> None:
    assert insignia.call("GET", BADGES, headers=headers).status == 401


def test_a_refresh_token_does_not_open_the_api(insignia: Insignia, login: dict[str, str]) -> None:
    assert insignia.call("GET", BADGES, token=login["refresh"]).status == 401


def test_a_token_of_the_trusted_issuer_opens_the_api(insignia: Insignia, issuer: OutsideIssuer) -> None:
    assert insignia.call("GET", BADGES, token=issuer.token()).status == 200


BAD_CLAIMS = {
    "wrong issuer": {"iss": "https://other.example"},
    "no issuer": {"iss": None},
    "wrong audience": {"aud": "other-api"},
    "no audience": {"aud": None},
    "expired": {"exp": int(time.time()) - 60},
    "no expiry": {"exp": None},
    "not yet": {"nbf": int(time.time()) + 600},
    "issued in the future": {"iat": int(time.time()) + 600},
    "no subject": {"sub": None},
}


@pytest.mark.parametrize("changed", BAD_CLAIMS.values(), ids=BAD_CLAIMS.keys())
def test_a_token_with_bad_claims_is_401(insignia: Insignia, issuer: OutsideIssuer, changed: dict[str, object]) -> None:
    reply = insignia.call("GET", BADGES, token=issuer.token(**changed))
    assert reply.status == 401
    assert reply.json["detail"].startswith("The token is not valid")


def unsigned(issuer: OutsideIssuer) -> str:
    return jwt.encode(issuer.claims(), "", "none", headers={"kid": "first"})


def signed_with_the_public_key(issuer: OutsideIssuer) -> str:
    """HS256, the published key's PEM as the secret: opens servers that let the token choose its algorithm."""
    jwk = jwt.PyJWK(issuer.public_jwks()["keys"][0])
    pem = jwk.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return hs256(issuer.claims(), pem)


def hs256(claims: dict[str, object], secret: bytes) -> str:
    """Put together by hand: PyJWT refuses a PEM as HMAC secret."""
    head = base64url_encode(b'{"alg":"HS256","kid":"first","typ":"JWT"}')
    signed = head + b"." + base64url_encode(json.dumps(claims).encode())
    signature = hmac.digest(secret, signed, "sha256")
    return (signed + b"." + base64url_encode(signature)).decode()


def signed_by_somebody_else(issuer: OutsideIssuer) -> str:
    return jwt.encode(issuer.claims(), ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": "first"})


def of_an_unknown_key(issuer: OutsideIssuer) -> str:
    return jwt.encode(issuer.claims(), ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": "never"})


def without_a_key_id(issuer: OutsideIssuer) -> str:
    return jwt.encode(issuer.claims(), ec.generate_private_key(ec.SECP256R1()), "ES256")


@pytest.mark.parametrize(
    "forge", [unsigned, signed_with_the_public_key, signed_by_somebody_else, of_an_unknown_key, without_a_key_id]
)
def test_a_forged_token_is_401(
    insignia: Insignia, issuer: OutsideIssuer, forge: Callable[[OutsideIssuer], str]
) -> None:
    assert insignia.call("GET", BADGES, token=forge(issuer)).status == 401
