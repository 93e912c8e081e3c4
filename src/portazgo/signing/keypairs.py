"""Makes signing keys, and signs with them as nodes do. A way of signing is one entry of the table."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from portazgo.kit.secret import Secret
from portazgo.signing.algorithms import Algorithm, base64url, base64url_number, public_jwk

RSA_BITS = 2048
_COORDINATE_BYTES = 32
_SHARED_BYTES = 32
_KID_BYTES = 32


@dataclass(frozen=True, slots=True, repr=False)
class KeyPair:
    """A key that was just made. `private`: PKCS#8 DER, or the shared secret; `public_jwk` None: it has no public half."""

    kid: str
    public_jwk: dict[str, str] | None
    private: bytes


def generate(algorithm: Algorithm) -> KeyPair:
    """Make a key of an algorithm that has a public half."""
    private = _WAYS[algorithm].generate()
    jwk = public_jwk(algorithm, _WAYS[algorithm].members(private))
    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return KeyPair(jwk["kid"], jwk, der)


def shared(secret: Secret) -> KeyPair:
    """Make a key of a shared secret. Its kid is random: a digest of the secret could be tried out against guesses."""
    return KeyPair(base64url(secrets.token_bytes(_KID_BYTES)), None, secret.reveal().encode())


def new_shared_secret() -> Secret:
    """Make a secret to share, as text that fits into a setting."""
    return Secret(base64url(secrets.token_bytes(_SHARED_BYTES)))


def sign(algorithm: Algorithm, private: bytes, text: bytes) -> bytes:
    """Sign as a JWS wants it (RFC 7518, section 3; RFC 8037, section 3.1)."""
    if algorithm.is_shared:
        mac = HMAC(private, SHA256())
        mac.update(text)
        return mac.finalize()
    return _WAYS[algorithm].sign(cast("_Private", load_der_private_key(private, password=None)), text)


_Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class _Way:
    generate: Callable[[], _Private]
    members: Callable[[_Private], dict[str, str]]
    sign: Callable[[_Private, bytes], bytes]


def _es256_members(private: _Private) -> dict[str, str]:
    point = cast("ec.EllipticCurvePrivateKey", private).public_key().public_numbers()
    x, y = (base64url(number.to_bytes(_COORDINATE_BYTES, "big")) for number in (point.x, point.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def _es256_sign(private: _Private, text: bytes) -> bytes:
    signature = cast("ec.EllipticCurvePrivateKey", private).sign(text, ec.ECDSA(SHA256()))
    return b"".join(number.to_bytes(_COORDINATE_BYTES, "big") for number in decode_dss_signature(signature))


def _eddsa_members(private: _Private) -> dict[str, str]:
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"crv": "Ed25519", "kty": "OKP", "x": base64url(public)}


def _eddsa_sign(private: _Private, text: bytes) -> bytes:
    return cast("ed25519.Ed25519PrivateKey", private).sign(text)


def _rs256_members(private: _Private) -> dict[str, str]:
    numbers = cast("rsa.RSAPrivateKey", private).public_key().public_numbers()
    return {"e": base64url_number(numbers.e), "kty": "RSA", "n": base64url_number(numbers.n)}


def _rs256_sign(private: _Private, text: bytes) -> bytes:
    return cast("rsa.RSAPrivateKey", private).sign(text, padding.PKCS1v15(), SHA256())


_WAYS: dict[Algorithm, _Way] = {
    Algorithm.ES256: _Way(lambda: ec.generate_private_key(ec.SECP256R1()), _es256_members, _es256_sign),
    Algorithm.EDDSA: _Way(ed25519.Ed25519PrivateKey.generate, _eddsa_members, _eddsa_sign),
    Algorithm.RS256: _Way(lambda: rsa.generate_private_key(65537, RSA_BITS), _rs256_members, _rs256_sign),
}
