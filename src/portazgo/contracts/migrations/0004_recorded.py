"""Recorded answers, without their values."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

import portazgo.kit.ids


class Migration(migrations.Migration):
    """One table."""

    dependencies: ClassVar = [("contracts", "0003_drift")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="RecordedAnswer",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portazgo.kit.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("route", models.CharField(max_length=63)),
                ("operation", models.CharField(max_length=500)),
                ("status", models.IntegerField()),
                ("document", models.TextField()),
                ("answers", models.BigIntegerField()),
                ("first_seen", models.DateTimeField()),
                ("last_seen", models.DateTimeField()),
                ("ends_at", models.DateTimeField(db_index=True)),
                ("key", models.CharField(max_length=64)),
                (
                    "contract",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="recorded",
                        to="contracts.contract",
                    ),
                ),
            ],
            options={
                "db_table": "contract_recorded_answer",
                "constraints": [models.UniqueConstraint(fields=["contract", "key"], name="recorded_answer_once")],
            },
        ),
    ]
