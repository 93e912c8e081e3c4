"""The closed catalogue of events: what each one tells, and to whom. Pure.

An event's data holds no secret, and nothing of another partner. schema/events.json and docs/events.md are generated from
this file. Members may be added; one that is there never changes its meaning or goes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from portazgo.kit.clock import rfc3339

Audience = Literal["partner", "operator"]
Moment = Annotated[datetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]
"""RFC 3339, UTC."""


class Data(BaseModel):
    """What an event tells. `audience` partner: endpoints of its partner and of the deployment; operator: the latter only."""

    # Every role imports the catalogue, and few tell of many events.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    event: ClassVar[str]
    summary: ClassVar[str]
    audience: ClassVar[Audience] = "partner"
    personal: ClassVar[str | None] = None
    """The member that tells of a caller: it is blanked when the partner is erased."""


class Named(BaseModel):
    """A partner or an application."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str


class KeyData(Data):
    """An event of an API key."""

    kid: str = Field(description="The key's public id.")
    name: str = Field(description="What the key is for, as its maker wrote it.")
    environment: Literal["test", "live"]
    application: Named
    partner: Named


class KeyCreated(KeyData):
    """A key was made."""

    event: ClassVar[str] = "key.created"
    summary: ClassVar[str] = "A key was made."

    expires_at: Moment | None


class KeyRotated(KeyData):
    """A key got a new secret."""

    event: ClassVar[str] = "key.rotated"
    summary: ClassVar[str] = "A key got a new secret; the old one goes on working for its grace."

    retiring_ends_at: Moment | None = Field(description="When the old secret ends; null: it has ended.")


class KeyRevoked(KeyData):
    """A key was killed."""

    event: ClassVar[str] = "key.revoked"
    summary: ClassVar[str] = "A key was killed for ever."

    revoked_at: Moment


class KeyDisabled(KeyData):
    """A key is let through nowhere."""

    event: ClassVar[str] = "key.disabled"
    summary: ClassVar[str] = "A key is let through nowhere until it is enabled."


class KeyEnabled(KeyData):
    """A key is let through again."""

    event: ClassVar[str] = "key.enabled"
    summary: ClassVar[str] = "A key that was disabled is let through again."


class KeyExpiring(KeyData):
    """A key ends soon."""

    event: ClassVar[str] = "key.expiring"
    summary: ClassVar[str] = "A key ends soon: told 30, 7 and 1 days before, once each."

    expires_at: Moment
    notice: str = Field(description="Which of the notices this is.", examples=["30d", "7d", "1d"])


class KeySecretRetiring(KeyData):
    """The old secret of a rotated key ends soon, and somebody still uses it."""

    event: ClassVar[str] = "key.secret_retiring"
    summary: ClassVar[str] = (
        "The old secret of a rotated key ends soon and is still in use: told 7 days, 1 day and 1 hour before, once each."
    )
    personal: ClassVar[str | None] = "last_used_from"

    ends_at: Moment
    notice: str = Field(description="Which of the notices this is.", examples=["7d", "1d", "1h"])
    last_used_at: Moment
    last_used_from: str | None = Field(description="The client's address.", examples=["203.0.113.7"])


class KeyRotationDue(KeyData):
    """A key's secret is old enough to be replaced."""

    event: ClassVar[str] = "key.rotation_due"
    summary: ClassVar[str] = (
        "The secret of a key is to be replaced, as its plan says: told 7 days and 1 day before it is due, and when it is."
    )

    rotation_due_at: Moment = Field(description="When it is due.")
    notice: str = Field(description="Which of the notices this is; `0s`: it is due.", examples=["7d", "1d", "0s"])
    secret_ends_at: Moment | None = Field(
        description="When the gateway refuses the secret unless the key is rotated before; null: it goes on working."
    )


class KeySecretEnding(KeyData):
    """A secret that is due for rotation is about to end."""

    event: ClassVar[str] = "key.secret_ending"
    summary: ClassVar[str] = (
        "The secret of a key is overdue for rotation and ends soon: told 7 days, 1 day and 1 hour before, once each."
    )

    secret_ends_at: Moment = Field(description="When the gateway refuses it unless the key is rotated before.")
    notice: str = Field(description="Which of the notices this is.", examples=["7d", "1d", "1h"])


