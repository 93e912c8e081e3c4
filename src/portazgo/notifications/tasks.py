"""Background jobs of the worker."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import TYPE_CHECKING

from portazgo.notifications.delivering import Deliverer, Rules, bury_old
from portazgo.notifications.models import Event
from portazgo.notifications.spreading import AT_ONCE, spread

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from portazgo.kit.clock import Clock
    from portazgo.kit.wrapping import KeyWrapper
    from portazgo.settings import Settings

KEPT = timedelta(days=90)
"""Longer than any notice waits for the next of its kind, so that none is told twice."""
FORGOTTEN_AT_ONCE = 1_000


def sending(settings: Settings, wrapper: Callable[[], KeyWrapper], clock: Clock) -> Callable[[], None]:
    """Give the job that empties the outbox and sees that what is due is sent."""
    deliverer = Deliverer(wrapper, rules_of(settings), clock=clock)

    def send() -> None:
        while spread(clock.now(), settings.webhook_retry_for) == AT_ONCE:
            pass
        bury_old(clock.now())
        deliverer.start()

    return send


def rules_of(settings: Settings) -> Rules:
    """Read what the operator set."""
    networks = [ipaddress.ip_network(text) for text in settings.webhook_networks]
    return Rules(settings.webhook_retry_for, settings.webhook_pause_after, networks)


def forget_old(now: datetime) -> int:
    """Drop events older than 90 days, with their deliveries, some at a time. Returns how many rows."""
    old = Event.objects.filter(at__lt=now - KEPT).exclude(spread_at=None).order_by("at")
    identifiers = list(old.values_list("id", flat=True)[:FORGOTTEN_AT_ONCE])
    return Event.objects.filter(id__in=identifiers).delete()[0]
