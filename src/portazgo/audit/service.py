"""Writing audit rows, each chained to the one before; erasing a payload."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from portazgo.accounts.domain import Verb, can
from portazgo.audit.chain import NO_HASH, link
from portazgo.audit.models import THE_HEAD, AuditHead, AuditRow
from portazgo.kit.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portazgo.accounts.domain import Actor
    from portazgo.kit.clock import Clock

ERASED = "audit.erased"
SALT_BYTES = 16
# Also makes the row of an empty database. The lock that it takes is held until the commit.
_TAKE_PLACE = (
    "INSERT INTO audit_head (id, number, hash) VALUES (%s, 1, %s) "
    "ON CONFLICT (id) DO UPDATE SET number = audit_head.number + 1 RETURNING number, hash"
)


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
    changes: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write a row in the transaction that is under way. `action` is `noun.verb` in the past, `subject` an id or kid.

    Make it the last statement: everybody who writes a row waits for the commit. Raises NotInTransaction.
    `snapshot.log.change` calls it; call it yourself only for what makes no revision.
    """
    if not transaction.get_connection().in_atomic_block:
        raise NotInTransaction
    number, previous = _take_place()
    row = AuditRow(
        number=number,
        at=clock.now(),
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        address=actor.address,
        action=action,
        subject=subject,
        revision=revision,
        request_id=actor.request_id,
        details=_as_kept(dict(details or {})),
        changes=_as_kept(list(changes)),
        salt=secrets.token_hex(SALT_BYTES),
    )
    row.personal = row.personal_digest()
    row.digest = row.payload_digest()
    row.hash = link(previous, row.digest)
    row.save(force_insert=True)
    AuditHead.objects.filter(id=THE_HEAD).update(hash=row.hash)
    if action in _listeners:
        _listeners[action](row)


def erase(actor: Actor, number: int, reason: str, *, clock: Clock) -> AuditRow:
    """Take the personal members out of a row; who did it and why is a row of its own. Raises NotFound.

    What stays is that something was done to what, when, by which id: it is still proven, but in rows of the first form. The row
    that tells of it says which form it had: else somebody could call it one of the first, and change what is kept.
    """
    can(actor, Verb.DELETE, AuditRow.noun)
    with transaction.atomic():
        row = AuditRow.objects.select_for_update().filter(number=number).first()
        if row is None:
            raise NotFound(f"there is no audit row {number}", code="audit_row_unknown")
        if row.erased_at is None:
            row.actor_name, row.address, row.details, row.changes, row.salt = "", None, {}, [], ""
            row.erased_at = clock.now()
            row.save()
            record(actor, ERASED, str(number), details={"reason": reason, "form": row.form}, clock=clock)
    return row


def _take_place() -> tuple[int, str]:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_PLACE, [THE_HEAD, NO_HASH])
        number, previous = cursor.fetchone()
    return number, previous


def _as_kept(value: Any) -> Any:
    """Give it as it will be read again: tuples are lists, keys are text."""
    return json.loads(json.dumps(value))
