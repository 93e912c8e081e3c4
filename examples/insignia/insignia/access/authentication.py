"""From a bearer token to a caller."""

from dataclasses import dataclass
from typing import Any

import jwt
from django.contrib.auth.models import AbstractBaseUser
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication

from insignia.access import trusted_issuer

TOKEN_PARTS = 2


@dataclass(frozen=True, slots=True)
class OutsideCaller:
    """Somebody the trusted issuer vouches for; has no row in our tables."""

    subject: str
    claims: dict[str, Any]
    is_authenticated: bool = True
    is_active: bool = True

    def __str__(self) -> str:
        """Return the name that audit trails show."""
        return self.subject


class BearerAuthentication(BaseAuthentication):
    """Accepts `Authorization: Bearer <JWT>` and nothing else.

    The algorithm in the token's header only chooses who checks it: our own users' tokens are HS256 with our secret,
    the trusted issuer's are asymmetric with its published keys. Neither side ever uses the other's key.
    """

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser | OutsideCaller, dict[str, Any]] | None:
        """Return the caller and the token's claims; None without a bearer token (the permission then answers 401)."""
        token = _bearer_token(request)
        if token is None:
            return None
        header = _unverified_header(token)
        if header.get("alg") in trusted_issuer.ALGORITHMS:
            caller, claims = _outside_caller(token, header)
        else:
            caller, claims = _own_user(token)
        # Read by the answer log, which stands outside of Django.
        request.META["insignia.issuer"], request.META["insignia.subject"] = claims["iss"], claims["sub"]
        return caller, claims

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401 (RFC 6750)."""
        return 'Bearer realm="insignia"'


class BearerScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document names the token."""

    target_class = BearerAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Return the OpenAPI security scheme."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


def _bearer_token(request: Request) -> str | None:
    parts = get_authorization_header(request).split()
    if len(parts) != TOKEN_PARTS or parts[0].lower() != b"bearer":
        return None
    return parts[1].decode("latin-1")


def _unverified_header(token: str) -> dict[str, Any]:
    try:
        return jwt.get_unverified_header(token)
    except jwt.InvalidTokenError as error:
        raise AuthenticationFailed("The bearer token is not a JWT.", "token_not_valid") from error


def _outside_caller(token: str, header: dict[str, Any]) -> tuple[OutsideCaller, dict[str, Any]]:
    issuer = trusted_issuer.trusted_issuer()
    key_id = header.get("kid")
    if issuer is None or not key_id:
        raise AuthenticationFailed("The token is not of an issuer trusted here.", "token_not_valid")
    claims = issuer.verify(token, key_id)
    return OutsideCaller(claims["sub"], claims), claims


def _own_user(token: str) -> tuple[AbstractBaseUser, dict[str, Any]]:
    own = JWTAuthentication()
    validated = own.get_validated_token(token.encode("latin-1"))
    return own.get_user(validated), validated.payload
