"""Tables of this noun."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from portazgo.apis.models import Api
from portazgo.kit.ids import uuid7


class Plan(models.Model):
    """What applications may call, and how fast. `throttles` are checked before they are stored."""

    noun: ClassVar[str] = "plans"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=63, unique=True)
    apis = models.ManyToManyField(Api, related_name="plans")
    scopes = models.JSONField(null=True)
    throttles = models.JSONField(default=list)
    rotation = models.JSONField(null=True)
    """How often keys are to be rotated (`RotationPolicy`); null: when somebody wants to."""
    created_at = models.DateTimeField()

    class Meta:
        """Listed by id."""

        db_table = "plan"
