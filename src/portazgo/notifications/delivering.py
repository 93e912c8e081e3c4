"""Sending what is due: taken in one short transaction, called without one, written down in another.

At least once: whoever takes a delivery moves its `due_at` on by a lease. Who is killed while it calls leaves it to be
taken again when the lease is over, under the same `webhook-id`. Order is not promised.
"""

from __future__ import annotations

import logging
import random
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from django.db import close_old_connections, transaction

from portazgo.kit.outbound import FetchFailed, Posted, post
from portazgo.kit.private_address import AddressRefused
from portazgo.kit.secret import Secret
from portazgo.kit.wrapping import KeyWrapper, WrappingFailed
from portazgo.notifications.domain import (
    FAILURES_TO_PAUSE,
    DeliveryState,
    EndpointStatus,
    Tried,
    delay,
    payload,
    signed_headers,
)
from portazgo.notifications.events import Named, WebhookEndpointPaused
from portazgo.notifications.models import Delivery, WebhookEndpoint
from portazgo.notifications.outbox import publish
from portazgo.notifications.service import living_secrets, secret_context

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from portazgo.kit.address_kinds import Network
    from portazgo.kit.clock import Clock

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
"""Longer than a look-up of the name and a call take together."""
CALL_SECONDS = 15.0
THREADS = 8
THREADS_PER_ENDPOINT = 2
"""Slow endpoints leave room for the others."""
USER_AGENT = "Portazgo-Webhooks/1"
LONGEST_PROBLEM = 300
_WENT_WELL = range(200, 300)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator set."""

    retry_for: timedelta
    pause_after: timedelta
    networks: Sequence[Network]


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery that is ours until its lease is over, with all that the call needs."""

    id: UUID
    claim: UUID
    endpoint: WebhookEndpoint
    message_id: str
    body: bytes


class Deliverer:
    """Sends what is due in a few threads of its own, so that slow endpoints hold no other job up.

    `wrapper` opens the key-wrapping provider when it is needed: a worker does its other jobs without one.
    """

    def __init__(
        self, wrapper: Callable[[], KeyWrapper], rules: Rules, *, clock: Clock, threads: int = THREADS
    ) -> None:
        self._wrapper = wrapper
        self._rules = rules
        self._clock = clock
        self._most = threads
        self._lock = threading.Lock()
        self._running = 0
        self._busy: dict[UUID, int] = {}

    def start(self) -> None:
        """See that threads are at work when something is due; returns at once. For the worker's round."""
        due = _due(self._clock.now()).exclude(endpoint__in=self._full())[: self._most].count()
        with self._lock:
            wanted = min(due, self._most - self._running)
            self._running += wanted
        for _ in range(wanted):
            # Daemons: a worker that is told to end does not wait for endpoints; what it leaves is sent again.
            threading.Thread(target=self._work, name="webhooks", daemon=True).start()

    def deliver_due(self) -> int:
        """Send what is due, one after the other, in this thread. Returns how many were tried."""
        count = 0
        while (taken := self._take()) is not None:
            self._send(taken)
            count += 1
        return count

    def _work(self) -> None:
        try:
            self.deliver_due()
        except Exception:
            logger.exception("deliveries of webhooks stopped; the next round goes on")
        finally:
            close_old_connections()
            with self._lock:
                self._running -= 1

    def _take(self) -> Taken | None:
        now = self._clock.now()
        with self._lock, transaction.atomic():
            rows = _due(now).exclude(endpoint__in=self._full(locked=True))
            row = (
                rows.select_related("event", "endpoint")
                .select_for_update(skip_locked=True, of=("self",))
                .order_by("due_at", "id")
                .first()
            )
            if row is None:
                return None
            row.claim, row.due_at, row.attempted_at = uuid4(), now + LEASE, now
            row.attempts, row.tries = row.attempts + 1, row.tries + 1
            row.save(update_fields=["claim", "due_at", "attempted_at", "attempts", "tries"])
            self._busy[row.endpoint_id] = self._busy.get(row.endpoint_id, 0) + 1
        body = payload(row.event.type, row.event.at, row.event.data)
        return Taken(row.id, row.claim, row.endpoint, str(row.event_id), body)

    def _send(self, taken: Taken) -> None:
        try:
            tried = self._call(taken)
            settle(taken, tried, self._rules, now=self._clock.now(), chance=random.random())  # noqa: S311 - spreads load
        finally:
            with self._lock:
                left = self._busy[taken.endpoint.id] - 1
                if left:
                    self._busy[taken.endpoint.id] = left
                else:
                    del self._busy[taken.endpoint.id]

    def _call(self, taken: Taken) -> Tried:
        now = self._clock.now()
        try:
            wrapper = self._wrapper()
            secrets = [
                Secret(wrapper.unwrap(secret_context(row.id), row.wrapped).decode())
                for row in living_secrets(taken.endpoint, now)
            ]
            headers = {
                **signed_headers(taken.message_id, taken.body, secrets, now),
                "Content-Type": "application/json",
                "User-Agent": USER_AGENT,
            }
            answer = post(taken.endpoint.url, taken.body, headers, networks=self._rules.networks, seconds=CALL_SECONDS)
        except (AddressRefused, FetchFailed) as problem:
            return Tried(None, str(problem).replace(taken.endpoint.url, "the endpoint")[:LONGEST_PROBLEM])
        except WrappingFailed:
            logger.exception("the secret of a webhook endpoint can't be unsealed")
            return Tried(None, "the endpoint's secret can't be unsealed: the log says why")
        return _judge(answer)

    def _full(self, *, locked: bool = False) -> list[UUID]:
        if not locked:
            with self._lock:
                return self._full(locked=True)
        return [endpoint for endpoint, count in self._busy.items() if count >= THREADS_PER_ENDPOINT]


