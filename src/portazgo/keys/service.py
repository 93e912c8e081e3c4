"""Use cases of API keys."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.applications.models import Application
from portazgo.keys.domain import (
    Disabled,
    KeyStatus,
    Kid,
    SecretSlot,
    digest,
    format_key,
    inner,
    narrows,
    new_secret,
    retagged,
)
from portazgo.keys.models import Key, KeySecret, KeyTag
from portazgo.keys.peppers import current_pepper
from portazgo.keys.policy import bounded
from portazgo.kit.errors import Conflict, Invalid
from portazgo.kit.ids import new_kid
from portazgo.kit.secret import Secret
from portazgo.kit.web.rows import the_one
from portazgo.snapshot.log import change
from portazgo.snapshot.models import ResourceRow
from portazgo.snapshot.wire import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from portazgo.kit.clock import Clock
    from portazgo.kit.wrapping import KeyWrapper
    from portazgo.snapshot.log import Change


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to be made; null scopes: all of the plan; null networks: from anywhere; null certificates: none needed.

    Null routes and null tags of routes: all that the plan opens.
    """

    application: UUID
    name: str
    scopes: Sequence[str] | None
    networks: Sequence[str] | None
    expires_at: datetime | None
    client_certificates: Sequence[str] | None = None
    routes: Sequence[UUID] | None = None
    route_tags: Sequence[str] | None = None
    tags: Sequence[str] = ()
    canary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChanges:
    """What of a key is to change; None leaves as it is, and each `without_…` lifts what restricts the key."""

    name: str | None = None
    tags: Sequence[str] | None = None
    add_tags: Sequence[str] = ()
    remove_tags: Sequence[str] = ()
    scopes: Sequence[str] | None = None
    without_scopes: bool = False
    networks: Sequence[str] | None = None
    without_networks: bool = False
    routes: Sequence[UUID] | None = None
    route_tags: Sequence[str] | None = None
    without_routes: bool = False
    client_certificates: Sequence[str] | None = None
    without_client_certificates: bool = False
    expires_at: datetime | None = None
    without_expiry: bool = False


_LIFTS = {
    "without_scopes": ("scopes",),
    "without_networks": ("networks",),
    "without_routes": ("routes", "route_tags"),
    "without_client_certificates": ("client_certificates",),
}
"""Which members a switch sets to null."""


def create(actor: Actor, new: NewKey, prefix: str, *, wrapper: KeyWrapper, clock: Clock) -> tuple[Key, Secret]:
    """Make a key. The Secret is the whole key, to be shown this once.

    Raises NotFound for the application, Invalid (`expiry_too_late`, `route_unknown`).
    """
    can(actor, Verb.CREATE, Key.noun)
    application = the_one(Application.objects.all(), "application", id=new.application)
    now = clock.now()
    expires_at = bounded(new.expires_at, now, now)
    secret = new_secret()
    pepper, pepper_bytes = current_pepper(actor, wrapper=wrapper, clock=clock)
    kid = Kid(new_kid())
    inner_digest = inner(secret)
    sealed = wrapper.wrap(f"inner/{kid}", inner_digest)
    key = Key(
        kid=kid,
        application=application,
        name=new.name,
        scopes=_listed(new.scopes),
        networks=_listed(new.networks),
        client_certificates=_listed(new.client_certificates),
        routes=_ids(new.routes),
        route_tags=_listed(new.route_tags),
        tags=list(new.tags),
        canary=new.canary,
        expires_at=expires_at,
        created_at=now,
    )
    details = {"application": str(application.id), "name": new.name} | ({"canary": True} if new.canary else {})
    with change(actor, "key.created", kid, details=details, clock=clock) as recorded:
        _check_routes(key.routes)
        key.save(force_insert=True)
        _label(key)
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
    """Change what a key is called, may do, and how long. Raises NotFound, Conflict (`key_revoked`), Invalid.

    Narrower networks go through the security lane too; certificates and routes travel with the revision only, since the
    lane's lines never change.
    """
    can(actor, Verb.CHANGE, Key.noun)
    details = {"members": sorted(one.name for one in fields(changes) if getattr(changes, one.name) != one.default)}
    with change(actor, "key.changed", kid, details=details, clock=clock) as recorded:
        key = _alive(kid)
        if changes.networks is not None and narrows(key.networks, changes.networks):
            recorded.security("narrow_networks", kid, networks=list(changes.networks))
        _replace(key, changes)
        _lift(key, changes)
        if changes.expires_at is not None or changes.without_expiry:
            key.expires_at = bounded(changes.expires_at, _current_secret(key).created_at, clock.now())
        key.save()
        _label(key)
        recorded.touches(_ref(kid))
    return key


def _replace(key: Key, changes: KeyChanges) -> None:
    if changes.name is not None:
        key.name = changes.name
    for member in ("scopes", "networks", "route_tags", "client_certificates"):
        values = getattr(changes, member)
        if values is not None:
            setattr(key, member, list(values))
    if changes.routes is not None:
        key.routes = _ids(changes.routes)
        _check_routes(key.routes)
    tags = key.tags if changes.tags is None else changes.tags
    try:
        key.tags = retagged(tags, changes.add_tags, changes.remove_tags)
    except ValueError as problem:
        raise Invalid.at("/add_tags", str(problem)) from None


