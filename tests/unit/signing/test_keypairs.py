"""Keys of each algorithm, verified by a library that backends use."""

from __future__ import annotations

import json

import jwt
import pytest

from portazgo.signing.algorithms import Algorithm, base64url, check_shared_secret, thumbprint
from portazgo.signing.keypairs import generate, new_shared_secret, shared, sign

PUBLIC = [Algorithm.ES256, Algorithm.EDDSA, Algorithm.RS256]


def token(algorithm: Algorithm, kid: str, private: bytes) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": algorithm.value, "kid": kid}, {"aud": "a"})]
    signed = ".".join(base64url(part) for part in parts)
    return f"{signed}.{base64url(sign(algorithm, private, signed.encode()))}"


@pytest.mark.parametrize("algorithm", PUBLIC)
def test_what_a_key_signs_is_verified_by_its_public_half_alone(algorithm: Algorithm) -> None:
    pair, other = generate(algorithm), generate(algorithm)
    assert pair.public_jwk is not None
    assert other.public_jwk is not None
    assert set(pair.public_jwk).isdisjoint({"d", "p", "q", "dp", "dq", "qi", "k"})
    signed = token(algorithm, pair.kid, pair.private)
    assert jwt.decode(signed, jwt.PyJWK(pair.public_jwk), algorithms=[algorithm.value], audience="a") == {"aud": "a"}
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(signed, jwt.PyJWK(other.public_jwk), algorithms=[algorithm.value], audience="a")


@pytest.mark.parametrize("algorithm", PUBLIC)
def test_a_kid_is_the_thumbprint_of_what_is_required(algorithm: Algorithm) -> None:
    jwk = generate(algorithm).public_jwk
    assert jwk is not None
    required = {name: value for name, value in jwk.items() if name not in {"alg", "use", "kid"}}
    assert (jwk["alg"], jwk["use"], jwk["kid"]) == (algorithm.value, "sig", thumbprint(required))


def test_a_shared_secret_verifies_and_its_kid_says_nothing_of_it() -> None:
    secret = new_shared_secret()
    pair, again = shared(secret), shared(secret)
    assert pair.public_jwk is None
    assert pair.kid != again.kid
    signed = token(Algorithm.HS256, pair.kid, pair.private)
    assert jwt.decode(signed, secret.reveal(), algorithms=["HS256"], audience="a") == {"aud": "a"}
    assert check_shared_secret(secret.reveal()) == secret.reveal()


@pytest.mark.parametrize("text", ["short", "x" * 31, "x" * 1025, " " + "x" * 32, "x" * 32 + "\n"])
def test_what_is_no_secret_to_share_is_told_so_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match="a shared secret"):
        check_shared_secret(text)
