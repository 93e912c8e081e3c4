"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from ninja import Schema
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from portazgo.backends.domain import Environment
from portazgo.keys import policy, schedule
from portazgo.keys.domain import (
    KID_PATTERN,
    NETWORKS_AT_MOST,
    ROUTES_AT_MOST,
    Disabled,
    KeyStatus,
    SecretSlot,
    check_certificates,
    check_networks,
)
from portazgo.keys.grace import is_over
from portazgo.keys.models import Key, KeySecret
from portazgo.keys.scanning import ScannerFormat
from portazgo.keys.schedule import RotationState
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.kit.names import PLAIN_TEXT_PATTERN, SCOPE_PATTERN, TAG_LENGTH, TAG_PATTERN, TAGS_AT_MOST, check_tags
from portazgo.kit.secret import Secret
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


_OPENS = "Of what the plan opens, only these routes, and those of route_tags; both null: all."
_EXAMPLE = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
Certificates = Annotated[
    # Repeated ones count once, so more than are kept may come.
    list[Annotated[str, StringConstraints(max_length=95)]],
    Field(max_length=20, examples=[[_EXAMPLE]]),
    AfterValidator(check_certificates),
]


Tags = Annotated[
    list[Annotated[str, StringConstraints(pattern=TAG_PATTERN, max_length=TAG_LENGTH)]],
    Field(max_length=TAGS_AT_MOST, examples=[["pilot", "team:billing"]]),
    AfterValidator(check_tags),
]
Routes = Annotated[list[UUID], Field(max_length=ROUTES_AT_MOST)]
RouteTags = Annotated[
    list[Annotated[str, StringConstraints(pattern=TAG_PATTERN, max_length=TAG_LENGTH)]],
    Field(max_length=TAGS_AT_MOST, examples=[["badges"]]),
    AfterValidator(check_tags),
]


class CreateKey(Body):
    """A key to be made."""

    name: KeyName = ""
    scopes: ScopeNames | None = Field(None, description="Null: all that the plan grants.")
    networks: Networks | None = Field(None, description="Null: from anywhere; empty: from nowhere.")
    client_certificates: Certificates | None = Field(
        None, description="SHA-256 of client certificates, one of which must be shown. Null: none need be."
    )
    routes: Routes | None = Field(None, description=_OPENS)
    route_tags: RouteTags | None = Field(None, description="It opens the routes that bear one of these tags, too.")
    tags: Tags = Field([], description="Words to find it by; partners and nodes are not told.")
    expires_at: Moment | None = Field(None, description="Null: never, or as late as the longest life of a key allows.")
    canary: Truth = Field(
        default=False, description="Lets nothing through, ever; the event `key.canary_used` tells of its use."
    )


class ChangeKey(Body):
    """What is to change; null leaves as it is."""

    name: KeyName | None = None
    tags: Tags | None = Field(None, description="All of its tags, in place of before.")
    add_tags: Tags = Field([], description="Tags that it gets beside those it has.")
    remove_tags: Tags = Field([], description="Tags that it loses.")
    scopes: ScopeNames | None = None
    without_scopes: Truth = Field(default=False, description="All that the plan grants, again.")
    networks: Networks | None = None
    without_networks: Truth = Field(default=False, description="From anywhere, again.")
    routes: Routes | None = Field(None, description=_OPENS)
    route_tags: RouteTags | None = Field(None, description="It opens the routes that bear one of these tags, too.")
    without_routes: Truth = Field(default=False, description="Every route that the plan opens, again.")
    client_certificates: Certificates | None = None
    without_client_certificates: Truth = Field(
        default=False, description="Let the key work without a client certificate again."
    )
    expires_at: Moment | None = Field(None, description="When it ends; an expired key works again until then.")
    without_expiry: Truth = Field(default=False, description="As late as the longest life of a key allows, or never.")

    @model_validator(mode="after")
    def _one_or_the_other(self) -> ChangeKey:
        for switch, members in _CONTRADICT.items():
            for member in members if getattr(self, switch) else ():
                if getattr(self, member) is not None:
                    raise ValueError(f"give either {member} or {switch}")
        return self


_CONTRADICT = {
    "without_scopes": ("scopes",),
    "without_networks": ("networks",),
    "without_routes": ("routes", "route_tags"),
    "without_client_certificates": ("client_certificates",),
    "without_expiry": ("expires_at",),
}

OfTag = Annotated[str, StringConstraints(pattern=TAG_PATTERN, max_length=TAG_LENGTH)]


