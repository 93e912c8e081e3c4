"""Tables of this noun."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from portazgo.kit.ids import uuid7


class Api(models.Model):
    """A published set of routes; plans open it as a whole."""

    noun: ClassVar[str] = "apis"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=63, unique=True)
    created_at = models.DateTimeField()

    class Meta:
        """Listed by id."""

        db_table = "api"
