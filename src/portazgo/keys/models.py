"""Tables of this noun."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from portazgo.applications.models import Application
from portazgo.keys.domain import KeyStatus


class Pepper(models.Model):
    """The key of the HMAC under which secrets are kept; only here, wrapped."""

    noun: ClassVar[str] = "peppers"

    version = models.AutoField(primary_key=True)
    wrapped = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        """The highest version is the one for new secrets."""

        db_table = "pepper"


class Key(models.Model):
    """An API key. Rows are never deleted, so that a kid is never used again."""

    noun: ClassVar[str] = "keys"

    kid = models.CharField(max_length=10, primary_key=True)
    application = models.ForeignKey(Application, models.PROTECT, related_name="keys")
    name = models.CharField(max_length=63)
    status = models.CharField(max_length=16, default=KeyStatus.ACTIVE)
    scopes = models.JSONField(null=True)
    networks = models.JSONField(null=True)
    client_certificates = models.JSONField(null=True)
    canary = models.BooleanField(default=False, db_default=False)
    """Lets nothing through, ever; whoever uses it is told of."""
    expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        """Listed by age within an application."""

        db_table = "key"
        indexes: ClassVar = [
            models.Index(fields=["application", "created_at"], name="key_application"),
            models.Index(fields=["expires_at", "kid"], name="key_expiry", condition=models.Q(expires_at__isnull=False)),
            models.Index(fields=["kid"], name="key_canary", condition=models.Q(canary=True)),
        ]


class KeySecret(models.Model):
    """What is kept of one of a key's secrets: its digest, and the inner digest sealed for the rotation of peppers."""

    key = models.ForeignKey(Key, models.CASCADE, related_name="secrets")
    slot = models.CharField(max_length=16)
    digest = models.CharField(max_length=64)
    pepper = models.ForeignKey(Pepper, models.PROTECT)
    sealed = models.TextField()
    created_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    leaked_at = models.DateTimeField(null=True)
    """When it was first reported as leaked, and found to be right."""

    class Meta:
        """At most one per slot."""

        db_table = "key_secret"
        constraints: ClassVar = [models.UniqueConstraint(fields=["key", "slot"], name="key_secret_slot")]
