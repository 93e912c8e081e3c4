"""Writing audit rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from portazgo.audit.models import AuditRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portazgo.accounts.domain import Actor
    from portazgo.kit.clock import Clock


class NotInTransaction(RuntimeError):
    """An audit row outside the transaction of what it tells could say what never came true."""


def record(
    actor: Actor,
    action: str,
    subject: str,
    *,
    clock: Clock,
    details: Mapping[str, Any] | None = None,
    revision: int | None = None,
) -> None:
    """Write a row in the transaction that is under way. `action` is `noun.verb` in the past, `subject` an id or kid.

    Raises NotInTransaction. `snapshot.log.change` calls it; call it yourself only for what makes no revision.
    """
    if not transaction.get_connection().in_atomic_block:
        raise NotInTransaction
    AuditRow.objects.create(
        at=clock.now(),
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        action=action,
        subject=subject,
        revision=revision,
        request_id=actor.request_id,
        details=dict(details or {}),
    )
