"""Writing events: in the transaction of what they tell, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction

from portazgo.notifications.models import Event

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from portazgo.notifications.events import Data


class NotInTransaction(RuntimeError):
    """An event outside the transaction of what it tells could tell what never came true."""


def publish(data: Data, *, partner: UUID | None, at: datetime, once: str | None = None) -> bool:
    """Write an event; the worker sends it. Returns False when this `once` was told before. Raises NotInTransaction.

    `partner` None, like the audience `operator`, keeps it from partners' endpoints.
    """
    if not transaction.get_connection().in_atomic_block:
        raise NotInTransaction
    event = Event(
        type=data.event,
        at=at,
        partner_id=partner if data.audience == "partner" else None,
        data=data.model_dump(mode="json"),
        once=once,
    )
    if once is None:
        event.save(force_insert=True)
        return True
    if Event.objects.filter(once=once).exists():
        return False
    try:
        with transaction.atomic():
            event.save(force_insert=True)
    except IntegrityError:
        return False  # another worker tells it at this moment
    return True


def told(once: list[str]) -> set[str]:
    """Tell which of these were published already."""
    return {text for text in Event.objects.filter(once__in=once).values_list("once", flat=True) if text is not None}
