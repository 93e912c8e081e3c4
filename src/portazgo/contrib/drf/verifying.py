"""Is this a token of our gateway, for us, now? RFC 7515, 7519; the checks of RFC 8725.

What the token says of itself chooses nothing but one of the issuer's published keys: not where keys are (`jku`, `x5u`), not
the key (`jwk`, `x5c`), not an algorithm other than that key's.
"""

from __future__ import annotations

import json
import logging
import re
import time
from typing import Any

import jwt
from jwt.utils import base64url_decode

logger = logging.getLogger("portazgo.contrib.drf")

ASYMMETRIC = frozenset({"ES256", "EdDSA", "RS256"})
"""With HS256 among them, whoever has read the published key could sign."""
KEYS_LIVE_SECONDS = 300
REFETCH_SECONDS = 10
"""Between two fetches for ids of keys that are not in the set, so that made-up ids are no flood; after a failure too."""
FETCH_SECONDS = 3
LONGEST_TOKEN = 16_384
LONGEST_KID = 200
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_MUST_BE_UNDERSTOOD = frozenset({"crit", "b64", "zip"})
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})


class TokenInvalid(Exception):
    """The token is none for us; the message holds nothing of it."""


class KeysUnavailable(Exception):
    """The token may be good: the issuer's keys can't be had now."""


class PublishedKeys(jwt.PyJWKClient):
    """The keys at a JWKS address, cached; a fetch that failed is not repeated at once, or every call would wait for it."""

    _failed_at: float | None = None

    def fetch_data(self) -> Any:
        """Fetch the key set. Raises PyJWKClientConnectionError when there is none to be had."""
        if self._failed_at is not None and time.monotonic() - self._failed_at < REFETCH_SECONDS:
            raise jwt.PyJWKClientConnectionError("the last fetch failed just now")
        try:
            return super().fetch_data()
        except (jwt.PyJWTError, ValueError, OSError) as problem:
            self._failed_at = time.monotonic()
            logger.warning("the keys at %s can't be fetched: %s", self.uri, problem)
            raise jwt.PyJWKClientConnectionError("the key set can't be fetched") from problem


class Verifier:
    """Checks tokens of one issuer for one audience. Safe for threads."""

    def __init__(
        self, *, issuer: str, audience: str, jwks_url: str, algorithms: frozenset[str], leeway_seconds: float
    ) -> None:
        if not issuer or not audience or not algorithms or not algorithms <= ASYMMETRIC:
            raise ValueError(
                f"an issuer, an audience, and algorithms out of {', '.join(sorted(ASYMMETRIC))} are needed"
            )
        self._issuer = issuer
        self._audience = audience
        self._algorithms = algorithms
        self._leeway_seconds = leeway_seconds
        self._keys = PublishedKeys(
            jwks_url, lifespan=KEYS_LIVE_SECONDS, timeout=FETCH_SECONDS, cooldown_duration=REFETCH_SECONDS
        )

    def verify(self, token: str) -> dict[str, Any]:
        """Give the claims. Raises TokenInvalid, KeysUnavailable."""
        key = self._key(self._header(token))
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key=key,
                algorithms=[key.algorithm_name],
                issuer=self._issuer,
                audience=self._audience,
                leeway=self._leeway_seconds,
                options={"require": ["iss", "aud", "sub", "exp", "iat"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as problem:
            raise TokenInvalid(f"the token is not valid ({type(problem).__name__})") from None
        return claims

    def _header(self, token: str) -> dict[str, Any]:
        if len(token) > LONGEST_TOKEN:
            raise TokenInvalid("the token is too long")
        if not _COMPACT.fullmatch(token):
            raise TokenInvalid("the bearer token is no JWT")
        try:
            header = jwt.get_unverified_header(token)
            for part in token.split(".")[:2]:
                _refuse_doubles(part)
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise TokenInvalid("the bearer token is no JWT") from None
        if _MUST_BE_UNDERSTOOD & header.keys() or str(header.get("typ", "JWT")).lower() not in _TYPES:
            raise TokenInvalid("the token's header asks for what is not understood")
        return header

    def _key(self, header: dict[str, Any]) -> jwt.PyJWK:
        kid, algorithm = header.get("kid"), header.get("alg")
        if not isinstance(kid, str) or not 0 < len(kid) <= LONGEST_KID:
            raise TokenInvalid("the token names no key")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            raise TokenInvalid("the token's algorithm is not accepted")
        try:
            key = self._keys.get_signing_key(kid)
        except jwt.PyJWKClientConnectionError:
            raise KeysUnavailable("the issuer's keys can't be fetched") from None
        except jwt.PyJWTError:
            raise TokenInvalid("the issuer has no such key") from None
        if key.algorithm_name != algorithm:
            raise TokenInvalid("the token's algorithm is not that of its key")
        return key


def _refuse_doubles(part: str) -> None:
    """Raise ValueError where a member is there twice: two readers may take different ones (RFC 7515, section 4)."""
    json.loads(base64url_decode(part), object_pairs_hook=_members)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members
