"""Rows get their place in a chain; those that are there already are chained in the order of their ids."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from django.db import migrations, models

from portazgo.audit.chain import NO_HASH, digest_of, link
from portazgo.audit.models import payload_of

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

AT_A_TIME = 500


def chain_existing(apps: Apps, _schema: BaseDatabaseSchemaEditor) -> None:
    rows: Any = apps.get_model("audit", "AuditRow").objects
    number, previous, batch = 0, NO_HASH, []
    for row in rows.order_by("id").iterator(AT_A_TIME):
        row.number = number = number + 1
        row.changes = []
        row.salt = secrets.token_hex(16)
        row.digest = digest_of(payload_of(row))
        row.hash = previous = link(previous, row.digest)
        batch.append(row)
        if len(batch) == AT_A_TIME:
            rows.bulk_update(batch, ["number", "salt", "digest", "hash"])
            batch = []
    if batch:
        rows.bulk_update(batch, ["number", "salt", "digest", "hash"])
    heads: Any = apps.get_model("audit", "AuditHead").objects
    heads.create(id=1, number=number, hash=previous)


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="AuditHead",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("number", models.BigIntegerField(default=0)),
                ("hash", models.CharField(default=NO_HASH, max_length=64)),
            ],
            options={"db_table": "audit_head"},
        ),
        migrations.AddField("auditrow", "number", models.BigIntegerField(null=True)),
        migrations.AddField("auditrow", "address", models.CharField(max_length=64, null=True)),
        migrations.AddField("auditrow", "changes", models.JSONField(db_default=[])),
        migrations.AddField("auditrow", "salt", models.CharField(default="", max_length=32), preserve_default=False),
        migrations.AddField("auditrow", "digest", models.CharField(default="", max_length=64), preserve_default=False),
        migrations.AddField("auditrow", "hash", models.CharField(default="", max_length=64), preserve_default=False),
        migrations.AddField("auditrow", "erased_at", models.DateTimeField(null=True)),
        migrations.RunPython(chain_existing, migrations.RunPython.noop),
    ]
