"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from ninja import Schema
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from portazgo.keys.domain import KID_PATTERN, NETWORKS_AT_MOST, KeyStatus, check_certificates, check_networks
from portazgo.keys.models import Key
from portazgo.kit.names import PLAIN_TEXT_PATTERN, SCOPE_PATTERN
from portazgo.kit.web.schemas import Body, Moment, PageQuery, Truth

KeyName = Annotated[str, StringConstraints(pattern=PLAIN_TEXT_PATTERN, max_length=63)]
KidText = Annotated[str, StringConstraints(pattern=KID_PATTERN)]
ScopeNames = Annotated[
    list[Annotated[str, StringConstraints(pattern=SCOPE_PATTERN, max_length=100)]], Field(max_length=200)
]
Networks = Annotated[
    list[Annotated[str, StringConstraints(max_length=64)]],
    Field(max_length=NETWORKS_AT_MOST, examples=[["203.0.113.0/24"]]),
    AfterValidator(check_networks),
]


_EXAMPLE = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
Certificates = Annotated[
    # Repeated ones count once, so more than are kept may come.
    list[Annotated[str, StringConstraints(max_length=95)]],
    Field(max_length=20, examples=[[_EXAMPLE]]),
    AfterValidator(check_certificates),
]


class CreateKey(Body):
    """A key to be made."""

    name: KeyName = ""
    scopes: ScopeNames | None = Field(None, description="Null: all that the plan grants.")
    networks: Networks | None = Field(None, description="Null: from anywhere; empty: from nowhere.")
    client_certificates: Certificates | None = Field(
        None, description="SHA-256 of client certificates, one of which must be shown. Null: none need be."
    )
    expires_at: Moment | None = None
    canary: Truth = Field(
        default=False, description="Lets nothing through, ever; the event `key.canary_used` tells of its use."
    )


class ChangeKey(Body):
    """What is to change; null leaves as it is."""

    name: KeyName | None = None
    scopes: ScopeNames | None = None
    networks: Networks | None = None
    client_certificates: Certificates | None = None
    without_client_certificates: Truth = Field(
        default=False, description="Let the key work without a client certificate again."
    )

    @model_validator(mode="after")
    def _one_or_the_other(self) -> ChangeKey:
        if self.without_client_certificates and self.client_certificates is not None:
            raise ValueError("give either client_certificates or without_client_certificates")
        return self


class KeysQuery(PageQuery):
    """A page of keys."""

    application: UUID | None = None
    status: KeyStatus | None = None


class SecretView(Schema):
    """A secret, without itself."""

    slot: str
    created_at: datetime
    ends_at: datetime | None
    leaked_at: datetime | None = Field(description="When it was first reported as leaked, and found to be right.")


class KeyView(Schema):
    """A key, without its secret."""

    kid: str
    application: UUID = Field(validation_alias="application_id")
    name: str
    status: KeyStatus
    canary: bool
    scopes: list[str] | None
    networks: list[str] | None
    client_certificates: list[str] | None
    expires_at: datetime | None
    created_at: datetime
    revoked_at: datetime | None
    secrets: list[SecretView]

    @staticmethod
    def resolve_secrets(key: Key) -> list[object]:
        """List the secrets."""
        return list(key.secrets.all())


class KeyShownOnce(KeyView):
    """A key that was just made: `api_key` is shown this once."""

    api_key: str
