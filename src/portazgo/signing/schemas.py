"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from ninja import Schema
from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from portazgo.kit.names import SLUG_PATTERN
from portazgo.kit.web.schemas import Body, Whole
from portazgo.signing.algorithms import SHARED_SECRET_BYTES, Algorithm, check_shared_secret
from portazgo.signing.domain import LONGEST_ROTATION, SHORTEST_ROTATION, SigningState

# An RFC 7638 thumbprint, base64url.
JwkKidText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
ISSUER_URL_PATTERN = r"^https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?$"
RotationSeconds = Annotated[
    Whole, Field(ge=int(SHORTEST_ROTATION.total_seconds()), le=int(LONGEST_ROTATION.total_seconds()))
]


def _check_secret(secret: SecretStr) -> SecretStr:
    check_shared_secret(secret.get_secret_value())
    return secret


SharedSecret = Annotated[SecretStr, AfterValidator(_check_secret)]
SHARED_HELP = (
    f"HS256 only: the secret that the backend holds, {SHARED_SECRET_BYTES.start} bytes or more. "
    "Null: one is made, and shown in this answer only."
)


class NewKeyBody(Body):
    """A signing key to be made. Null: with the issuer's own algorithm."""

    algorithm: Algorithm | None = Field(None, description="Null: the issuer's.", examples=["ES256"])
    secret: SharedSecret | None = Field(None, description=SHARED_HELP)


class CreateIssuer(Body):
    """An issuer to be made; its first key signs at once."""

    name: Annotated[str, StringConstraints(pattern=SLUG_PATTERN, max_length=63)] = Field(examples=["partners"])
    url: Annotated[str, StringConstraints(pattern=ISSUER_URL_PATTERN, max_length=500)] = Field(
        examples=["https://gateway.example"]
    )
    algorithm: Algorithm = Field(Algorithm.ES256, description="Of its first key, and of backends that name none.")
    rotate_every_seconds: RotationSeconds | None = Field(
        None, description="How often its keys are rotated. Null: by hand only.", examples=[7_776_000]
    )
    secret: SharedSecret | None = Field(None, description=SHARED_HELP)


class ChangeIssuer(Body):
    """What is to change; null leaves as it is."""

    rotate_every_seconds: RotationSeconds | None = Field(None, examples=[7_776_000])
    without_rotation: bool | None = Field(None, description="True: rotate by hand only.")

    @model_validator(mode="after")
    def _one_or_the_other(self) -> ChangeIssuer:
        if self.without_rotation and self.rotate_every_seconds is not None:
            raise ValueError("give either rotate_every_seconds or without_rotation")
        return self


class IssuerView(Schema):
    """An issuer; backends find its key set at `<url>/.well-known/jwks.json`."""

    id: UUID
    name: str
    url: str
    algorithm: Algorithm
    rotate_every_seconds: int | None
    created_at: datetime


class SigningKeyView(Schema):
    """A signing key, its public half. Null `public_jwk`: it is a secret that the backend shares."""

    kid: str
    issuer: UUID = Field(validation_alias="issuer_id")
    algorithm: Algorithm
    state: SigningState
    public_jwk: dict[str, str] | None
    published_at: datetime
    signing_since: datetime | None
    retired_at: datetime | None
    gone_at: datetime | None
    waits_for: str | None = Field(
        description="Why it stays in its state; null: nothing keeps it, or nothing was looked at yet."
    )
    not_before: datetime | None = Field(
        description="When it goes on at the earliest, as far as that is a matter of time."
    )

    @staticmethod
    def resolve_waits_for(key: Any) -> str | None:
        """Give nothing for an empty text."""
        return key.waits_for or None


class IssuerMade(IssuerView):
    """An issuer that was just made."""

    secret: str | None = Field(description="The shared secret, where one was made here: shown this once.")


class SigningKeyMade(SigningKeyView):
    """A signing key that was just made."""

    secret: str | None = Field(description="The shared secret, where one was made here: shown this once.")
