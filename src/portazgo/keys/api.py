"""`/api/v1/keys`, and keys of an application."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from ninja import Path, Query, Router, Status

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.keys import service
from portazgo.keys.domain import check_expiry
from portazgo.keys.models import Key
from portazgo.keys.peppers_api import router as peppers_router
from portazgo.keys.schemas import ChangeKey, CreateKey, KeyShownOnce, KeysQuery, KeyView, KidText
from portazgo.kit.errors import Invalid
from portazgo.kit.paging import Page
from portazgo.kit.web.lists import page_of
from portazgo.kit.web.rows import the_one
from portazgo.kit.web.schemas import PageOf

router = Router(tags=["keys"])
router.add_router("", peppers_router)


@router.get("/keys", response=PageOf[KeyView])
def list_keys(request: AdminRequest, query: Query[KeysQuery]) -> Page[Key]:
    """List the keys, newest first."""
    can(request.actor, Verb.READ, Key.noun)
    rows = Key.objects.prefetch_related("secrets")
    if query.application is not None:
        rows = rows.filter(application=query.application)
    if query.status is not None:
        rows = rows.filter(status=query.status)
    return page_of(rows, query, lambda row: row, order=("-created_at", "-kid"))


@router.post("/applications/{uuid:application_id}/keys", response={201: KeyShownOnce})
def create_key(request: AdminRequest, application_id: UUID, body: CreateKey) -> Status[KeyShownOnce]:
    """Make a key; the answer shows it this once."""
    try:
        expires_at = check_expiry(body.expires_at, request.clock.now())
    except ValueError as problem:
        raise Invalid.at("/expires_at", str(problem)) from None
    new = service.NewKey(
        application_id, body.name, body.scopes, body.networks, expires_at, body.client_certificates, body.canary
    )
    prefix = settings.PORTAZGO.key_prefix
    key, secret = service.create(request.actor, new, prefix, wrapper=request.wrapper, clock=request.clock)
    shown = KeyView.from_orm(key)
    members = {name: getattr(shown, name) for name in KeyView.model_fields}
    return Status(201, KeyShownOnce.model_construct(**members, api_key=secret.reveal()))


@router.get("/keys/{kid}", response=KeyView)
def show_key(request: AdminRequest, kid: Path[KidText]) -> Key:
    """Show a key."""
    can(request.actor, Verb.READ, Key.noun)
    return the_one(Key.objects.prefetch_related("secrets"), "key", kid=kid)


@router.patch("/keys/{kid}", response=KeyView)
def change_key(request: AdminRequest, kid: Path[KidText], body: ChangeKey) -> Key:
    """Rename a key, replace its scopes, networks or client certificates."""
    changes = service.KeyChanges(**body.model_dump())
    return service.alter(request.actor, kid, changes, clock=request.clock)


@router.post("/keys/{kid}/disable", response=KeyView)
def disable_key(request: AdminRequest, kid: Path[KidText]) -> Key:
    """Let the key through nowhere until it is enabled."""
    return service.disable(request.actor, kid, clock=request.clock)


@router.post("/keys/{kid}/enable", response=KeyView)
def enable_key(request: AdminRequest, kid: Path[KidText]) -> Key:
    """Let the key through again."""
    return service.enable(request.actor, kid, clock=request.clock)


@router.post("/keys/{kid}/revoke", response=KeyView)
def revoke_key(request: AdminRequest, kid: Path[KidText]) -> Key:
    """Kill a key for ever; `/keys/{kid}/propagation` proves it node by node."""
    return service.revoke(request.actor, kid, clock=request.clock)
