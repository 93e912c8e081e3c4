"""Use cases of API keys."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.applications.models import Application
from portazgo.keys.domain import KeyStatus, Kid, SecretSlot, digest, format_key, inner, narrows, new_secret
from portazgo.keys.models import Key, KeySecret
from portazgo.keys.peppers import current_pepper
from portazgo.kit.errors import Conflict
from portazgo.kit.ids import new_kid
from portazgo.kit.secret import Secret
from portazgo.kit.web.rows import given, the_one
from portazgo.snapshot.log import change
from portazgo.snapshot.wire import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from portazgo.kit.clock import Clock
    from portazgo.kit.wrapping import KeyWrapper


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to be made; null scopes: all of the plan; null networks: from anywhere; null certificates: none needed."""

    application: UUID
    name: str
    scopes: Sequence[str] | None
    networks: Sequence[str] | None
    expires_at: datetime | None
    client_certificates: Sequence[str] | None = None
    canary: bool = False


@dataclass(frozen=True, slots=True)
class KeyChanges:
    """What of a key is to change; None leaves as it is."""

    name: str | None = None
    scopes: Sequence[str] | None = None
    networks: Sequence[str] | None = None
    client_certificates: Sequence[str] | None = None
    without_client_certificates: bool = False
    """No certificate is needed any more."""


def create(actor: Actor, new: NewKey, prefix: str, *, wrapper: KeyWrapper, clock: Clock) -> tuple[Key, Secret]:
    """Make a key. The Secret is the whole key, to be shown this once. Raises NotFound for the application."""
    can(actor, Verb.CREATE, Key.noun)
    application = the_one(Application.objects.all(), "application", id=new.application)
    secret = new_secret()
    pepper, pepper_bytes = current_pepper(actor, wrapper=wrapper, clock=clock)
    kid = Kid(new_kid())
    inner_digest = inner(secret)
    sealed = wrapper.wrap(f"inner/{kid}", inner_digest)
    now = clock.now()
    key = Key(
        kid=kid,
        application=application,
        name=new.name,
        scopes=None if new.scopes is None else list(new.scopes),
        networks=None if new.networks is None else list(new.networks),
        client_certificates=None if new.client_certificates is None else list(new.client_certificates),
        canary=new.canary,
        expires_at=new.expires_at,
        created_at=now,
    )
    details = {"application": str(application.id), "name": new.name} | ({"canary": True} if new.canary else {})
    with change(actor, "key.created", kid, details=details, clock=clock) as recorded:
        key.save(force_insert=True)
        KeySecret.objects.create(
            key=key,
            slot=SecretSlot.CURRENT,
            digest=digest(pepper_bytes, inner_digest),
            pepper=pepper,
            sealed=sealed,
            created_at=now,
        )
        recorded.touches(_ref(kid))
    return key, Secret(format_key(prefix, application.environment, kid, secret))


def alter(actor: Actor, kid: str, changes: KeyChanges, *, clock: Clock) -> Key:
    """Rename a key, replace its scopes, networks or client certificates.

    Narrower networks go through the security lane too; certificates travel with the revision only, since the lane's
    lines never change.
    """
    can(actor, Verb.CHANGE, Key.noun)
    members = asdict(changes) | {"without_client_certificates": changes.without_client_certificates or None}
    details = {"members": given(**members)}
    with change(actor, "key.changed", kid, details=details, clock=clock) as recorded:
        key = _alive(kid)
        if changes.name is not None:
            key.name = changes.name
        if changes.scopes is not None:
            key.scopes = list(changes.scopes)
        if changes.networks is not None:
            if narrows(key.networks, changes.networks):
                recorded.security("narrow_networks", kid, networks=list(changes.networks))
            key.networks = list(changes.networks)
        if changes.client_certificates is not None:
            key.client_certificates = list(changes.client_certificates)
        elif changes.without_client_certificates:
            key.client_certificates = None
        key.save()
        recorded.touches(_ref(kid))
    return key


def disable(actor: Actor, kid: str, *, clock: Clock) -> Key:
    """Let the key through nowhere until it is enabled. Raises NotFound, Conflict (`key_revoked`)."""
    return _switch(actor, kid, KeyStatus.DISABLED, clock)


def enable(actor: Actor, kid: str, *, clock: Clock) -> Key:
    """Let the key through again. Raises NotFound, Conflict (`key_revoked`)."""
    return _switch(actor, kid, KeyStatus.ACTIVE, clock)


def revoke(actor: Actor, kid: str, *, clock: Clock) -> Key:
    """Kill a key for ever, on every node; doing it again changes nothing. Raises NotFound."""
    can(actor, Verb.REVOKE, Key.noun)
    with change(actor, "key.revoked", kid, clock=clock) as recorded:
        key = _locked(kid)
        if key.status != KeyStatus.REVOKED:
            key.status, key.revoked_at = KeyStatus.REVOKED, clock.now()
            key.save(update_fields=["status", "revoked_at"])
            recorded.touches(_ref(kid))
            recorded.security("revoke_key", kid)
    return key


def _switch(actor: Actor, kid: str, status: KeyStatus, clock: Clock) -> Key:
    can(actor, Verb.CHANGE, Key.noun)
    off = status == KeyStatus.DISABLED
    with change(actor, "key.disabled" if off else "key.enabled", kid, clock=clock) as recorded:
        key = _alive(kid)
        if key.canary:
            raise Conflict(
                f"the key {kid} is a canary, which lets nothing through anyway",
                code="key_is_canary",
                remedy="revoke it when nobody shall be told of its use any more",
            )
        if key.status != status:
            key.status = status
            key.save(update_fields=["status"])
            recorded.touches(_ref(kid))
            recorded.security("disable_key" if off else "enable_key", kid)
    return key


def _alive(kid: str) -> Key:
    key = _locked(kid)
    if key.status == KeyStatus.REVOKED:
        raise Conflict(f"the key {kid} was revoked, which is final", code="key_revoked", remedy="create a new key")
    return key


def _locked(kid: str) -> Key:
    return the_one(Key.objects.select_for_update(), "key", kid=kid)


def _ref(kid: str) -> ResourceRef:
    return ResourceRef("key", kid)
