"""`/api/v1/webhooks`: endpoints that are told of events, and what was delivered to them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from ninja import Query, Router, Status

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.kit.paging import Page
from portazgo.kit.web.lists import page_of
from portazgo.kit.web.rows import the_one
from portazgo.kit.web.schemas import PageOf
from portazgo.notifications import service
from portazgo.notifications.models import Delivery, WebhookEndpoint
from portazgo.notifications.outbox import Waiting, waiting
from portazgo.notifications.schemas import (
    ChangeEndpoint,
    CreateEndpoint,
    DeliveriesQuery,
    DeliveryView,
    EndpointShownOnce,
    EndpointsQuery,
    EndpointView,
    OutboxView,
    RotateSecret,
)

if TYPE_CHECKING:
    from portazgo.kit.secret import Secret

router = Router(tags=["webhooks"])


@router.get("/webhooks/endpoints", response=PageOf[EndpointView])
def list_webhook_endpoints(request: AdminRequest, query: Query[EndpointsQuery]) -> Page[WebhookEndpoint]:
    """List the webhook endpoints."""
    can(request.actor, Verb.READ, WebhookEndpoint.noun)
    rows = WebhookEndpoint.objects.prefetch_related("secrets")
    asked = {"partner": query.partner, "name": query.name, "status": query.status}
    rows = rows.filter(**{name: value for name, value in asked.items() if value is not None})
    return page_of(rows, query, lambda row: row)


@router.post("/webhooks/endpoints", response={201: EndpointShownOnce})
def create_webhook_endpoint(request: AdminRequest, body: CreateEndpoint) -> Status[EndpointShownOnce]:
    """Make an endpoint; the answer shows its secret this once."""
    new = service.NewEndpoint(body.name, body.url, body.partner, body.events)
    endpoint, secret = service.create(request.actor, new, wrapper=request.wrapper, clock=request.clock)
    return Status(201, _shown_once(endpoint, secret))


@router.get("/webhooks/endpoints/{uuid:endpoint_id}", response=EndpointView)
def show_webhook_endpoint(request: AdminRequest, endpoint_id: UUID) -> WebhookEndpoint:
    """Show an endpoint."""
    can(request.actor, Verb.READ, WebhookEndpoint.noun)
    return the_one(WebhookEndpoint.objects.prefetch_related("secrets"), "webhook_endpoint", id=endpoint_id)


@router.patch("/webhooks/endpoints/{uuid:endpoint_id}", response=EndpointView)
def change_webhook_endpoint(request: AdminRequest, endpoint_id: UUID, body: ChangeEndpoint) -> WebhookEndpoint:
    """Rename an endpoint, give it another URL or other events."""
    changes = service.EndpointChanges(**body.model_dump())
    return service.alter(request.actor, endpoint_id, changes, clock=request.clock)


@router.post("/webhooks/endpoints/{uuid:endpoint_id}/test", response=DeliveryView)
def test_webhook_endpoint(request: AdminRequest, endpoint_id: UUID) -> Delivery:
    """Have a test event sent to an endpoint; the delivery tells how it went."""
    retry_for = settings.PORTAZGO.webhook_retry_for
    return service.test(request.actor, endpoint_id, retry_for=retry_for, clock=request.clock)


@router.post("/webhooks/endpoints/{uuid:endpoint_id}/pause", response=EndpointView)
def pause_webhook_endpoint(request: AdminRequest, endpoint_id: UUID) -> WebhookEndpoint:
    """Call an endpoint no more until it is resumed."""
    return service.pause(request.actor, endpoint_id, clock=request.clock)


@router.post("/webhooks/endpoints/{uuid:endpoint_id}/resume", response=EndpointView)
def resume_webhook_endpoint(request: AdminRequest, endpoint_id: UUID) -> WebhookEndpoint:
    """Call an endpoint again, at once for what waits."""
    return service.resume(request.actor, endpoint_id, clock=request.clock)


@router.post("/webhooks/endpoints/{uuid:endpoint_id}/rotate-secret", response=EndpointShownOnce)
def rotate_webhook_secret(request: AdminRequest, endpoint_id: UUID, body: RotateSecret) -> EndpointShownOnce:
    """Give an endpoint a new secret, shown this once; the one before signs beside it for the overlap."""
    endpoint, secret = service.rotate_secret(
        request.actor, endpoint_id, body.duration, wrapper=request.wrapper, clock=request.clock
    )
    return _shown_once(endpoint, secret)


@router.delete("/webhooks/endpoints/{uuid:endpoint_id}", response={204: None})
def delete_webhook_endpoint(request: AdminRequest, endpoint_id: UUID) -> Status[None]:
    """Remove an endpoint with its deliveries."""
    service.delete(request.actor, endpoint_id, clock=request.clock)
    return Status(204, None)


@router.get("/webhooks/outbox", response=OutboxView)
def show_webhook_outbox(request: AdminRequest) -> Waiting:
    """Tell what waits for the worker, and since when: for long, and no worker sends it."""
    return waiting(request.actor, clock=request.clock)


@router.get("/webhooks/deliveries", response=PageOf[DeliveryView])
def list_webhook_deliveries(request: AdminRequest, query: Query[DeliveriesQuery]) -> Page[Delivery]:
    """List the deliveries, newest first; `state=dead` are those that were given up."""
    can(request.actor, Verb.READ, WebhookEndpoint.noun)
    asked = {"endpoint": query.endpoint, "state": query.state}
    rows = Delivery.objects.select_related("event")
    rows = rows.filter(**{name: value for name, value in asked.items() if value is not None})
    return page_of(rows, query, lambda row: row, order=("-id",))


@router.post("/webhooks/deliveries/{uuid:delivery_id}/resend", response=DeliveryView)
def resend_webhook_delivery(request: AdminRequest, delivery_id: UUID) -> Delivery:
    """Send an event to its endpoint once more, under the same id."""
    retry_for = settings.PORTAZGO.webhook_retry_for
    return service.resend(request.actor, delivery_id, retry_for=retry_for, clock=request.clock)


def _shown_once(endpoint: WebhookEndpoint, secret: Secret) -> EndpointShownOnce:
    shown = EndpointView.from_orm(endpoint)
    members = {name: getattr(shown, name) for name in EndpointView.model_fields}
    return EndpointShownOnce.model_construct(**members, secret=secret.reveal())
