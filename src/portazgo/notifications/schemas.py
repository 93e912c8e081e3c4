"""What crosses HTTP."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from django.conf import settings
from ninja import Schema
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from portazgo.kit.durations import parse_duration
from portazgo.kit.names import SLUG_PATTERN
from portazgo.kit.web.schemas import Body, PageQuery, Truth
from portazgo.notifications.domain import LONGEST_URL, DeliveryState, EndpointStatus, check_overlap, check_url
from portazgo.notifications.events import CATALOGUE
from portazgo.notifications.models import Delivery, WebhookEndpoint, WebhookSecret


def _url(text: str) -> str:
    return check_url(text, [ipaddress.ip_network(network) for network in settings.PORTAZGO.webhook_networks])


def _events(names: list[str]) -> list[str]:
    for name in names:
        if name not in CATALOGUE:
            raise ValueError(f"there is no event {name!r}; docs/events.md lists them")
    return list(dict.fromkeys(names))


def _overlap(text: str) -> str:
    check_overlap(parse_duration(text))
    return text


Name = Annotated[str, StringConstraints(pattern=SLUG_PATTERN, max_length=63), Field(examples=["incidents"])]
Url = Annotated[
    str,
    StringConstraints(max_length=LONGEST_URL),
    AfterValidator(_url),
    Field(examples=["https://hooks.example.com/portazgo"]),
]
Events = Annotated[
    list[Annotated[str, StringConstraints(max_length=64)]],
    AfterValidator(_events),
    Field(min_length=1, max_length=100, examples=[["key.leaked", "key.expiring"]]),
]


class CreateEndpoint(Body):
    """An endpoint to be made."""

    name: Name
    url: Url
    partner: UUID | None = Field(None, description="Whose events it gets, and no other's. Null: the deployment's own.")
    events: Events | None = Field(None, description="Types that it wants. Null: all that its owner may see.")


class ChangeEndpoint(Body):
    """What is to change; null leaves as it is."""

    name: Name | None = None
    url: Url | None = None
    events: Events | None = None
    all_events: Truth = Field(default=False, description="Send all types again.")

    @model_validator(mode="after")
    def _one_or_the_other(self) -> ChangeEndpoint:
        if self.all_events and self.events is not None:
            raise ValueError("give either events or all_events")
        return self


class RotateSecret(Body):
    """How long the secret before signs beside the new one."""

    overlap: Annotated[str, StringConstraints(max_length=20), AfterValidator(_overlap)] = Field(
        "1d", description="0s: it ends at once. At most 7d.", examples=["1d"]
    )

    @property
    def duration(self) -> timedelta:
        """The overlap."""
        return parse_duration(self.overlap)


class EndpointsQuery(PageQuery):
    """A page of endpoints."""

    partner: UUID | None = None
    name: Annotated[str | None, Field(max_length=63, pattern=r"^[^\x00]*$")] = None
    status: EndpointStatus | None = None


class DeliveriesQuery(PageQuery):
    """A page of deliveries."""

    endpoint: UUID | None = None
    state: DeliveryState | None = None


class WebhookSecretView(Schema):
    """A secret, without itself."""

    created_at: datetime
    ends_at: datetime | None


class EndpointView(Schema):
    """An endpoint, without its secret."""

    id: UUID
    name: str
    url: str
    partner: UUID | None = Field(None, validation_alias="partner_id")
    events: list[str] | None
    status: EndpointStatus
    paused_because: str
    failing_since: datetime | None
    failures: int = Field(description="In a row.")
    delivered_at: datetime | None = Field(description="When it last took an event.")
    dead: int = Field(description="Deliveries that were given up, and can be sent again.")
    created_at: datetime
    secrets: list[WebhookSecretView]

    @staticmethod
    def resolve_dead(endpoint: WebhookEndpoint) -> int:
        """Count the dead letters."""
        return endpoint.deliveries.filter(state=DeliveryState.DEAD).count()

    @staticmethod
    def resolve_secrets(endpoint: WebhookEndpoint) -> list[WebhookSecret]:
        """List the secrets, the newest first."""
        return sorted(endpoint.secrets.all(), key=lambda row: row.created_at, reverse=True)


class EndpointShownOnce(EndpointView):
    """An endpoint with a new secret: `secret` is shown this once."""

    secret: str


class OutboxView(Schema):
    """What waits for the worker."""

    unspread: int = Field(description="Events that no endpoint's deliveries were made of yet.")
    unspread_since: datetime | None = Field(description="When the oldest of them happened.")
    overdue: int = Field(description="Deliveries to active endpoints that should have been tried by now.")
    overdue_since: datetime | None = Field(description="Since when the first of them waits.")


class DeliveryView(Schema):
    """One event on its way to one endpoint."""

    id: UUID
    event: UUID = Field(validation_alias="event_id", description="`webhook-id`.")
    type: str
    at: datetime = Field(description="When it happened.")
    endpoint: UUID = Field(validation_alias="endpoint_id")
    state: DeliveryState
    attempts: int
    attempted_at: datetime | None
    status: int | None = Field(description="What the endpoint answered last.")
    problem: str = Field(description="Why the last attempt failed.")
    due_at: datetime | None = Field(description="When it is tried next; null: it is not.")
    delivered_at: datetime | None
    data: dict[str, Any]

    @staticmethod
    def resolve_type(delivery: Delivery) -> str:
        """Name the event's type."""
        return delivery.event.type

    @staticmethod
    def resolve_at(delivery: Delivery) -> datetime:
        """Tell when it happened."""
        return delivery.event.at

    @staticmethod
    def resolve_data(delivery: Delivery) -> dict[str, Any]:
        """Give what it tells."""
        data: dict[str, Any] = delivery.event.data
        return data

    @staticmethod
    def resolve_due_at(delivery: Delivery) -> datetime | None:
        """Tell when it is tried next."""
        return delivery.due_at if delivery.state == DeliveryState.PENDING else None
