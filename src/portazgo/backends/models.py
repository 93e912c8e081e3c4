"""Tables of this noun."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from portazgo.kit.ids import uuid7
from portazgo.kit.web.wrapped import WrappedField
from portazgo.partners.models import Partner


class Backend(models.Model):
    """What stands behind. `environments` holds what nodes get, by `live` and `test`; checked before it is stored."""

    noun: ClassVar[str] = "backends"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=63, unique=True)
    environments = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        """Listed by id."""

        db_table = "backend"


class ServiceCredential(models.Model):
    """What logins at a backend are made with: named values, only here, wrapped for the context `credential/<id>`."""

    noun: ClassVar[str] = "service_credentials"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    backend = models.ForeignKey(Backend, models.PROTECT, related_name="service_credentials")
    environment = models.CharField(max_length=8)
    partner = models.ForeignKey(Partner, models.PROTECT, null=True, related_name="service_credentials")
    """Null: of the backend, where its partners share one."""
    names = models.JSONField()
    wrapped = WrappedField(context="credential/{id}", kind="credential")
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        """One for each place."""

        db_table = "service_credential"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["backend", "environment", "partner"], name="service_credential_of_partner"),
            models.UniqueConstraint(
                fields=["backend", "environment"],
                condition=models.Q(partner__isnull=True),
                name="service_credential_shared",
            ),
        ]
