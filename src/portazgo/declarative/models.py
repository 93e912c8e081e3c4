"""Tables of declarative files: what they own, and what was applied."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Ownership(models.Model):
    """A thing that a file owns. A mark whose thing is gone means nothing; the next apply sweeps it away."""

    kind = models.CharField(max_length=16)
    identifier = models.UUIDField()
    owner = models.CharField(max_length=63)

    class Meta:
        """One owner per thing."""

        db_table = "ownership"
        constraints: ClassVar = [models.UniqueConstraint(fields=["kind", "identifier"], name="ownership_thing")]


class Apply(models.Model):
    """One apply that changed something: the document as it was carried out, imports and includes resolved."""

    noun: ClassVar[str] = "declarative"

    number = models.AutoField(primary_key=True)
    owner = models.CharField(max_length=63)
    at = models.DateTimeField()
    actor_name = models.CharField(max_length=63)
    revision = models.BigIntegerField(null=True)
    """Null: it took things over and changed none, which is no revision."""
    restores = models.IntegerField(null=True)
    """The apply that a rollback went back to."""
    document = models.JSONField()
    summary = models.JSONField()
    """Counts of what was made, changed and deleted."""

    class Meta:
        """Looked through by owner, newest first."""

        db_table = "declarative_apply"
        indexes: ClassVar = [models.Index(fields=["owner", "number"], name="declarative_apply_owner")]
