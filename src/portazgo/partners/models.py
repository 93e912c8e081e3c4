"""Tables of this noun."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from portazgo.kit.ids import uuid7
from portazgo.kit.web.wrapped import WrappedField
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


class DataKey(models.Model):
    """What the personal members of records are sealed under: a partner's, or a month's for callers without a proven key.

    To erase it is to erase what it sealed, in every file there is of it. The row stays, and says so.
    """

    noun: ClassVar[str] = "data_keys"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    partner = models.UUIDField(null=True, db_index=True)
    """No foreign key: records outlive their partner, and so does what opens them. Null: of callers without a proven key."""
    period = models.CharField(max_length=7, blank=True)
    """Of those, the month in which it seals, `2026-11`; empty: a partner's."""
    wrapped = WrappedField(context="data_key/{id}", kind="data_key", null=True)
    """Null: it was erased."""
    created_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True)
    erased_revision = models.BigIntegerField(null=True)
    """The revision that took it from the nodes; null: it is in force, or that is still to be noted."""

    class Meta:
        """A partner has one that seals; a month too."""

        db_table = "data_key"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["partner"], condition=models.Q(wrapped__isnull=False), name="data_key_of_partner"
            ),
            models.UniqueConstraint(fields=["period"], condition=~models.Q(period=""), name="data_key_of_month"),
        ]
