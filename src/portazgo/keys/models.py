"""Tables of this noun."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db import models

from portazgo.applications.models import Application
from portazgo.keys.domain import KeyStatus, SecretSlot
from portazgo.kit.web.wrapped import WrappedField

if TYPE_CHECKING:
    from datetime import datetime


class Pepper(models.Model):
    """The key of the HMAC under which secrets are kept; only here, wrapped."""

    noun: ClassVar[str] = "peppers"

    version = models.AutoField(primary_key=True)
    wrapped = WrappedField(context="pepper/{version}", kind="pepper")
    created_at = models.DateTimeField()

    class Meta:
        """The highest version is the one for new secrets."""

        db_table = "pepper"


class LookupKey(models.Model):
    """The key of the HMAC by which keys of other systems are found; only here, wrapped. One row at most."""

    version = models.PositiveIntegerField(primary_key=True)
    wrapped = WrappedField(context="lookup_key/{version}", kind="lookup_key")
    created_at = models.DateTimeField()

    class Meta:
        """Made with the first import."""

        db_table = "lookup_key"


class Key(models.Model):
    """An API key. Rows are never deleted, so that a kid is never used again: `deleted_at` makes one a tombstone."""

    noun: ClassVar[str] = "keys"

    kid = models.CharField(max_length=10, primary_key=True)
    application = models.ForeignKey(Application, models.PROTECT, related_name="keys")
    name = models.CharField(max_length=63)
    status = models.CharField(max_length=16, default=KeyStatus.ACTIVE)
    scopes = models.JSONField(null=True)
    networks = models.JSONField(null=True)
    client_certificates = models.JSONField(null=True)
    routes = models.JSONField(null=True)
    """Ids of the routes that it opens, and `route_tags` of those with one of these tags; both null: all of the plan's."""
    route_tags = models.JSONField(null=True)
    tags = models.JSONField(db_default=[])
    canary = models.BooleanField(default=False, db_default=False)
    """Lets nothing through, ever; whoever uses it is told of."""
    expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    disabled_because = models.CharField(max_length=16, null=True)  # noqa: DJ001 - null: it is not disabled
    enabled_at = models.DateTimeField(null=True)
    """When it was enabled last: an unused key counts as unused from then on. Null: never, since it was made."""
    last_used_at = models.DateTimeField(null=True)
    """As the ledger had it some minutes ago (`usage.key_use`); null: no use is known."""
    dormancy_announced_at = models.DateTimeField(null=True)
    last_secret = models.PositiveIntegerField(default=1)
    """The highest number that a secret of it ever had."""

    class Meta:
        """Listed by age, of all and of an application."""

        db_table = "key"
        indexes: ClassVar = [
            models.Index(fields=["application", "created_at"], name="key_application"),
            models.Index(fields=["created_at", "kid"], name="key_age"),
            models.Index(fields=["expires_at", "kid"], name="key_expiry", condition=models.Q(expires_at__isnull=False)),
            models.Index(fields=["kid"], name="key_canary", condition=models.Q(canary=True)),
        ]

    @property
    def rotated_at(self) -> datetime | None:
        """When the secret that retires began to; None: none does. It is when the current one was made."""
        made = {secret.slot: secret.created_at for secret in self.secrets.all()}
        return made[SecretSlot.CURRENT] if SecretSlot.RETIRING in made else None


class ImportedSecret(models.Model):
    """That another system's secret became one of ours, for ever: a file of back then must not revive what died since.

    Of a key that was deleted, this is all that can still tell its text from another; it is keyed, and no `inner`.
    """

    lookup = models.CharField(max_length=64, primary_key=True)
    key = models.ForeignKey(Key, models.PROTECT, related_name="imported")

    class Meta:
        """Each once, whatever became of it."""

        db_table = "imported_secret"


class BuriedSecret(models.Model):
    """Another system's secret that died under a kid which a restored database has lost; nodes told of it."""

    lookup = models.CharField(max_length=64, primary_key=True)
    kid = models.CharField(max_length=10)
    buried_at = models.DateTimeField()

    class Meta:
        """Each once."""

        db_table = "buried_secret"


class FormerLookupKey(models.Model):
    """A look-up key of before a restore, under which secrets are buried; only here, wrapped."""

    wrapped = WrappedField(context="lookup_key/1")
    created_at = models.DateTimeField()

    class Meta:
        """Few rows, mostly none."""

        db_table = "former_lookup_key"


class KeyTag(models.Model):
    """A tag of a key, for lists: the key's own `tags` say them all."""

    key = models.ForeignKey(Key, models.CASCADE, related_name="labels")
    tag = models.CharField(max_length=63)

    class Meta:
        """Each once; found by the tag."""

        db_table = "key_tag"
        constraints: ClassVar = [models.UniqueConstraint(fields=["tag", "key"], name="key_tag_once")]


class KeySecret(models.Model):
    """What is kept of one of a key's secrets: its digest, and the inner digest sealed for the rotation of peppers."""

    key = models.ForeignKey(Key, models.CASCADE, related_name="secrets")
    slot = models.CharField(max_length=16)
    number = models.PositiveIntegerField(default=1)
    """Within its key, counted from 1, never used again."""
    digest = models.CharField(max_length=64)
    pepper = models.ForeignKey(Pepper, models.PROTECT)
    sealed = WrappedField(context="inner/{key_id}")
    scheme = models.CharField(max_length=16, null=True)  # noqa: DJ001 - no scheme is none of the schemes
    """How another system made `inner` (keys/foreign.py); None: a secret of ours."""
    lookup = models.CharField(max_length=64, null=True, unique=True)  # noqa: DJ001 - unique, and most have none
    """By what nodes find whose it is, where another system made it."""
    created_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    leaked_at = models.DateTimeField(null=True)
    """When it was first reported as leaked, and found to be right."""
    due_told_at = models.DateTimeField(null=True)
    """When its owner was told that it is due for rotation (keys/overdue.py); null: it is not due, as far as is known."""
    schedule_ends_at = models.DateTimeField(null=True)
    """The end that the schedule gave it, also while a rotation puts that off; null: none, or it was taken back."""
    stuck_at = models.DateTimeField(null=True)
    """When `sealed` could not be opened last, so that its pepper can't be replaced; null: it could, or nobody has tried."""

    class Meta:
        """At most one per slot."""

        db_table = "key_secret"
        constraints: ClassVar = [models.UniqueConstraint(fields=["key", "slot"], name="key_secret_slot")]
        indexes: ClassVar = [
            models.Index(fields=["slot", "ends_at"], name="key_secret_ends"),
            # A condition on the slot would do SQLite no good: it is bound, and not known when the query is planned.
            models.Index(fields=["created_at"], name="key_secret_made", condition=models.Q(due_told_at__isnull=True)),
            models.Index(fields=["due_told_at"], name="key_secret_due", condition=models.Q(due_told_at__isnull=False)),
            models.Index(fields=["stuck_at"], name="key_secret_stuck", condition=models.Q(stuck_at__isnull=False)),
        ]
