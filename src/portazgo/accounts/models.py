"""Tables of this noun."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from portazgo.kit.ids import uuid7


class AdminToken(models.Model):
    """A token for the admin API. The token itself is shown once and kept nowhere; `digest` is its SHA-256."""

    noun: ClassVar[str] = "tokens"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=63)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField()
    partner = models.UUIDField(null=True)
    """Whose view is all that it opens. No foreign key: partners are a noun further up."""
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        """Two tokens may share a name: while one is replaced, both live."""

        db_table = "admin_token"
