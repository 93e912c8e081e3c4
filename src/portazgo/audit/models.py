"""Tables of this noun."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from portazgo.kit.ids import uuid7


class AuditRow(models.Model):
    """One thing that somebody did. Rows are never changed; `details` holds no secret."""

    noun: ClassVar[str] = "audit"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=63)
    action = models.CharField(max_length=64)
    subject = models.CharField(max_length=200)
    revision = models.BigIntegerField(null=True)
    request_id = models.CharField(max_length=36, null=True)  # noqa: DJ001 - null: not done by a request
    details = models.JSONField()

    class Meta:
        """Looked through by subject and by action, newest first (ids ascend with time)."""

        db_table = "audit"
        indexes: ClassVar = [
            models.Index(fields=["subject", "id"], name="audit_subject"),
            models.Index(fields=["action", "id"], name="audit_action"),
        ]
