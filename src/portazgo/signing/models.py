"""Tables of this noun."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from portazgo.kit.ids import uuid7
from portazgo.kit.web.wrapped import WrappedField
from portazgo.signing.algorithms import Algorithm
from portazgo.signing.domain import SigningState


class Issuer(models.Model):
    """Who signs: `iss` of the tokens. `algorithm`: of backends that name none; a null `rotate_every_seconds`: by hand."""

    noun: ClassVar[str] = "issuers"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=63, unique=True)
    url = models.CharField(max_length=500, unique=True)
    algorithm = models.CharField(max_length=16, default=Algorithm.ES256)
    rotate_every_seconds = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        """Listed by id."""

        db_table = "issuer"


class SigningKey(models.Model):
    """A key pair, or a shared secret; the private half is only here, wrapped, and null once the key is gone."""

    noun: ClassVar[str] = "issuers"

    kid = models.CharField(max_length=64, primary_key=True)
    issuer = models.ForeignKey(Issuer, models.PROTECT, related_name="signing_keys")
    algorithm = models.CharField(max_length=16, default=Algorithm.ES256)
    public_jwk = models.JSONField(null=True)
    wrapped = WrappedField(context="signing_key/{kid}", kind="signing_key", null=True)
    state = models.CharField(max_length=16, default=SigningState.PUBLISHED)
    published_at = models.DateTimeField()
    signing_since = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)
    # What the worker saw last: why it stays in its state, and until when at least, where that is a matter of time.
    waits_for = models.TextField(default="")
    not_before = models.DateTimeField(null=True)

    class Meta:
        """Listed by issuer and age."""

        db_table = "signing_key"
        indexes: ClassVar = [models.Index(fields=["issuer", "published_at"], name="signing_key_issuer")]
