"""Webhooks as tests send and check them."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import Any
from uuid import UUID

import standardwebhooks
from support.clock import FakeClock
from support.webhook_receiver import Message

from portazgo.accounts.domain import SYSTEM
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.kit.secret import Secret
from portazgo.kit.wrapping import KeyWrapper
from portazgo.notifications import service
from portazgo.notifications.delivering import Deliverer, Rules
from portazgo.notifications.models import WebhookEndpoint
from portazgo.notifications.spreading import spread

RETRY_FOR = timedelta(days=3)
RULES = Rules(RETRY_FOR, timedelta(days=1), [ipaddress.ip_network("127.0.0.0/8")])


def endpoint_at(
    url: str, wrapper: KeyWrapper, *, name: str = "ops", partner: str | None = None, events: list[str] | None = None
) -> tuple[WebhookEndpoint, Secret]:
    new = service.NewEndpoint(name, url, UUID(partner) if partner else None, events)
    return service.create(SYSTEM, new, wrapper=wrapper, clock=SYSTEM_CLOCK)


def sent(deliverer: Deliverer, clock: FakeClock) -> int:
    """What the worker does in one round, at this time or now, whichever is later."""
    clock.wall = max(clock.wall, SYSTEM_CLOCK.now())
    spread(clock.now(), RETRY_FOR)
    return deliverer.deliver_due()


def verified(message: Message, secret: Secret) -> dict[str, Any]:
    """Check a message as its receiver would, with a library that is not ours."""
    document: dict[str, Any] = standardwebhooks.Webhook(secret.reveal()).verify(message.body, message.headers)
    return document
