"""Use cases of webhook endpoints and deliveries."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.audit.service import record
from portazgo.kit.errors import Conflict, Invalid
from portazgo.kit.ids import uuid7
from portazgo.kit.web.rows import given, refuse_taken, the_one
from portazgo.notifications.domain import SECRET_BYTES, DeliveryState, EndpointStatus, new_secret, told_url
from portazgo.notifications.events import Named, WebhookTest
from portazgo.notifications.models import Delivery, Event, WebhookEndpoint, WebhookSecret
from portazgo.partners.models import Partner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from django.db.models import QuerySet

    from portazgo.kit.clock import Clock
    from portazgo.kit.secret import Secret
    from portazgo.kit.wrapping import KeyWrapper


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint to be made; without a partner it is the deployment's; null events: all that its owner may see."""

    name: str
    url: str
    partner: UUID | None = None
    events: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class EndpointChanges:
    """What is to change; None leaves as it is."""

    name: str | None = None
    url: str | None = None
    events: Sequence[str] | None = None
    all_events: bool = False
    """No type is left out any more."""


def create(actor: Actor, new: NewEndpoint, *, wrapper: KeyWrapper, clock: Clock) -> tuple[WebhookEndpoint, Secret]:
    """Make an endpoint; the Secret is to be shown this once. Raises Invalid (`partner_unknown`), Conflict (`name_taken`)."""
    can(actor, Verb.CREATE, WebhookEndpoint.noun)
    now = clock.now()
    endpoint = WebhookEndpoint(
        partner_id=new.partner,
        name=new.name,
        url=new.url,
        events=None if new.events is None else list(new.events),
        created_at=now,
    )
    row, secret = _new_secret(endpoint, wrapper, now)
    details = {"name": new.name, "partner": str(new.partner) if new.partner else None}
    with transaction.atomic():
        if new.partner is not None and not Partner.objects.filter(id=new.partner).exists():
            raise Invalid.at("/partner", f"there is no partner {new.partner}", code="partner_unknown")
        refuse_taken(WebhookEndpoint.objects.filter(partner=new.partner), "webhook endpoint", new.name)
        endpoint.save(force_insert=True)
        row.save(force_insert=True)
        changes = [_change(endpoint, None, _terms(endpoint))]
        record(actor, "webhook_endpoint.created", str(endpoint.id), details=details, changes=changes, clock=clock)
    return endpoint, secret


def alter(actor: Actor, identifier: UUID, changes: EndpointChanges, *, clock: Clock) -> WebhookEndpoint:
    """Rename an endpoint, give it another URL or other events. Raises NotFound, Conflict (`name_taken`)."""
    can(actor, Verb.CHANGE, WebhookEndpoint.noun)
    members = given(name=changes.name, url=changes.url, events=changes.events, all_events=changes.all_events or None)
    with transaction.atomic():
        endpoint = _locked(identifier)
        before = _terms(endpoint)
        if changes.name is not None and changes.name != endpoint.name:
            others = WebhookEndpoint.objects.filter(partner=endpoint.partner_id)
            refuse_taken(others, "webhook endpoint", changes.name)
            endpoint.name = changes.name
        endpoint.url = changes.url or endpoint.url
        if changes.all_events:
            endpoint.events = None
        elif changes.events is not None:
            endpoint.events = list(changes.events)
        endpoint.save(update_fields=["name", "url", "events"])
        difference = [_change(endpoint, before, _terms(endpoint))]
        details = {"members": members}
        record(actor, "webhook_endpoint.changed", str(identifier), details=details, changes=difference, clock=clock)
    return endpoint


def pause(actor: Actor, identifier: UUID, *, clock: Clock) -> WebhookEndpoint:
    """Call an endpoint no more until it is resumed; what is due waits, as long as it would be tried. Raises NotFound."""
    can(actor, Verb.SUSPEND, WebhookEndpoint.noun)
    with transaction.atomic():
        endpoint = _locked(identifier)
        if endpoint.status != EndpointStatus.PAUSED:
            endpoint.status, endpoint.paused_because = EndpointStatus.PAUSED, f"paused by {actor.name}"
            endpoint.save(update_fields=["status", "paused_because"])
        record(actor, "webhook_endpoint.paused", str(identifier), clock=clock)
    return endpoint


def resume(actor: Actor, identifier: UUID, *, clock: Clock) -> WebhookEndpoint:
    """Call an endpoint again, at once for what waits. Raises NotFound."""
    can(actor, Verb.SUSPEND, WebhookEndpoint.noun)
    with transaction.atomic():
        endpoint = _locked(identifier)
        endpoint.status, endpoint.paused_because = EndpointStatus.ACTIVE, ""
        endpoint.failing_since, endpoint.failures = None, 0
        endpoint.save(update_fields=["status", "paused_because", "failing_since", "failures"])
        waiting = endpoint.deliveries.filter(state=DeliveryState.PENDING, give_up_at__gt=clock.now())
        waiting.update(due_at=clock.now(), tries=0)
        record(actor, "webhook_endpoint.resumed", str(identifier), clock=clock)
    return endpoint