def _lift(key: Key, changes: KeyChanges) -> None:
    for switch, members in _LIFTS.items():
        if getattr(changes, switch):
            for member in members:
                setattr(key, member, None)


def disable(actor: Actor, kid: str, *, clock: Clock) -> Key:
    """Let the key through nowhere until it is enabled. Raises NotFound, Conflict (`key_revoked`)."""
    return _switch(actor, kid, Disabled.OPERATOR, clock)


def enable(actor: Actor, kid: str, *, clock: Clock) -> Key:
    """Let the key through again; as an unused one it is as good as new. Raises NotFound, Conflict (`key_revoked`)."""
    return _switch(actor, kid, None, clock)


def revoke(actor: Actor, kid: str, *, clock: Clock) -> Key:
    """Kill a key for ever, on every node; doing it again changes nothing. Raises NotFound."""
    can(actor, Verb.REVOKE, Key.noun)
    with change(actor, "key.revoked", kid, clock=clock) as recorded:
        key = _locked(kid)
        if key.status != KeyStatus.REVOKED:
            key.status, key.revoked_at, key.disabled_because = KeyStatus.REVOKED, clock.now(), None
            key.save(update_fields=["status", "revoked_at", "disabled_because"])
            recorded.touches(_ref(kid))
            recorded.security("revoke_key", kid)
    return key


def delete(actor: Actor, kid: str, *, clock: Clock) -> None:
    """Make a tombstone of a key that is dead: its secrets go, its row stays, so that the kid is never used again.

    An expired key dies for ever by it: a node's set of revoked kids refuses it whatever else comes. Deleting it again
    changes nothing. Raises NotFound, Conflict (`key_alive`).
    """
    can(actor, Verb.DELETE, Key.noun)
    with change(actor, "key.deleted", kid, clock=clock) as recorded:
        key, now = _locked(kid), clock.now()
        if key.deleted_at is not None:
            return
        if key.status != KeyStatus.REVOKED:
            _refuse_alive(key, now)
            key.status, key.revoked_at, key.disabled_because = KeyStatus.REVOKED, now, None
            recorded.security("revoke_key", kid)
        key.deleted_at = now
        key.save(update_fields=["status", "revoked_at", "disabled_because", "deleted_at"])
        key.secrets.all().delete()
        recorded.deletes(_ref(kid))


def _refuse_alive(key: Key, now: datetime) -> None:
    if key.expires_at is None or key.expires_at > now:
        raise Conflict(
            f"the key {key.kid} is neither revoked nor expired: somebody may be using it",
            code="key_alive",
            remedy="revoke it first",
        )


def _switch(actor: Actor, kid: str, disabled: Disabled | None, clock: Clock) -> Key:
    can(actor, Verb.CHANGE, Key.noun)
    with change(actor, "key.disabled" if disabled else "key.enabled", kid, clock=clock) as recorded:
        key = _alive(kid)
        if key.canary:
            raise Conflict(
                f"the key {kid} is a canary, which lets nothing through anyway",
                code="key_is_canary",
                remedy="revoke it when nobody shall be told of its use any more",
            )
        switch(key, disabled, recorded, now=clock.now())
    return key


def switch(key: Key, disabled: Disabled | None, recorded: Change, *, now: datetime) -> None:
    """Disable a key for this reason, or enable it (None), inside a change; nodes hear of it where it is news."""
    status = KeyStatus.DISABLED if disabled else KeyStatus.ACTIVE
    if key.status != status:
        recorded.touches(_ref(key.kid))
        recorded.security("disable_key" if disabled else "enable_key", key.kid)
    key.status, key.disabled_because = status, disabled
    if disabled is None:
        key.enabled_at = now
    key.save(update_fields=["status", "disabled_because", "enabled_at"])


def _alive(kid: str) -> Key:
    key = _locked(kid)
    if key.status == KeyStatus.REVOKED:
        raise Conflict(f"the key {kid} was revoked, which is final", code="key_revoked", remedy="create a new key")
    return key


def _locked(kid: str) -> Key:
    return the_one(Key.objects.select_for_update(), "key", kid=kid)


def _ref(kid: str) -> ResourceRef:
    return ResourceRef("key", kid)


def _current_secret(key: Key) -> KeySecret:
    return the_one(key.secrets.all(), "secret", slot=SecretSlot.CURRENT)


def _check_routes(routes: Sequence[str] | None) -> None:
    """Raise Invalid (`route_unknown`) for a route that nodes don't have: a misspelt id would open nothing, silently."""
    known = set(
        ResourceRow.objects.filter(kind="route", identifier__in=routes or ()).values_list("identifier", flat=True)
    )
    for position, route in enumerate(routes or ()):
        if route not in known:
            raise Invalid.at(f"/routes/{position}", f"there is no route {route}", code="route_unknown")


def _label(key: Key) -> None:
    KeyTag.objects.filter(key=key).exclude(tag__in=key.tags).delete()
    KeyTag.objects.bulk_create([KeyTag(key=key, tag=tag) for tag in key.tags], ignore_conflicts=True)


def _listed(values: Sequence[str] | None) -> list[str] | None:
    return None if values is None else list(values)


def _ids(values: Sequence[UUID] | None) -> list[str] | None:
    return None if values is None else list(dict.fromkeys(map(str, values)))