class KeysQuery(PageQuery):
    """A page of keys: those to which all of it applies."""

    application: UUID | None = None
    partner: UUID | None = None
    environment: Environment | None = None
    status: KeyStatus | None = None
    tag: list[OfTag] = Field([], max_length=TAGS_AT_MOST, description="With all of these tags.")
    text: Annotated[
        str | None, Field(max_length=63, pattern=PLAIN_TEXT_PATTERN, description="In the name, in any case of letters.")
    ] = None
    expires_before: Moment | None = Field(None, description="It ends, or has ended, before this time.")
    last_used_before: Moment | None = Field(
        None, description="Last used before this time, to some ten minutes; or never, and made before it."
    )
    rotation_due_before: Moment | None = Field(
        None, description="Its plan wants it rotated before this time; now: all that are due."
    )
    retiring_ends_before: Moment | None = Field(
        None, description="It was rotated, and its old secret still works and ends before this time."
    )
    deleted: bool = Field(False, description="Those that were deleted, too.")  # noqa: FBT003 - a field's default


class SecretView(Schema):
    """A secret, without itself."""

    slot: SecretSlot
    number: int = Field(description="Within its key; a rotation names by it what it replaces.")
    scheme: str | None = Field(description="How another system made it: `sha256`, `sha512`, `drf`. Null: it is ours.")
    created_at: datetime
    ends_at: datetime | None = Field(description="From then on the gateway refuses it. Null: it has no end of its own.")
    leaked_at: datetime | None = Field(description="When it was first reported as leaked, and found to be right.")
    ended: bool

    @staticmethod
    def resolve_ended(secret: KeySecret) -> bool:
        """Tell whether that time has come."""
        return is_over(secret.ends_at, SYSTEM_CLOCK.now())


class KeyView(Schema):
    """A key, without its secret."""

    kid: str
    application: UUID = Field(validation_alias="application_id")
    partner: UUID = Field(validation_alias="application.partner_id")
    environment: Environment = Field(validation_alias="application.environment")
    name: str
    tags: list[str]
    status: KeyStatus
    disabled_because: Disabled | None = Field(description="Who did it: an operator, or the rule for unused keys.")
    canary: bool
    scopes: list[str] | None
    routes: list[UUID] | None
    route_tags: list[str] | None
    networks: list[str] | None
    client_certificates: list[str] | None
    expires_at: datetime | None
    latest_expires_at: datetime | None = Field(description="The longest life of a key allows no later end; null: any.")
    created_at: datetime
    last_used_at: datetime | None = Field(description="To some ten minutes; null: no use is known.")
    dormant_at: datetime | None = Field(description="It is disabled then unless it is used; null: it is not.")
    dormancy_announced_at: datetime | None
    rotation_due_at: datetime | None = Field(description="Its plan wants it rotated by then; null: whenever.")
    rotation_state: RotationState | None = Field(
        description="`scheduled`, `due`, `ending` (the current secret has an end that the plan gave it) or `ended`."
    )
    revoked_at: datetime | None
    deleted_at: datetime | None
    secrets: list[SecretView]

    @staticmethod
    def resolve_latest_expires_at(key: Key) -> datetime | None:
        """Tell the operator's bound."""
        return policy.latest_expiry_of(key)

    @staticmethod
    def resolve_dormant_at(key: Key) -> datetime | None:
        """Tell what the rule for unused keys says of it."""
        return policy.dormant_at(key)

    @staticmethod
    def resolve_rotation_due_at(key: Key) -> datetime | None:
        """Tell what the plan wants."""
        return schedule.rotation_due_at(key)

    @staticmethod
    def resolve_rotation_state(key: Key) -> RotationState | None:
        """Tell how that stands."""
        return schedule.rotation_state(key, SYSTEM_CLOCK.now())

    @staticmethod
    def resolve_secrets(key: Key) -> list[KeySecret]:
        """List the secrets."""
        return sorted(key.secrets.all(), key=lambda secret: secret.slot)


class KeyShownOnce(KeyView):
    """A key that was just made, or has a new secret: `api_key` is shown this once."""

    api_key: str

    @classmethod
    def of(cls, key: Key, whole: Secret) -> KeyShownOnce:
        """Put it together."""
        return cls.model_construct(**members_of(key), api_key=whole.reveal())


def members_of(key: Key) -> dict[str, Any]:
    """Give the members of a key's view, for a view that has more."""
    shown = KeyView.from_orm(key)
    return {name: getattr(shown, name) for name in KeyView.model_fields}


class RevokeKeys(Body):
    """All keys of an application or a partner are to be killed."""

    dry_run: Truth = Field(default=False, description="Only tell which they are.")


class RevokedKeysView(Schema):
    """Which keys were killed, or would be. `…/keys/propagation` proves it node by node."""

    kids: list[str]
    revision: int | None = Field(description="The one revision in which they died; null: none did.")


class ScannerRulesQuery(Schema):
    """Whose rules."""

    format: ScannerFormat = ScannerFormat.REGEX


class ScannerRules(Schema):
    """How a scanner for leaked secrets finds the keys of this deployment."""

    prefix: str
    regex: str = Field(description="A match is a whole key. RE2 and Hyperscan take it.")
    format: ScannerFormat
    rules: str = Field(description="The scanner's file, as it is.")
