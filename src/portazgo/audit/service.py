"""Writing audit rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db import transaction

from portazgo.audit.models import AuditRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portazgo.accounts.domain import Actor
    from portazgo.kit.clock import Clock


Listener = Callable[[AuditRow], None]

_listeners: dict[str, Listener] = {}


def listen(action: str, listener: Listener) -> None:
    """Have a function called with each row of an action, in its transaction. Called once per action, at start.

    What it raises undoes what the row tells: it writes what belongs to it, and nothing that may fail.
    """
    _listeners[action] = listener


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
    row = AuditRow.objects.create(
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
    if action in _listeners:
        _listeners[action](row)
