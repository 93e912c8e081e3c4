"""Tables of this noun."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from portazgo.audit.chain import NO_HASH, digest_of
from portazgo.kit.clock import rfc3339
from portazgo.kit.ids import uuid7

THE_HEAD = 1
WHOLE, DIVIDED = 1, 2
"""Forms of a payload (`chain`): one document; or one that is kept, with the digest of one that can be erased."""


class AuditRow(models.Model):
    """One thing that somebody did. Rows are never changed, but that a payload may be erased; no member holds a secret."""

    noun: ClassVar[str] = "audit"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.BigIntegerField(unique=True)
    """Its place in the chain, from 1, without a gap."""
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=63)
    address = models.CharField(max_length=64, null=True)  # noqa: DJ001 - null: not done from anywhere, or not known
    action = models.CharField(max_length=64)
    subject = models.CharField(max_length=200)
    revision = models.BigIntegerField(null=True)
    request_id = models.CharField(max_length=36, null=True)  # noqa: DJ001 - null: not done by a request
    details = models.JSONField()
    changes = models.JSONField(db_default=[])
    """What it changed: `{"kind", "id", "before", "after"}` each, with the members that differ."""
    salt = models.CharField(max_length=32)
    form = models.PositiveSmallIntegerField(default=DIVIDED, db_default=WHOLE)
    """Which form its payload has: a control plane of before the second one writes none, and means the first."""
    personal = models.CharField(max_length=64, null=True)  # noqa: DJ001 - null: its form has none
    """The digest of its personal members and the salt; it stays when they are erased."""
    digest = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    erased_at = models.DateTimeField(null=True)
    """Since when its personal members are gone; the digests are still those of what was there."""

    class Meta:
        """Looked through by subject, by action and by actor, newest first (numbers ascend with time)."""

        db_table = "audit"
        indexes: ClassVar = [
            models.Index(fields=["subject", "number"], name="audit_subject"),
            models.Index(fields=["action", "number"], name="audit_action"),
            models.Index(fields=["actor_id", "number"], name="audit_actor"),
        ]

    def personal_digest(self) -> str | None:
        """Digest the personal members as the row has them now; what is erased has the digest of what was there."""
        if self.form == WHOLE or self.erased_at is not None:
            return self.personal
        return digest_of(personal_of(self))

    def payload_digest(self) -> str:
        """Digest the payload as the row has it now."""
        return digest_of(payload_of(self) if self.form == WHOLE else kept_of(self, self.personal_digest()))


class AuditHead(models.Model):
    """Where the chain ends. Its lock gives rows their order, so that it is taken last: when nothing is left but to commit."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=THE_HEAD)
    number = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default=NO_HASH)

    class Meta:
        """There is one."""

        db_table = "audit_head"


def payload_of(row: Any) -> dict[str, Any]:
    """Give the payload of the first form: all but its place in the chain. For migrations too, whose class is another."""
    return {
        "id": str(row.id),
        "at": rfc3339(row.at),
        "actor": {"kind": row.actor_kind, "id": row.actor_id, "name": row.actor_name},
        "address": row.address,
        "action": row.action,
        "subject": row.subject,
        "revision": row.revision,
        "request_id": row.request_id,
        "details": row.details,
        "changes": row.changes,
        "salt": row.salt,
    }


def kept_of(row: AuditRow, personal: str | None) -> dict[str, Any]:
    """Give the payload of the second form: what stays when a row is erased."""
    return {
        "form": row.form,
        "id": str(row.id),
        "at": rfc3339(row.at),
        "actor": {"kind": row.actor_kind, "id": row.actor_id},
        "action": row.action,
        "subject": row.subject,
        "revision": row.revision,
        "request_id": row.request_id,
        "personal": personal,
    }


def personal_of(row: AuditRow) -> dict[str, Any]:
    """Give what is erased of a row of the second form."""
    return {
        "name": row.actor_name,
        "address": row.address,
        "details": row.details,
        "changes": row.changes,
        "salt": row.salt,
    }
