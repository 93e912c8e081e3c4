"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from ninja import Schema
from pydantic import AfterValidator, Field, StringConstraints

from portazgo.keys.domain import KID_PATTERN, NETWORKS_AT_MOST, KeyStatus, check_networks
from portazgo.keys.models import Key
from portazgo.kit.names import PLAIN_TEXT_PATTERN, SCOPE_PATTERN
from portazgo.kit.web.schemas import Body, Moment, PageQuery

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


class CreateKey(Body):
    """A key to be made."""

    name: KeyName = ""
    scopes: ScopeNames | None = Field(None, description="Null: all that the plan grants.")
    networks: Networks | None = Field(None, description="Null: from anywhere; empty: from nowhere.")
    expires_at: Moment | None = None


class ChangeKey(Body):
    """What is to change; null leaves as it is."""

    name: KeyName | None = None
    scopes: ScopeNames | None = None
    networks: Networks | None = None


class KeysQuery(PageQuery):
    """A page of keys."""

    application: UUID | None = None
    status: KeyStatus | None = None


class SecretView(Schema):
    """A secret, without itself."""

    slot: str
    created_at: datetime
    ends_at: datetime | None


class KeyView(Schema):
    """A key, without its secret."""

    kid: str
    application: UUID = Field(validation_alias="application_id")
    name: str
    status: KeyStatus
    scopes: list[str] | None
    networks: list[str] | None
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
