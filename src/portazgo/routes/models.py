"""Tables of this noun."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from portazgo.apis.models import Api
from portazgo.backends.models import Backend
from portazgo.kit.ids import uuid7


class Route(models.Model):
    """One operation as partners see it, and the backend's operation that it leads to."""

    noun: ClassVar[str] = "routes"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    api = models.ForeignKey(Api, models.PROTECT, related_name="routes")
    backend = models.ForeignKey(Backend, models.PROTECT, related_name="routes")
    name = models.CharField(max_length=63)
    hosts = models.JSONField(null=True)
    method = models.CharField(max_length=16)
    path = models.CharField(max_length=1024)
    backend_method = models.CharField(max_length=16)
    backend_path = models.CharField(max_length=1024)
    environments = models.JSONField()
    scopes = models.JSONField()
    max_request_bytes = models.BigIntegerField()
    max_response_bytes = models.BigIntegerField(null=True)
    query = models.JSONField()
    request_headers = models.JSONField()
    response_headers = models.JSONField()
    upgrades = models.JSONField(db_default=[])
    idempotency_key = models.BooleanField(db_default=False)
    timeouts = models.JSONField(null=True)
    tags = models.JSONField(db_default=[])
    passthrough = models.BooleanField(db_default=True)
    """Bodies pass as the backend has them. False: only what a contract says passes."""
    contract = models.ForeignKey("contracts.ContractVersion", models.PROTECT, related_name="routes", null=True)
    """What calls without a pin are served by; null: they find no route, unless bodies pass."""
    created_at = models.DateTimeField()

    class Meta:
        """A name is unique within its API."""

        db_table = "route"
        constraints: ClassVar = [models.UniqueConstraint(fields=["api", "name"], name="route_name")]


class RouteAddress(models.Model):
    """A place where a route is found; its key keeps two routes from sharing one."""

    route = models.ForeignKey(Route, models.CASCADE, related_name="addresses")
    host = models.CharField(max_length=255)
    method = models.CharField(max_length=16)
    shape = models.CharField(max_length=1024)

    class Meta:
        """Host, method and shape of path tell routes apart; an empty host is any."""

        db_table = "route_address"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["host", "method", "shape"], name="route_address_place")
        ]


class RouteTag(models.Model):
    """A tag of a route, for what is asked by tag: the route's own `tags` say them all."""

    route = models.ForeignKey(Route, models.CASCADE, related_name="labels")
    tag = models.CharField(max_length=63)

    class Meta:
        """Each once; found by the tag."""

        db_table = "route_tag"
        constraints: ClassVar = [models.UniqueConstraint(fields=["tag", "route"], name="route_tag_once")]
