"""`/api/v1/keys/{kid}/rotate` and `/api/v1/keys/{kid}/rotation/…`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from ninja import Path, Router

from portazgo.accounts.requests import AdminRequest
from portazgo.keys import rotation
from portazgo.keys.grace import GraceBounds
from portazgo.keys.models import Key
from portazgo.keys.rotation_schemas import CancelRotation, EndGrace, ExtendGrace, RotateKey
from portazgo.keys.schemas import KeyShownOnce, KeyView, KidText

if TYPE_CHECKING:
    from portazgo.settings import Settings

router = Router(tags=["keys"])


@router.post("/keys/{kid}/rotate", response=KeyShownOnce)
def rotate_key(request: AdminRequest, kid: Path[KidText], body: RotateKey) -> KeyShownOnce:
    """Give a key a new secret, which this answer shows once; the old one goes on working for the grace."""
    ours: Settings = settings.PORTAZGO
    wanted = rotation.Rotation(**body.model_dump())
    key, secret = rotation.rotate(
        request.actor, kid, wanted, bounds(), ours.key_prefix, wrapper=request.wrapper, clock=request.clock
    )
    return KeyShownOnce.of(key, secret)


@router.post("/keys/{kid}/rotation/extend", response=KeyView)
def extend_rotation(request: AdminRequest, kid: Path[KidText], body: ExtendGrace) -> Key:
    """Let the old secret work longer: until `grace` from now."""
    return rotation.extend(request.actor, kid, body.grace, bounds(), expected=body.expected_secret, clock=request.clock)


@router.post("/keys/{kid}/rotation/end", response=KeyView)
def end_rotation(request: AdminRequest, kid: Path[KidText], body: EndGrace) -> Key:
    """End the old secret earlier than planned: now, or `grace` from now."""
    return rotation.end(
        request.actor,
        kid,
        body.grace,
        unless_used_within=body.unless_used_within,
        expected=body.expected_secret,
        clock=request.clock,
    )


@router.post("/keys/{kid}/rotation/cancel", response=KeyView)
def cancel_rotation(request: AdminRequest, kid: Path[KidText], body: CancelRotation) -> Key:
    """Undo a rotation: the new secret dies, and the old one is current again, without an end."""
    return rotation.cancel(request.actor, kid, expected=body.expected_secret, clock=request.clock)


def bounds() -> GraceBounds:
    """Give the operator's bounds."""
    ours: Settings = settings.PORTAZGO
    return GraceBounds(ours.rotation_least_grace, ours.rotation_most_grace, ours.rotation_default_grace)
