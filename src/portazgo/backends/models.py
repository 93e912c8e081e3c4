"""Tables of this noun."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from portazgo.kit.ids import uuid7


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
