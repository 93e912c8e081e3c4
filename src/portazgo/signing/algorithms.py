"""How tokens are signed, and what a key of each way looks like to the world (RFC 7518, RFC 8037). Pure."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

SHARED_SECRET_BYTES: Final = range(32, 1025)
"""RFC 7518, section 3.2: at least the size of the hash."""


class Algorithm(StrEnum):
    """The `alg` of a token's header. `HS256` is for a backend that shares a secret, the others for the key set."""

    ES256 = "ES256"
    EDDSA = "EdDSA"
    RS256 = "RS256"
    HS256 = "HS256"

    @property
    def feature(self) -> str:
        """Name what a node must know to sign with it."""
        return f"credential.mint-{self.value.lower()}.1"

    @property
    def is_shared(self) -> bool:
        """Tell whether whoever verifies could sign too: there is no public half then."""
        return self is Algorithm.HS256


def check_shared_secret(text: str) -> str:
    """Return a secret that the operator brings. Raises ValueError; the message doesn't repeat it."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size not in SHARED_SECRET_BYTES:
        least, most = SHARED_SECRET_BYTES.start, SHARED_SECRET_BYTES.stop - 1
        raise ValueError(f"a shared secret has {least} to {most} bytes, this one {size}")
    if not text.isprintable() or text != text.strip():
        raise ValueError("a shared secret is one line of text, without blanks around it")
    return text


def base64url(data: bytes) -> str:
    """Encode without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def base64url_number(number: int) -> str:
    """Encode a number without leading zero bytes (RFC 7518, section 2)."""
    return base64url(number.to_bytes((number.bit_length() + 7) // 8 or 1, "big"))


def public_jwk(algorithm: Algorithm, members: Mapping[str, str]) -> dict[str, str]:
    """Return the JWK of these members, the required ones of its type; its `kid` is the RFC 7638 thumbprint."""
    return {**members, "alg": algorithm.value, "use": "sig", "kid": thumbprint(members)}


def thumbprint(members: Mapping[str, str]) -> str:
    """Return the SHA-256 thumbprint of a JWK's required members (RFC 7638, section 3)."""
    canonical = json.dumps(dict(members), sort_keys=True, separators=(",", ":"))
    return base64url(hashlib.sha256(canonical.encode("ascii")).digest())
