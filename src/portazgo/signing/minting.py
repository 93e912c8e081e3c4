"""Signs a token as nodes do, for what the control plane calls itself: `portazgo backend test`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from portazgo.kit.secret import Secret
from portazgo.signing.algorithms import Algorithm, base64url
from portazgo.signing.domain import SigningState
from portazgo.signing.models import SigningKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portazgo.kit.wrapping import KeyWrapper


class NothingSigns(Exception):
    """The issuer has no key that signs with this algorithm: nodes refuse to mint then."""

    def __init__(self, issuer: str, algorithm: str) -> None:
        super().__init__(f"no key of the issuer {issuer} signs with {algorithm}")


@dataclass(frozen=True, slots=True)
class Minted:
    """A token, and the `kid` of the key that signed it."""

    token: Secret
    kid: str


def mint(issuer: str, algorithm: str, claims: Mapping[str, Any], *, wrapper: KeyWrapper) -> Minted:
    """Sign claims with the key that nodes choose: of those that sign with the algorithm, the last by kid.

    Unwraps the key, which may call out: not for a transaction. Raises NothingSigns, WrappingFailed.
    A compact JWS (RFC 7515).
    """
    signing = SigningKey.objects.filter(issuer=UUID(issuer), algorithm=algorithm, state=SigningState.SIGNING)
    key = signing.order_by("kid").last()
    if key is None:
        raise NothingSigns(issuer, algorithm)
    # Loaded only where a token is made: it takes a while, and memory.
    from portazgo.signing.keypairs import sign  # noqa: PLC0415

    private = wrapper.unwrap(f"signing_key/{key.kid}", key.wrapped)
    header = {"alg": algorithm, "kid": key.kid, "typ": "JWT"}
    signed = f"{_part(header)}.{_part(claims)}"
    signature = sign(Algorithm(algorithm), private, signed.encode())
    return Minted(Secret(f"{signed}.{base64url(signature)}"), key.kid)


def _part(document: Mapping[str, Any]) -> str:
    return base64url(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode())
