from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """A segment's bytes may be in the object store; what waits there is counted."""

    dependencies = [("usage", "0007_by_partner")]

    operations = [
        migrations.AddField("segmentcontent", "place", models.CharField(default="", max_length=200)),
        migrations.CreateModel(
            name="LedgerIdentity",
            fields=[
                ("id", models.SmallIntegerField(primary_key=True, serialize=False)),
                ("identity", models.UUIDField()),
            ],
            options={"db_table": "usage_ledger"},
        ),
        migrations.CreateModel(
            name="SpillState",
            fields=[
                ("id", models.SmallIntegerField(primary_key=True, serialize=False)),
                ("segments", models.IntegerField()),
                ("records", models.BigIntegerField()),
                ("set_aside", models.IntegerField()),
                ("since", models.DateTimeField(null=True)),
                ("looked_at", models.DateTimeField()),
            ],
            options={"db_table": "usage_spill"},
        ),
    ]
