"""Use cases of leaks: check what was reported, and do what the playbook says.

A report says nothing until its secret was compared: whoever knows a kid, which is public, could otherwise kill a key.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.audit.service import record
from portazgo.keys.domain import KeyStatus, Kid, SecretSlot
from portazgo.keys.models import Key, KeySecret
from portazgo.keys.proving import prove
from portazgo.keys.service import revoke
from portazgo.keys.told import about, tell
from portazgo.leaks.domain import Report, Response, ends, is_done, tidy
from portazgo.notifications.events import KeyLeaked
from portazgo.snapshot.log import Change, change
from portazgo.snapshot.wire import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from portazgo.kit.clock import Clock
    from portazgo.kit.secret import Secret
    from portazgo.kit.wrapping import KeyWrapper

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a report. `claimed` is the kid that the text names; nothing is done unless its secret is right."""

    claimed: Kid | None
    is_right: bool
    response: Response | None = None
    """What was done now; null: nothing, since it had been done before, or the key is dead or a canary."""
    secret_ends_at: datetime | None = None


def report(
    actor: Actor,
    presented: Secret,
    where: Report,
    playbook: Mapping[str, Response],
    *,
    wrapper: KeyWrapper,
    clock: Clock,
) -> Outcome:
    """Check a text that was found where others can read it. `playbook` says what is done, by environment.

    Reporting again changes nothing, unless more is to be done now than was done before. Raises Forbidden.
    """
    can(actor, Verb.REVOKE, Key.noun)
    proof = prove(presented, wrapper=wrapper)
    where = where.without(presented)
    if proof.claimed is None:
        return Outcome(None, is_right=False)
    if proof.secret_id is None or not Key.objects.filter(kid=proof.claimed).exists():
        _note_unproven(actor, proof.claimed, where, clock)
        return Outcome(proof.claimed, is_right=False)
    return _respond(actor, proof.claimed, proof.secret_id, where, playbook, clock)


def _note_unproven(actor: Actor, claimed: Kid, where: Report, clock: Clock) -> None:
    details = {"secret": "wrong", "source": where.source, "url": tidy(where.url)}
    with transaction.atomic():
        record(actor, "key.leak_unproven", claimed, details=details, clock=clock)


def _respond(
    actor: Actor, kid: Kid, secret_id: int, where: Report, playbook: Mapping[str, Response], clock: Clock
) -> Outcome:
    now = clock.now()
    details = {"source": where.source, "place": tidy(where.place), "url": tidy(where.url)}
    with change(actor, "key.leaked", kid, details=details, clock=clock) as recorded:
        key = Key.objects.select_for_update().get(kid=kid)
        secret = KeySecret.objects.select_for_update().filter(id=secret_id).first()
        if secret is None:
            recorded.note(response="none: the secret was replaced meanwhile")
            return Outcome(kid, is_right=True)
        response = playbook[key.application.environment]
        if key.status == KeyStatus.REVOKED or key.canary:
            response = Response.NOTIFY
        if secret.leaked_at is not None and is_done(response, secret.ends_at, now):
            recorded.note(slot=secret.slot, response="none: it was reported before")
            return Outcome(kid, is_right=True, secret_ends_at=secret.ends_at)
        secret.leaked_at = secret.leaked_at or now
        secret.save(update_fields=["leaked_at"])
        _carry_out(response, actor, key, secret, recorded, clock)
        recorded.note(slot=secret.slot, response=response.value)
        data = KeyLeaked(
            **about(key),
            source=where.source,
            url=tidy(where.url),
            slot=SecretSlot(secret.slot).value,
            response=response.value,
            secret_ends_at=secret.ends_at,
        )
        tell(key, data, at=now)
    logger.warning("a key leaked", extra={"kid": kid, "source": where.source, "response": response.value})
    return Outcome(kid, is_right=True, response=response, secret_ends_at=secret.ends_at)


def _carry_out(response: Response, actor: Actor, key: Key, secret: KeySecret, recorded: Change, clock: Clock) -> None:
    """Do it. What leaked is one secret: while the other one of a rotated key is safe, the key lives on with it."""
    now = clock.now()
    if response is Response.NOTIFY:
        return
    if response is Response.REVOKE and secret.slot == SecretSlot.CURRENT:
        revoke(actor, key.kid, clock=clock)
        return
    secret.ends_at = now if response is Response.REVOKE else ends(now, secret.ends_at)
    secret.save(update_fields=["ends_at"])
    recorded.touches(ResourceRef("key", key.kid))
