"""When a signing key may sign, and what the world sees of it. Pure rules."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

ALGORITHM: Final = "ES256"
# What our JWKS answers say to caches, and what backends are assumed to keep it for.
JWKS_MAX_AGE = timedelta(seconds=300)
# A backend may have read the JWKS just before the publication, through a cache that had read it just before that.
PUBLICATION_REST = 2 * JWKS_MAX_AGE
COORDINATE_BYTES = 32


class SigningState(StrEnum):
    """Where a signing key stands: seen only; seen and signing; seen until its last token has ended; gone."""

    PUBLISHED = "published"
    SIGNING = "signing"
    RETIRED = "retired"
    WITHDRAWN = "withdrawn"


PUBLIC_STATES = frozenset({SigningState.PUBLISHED, SigningState.SIGNING, SigningState.RETIRED})


@dataclass(frozen=True, slots=True)
class Publication:
    """How far the publication of a key has come."""

    published_at: datetime
    first_of_issuer: bool
    unconfirmed_nodes: tuple[str, ...]
    """Live nodes that have not yet confirmed the revision that published the key; dead ones don't count."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """Why a key must not sign yet, and from when on it may, as far as time is what lacks."""

    reason: str
    not_before: datetime | None


def may_sign(publication: Publication, now: datetime) -> NotYet | None:
    """Decide whether a published key may begin to sign; None: it may.

    A backend that meets a key it has not seen answers 401 to every call. So every live node must have confirmed that
    it publishes the key, and twice the JWKS max-age must have passed since. An issuer's first key signs at once:
    nobody can have cached a document that did not exist.
    """
    if publication.first_of_issuer:
        return None
    if publication.unconfirmed_nodes:
        names = ", ".join(sorted(publication.unconfirmed_nodes))
        return NotYet(f"these nodes have not yet confirmed that they publish the key: {names}", None)
    rested_at = publication.published_at + PUBLICATION_REST
    if now < rested_at:
        seconds = int(PUBLICATION_REST.total_seconds())
        return NotYet(f"backends may keep the key set from before for {seconds} seconds", rested_at)
    return None


def published_until(retired_at: datetime, longest_life: timedelta) -> datetime:
    """Tell until when a retired key must stay visible: until the last token that it signed has ended."""
    return retired_at + longest_life


def base64url(data: bytes) -> str:
    """Encode without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def public_jwk(x: int, y: int) -> dict[str, str]:
    """Return the JWK of a P-256 point (RFC 7518, section 6.2.1); its `kid` is the RFC 7638 thumbprint."""
    members = {
        "crv": "P-256",
        "kty": "EC",
        "x": base64url(x.to_bytes(COORDINATE_BYTES, "big")),
        "y": base64url(y.to_bytes(COORDINATE_BYTES, "big")),
    }
    return {**members, "alg": ALGORITHM, "use": "sig", "kid": thumbprint(members)}


def thumbprint(members: Mapping[str, str]) -> str:
    """Return the SHA-256 thumbprint of a JWK's required members (RFC 7638, section 3)."""
    canonical = json.dumps(dict(members), sort_keys=True, separators=(",", ":"))
    return base64url(hashlib.sha256(canonical.encode("ascii")).digest())


def key_set(keys: Iterable[tuple[SigningState, Mapping[str, str]]]) -> dict[str, list[dict[str, str]]]:
    """Return the JWKS document (RFC 7517, section 5), ordered by kid as nodes order it."""
    visible = [dict(jwk) for state, jwk in keys if state in PUBLIC_STATES]
    return {"keys": sorted(visible, key=lambda jwk: jwk["kid"])}


def discovery(issuer_url: str) -> dict[str, object]:
    """Return the discovery document (OpenID Connect Discovery 1.0, section 4), as far as a verifier needs it."""
    return {
        "issuer": issuer_url,
        "jwks_uri": f"{issuer_url.rstrip('/')}/.well-known/jwks.json",
        "response_types_supported": ["none"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
    }
