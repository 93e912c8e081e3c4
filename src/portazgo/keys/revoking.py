"""Kills every key of an application or a partner at once: one transaction, one revision, one receipt to wait for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.applications.models import Application
from portazgo.keys.domain import KeyStatus
from portazgo.keys.models import Key
from portazgo.kit.web.rows import the_one
from portazgo.partners.models import Partner
from portazgo.snapshot.log import change
from portazgo.snapshot.wire import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from django.db.models import QuerySet

    from portazgo.kit.clock import Clock


@dataclass(frozen=True, slots=True)
class RevokedKeys:
    """Which keys died, or would; `revision` None: none did."""

    kids: Sequence[str]
    revision: int | None


def revoke_keys_of_partner(actor: Actor, identifier: UUID, *, dry_run: bool, clock: Clock) -> RevokedKeys:
    """Kill all keys of all applications of a partner, for ever. Raises NotFound."""
    can(actor, Verb.REVOKE, Key.noun)
    the_one(Partner.objects.all(), "partner", id=identifier)
    keys = Key.objects.filter(application__partner=identifier)
    return _revoke(actor, "partner.keys_revoked", str(identifier), keys, dry_run=dry_run, clock=clock)


def revoke_keys_of_application(actor: Actor, identifier: UUID, *, dry_run: bool, clock: Clock) -> RevokedKeys:
    """Kill all keys of an application, for ever. Raises NotFound."""
    can(actor, Verb.REVOKE, Key.noun)
    the_one(Application.objects.all(), "application", id=identifier)
    keys = Key.objects.filter(application=identifier)
    return _revoke(actor, "application.keys_revoked", str(identifier), keys, dry_run=dry_run, clock=clock)


def _revoke(
    actor: Actor, action: str, subject: str, keys: QuerySet[Key], *, dry_run: bool, clock: Clock
) -> RevokedKeys:
    living = keys.exclude(status=KeyStatus.REVOKED).order_by("kid")
    if dry_run or not living.exists():
        return RevokedKeys(list(living.values_list("kid", flat=True)), None)
    with change(actor, action, subject, clock=clock) as recorded:
        kids = list(living.select_for_update(of=("self",)).values_list("kid", flat=True))
        for start in range(0, len(kids), 500):
            some = Key.objects.filter(kid__in=kids[start : start + 500])
            some.update(status=KeyStatus.REVOKED, revoked_at=clock.now(), disabled_because=None)
        recorded.touches(*(ResourceRef("key", kid) for kid in kids))
        for kid in kids:
            recorded.security("revoke_key", kid)
        recorded.note(keys=len(kids))
    return RevokedKeys(kids, recorded.revision)
