"""From the outbox to deliveries: which endpoints an event goes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Q

from portazgo.notifications.models import Delivery, Event, WebhookEndpoint

if TYPE_CHECKING:
    from datetime import datetime, timedelta

AT_ONCE = 200


def spread(now: datetime, retry_for: timedelta) -> int:
    """Make deliveries of the events that are in the outbox. Returns how many events. Several workers may do it at once."""
    try:
        with transaction.atomic():
            events = list(
                Event.objects.select_for_update(skip_locked=True).filter(spread_at=None).order_by("id")[:AT_ONCE]
            )
            for event in events:
                _spread(event, now, retry_for)
            Event.objects.filter(id__in=[event.id for event in events]).update(spread_at=now)
    except IntegrityError:
        return 0  # an endpoint was deleted meanwhile: everything stays in the outbox for the next round
    return len(events)


def _spread(event: Event, now: datetime, retry_for: timedelta) -> None:
    Delivery.objects.bulk_create(
        [
            Delivery(event=event, endpoint=endpoint, due_at=now, give_up_at=now + retry_for, created_at=now)
            for endpoint in _endpoints(event)
        ],
        ignore_conflicts=True,
    )


def _endpoints(event: Event) -> list[WebhookEndpoint]:
    """Find who is told: the deployment's endpoints, and those of the event's own partner; of nobody else, ever."""
    owners = Q(partner=None)
    if event.partner_id is not None:
        owners |= Q(partner=event.partner_id)
    # An endpoint hears of what happens from its making on.
    rows = WebhookEndpoint.objects.filter(owners, created_at__lte=event.at)
    return [row for row in rows if row.events is None or event.type in row.events]
