"""Tables of this noun."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from portazgo.kit.ids import uuid7
from portazgo.kit.web.wrapped import WrappedField
from portazgo.notifications.domain import DeliveryState, EndpointStatus
from portazgo.partners.models import Partner


class Event(models.Model):
    """Something that happened: one row of the outbox, written in the transaction of what it tells. Holds no secret.

    Its partner is no foreign key: what happened stays told when the partner is gone.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    """`webhook-id`, at every try and every endpoint."""
    type = models.CharField(max_length=64)
    at = models.DateTimeField()
    partner_id = models.UUIDField(null=True)
    """Whose endpoints are told beside the deployment's; null: nobody's."""
    data = models.JSONField()
    once = models.CharField(max_length=200, null=True, unique=True)  # noqa: DJ001 - null: told as often as it happens
    """What is told only once has the same text here."""
    spread_at = models.DateTimeField(null=True)
    """When it was turned into deliveries."""

    class Meta:
        """The worker looks for what is not spread yet."""

        db_table = "notification_event"
        indexes: ClassVar = [
            models.Index(fields=["id"], name="event_to_spread", condition=models.Q(spread_at__isnull=True)),
            models.Index(fields=["at"], name="event_at"),
        ]


class WebhookEndpoint(models.Model):
    """Where events are sent: of one partner, whose events only it gets, or of the deployment."""

    noun: ClassVar[str] = "webhooks"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    partner = models.ForeignKey(Partner, models.CASCADE, null=True, related_name="webhook_endpoints")
    name = models.CharField(max_length=63)
    url = models.CharField(max_length=2_000)
    events = models.JSONField(null=True)
    """Types that it wants; null: all that its owner may see."""
    status = models.CharField(max_length=16, default=EndpointStatus.ACTIVE)
    paused_because = models.CharField(max_length=300, blank=True)
    failing_since = models.DateTimeField(null=True)
    failures = models.IntegerField(default=0)
    """In a row."""
    delivered_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        """A name is unique within its owner."""

        db_table = "webhook_endpoint"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["partner", "name"], name="webhook_endpoint_name"),
            # NULLs are never equal in a unique key.
            models.UniqueConstraint(
                fields=["name"], name="webhook_endpoint_own_name", condition=models.Q(partner__isnull=True)
            ),
        ]


class WebhookSecret(models.Model):
    """A secret that signs for an endpoint; sealed with the context `webhook_secret/<id>`. Two live while one is replaced."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="secrets")
    wrapped = WrappedField(context="webhook_secret/{id}")
    created_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    class Meta:
        """Read by its endpoint."""

        db_table = "webhook_secret"


class Delivery(models.Model):
    """One event on its way to one endpoint."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.ForeignKey(Event, models.CASCADE, related_name="deliveries")
    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=16, default=DeliveryState.PENDING)
    due_at = models.DateTimeField()
    """When it may be taken. Whoever takes it moves this on: who dies with it leaves it to be taken again then."""
    give_up_at = models.DateTimeField()
    claim = models.UUIDField(null=True)
    """Of the one who took it last: nobody else writes how it went."""
    tries = models.IntegerField(default=0)
    """Since it was made or sent again: how long to wait counts on them."""
    attempts = models.IntegerField(default=0)
    """Of all time."""
    attempted_at = models.DateTimeField(null=True)
    status = models.IntegerField(null=True)
    """What the endpoint answered last."""
    problem = models.CharField(max_length=300, blank=True)
    """Why the last attempt failed."""
    delivered_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        """Once for each event and endpoint; the worker looks for what is due."""

        db_table = "webhook_delivery"
        constraints: ClassVar = [models.UniqueConstraint(fields=["event", "endpoint"], name="webhook_delivery_once")]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], name="delivery_due", condition=models.Q(state="pending")),
            models.Index(fields=["endpoint", "id"], name="delivery_endpoint"),
            models.Index(fields=["endpoint"], name="delivery_dead", condition=models.Q(state="dead")),
        ]
