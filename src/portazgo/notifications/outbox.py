"""The outbox: events are written in the transaction of what they tell, or not at all, and wait for the worker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Count, Min

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.notifications.domain import DeliveryState, EndpointStatus
from portazgo.notifications.events import CATALOGUE
from portazgo.notifications.models import Delivery, Event, WebhookEndpoint

if TYPE_CHECKING:
    from uuid import UUID

    from portazgo.kit.clock import Clock
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


def forget_callers(partner: UUID) -> None:
    """Blank from where a partner's callers came, in every event of its keys, also in those that only operators are told."""
    personal = {data.event: data.personal for data in CATALOGUE.values() if data.personal is not None}
    rows = Event.objects.filter(type__in=personal, data__partner__id=str(partner))
    for event in rows.iterator(chunk_size=500):
        if event.data[personal[event.type]] is not None:
            Event.objects.filter(id=event.id).update(data={**event.data, personal[event.type]: None})


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for the worker, and since when the oldest of it does."""

    unspread: int
    unspread_since: datetime | None
    overdue: int
    overdue_since: datetime | None


def waiting(actor: Actor, *, clock: Clock) -> Waiting:
    """Count what waits. What a paused endpoint is not sent waits for no worker."""
    can(actor, Verb.READ, WebhookEndpoint.noun)
    events = Event.objects.filter(spread_at=None).aggregate(count=Count("id"), since=Min("at"))
    active = {"state": DeliveryState.PENDING, "endpoint__status": EndpointStatus.ACTIVE}
    due = Delivery.objects.filter(due_at__lte=clock.now(), **active).aggregate(count=Count("id"), since=Min("due_at"))
    return Waiting(events["count"], events["since"], due["count"], due["since"])
