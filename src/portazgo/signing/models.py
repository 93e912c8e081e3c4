"""Tables of this noun."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from portazgo.kit.ids import uuid7
from portazgo.kit.web.wrapped import WrappedField
from portazgo.signing.domain import SigningState


class Issuer(models.Model):
    """Who signs: `iss` of the tokens."""

    noun: ClassVar[str] = "issuers"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=63, unique=True)
    url = models.CharField(max_length=500, unique=True)
    created_at = models.DateTimeField()

    class Meta:
        """Listed by id."""

        db_table = "issuer"


class SigningKey(models.Model):
    """A key pair; the private half is only here, wrapped."""

    noun: ClassVar[str] = "issuers"

    kid = models.CharField(max_length=64, primary_key=True)
    issuer = models.ForeignKey(Issuer, models.PROTECT, related_name="signing_keys")
    public_jwk = models.JSONField()
    wrapped = WrappedField(context="signing_key/{kid}", kind="signing_key")
    state = models.CharField(max_length=16, default=SigningState.PUBLISHED)
    published_at = models.DateTimeField()
    signing_since = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        """Listed by issuer and age."""

        db_table = "signing_key"
        indexes: ClassVar = [models.Index(fields=["issuer", "published_at"], name="signing_key_issuer")]