class KeyDormantSoon(KeyData):
    """A key that nobody uses will be disabled."""

    event: ClassVar[str] = "key.dormant_soon"
    summary: ClassVar[str] = "A key was not used for long and will be disabled."

    last_used_at: Moment | None = Field(description="Null: never.")
    disabled_at: Moment = Field(description="When it will be disabled unless it is used.")


class KeyDormantDisabled(KeyData):
    """A key that nobody used was disabled."""

    event: ClassVar[str] = "key.dormant_disabled"
    summary: ClassVar[str] = "A key was disabled because nobody used it."

    last_used_at: Moment | None = Field(description="Null: never.")


class KeyLeaked(KeyData):
    """A key was reported as leaked, and its secret is right."""

    event: ClassVar[str] = "key.leaked"
    summary: ClassVar[str] = "A key was found where it can be read by others, and its secret was checked: it is real."

    source: str = Field(description="Who reported it.", examples=["github", "manual"])
    url: str | None = Field(description="Where it was found.")
    slot: Literal["current", "retiring"] = Field(description="Which of the key's secrets leaked.")
    response: Literal["notify", "retire_in_1h", "revoke"] = Field(description="What was done.")
    secret_ends_at: Moment | None = Field(
        description="When the leaked secret ends; null: when it is revoked or rotated."
    )


class KeyCanaryUsed(KeyData):
    """Somebody used a canary key."""

    event: ClassVar[str] = "key.canary_used"
    summary: ClassVar[str] = "Somebody called with a canary key: told once an hour at most. Operators only."
    audience: ClassVar[Audience] = "operator"
    personal: ClassVar[str | None] = "client_address"

    used_at: Moment
    client_address: str | None
    uses: int = Field(description="Calls with it in the records that were looked at.")
    request_id: str | None = Field(description="Of the first of these calls: `portazgo trace show` tells it.")


class KeysImported(Data):
    """Keys of another system were imported."""

    event: ClassVar[str] = "keys.imported"
    summary: ClassVar[str] = "Keys of another system were imported: told once, when the last one is made."

    application: Named
    partner: Named
    environment: Literal["test", "live"]
    made: int = Field(description="Keys that this import made.")
    already_there: int = Field(description="Keys of the file that an import of before had made.")
    left_out: int = Field(description="Keys of the file that were dead in the other system.")


class SchemaDrifted(Data):
    """A backend's answers differ from its schema."""

    event: ClassVar[str] = "schema.drifted"
    summary: ClassVar[str] = (
        "Answers of a backend's operation differ from its imported schema: told once for each operation and document. "
        "Operators only; `portazgo schema drift` lists all that differs."
    )
    audience: ClassVar[Audience] = "operator"

    schema_id: str = Field(description="The schema's id.")
    schema_name: str = Field(description="The name that the document was imported under.")
    schema_version: int = Field(description="The number of the document.")
    operation: str = Field(description="The backend's operation, as contracts name it.")
    status: int = Field(description="Of the answer that showed it first.")
    kind: str = Field(
        description="How that answer differed: a member is new, missing, of another type, or the status is unknown.",
        examples=["new", "missing", "retyped", "unknown_status"],
    )
    path: str = Field(description="The place that was found first, in the backend's names; never a value.")
    first_seen: Moment = Field(description="When that was first seen.")


class WebhookTest(Data):
    """A test that was asked for."""

    event: ClassVar[str] = "webhook.test"
    summary: ClassVar[str] = "A test of one endpoint, by `portazgo webhook test`."

    endpoint: Named


class WebhookEndpointPaused(Data):
    """An endpoint is not called any more."""

    event: ClassVar[str] = "webhook.endpoint_paused"
    summary: ClassVar[str] = (
        "An endpoint failed for long, or said that it is gone, and is not called until it is resumed."
    )

    endpoint: Named
    reason: str
    failing_since: Moment | None


CATALOGUE: dict[str, type[Data]] = {
    data.event: data
    for data in (
        KeyCreated,
        KeyRotated,
        KeyRevoked,
        KeyDisabled,
        KeyEnabled,
        KeyExpiring,
        KeySecretRetiring,
        KeyRotationDue,
        KeySecretEnding,
        KeyDormantSoon,
        KeyDormantDisabled,
        KeyLeaked,
        KeyCanaryUsed,
        KeysImported,
        SchemaDrifted,
        WebhookTest,
        WebhookEndpointPaused,
    )
}
