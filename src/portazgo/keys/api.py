"""`/api/v1/keys`, and keys of an application."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from ninja import Path, Query, Router, Status

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.keys import revoking, service
from portazgo.keys.domain import check_expiry
from portazgo.keys.finding import WITH_ALL, Wanted, matching
from portazgo.keys.import_api import router as import_router
from portazgo.keys.models import Key
from portazgo.keys.peppers_api import router as peppers_router
from portazgo.keys.rotation_api import router as rotation_router
from portazgo.keys.rotation_schemas import KeyDetail
from portazgo.keys.scanning import expression, rules
from portazgo.keys.schemas import (
    ChangeKey,
    CreateKey,
    KeyShownOnce,
    KeysQuery,
    KeyView,
    KidText,
    RevokedKeysView,
    RevokeKeys,
    ScannerRules,
    ScannerRulesQuery,
)
from portazgo.keys.uses import uses_since
from portazgo.kit.clock import Clock
from portazgo.kit.errors import Invalid
from portazgo.kit.paging import Page
from portazgo.kit.web.lists import page_of
from portazgo.kit.web.rows import the_one
from portazgo.kit.web.schemas import PageOf

router = Router(tags=["keys"])
router.add_router("", rotation_router)
router.add_router("", peppers_router)
router.add_router("", import_router)


@router.get("/keys", response=PageOf[KeyView])
def list_keys(request: AdminRequest, query: Query[KeysQuery]) -> Page[Key]:
    """List the keys, newest first."""
    can(request.actor, Verb.READ, Key.noun)
    rows = matching(Wanted(**query.dict(exclude={"cursor", "limit"})))
    return page_of(rows, query, lambda row: row, order=("-created_at", "-kid"))


@router.post("/applications/{uuid:application_id}/keys", response={201: KeyShownOnce})
def create_key(request: AdminRequest, application_id: UUID, body: CreateKey) -> Status[KeyShownOnce]:
    """Make a key; the answer shows it this once."""
    terms = {name: getattr(body, name) for name in CreateKey.model_fields}
    terms["expires_at"] = _ahead(body.expires_at, request.clock)
    new = service.NewKey(application_id, **terms)
    prefix = settings.PORTAZGO.key_prefix
    key, secret = service.create(request.actor, new, prefix, wrapper=request.wrapper, clock=request.clock)
    return Status(201, KeyShownOnce.of(key, secret))


@router.get("/keys/scanner-rules", response=ScannerRules)
def scanner_rules(request: AdminRequest, query: Query[ScannerRulesQuery]) -> ScannerRules:
    """Give the rules by which scanners for leaked secrets find the keys of this deployment."""
    can(request.actor, Verb.READ, Key.noun)
    prefix, url = settings.PORTAZGO.key_prefix, settings.PORTAZGO.control_url
    return ScannerRules(
        prefix=prefix, regex=expression(prefix), format=query.format, rules=rules(prefix, query.format, url)
    )


@router.get("/keys/{kid}", response=KeyDetail)
def show_key(request: AdminRequest, kid: Path[KidText]) -> KeyDetail:
    """Show a key, a deleted one too, and who still uses its old secret."""
    can(request.actor, Verb.READ, Key.noun)
    key = the_one(WITH_ALL, "key", kid=kid)
    rotated_at = key.rotated_at
    return KeyDetail.of(key, None if rotated_at is None else uses_since(kid, rotated_at))


@router.patch("/keys/{kid}", response=KeyView)
def change_key(request: AdminRequest, kid: Path[KidText], body: ChangeKey) -> Key:
    """Rename a key, tag it, change what it opens, from where, and how long."""
    members = {**body.model_dump(exclude_unset=True), "expires_at": _ahead(body.expires_at, request.clock)}
    return service.alter(request.actor, kid, service.KeyChanges(**members), clock=request.clock)


@router.post("/keys/{kid}/disable", response=KeyView)
def disable_key(request: AdminRequest, kid: Path[KidText]) -> Key:
    """Let the key through nowhere until it is enabled."""
    return service.disable(request.actor, kid, clock=request.clock)


@router.post("/keys/{kid}/enable", response=KeyView)
def enable_key(request: AdminRequest, kid: Path[KidText]) -> Key:
    """Let the key through again. As an unused key it is as good as new."""
    return service.enable(request.actor, kid, clock=request.clock)


@router.post("/keys/{kid}/revoke", response=KeyView)
def revoke_key(request: AdminRequest, kid: Path[KidText]) -> Key:
    """Kill a key for ever; `/keys/{kid}/propagation` proves it node by node."""
    return service.revoke(request.actor, kid, clock=request.clock)


@router.delete("/keys/{kid}", response={204: None})
def delete_key(request: AdminRequest, kid: Path[KidText]) -> Status[None]:
    """Take a revoked or expired key out of the lists. Its kid is never used again."""
    service.delete(request.actor, kid, clock=request.clock)
    return Status(204, None)


@router.post("/partners/{uuid:partner_id}/revoke-keys", response=RevokedKeysView)
def revoke_partner_keys(request: AdminRequest, partner_id: UUID, body: RevokeKeys) -> revoking.RevokedKeys:
    """Kill all keys of a partner for ever, at once; `/partners/{id}/keys/propagation` proves it node by node."""
    return revoking.revoke_keys_of_partner(request.actor, partner_id, dry_run=body.dry_run, clock=request.clock)


@router.post("/applications/{uuid:application_id}/revoke-keys", response=RevokedKeysView)
def revoke_application_keys(request: AdminRequest, application_id: UUID, body: RevokeKeys) -> revoking.RevokedKeys:
    """Kill all keys of an application for ever, at once; `/applications/{id}/keys/propagation` proves it."""
    return revoking.revoke_keys_of_application(request.actor, application_id, dry_run=body.dry_run, clock=request.clock)


def _ahead(expires_at: datetime | None, clock: Clock) -> datetime | None:
    try:
        return check_expiry(expires_at, clock.now())
    except ValueError as problem:
        raise Invalid.at("/expires_at", str(problem)) from None
