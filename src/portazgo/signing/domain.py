"""The life of a signing key: published, signing, retired, gone; and what the world sees of it. Pure rules."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# What our JWKS answers say to caches, and what backends are assumed to keep it for.
JWKS_MAX_AGE = timedelta(seconds=300)
# A backend may have read the JWKS just before the publication, through a cache that had read it just before that.
PUBLICATION_REST = 2 * JWKS_MAX_AGE
TOKEN_LIFE_SECONDS = range(60, 301)
DEFAULT_TOKEN_LIFE_SECONDS = 120
# Backends allow for clocks that differ a little from ours.
LEEWAY = timedelta(seconds=60)
SHORTEST_ROTATION = timedelta(days=1)
LONGEST_ROTATION = timedelta(days=3650)


class SigningState(StrEnum):
    """Where a signing key stands.

    Seen only; seen and signing; seen until its last token has ended; gone by itself, or by an operator's word.
    """

    PUBLISHED = "published"
    SIGNING = "signing"
    RETIRED = "retired"
    GONE = "gone"
    WITHDRAWN = "withdrawn"


PUBLIC_STATES = frozenset({SigningState.PUBLISHED, SigningState.SIGNING, SigningState.RETIRED})
"""In these a key is known to nodes and shown in the key set; in the others its private half is destroyed."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How far a change has come among the nodes that may still serve."""

    unconfirmed: tuple[str, ...]
    """Nodes that may serve what was before; retired ones, and those whose contact lease has ended, may not."""
    complete_at: datetime | None
    """Since when no node serves what was before; None while one may."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """Why a key must not go on in its life, and from when on it may, as far as time is what lacks."""

    reason: str
    not_before: datetime | None


def may_sign(spread: Spread, now: datetime, *, first_of_issuer: bool) -> NotYet | None:
    """Decide whether a published key may begin to sign; None: it may.

    A backend that meets a key it has not seen answers 401 to every call. So every node that may serve must have confirmed
    that it publishes the key, and twice the JWKS max-age must have passed since. An issuer's first key signs at once:
    nobody can have cached a document that did not exist.
    """
    if first_of_issuer:
        return None
    return _after(spread, PUBLICATION_REST, now, _UNPUBLISHED, _CACHED)


def may_go(spread: Spread, longest_life: timedelta, now: datetime) -> NotYet | None:
    """Decide whether a retired key may leave the key set; None: it may.

    Until a node has heard that the key is retired it signs with it; so the last token ends one life after the last node
    has heard.
    """
    return _after(spread, longest_life + LEEWAY, now, _UNRETIRED, _ALIVE)


def due_at(signing_since: datetime, rotate_every: timedelta) -> datetime:
    """Tell when the next key is to be published, so that this one signs for about `rotate_every`."""
    return signing_since + rotate_every


_UNPUBLISHED = "these nodes have not yet confirmed that they publish the key: {names}"
_CACHED = "backends may keep the key set from before for {seconds} seconds"
_UNRETIRED = "these nodes have not yet confirmed that they sign with another key: {names}"
_ALIVE = "tokens that it signed are accepted for {seconds} seconds"


def _after(spread: Spread, rest: timedelta, now: datetime, away: str, resting: str) -> NotYet | None:
    if spread.complete_at is None:
        return NotYet(away.format(names=", ".join(sorted(spread.unconfirmed))), None)
    rested_at = spread.complete_at + rest
    if now < rested_at:
        return NotYet(resting.format(seconds=int(rest.total_seconds())), rested_at)
    return None


def key_set(jwks: Iterable[Mapping[str, str]]) -> str:
    """Write the JWKS document (RFC 7517, section 5), ordered by kid: byte for byte as nodes write it."""
    return _written({"keys": sorted((dict(jwk) for jwk in jwks), key=lambda jwk: jwk["kid"])})


def discovery(issuer_url: str, algorithms: Iterable[str]) -> str:
    """Write the discovery document (OpenID Connect Discovery 1.0, section 4), as far as a verifier needs it.

    `algorithms`: of the issuer's keys in the key set. Byte for byte as nodes write it.
    """
    return _written(
        {
            "issuer": issuer_url,
            "jwks_uri": f"{issuer_url.rstrip('/')}/.well-known/jwks.json",
            "response_types_supported": ["none"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": sorted(set(algorithms)),
        }
    )


def etag(text: str) -> str:
    """Give the entity tag of a document (RFC 9110, section 8.8.3), as nodes give it."""
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def _written(document: Mapping[str, object]) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
