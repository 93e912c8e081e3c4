"""Tokens of the one outside issuer that Insignia trusts (RFC 7519, keys by RFC 7517)."""

import logging
import time
from functools import cache
from typing import Any

import jwt
from django.conf import settings
from rest_framework.exceptions import APIException, AuthenticationFailed

logger = logging.getLogger("insignia.access")

# Asymmetric only: with HS256 in this list, whoever knows the public key could sign.
ALGORITHMS = ("ES256", "EdDSA", "RS256")
LEEWAY_SECONDS = 5
KEYS_LIVE_SECONDS = 300
# Between two fetches for key ids that aren't in the set, or after one that failed.
REFETCH_PAUSE_SECONDS = 2
FETCH_TIMEOUT_SECONDS = 2


class KeysUnavailable(APIException):
    """503: the token may be good, but the keys to check it with can't be had now."""

    status_code = 503
    default_detail = "The trusted issuer's keys could not be fetched."
    default_code = "issuer_keys_unavailable"


class PublishedKeys(jwt.PyJWKClient):
    """The keys at a JWKS URL, cached; a fetch that failed is not repeated at once, or every token would wait for it."""

    _failed_at: float | None = None

    def fetch_data(self) -> dict[str, Any]:
        """Fetch the key set; raises PyJWKClientConnectionError when there is none to be had."""
        if self._failed_at is not None and time.monotonic() - self._failed_at < REFETCH_PAUSE_SECONDS:
            raise jwt.PyJWKClientConnectionError("The last fetch failed just now.")
        try:
            return super().fetch_data()
        except (jwt.PyJWTError, ValueError, OSError) as error:
            # ValueError and PyJWTError: the URL answered, but not with a key set (an error page, an empty set).
            self._failed_at = time.monotonic()
            logger.warning("The trusted issuer's keys could not be fetched: %s", error)
            raise jwt.PyJWKClientConnectionError("The key set could not be fetched.") from error


class TrustedIssuer:
    """Checks tokens by issuer, audience and the keys at a JWKS URL."""

    def __init__(self, issuer: str, audience: str, jwks_url: str) -> None:
        """Remember whom to trust; the keys are fetched when the first token comes."""
        self._issuer = issuer
        self._audience = audience
        self._keys = PublishedKeys(
            jwks_url,
            lifespan=KEYS_LIVE_SECONDS,
            timeout=FETCH_TIMEOUT_SECONDS,
            cooldown_duration=REFETCH_PAUSE_SECONDS,
        )

    def verify(self, token: str, key_id: str) -> dict[str, Any]:
        """Return the claims of a token that is signed, in time and meant for us.

        Raises AuthenticationFailed (401) when it is not, KeysUnavailable (503) when that can't be told.
        """
        try:
            return jwt.decode(
                token,
                key=self._key(key_id),
                algorithms=ALGORITHMS,
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_SECONDS,
                options={"require": ["iss", "aud", "sub", "exp", "iat"]},
            )
        except jwt.InvalidTokenError as error:
            raise AuthenticationFailed(f"The token is not valid: {error}", "token_not_valid") from error

    def _key(self, key_id: str) -> jwt.PyJWK:
        try:
            return self._keys.get_signing_key(key_id)
        except jwt.PyJWKClientConnectionError as error:
            raise KeysUnavailable from error
        except jwt.PyJWKClientError as error:
            message = "The token is not valid: the trusted issuer has no such key."
            raise AuthenticationFailed(message, "token_not_valid") from error


@cache
def trusted_issuer() -> TrustedIssuer | None:
    """Return the issuer named in the settings; None unless all three settings are there."""
    if not (settings.TRUSTED_ISSUER and settings.TRUSTED_AUDIENCE and settings.JWKS_URL):
        return None
    return TrustedIssuer(settings.TRUSTED_ISSUER, settings.TRUSTED_AUDIENCE, settings.JWKS_URL)