def rotate_secret(
    actor: Actor, identifier: UUID, overlap: timedelta, *, wrapper: KeyWrapper, clock: Clock
) -> tuple[WebhookEndpoint, Secret]:
    """Give an endpoint a new secret, to be shown this once; the one before signs beside it for `overlap`.

    Raises NotFound, and Conflict (`rotation_pending`) while two sign already: a third would end one that may be in use.
    """
    can(actor, Verb.ROTATE, WebhookEndpoint.noun)
    now = clock.now()
    endpoint = the_one(WebhookEndpoint.objects.all(), "webhook_endpoint", id=identifier)
    row, secret = _new_secret(endpoint, wrapper, now)
    with transaction.atomic():
        endpoint = _locked(identifier)
        ending = living_secrets(endpoint, now).exclude(ends_at=None).first()
        if ending is not None and overlap:
            raise Conflict(
                "two secrets sign already",
                code="rotation_pending",
                remedy=f"wait until {ending.ends_at}, or rotate with an overlap of 0s, which ends both at once",
            )
        endpoint.secrets.filter(Q(ends_at=None) | Q(ends_at__gt=now + overlap)).update(ends_at=now + overlap)
        endpoint.secrets.filter(ends_at__lte=now).delete()
        row.save(force_insert=True)
        details = {"overlap_seconds": int(overlap.total_seconds())}
        record(actor, "webhook_endpoint.secret_rotated", str(identifier), details=details, clock=clock)
    return endpoint, secret


def test(actor: Actor, identifier: UUID, *, retry_for: timedelta, clock: Clock) -> Delivery:
    """Have a test event sent to an endpoint, and to no other. Raises NotFound, Conflict (`endpoint_paused`)."""
    can(actor, Verb.CHANGE, WebhookEndpoint.noun)
    now = clock.now()
    with transaction.atomic():
        endpoint = _locked(identifier)
        if endpoint.status == EndpointStatus.PAUSED:
            raise Conflict("the endpoint is paused", code="endpoint_paused", remedy="resume it first")
        data = WebhookTest(endpoint=Named(id=str(endpoint.id), name=endpoint.name))
        event = Event.objects.create(
            type=data.event, at=now, partner_id=endpoint.partner_id, data=data.model_dump(mode="json"), spread_at=now
        )
        delivery = Delivery.objects.create(
            event=event, endpoint=endpoint, due_at=now, give_up_at=now + retry_for, created_at=now
        )
        record(actor, "webhook_endpoint.tested", str(identifier), clock=clock)
    return delivery


def delete(actor: Actor, identifier: UUID, *, clock: Clock) -> None:
    """Remove an endpoint with its deliveries; what is on its way to it may still arrive. Raises NotFound."""
    can(actor, Verb.DELETE, WebhookEndpoint.noun)
    with transaction.atomic():
        endpoint = _locked(identifier)
        record(actor, "webhook_endpoint.deleted", str(identifier), details={"name": endpoint.name}, clock=clock)
        endpoint.delete()


def resend(actor: Actor, identifier: UUID, *, retry_for: timedelta, clock: Clock) -> Delivery:
    """Send an event to its endpoint once more, under the same id, whatever became of it before.

    Raises NotFound, Conflict (`endpoint_paused`).
    """
    can(actor, Verb.CHANGE, WebhookEndpoint.noun)
    now = clock.now()
    with transaction.atomic():
        rows = Delivery.objects.select_related("endpoint", "event").select_for_update(of=("self",))
        delivery = the_one(rows, "webhook_delivery", id=identifier)
        if delivery.endpoint.status == EndpointStatus.PAUSED:
            raise Conflict("the endpoint is paused", code="endpoint_paused", remedy="resume it first")
        delivery.state, delivery.tries, delivery.problem = DeliveryState.PENDING, 0, ""
        delivery.due_at, delivery.give_up_at, delivery.claim = now, now + retry_for, None
        delivery.save(update_fields=["state", "tries", "problem", "due_at", "give_up_at", "claim"])
        details = {"endpoint": str(delivery.endpoint_id), "event": str(delivery.event_id)}
        record(actor, "webhook_delivery.resent", str(identifier), details=details, clock=clock)
    return delivery


def living_secrets(endpoint: WebhookEndpoint, now: datetime) -> QuerySet[WebhookSecret]:
    """Give the secrets that sign, the newest first."""
    return endpoint.secrets.filter(Q(ends_at=None) | Q(ends_at__gt=now)).order_by("-created_at", "-id")


def secret_context(identifier: UUID) -> str:
    """Name what a secret is sealed for."""
    return f"webhook_secret/{identifier}"


def _terms(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Give what the audit keeps of an endpoint: who sends events elsewhere for an hour must not be able to hide where."""
    return {"name": endpoint.name, "url": told_url(endpoint.url), "events": endpoint.events}


def _change(endpoint: WebhookEndpoint, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> dict[str, Any]:
    differing = [name for name in after if before is None or before[name] != after[name]]
    return {
        "kind": "webhook_endpoint",
        "id": str(endpoint.id),
        "before": None if before is None else {name: before[name] for name in differing},
        "after": {name: after[name] for name in differing},
    }


def _new_secret(endpoint: WebhookEndpoint, wrapper: KeyWrapper, now: datetime) -> tuple[WebhookSecret, Secret]:
    identifier, secret = uuid7(), new_secret(secrets.token_bytes(SECRET_BYTES))
    wrapped = wrapper.wrap(secret_context(identifier), secret.reveal().encode())
    return WebhookSecret(id=identifier, endpoint=endpoint, wrapped=wrapped, created_at=now), secret


def _locked(identifier: UUID) -> WebhookEndpoint:
    return the_one(WebhookEndpoint.objects.select_for_update(), "webhook_endpoint", id=identifier)
