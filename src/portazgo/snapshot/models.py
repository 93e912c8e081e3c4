"""Tables of the change log."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from portazgo.snapshot.wire import NO_HASH

THE_HEAD = 1


class Head(models.Model):
    """The one row whose lock makes commit order equal revision order (docs/decisions/0006)."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=THE_HEAD)
    history = models.CharField(max_length=36)
    revision = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default=NO_HASH)
    security_sequence = models.BigIntegerField(default=0)
    floor = models.BigIntegerField(default=0)
    """Oldest revision that a node can go on from; the log keeps its row and all after it."""

    class Meta:
        """There is one."""

        db_table = "head"


class PastHistory(models.Model):
    """A history that `portazgo recover` ended: nodes that stand in it take the snapshot of the one that came after."""

    history = models.CharField(max_length=36, primary_key=True)
    revision = models.BigIntegerField()
    """How far the database had it; nodes may have been further."""
    ended_at = models.DateTimeField()

    class Meta:
        """Few rows."""

        db_table = "past_history"


class ChangeRow(models.Model):
    """One revision: the canonical line without its hash, and the hash."""

    revision = models.BigIntegerField(primary_key=True)
    hash = models.CharField(max_length=64)
    line = models.TextField()
    made_at = models.DateTimeField()

    class Meta:
        """Read in order."""

        db_table = "change"


class ResourceRow(models.Model):
    """The newest compiled form of a resource: what a snapshot is made of. Written with the log, by the log, only."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=32)
    identifier = models.CharField(max_length=100)
    revision = models.BigIntegerField()
    """The revision that wrote this form."""
    line = models.TextField()

    class Meta:
        """One form per resource."""

        db_table = "resource"
        constraints: ClassVar = [models.UniqueConstraint(fields=["kind", "identifier"], name="resource_name")]


class SecurityRow(models.Model):
    """One entry of the security lane."""

    sequence = models.BigIntegerField(primary_key=True)
    revision = models.BigIntegerField()
    operation = models.CharField(max_length=32)
    identifier = models.CharField(max_length=100)
    at = models.DateTimeField()
    line = models.TextField()

    class Meta:
        """Read in order, and by what was revoked."""

        db_table = "security"
        indexes: ClassVar = [models.Index(fields=["identifier", "sequence"], name="security_identifier")]
