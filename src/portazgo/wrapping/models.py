"""Tables of this noun."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from portazgo.kit.ids import uuid7


class Rewrapping(models.Model):
    """One move of everything that is sealed to the provider that seals now."""

    noun: ClassVar[str] = "wrapping"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    target = models.CharField(max_length=100)
    """What seals: `local:<key id>`, `aws-kms:<key id>`."""
    started_by = models.CharField(max_length=63)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    total = models.BigIntegerField()
    """How many secrets others had sealed when it began."""
    done = models.BigIntegerField(default=0)
    place = models.JSONField(null=True)
    """Table, column and primary key of the last secret that was looked at: a job that is killed goes on there."""
    again_at = models.DateTimeField(null=True)
    """When it tries again what could not be opened; null: at once."""
    trouble = models.TextField(blank=True)
    """Why it does not get on; empty: it does."""

    class Meta:
        """Few rows."""

        db_table = "rewrapping"
