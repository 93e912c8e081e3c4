"""Signs a token as nodes do, for what the control plane calls itself: `portazgo backend test`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key

from portazgo.kit.secret import Secret
from portazgo.signing.domain import ALGORITHM, COORDINATE_BYTES, SigningState, base64url
from portazgo.signing.models import SigningKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portazgo.kit.wrapping import KeyWrapper


class NothingSigns(Exception):
    """The issuer has no key that signs: nodes refuse to mint then."""

    def __init__(self, issuer: str) -> None:
        super().__init__(f"no key of the issuer {issuer} signs")


@dataclass(frozen=True, slots=True)
class Minted:
    """A token, and the `kid` of the key that signed it."""

    token: Secret
    kid: str


def mint(issuer: str, claims: Mapping[str, Any], *, wrapper: KeyWrapper) -> Minted:
    """Sign claims with the key that nodes choose: of those that sign, the last by kid.

    Unwraps the key, which may call out: not for a transaction. Raises NothingSigns, WrappingFailed.
    A compact JWS (RFC 7515) with ES256 (RFC 7518, section 3.4).
    """
    key = SigningKey.objects.filter(issuer=UUID(issuer), state=SigningState.SIGNING).order_by("kid").last()
    if key is None:
        raise NothingSigns(issuer)
    private = load_der_private_key(wrapper.unwrap(f"signing_key/{key.kid}", key.wrapped), password=None)
    header = {"alg": ALGORITHM, "kid": key.kid, "typ": "JWT"}
    signed = f"{_part(header)}.{_part(claims)}"
    signature = cast("ec.EllipticCurvePrivateKey", private).sign(signed.encode(), ec.ECDSA(SHA256()))
    numbers = decode_dss_signature(signature)
    fixed = b"".join(number.to_bytes(COORDINATE_BYTES, "big") for number in numbers)
    return Minted(Secret(f"{signed}.{base64url(fixed)}"), key.kid)


def _part(document: Mapping[str, Any]) -> str:
    return base64url(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode())
