from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("snapshot", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="PastHistory",
            fields=[
                ("history", models.CharField(max_length=36, primary_key=True, serialize=False)),
                ("revision", models.BigIntegerField()),
                ("ended_at", models.DateTimeField()),
            ],
            options={"db_table": "past_history"},
        ),
    ]
