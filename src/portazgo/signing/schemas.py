"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from ninja import Schema
from pydantic import Field, StringConstraints

from portazgo.kit.names import SLUG_PATTERN
from portazgo.kit.web.schemas import Body
from portazgo.signing.domain import SigningState

# An RFC 7638 thumbprint, base64url.
JwkKidText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
ISSUER_URL_PATTERN = r"^https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?$"


class CreateIssuer(Body):
    """An issuer to be made; its first key signs at once."""

    name: Annotated[str, StringConstraints(pattern=SLUG_PATTERN, max_length=63)] = Field(examples=["partners"])
    url: Annotated[str, StringConstraints(pattern=ISSUER_URL_PATTERN, max_length=500)] = Field(
        examples=["https://gateway.example"]
    )


class IssuerView(Schema):
    """An issuer; backends find its key set at `<url>/.well-known/jwks.json`."""

    id: UUID
    name: str
    url: str
    created_at: datetime


class SigningKeyView(Schema):
    """A signing key, its public half."""

    kid: str
    issuer: UUID = Field(validation_alias="issuer_id")
    state: SigningState
    public_jwk: dict[str, str]
    published_at: datetime
    signing_since: datetime | None
    retired_at: datetime | None
