"""What nodes told a recovery of imported keys that died in a past which the database has lost."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("keys", "0008_schedule_ends_at")]

    operations = [
        migrations.CreateModel(
            name="BuriedSecret",
            fields=[
                ("lookup", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("kid", models.CharField(max_length=10)),
                ("buried_at", models.DateTimeField()),
            ],
            options={"db_table": "buried_secret"},
        ),
        migrations.CreateModel(
            name="FormerLookupKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("wrapped", models.TextField()),
                ("created_at", models.DateTimeField()),
            ],
            options={"db_table": "former_lookup_key"},
        ),
    ]
