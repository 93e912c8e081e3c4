"""Tables of this noun."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from portazgo.kit.ids import uuid7
from portazgo.partners.domain import Standing


class Partner(models.Model):
    """A partner company."""

    noun: ClassVar[str] = "partners"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=63, unique=True)
    status = models.CharField(max_length=16, default=Standing.ACTIVE)
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        """Listed by id, which ascends with time."""

        db_table = "partner"