def settle(taken: Taken, tried: Tried, rules: Rules, *, now: datetime, chance: float) -> None:
    """Write down how a call went: of the delivery unless somebody else has taken it meanwhile, and of the endpoint."""
    with transaction.atomic():
        # The endpoint first, always: two settlements of one endpoint wait for each other instead of locking up.
        endpoint = WebhookEndpoint.objects.select_for_update().filter(id=taken.endpoint.id).first()
        rows = Delivery.objects.select_for_update().filter(id=taken.id, claim=taken.claim, state=DeliveryState.PENDING)
        delivery = rows.first()
        if endpoint is None or delivery is None:
            return
        _settle_delivery(delivery, tried, now, chance)
        _settle_endpoint(endpoint, tried, rules, now)


def bury_old(now: datetime) -> int:
    """Call dead what could not be delivered for as long as it is tried. Returns how many."""
    rows = Delivery.objects.filter(state=DeliveryState.PENDING, give_up_at__lte=now, due_at__lte=now)
    waited = rows.filter(attempts=0).update(state=DeliveryState.DEAD, problem="its time ended before it could be sent")
    return waited + rows.update(state=DeliveryState.DEAD)


def _due(now: datetime) -> QuerySet[Delivery]:
    return Delivery.objects.filter(
        state=DeliveryState.PENDING, due_at__lte=now, give_up_at__gt=now, endpoint__status=EndpointStatus.ACTIVE
    )


def _judge(answer: Posted) -> Tried:
    if answer.status in _WENT_WELL:
        return Tried(answer.status, None)
    named = answer.headers.get("Retry-After", "")
    # Seconds only; as a date it would be the endpoint's clock against ours.
    later = timedelta(seconds=int(named)) if named.isascii() and named.isdigit() and len(named) <= 7 else None  # noqa: PLR2004 - 115 days
    told = "redirects, which is not followed" if 300 <= answer.status < 400 else f"answered {answer.status}"  # noqa: PLR2004 - HTTP's own numbers
    return Tried(answer.status, f"the endpoint {told}", later)


def _settle_delivery(delivery: Delivery, tried: Tried, now: datetime, chance: float) -> None:
    delivery.status, delivery.problem, delivery.claim = tried.status, tried.problem or "", None
    if tried.went_well:
        delivery.state, delivery.delivered_at = DeliveryState.DELIVERED, now
    else:
        delivery.due_at = now + delay(delivery.tries, chance, tried.retry_after)
        if delivery.due_at >= delivery.give_up_at:
            delivery.state = DeliveryState.DEAD
    delivery.save(update_fields=["status", "problem", "claim", "state", "delivered_at", "due_at"])


def _settle_endpoint(endpoint: WebhookEndpoint, tried: Tried, rules: Rules, now: datetime) -> None:
    if tried.went_well:
        endpoint.failing_since, endpoint.failures, endpoint.delivered_at = None, 0, now
    else:
        endpoint.failing_since, endpoint.failures = endpoint.failing_since or now, endpoint.failures + 1
        since = endpoint.failing_since
        too_long = now - since >= rules.pause_after and endpoint.failures >= FAILURES_TO_PAUSE
        if endpoint.status == EndpointStatus.ACTIVE and (tried.is_gone or too_long):
            _pause(endpoint, "the endpoint answered 410: gone" if tried.is_gone else f"{tried.problem}", now)
    endpoint.save(update_fields=["failing_since", "failures", "delivered_at", "status", "paused_because"])


def _pause(endpoint: WebhookEndpoint, reason: str, now: datetime) -> None:
    endpoint.status, endpoint.paused_because = EndpointStatus.PAUSED, reason[:LONGEST_PROBLEM]
    named = Named(id=str(endpoint.id), name=endpoint.name)
    data = WebhookEndpointPaused(endpoint=named, reason=reason, failing_since=endpoint.failing_since)
    publish(data, partner=endpoint.partner_id, at=now)
    logger.warning("a webhook endpoint is paused", extra={"endpoint": str(endpoint.id), "reason": reason})
