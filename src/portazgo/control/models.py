"""Tables of the admin API itself."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from portazgo.kit.web.wrapped import WrappedField


class IdempotentRequest(models.Model):
    """A write that carried an Idempotency-Key. `answer` is sealed; null while (or because) the outcome is not known."""

    id = models.UUIDField(primary_key=True)
    actor_id = models.CharField(max_length=64)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    begun_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    answer = WrappedField(context="idempotent_request/{id}", null=True)

    class Meta:
        """A key is one actor's."""

        db_table = "idempotent_request"
        constraints: ClassVar = [models.UniqueConstraint(fields=["actor_id", "key"], name="idempotent_key")]
        indexes: ClassVar = [models.Index(fields=["begun_at"], name="idempotent_begun")]
