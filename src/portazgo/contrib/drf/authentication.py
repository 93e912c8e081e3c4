"""From `Authorization: Bearer` to who is calling: `request.user`, and `request.auth` with partner, application, scopes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import APIException, AuthenticationFailed

from portazgo.contrib.drf.verifying import KeysUnavailable, TokenInvalid, Verifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rest_framework.request import Request

_DEFAULTS: dict[str, Any] = {
    "JWKS_URL": None,
    "ALGORITHMS": ["ES256"],
    "LEEWAY_SECONDS": 5,
    "PARTNER_CLAIM": "partner",
    "APPLICATION_CLAIM": "application",
    "SCOPES_CLAIM": "scopes",
}
_PARTS = 2


class IssuerUnavailable(APIException):
    """503: the token may be good, but the keys to check it with can't be had now."""

    status_code = 503
    default_detail = "The issuer's keys can't be fetched."
    default_code = "issuer_keys_unavailable"


@dataclass(frozen=True, slots=True)
class PortazgoToken:
    """What a token says: `request.auth`. A claim that the backend's template does not have is None, scopes are empty."""

    subject: str
    partner: str | None
    application: str | None
    scopes: frozenset[str]
    claims: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody the gateway vouches for: `request.user`. Has no row in your tables; `pk` is the token's subject."""

    pk: str
    partner: str | None
    application: str | None
    is_authenticated: bool = True
    is_anonymous: bool = False
    is_active: bool = True
    is_staff: bool = False
    is_superuser: bool = False

    def __str__(self) -> str:
        """Name it for logs."""
        return self.pk


class PortazgoAuthentication(BaseAuthentication):
    """Accepts tokens of the one issuer in `settings.PORTAZGO_DRF`; another scheme than Bearer is left to other classes."""

    def authenticate(self, request: Request) -> tuple[Caller, PortazgoToken] | None:
        """Give the caller and the token. Raises AuthenticationFailed (401), IssuerUnavailable (503)."""
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != b"bearer":
            return None
        if len(parts) != _PARTS:
            raise AuthenticationFailed("The bearer token is no JWT.", "token_not_valid")
        try:
            claims = verifier().verify(parts[1].decode("latin-1"))
        except TokenInvalid as problem:
            raise AuthenticationFailed(f"{problem}.", "token_not_valid") from None
        except KeysUnavailable:
            raise IssuerUnavailable from None
        token = _token(claims)
        return Caller(token.subject, token.partner, token.application), token

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - the same for all
        """Give the challenge of a 401 (RFC 6750)."""
        return 'Bearer realm="api"'


@cache
def verifier() -> Verifier:
    """Make the verifier of this process. Raises ImproperlyConfigured."""
    chosen = _configuration()
    issuer = str(chosen["ISSUER"])
    try:
        return Verifier(
            issuer=issuer,
            audience=chosen["AUDIENCE"],
            jwks_url=chosen["JWKS_URL"] or f"{issuer.rstrip('/')}/.well-known/jwks.json",
            algorithms=frozenset(chosen["ALGORITHMS"]),
            leeway_seconds=chosen["LEEWAY_SECONDS"],
        )
    except ValueError as problem:
        raise ImproperlyConfigured(f"PORTAZGO_DRF: {problem}") from None


def _configuration() -> dict[str, Any]:
    given: Mapping[str, Any] = getattr(settings, "PORTAZGO_DRF", {})
    known = {"ISSUER", "AUDIENCE", *_DEFAULTS}
    if wrong := sorted(given.keys() - known) + sorted({"ISSUER", "AUDIENCE"} - given.keys()):
        raise ImproperlyConfigured(f"PORTAZGO_DRF: {wrong[0]} is missing or unknown; it has {', '.join(sorted(known))}")
    return {**_DEFAULTS, **given}


def _token(claims: Mapping[str, Any]) -> PortazgoToken:
    chosen = _configuration()
    return PortazgoToken(
        claims["sub"],
        _text(claims.get(chosen["PARTNER_CLAIM"])),
        _text(claims.get(chosen["APPLICATION_CLAIM"])),
        _scopes(claims.get(chosen["SCOPES_CLAIM"])),
        claims,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _scopes(value: Any) -> frozenset[str]:
    """Read a list, or a text with spaces between (RFC 8693, section 4.2)."""
    listed = value.split() if isinstance(value, str) else value if isinstance(value, list) else []
    return frozenset(one for one in listed if isinstance(one, str))
