"""In what answers differ from schemas."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

import portazgo.kit.ids


class Migration(migrations.Migration):
    """One table."""

    dependencies: ClassVar = [("contracts", "0002_told")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="SchemaDrift",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portazgo.kit.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("schema_version", models.IntegerField()),
                ("operation", models.CharField(max_length=500)),
                ("status", models.IntegerField()),
                ("kind", models.CharField(max_length=16)),
                ("path", models.CharField(max_length=500)),
                ("found", models.CharField(blank=True, max_length=16)),
                ("expected", models.CharField(blank=True, max_length=100)),
                ("answers", models.BigIntegerField()),
                ("first_seen", models.DateTimeField()),
                ("last_seen", models.DateTimeField()),
                ("key", models.CharField(max_length=64)),
                (
                    "schema",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="drift",
                        to="contracts.backendschema",
                    ),
                ),
            ],
            options={
                "db_table": "backend_schema_drift",
                "constraints": [models.UniqueConstraint(fields=["schema", "key"], name="schema_drift_once")],
            },
        ),
    ]
