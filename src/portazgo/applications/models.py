"""Tables of this noun."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from portazgo.kit.ids import uuid7
from portazgo.partners.domain import Standing
from portazgo.partners.models import Partner
from portazgo.plans.models import Plan


class Application(models.Model):
    """One integration of a partner, in one environment."""

    noun: ClassVar[str] = "applications"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    partner = models.ForeignKey(Partner, models.PROTECT, related_name="applications")
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="applications", null=True)
    name = models.CharField(max_length=63)
    environment = models.CharField(max_length=8)
    status = models.CharField(max_length=16, default=Standing.ACTIVE)
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        """A name is unique within its partner."""

        db_table = "application"
        constraints: ClassVar = [models.UniqueConstraint(fields=["partner", "name"], name="application_name")]
